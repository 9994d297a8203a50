//! `presdr demo`: two tenants, some hundreds of sites and the imitated vendors, from registry rows to ranked shortlists and what they cost.
//!
//! Doing it again repeats nothing; stopped at any moment it goes on where it was.

mod progress;
mod world;

use std::{path::PathBuf, pin::pin, process::ExitCode, time::Duration};

use clap::Args;
use presdr_consumers::WorkConfig;
use presdr_events::{Actor, RunId, TenantId};
use presdr_producers::{Desk, runs};
use presdr_projections::read::costs::By;
use presdr_sandbox::{
    Running,
    vendors::{Vendor, VendorSandbox},
};
use presdr_sites::{DevelopmentOnly, ResolveTo, Web, WebConfig};
use presdr_store::{Database, tenants};

use crate::{
    broker::BrokerServer,
    config::Config,
    costs,
    database::DatabaseServer,
    output::Output,
    roles::{Roles, asked_to_end, desk},
    shortlist,
};
use world::World;

/// What a shell gives a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// How long what was cut off may take to be taken back.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// `presdr demo`
#[derive(Debug, Args)]
pub struct Command {
    /// Serve this folder of sites (index.csv and a folder per site) instead of made-up ones
    #[arg(long, value_name = "DIR")]
    sites: Option<PathBuf>,
    /// How many sites to make up
    #[arg(long, value_name = "N", default_value_t = 800)]
    companies: usize,
    /// How many leads a run takes
    #[arg(long, value_name = "N", default_value_t = 40)]
    cap: u32,
    /// How many places of each shortlist to print
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: u32,
}

/// Runs the demonstration. Asked to end it finishes what is in hand; asked again it ends at once.
///
/// # Errors
/// When a server cannot be started, or the pipeline ends with a fault.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    tokio::select! {
        () = asked_twice() => Ok(ExitCode::from(INTERRUPTED)),
        ended = perform(command, config, output) => ended,
    }
}

async fn perform(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let mut asked = pin!(asked_to_end());
    let (stage, roles) = tokio::select! {
        () = &mut asked => return Ok(stopped()),
        opened = Stage::open(command, config) => opened?,
    };
    let mut shown = None;
    let ended = roles.until(async {
        tokio::select! {
            () = asked => {}
            done = stage.show(command, output) => shown = Some(done),
        }
    });
    let ended = ended.await;
    stage.close().await;
    ended?;
    match shown {
        None => Ok(stopped()),
        Some(done) => done.map(|()| ExitCode::SUCCESS),
    }
}

async fn asked_twice() {
    asked_to_end().await;
    asked_to_end().await;
}

fn stopped() -> ExitCode {
    eprintln!("stopped; `make demo` goes on from here");
    ExitCode::from(INTERRUPTED)
}

/// What the demonstration is played on.
struct Stage {
    world: World,
    talk: progress::Talk,
    sandbox: Running,
    vendors: VendorSandbox,
    desk: Desk,
    data: PathBuf,
    broker: BrokerServer,
    database: DatabaseServer,
}

impl Stage {
    async fn open(command: &Command, config: &Config) -> anyhow::Result<(Self, Roles)> {
        let world = World::new(command.sites.clone(), command.companies, config.data.join("demo"));
        world.claim()?;
        let talk = progress::Talk::new();
        talk.say("starting PostgreSQL and NATS");
        let database = DatabaseServer::open(config).await?;
        let broker = BrokerServer::open(config).await?;
        talk.say("starting the sandbox: company sites and vendors");
        let sandbox = world.serve().await?;
        let vendors = world::vendors(&sandbox).await?;
        let asked = Some(world::vendor_config(&vendors)?);
        let mut roles = Roles::new();
        roles.work(&database, &broker, web(&sandbox)?, WorkConfig::default(), asked, Vec::new()).await?;
        roles.project(&database, &broker).await?;
        let desk = desk(&database, &broker, Actor::service("demo")).await?;
        let data = config.data.clone();
        Ok((Self { world, talk, sandbox, vendors, desk, data, broker, database }, roles))
    }

    async fn show(&self, command: &Command, output: &Output) -> anyhow::Result<()> {
        let (desk, database) = (&self.desk, self.desk.database());
        let mut running = Vec::new();
        for tenant in self.world.tenants()? {
            running.push((tenant.id.clone(), begin(desk, &self.world, &tenant, command.cap, &self.talk).await?));
        }
        self.talk.watch(database, &running).await?;
        for (tenant, run) in &running {
            let places = shortlist::places(database, tenant, *run, command.top).await?;
            output.line(&format!("\n{tenant}: the best of run {run}\n{}", shortlist::table(&places)))?;
        }
        for (tenant, _) in &running {
            let costs = costs_so_far(database, tenant).await?;
            output.line(&format!("\n{tenant}: what its vendors cost\n{costs}"))?;
        }
        output.line(&format!("\n{}", asked_this_time(&self.vendors)))?;
        output.line(&format!("\nThe data is under {}; `presdr up` goes on from it.", self.data.display()))
    }

    /// To be called when the roles have ended: they work on all of it.
    async fn close(self) {
        // What was cut off is still being taken back.
        let _ = tokio::time::timeout(CLOSE_WAIT, self.desk.database().close()).await;
        self.vendors.stop().await;
        self.sandbox.stop().await;
        self.broker.stop().await;
        self.database.stop().await;
    }
}

/// The tenant's run: the one that is under way or over, or a new one on freshly ingested companies.
async fn begin(
    desk: &Desk,
    world: &World,
    tenant: &world::Tenant,
    cap: u32,
    talk: &progress::Talk,
) -> anyhow::Result<RunId> {
    if let Some(run) = last_run(desk, &tenant.id).await? {
        talk.say(&format!("{}: run {run} was started before", tenant.id));
        return Ok(run);
    }
    talk.say(&format!("{}: creating the tenant and ingesting companies", tenant.id));
    world.prepare(desk, tenant).await?;
    Ok(runs::start(desk, &tenant.id, Some(cap)).await?.run)
}

async fn last_run(desk: &Desk, tenant: &TenantId) -> anyhow::Result<Option<RunId>> {
    if !tenants::active(desk.database()).await?.iter().any(|active| active.id == *tenant) {
        return Ok(None);
    }
    Ok(runs::list(desk, tenant, 1).await?.first().map(|run| run.id))
}

async fn costs_so_far(database: &Database, tenant: &TenantId) -> anyhow::Result<String> {
    let (from, to) = costs::last_days();
    let costs = costs::costs(database, tenant, from, to, By::Vendor).await?;
    Ok(costs::text(&costs, By::Vendor))
}

/// What the vendors saw of it: they know nothing of what was paid before this process.
fn asked_this_time(vendors: &VendorSandbox) -> String {
    let requests: u64 = Vendor::ALL.into_iter().map(|vendor| vendors.calls().totals(vendor).requests).sum();
    match requests {
        0 => "This time no vendor was asked: everything had been paid for before.".to_owned(),
        requests => {
            format!("This time the vendors answered {requests} requests; doing it again pays for none of them.")
        }
    }
}

/// A web in which every host is the sandbox.
fn web(sandbox: &Running) -> anyhow::Result<Web> {
    let everything = ResolveTo::new(DevelopmentOnly::confirmed(), sandbox.address.ip(), sandbox.address.port(), None);
    Ok(Web::new(WebConfig { resolve_to: Some(everything), ..WebConfig::default() })?)
}
