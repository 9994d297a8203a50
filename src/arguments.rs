//! Every command, one line each. The doc comments are what `presdr help` prints.

use clap::{Args, Parser, Subcommand};

use crate::{
    acceptance, audit, backup, bench, completions, config::Config, consent, costs, crawl, demo, doctor, dsar, events,
    icp, ingest, keys, odoo, parked, rebuild, replay, retention, robots, run, sandbox, schema, serve, shortlist,
    suppress, tenant, up, vendors,
};

/// Turns a company registry into ranked shortlists for sales, tenant by tenant, night by night.
#[derive(Debug, Parser)]
#[command(name = "presdr", version, propagate_version = false, max_term_width = 110)]
pub struct Arguments {
    /// Where things are.
    #[command(flatten)]
    pub config: Config,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What presdr can be asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything in this process until it is asked to end
    Up(up::Up),
    /// Show the whole pipeline on made-up companies: two tenants, from registry rows to shortlists
    Demo(demo::Command),
    /// Tell what is reachable, and what is misconfigured or stale, each with its cure
    Doctor(doctor::Command),
    /// Create tenants, list them, set what differs for them, erase them
    Tenant(tenant::Command),
    /// Write the database and the event log to a folder, together, while everything runs; the master key stays apart
    Backup(backup::Backup),
    /// Write out who was erased and who must not be contacted: what an older backup cannot know, and its restore must do again
    Receipts(backup::Receipts),
    /// Read a backup into an empty database and an empty broker, and erase again whom the receipts name
    Restore(backup::Restore),
    /// Change the master key that everything personal is sealed under
    Keys(keys::Command),
    /// Take companies in: the registry's files, the industry classification, a tenant's own list
    Ingest(ingest::Command),
    /// Set a tenant's ideal customer profile, or show it
    Icp(icp::Command),
    /// Start, watch and steer a tenant's runs
    Run(run::Command),
    /// Look at work that could not be done, and put it back
    Parked(parked::Command),
    /// Print a tenant's ranked shortlist
    Shortlist(shortlist::Command),
    /// Find, copy or erase what is known of a person
    Dsar(dsar::Command),
    /// Record who agreed to be written to at a private address
    Consent(consent::Command),
    /// Keep a tenant's list of whom not to contact
    Suppress(suppress::Command),
    /// Remove what was kept long enough, or show what would go
    Retention(retention::Command),
    /// Connect a tenant to its Odoo, check that it works, write a shortlist there, tell how it stands
    Odoo(odoo::Command),
    /// Tell whether paid vendors can be asked for a tenant, and what the tenant allows
    Vendors(vendors::Command),
    /// Tell what a tenant's paid vendors cost
    Costs(costs::Command),
    /// Tell whether what the pipeline delivers is good enough, line by line
    Acceptance(acceptance::Command),
    /// Read the event log again: a timeline, a lead's story, read models of some events, a past run under other weights
    Replay(replay::Command),
    /// Verify that the event log and the audit log are as they were, sign checkpoints, export evidence
    Audit(audit::Command),
    /// Run workers, all or some, until asked to end
    Work(up::Work),
    /// Run a projector until asked to end: of several, one leads
    Project(Project),
    /// Run a scheduler until asked to end: of several, one starts each night
    Schedule,
    /// Serve the gateway, the only door from outside, until asked to end
    Serve(serve::Command),
    /// Bring the database's roles and schema up to date
    Migrate,
    /// Bring the broker's streams and consumers up to date
    Topology(schema::Topology),
    /// Read a list of sites as politely as a run would, and print what they say
    Crawl(crawl::Command),
    /// Tell whether the robots.txt on standard input lets an agent fetch a URL, and why
    Robots(robots::Command),
    /// Serve imitations of the paid vendors and of company sites on this machine, until asked to end
    Sandbox(sandbox::Command),
    /// Measure presdr on this machine, beside what it is measured against
    Bench(bench::Command),
    /// Write out the events as JSON Schema and AsyncAPI
    Events(events::Command),
    /// Make the completions of a shell
    Completions(completions::Command),
}

/// `presdr project`, `presdr project rebuild` and `presdr project verify`
#[derive(Debug, Args)]
pub struct Project {
    /// What to do instead of projecting.
    #[command(subcommand)]
    pub instead: Option<Instead>,
}

/// What to do with the read models instead of keeping them up.
#[derive(Debug, Subcommand)]
pub enum Instead {
    /// Make read models anew from the first event, beside the live ones, and swap them in at the end
    Rebuild(rebuild::Names),
    /// Make read models anew and compare them with the live ones row by row; nothing is swapped
    Verify(rebuild::Names),
}
