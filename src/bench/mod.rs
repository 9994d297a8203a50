//! `presdr bench`: what presdr measures of itself, each number beside what it was measured against in the same run.
//!
//! Benches run on servers of their own in a new folder, which is removed again: they never touch a database or broker in use.

mod author;
mod events;
mod fairness;
mod gateway;
mod odoo;
mod own;
mod pipeline;
mod quality;
mod rebuild;
mod registry;
mod stage;
mod web;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use presdr_producers::bench::report::{Metric, Report};

use crate::{
    config::Config,
    output::{Align, Output, Table},
};

/// `presdr bench NAME --json`
#[derive(Debug, Args)]
#[command(after_help = "Measure with a release build: `make bench BENCH=\"pipeline --leads 1000\"`. \
    Settings other than the product's defaults meet no aim.")]
pub struct Command {
    #[command(subcommand)]
    name: Name,
}

#[derive(Debug, Subcommand)]
enum Name {
    /// Registry files into companies, beside a plain COPY of them
    Ingest {
        /// How many companies
        #[arg(long, value_name = "N", default_value_t = registry::ROWS)]
        rows: u64,
    },
    /// The candidates of many tenants, beside one materialized view of all
    Candidates {
        /// How many companies
        #[arg(long, value_name = "N", default_value_t = registry::COMPANIES)]
        companies: u32,
        /// How many tenants
        #[arg(long, value_name = "N", default_value_t = registry::TENANTS)]
        tenants: u32,
    },
    /// Publishing beside a raw client, projecting beside a COPY of the rows
    Events {
        /// How many events
        #[arg(long, value_name = "N", default_value_t = events::EVENTS_DEFAULT)]
        events: u32,
    },
    /// All read models made anew, beside a plain reading of the log and a COPY of the rows
    Rebuild {
        /// How many events
        #[arg(long, value_name = "N", default_value_t = rebuild::EVENTS_DEFAULT, value_parser = clap::value_parser!(u32).range(5..))]
        events: u32,
    },
    /// A run from its start to its shortlist, over an imitated web
    Pipeline {
        /// How many leads, each with its own domain
        #[arg(long, value_name = "N", default_value_t = pipeline::LEADS)]
        leads: u32,
        /// With all paid vendors, imitated, at 300 ms a call, over sites of every kind
        #[arg(long)]
        vendors: bool,
    },
    /// A small tenant's run while a big tenant's is under way, beside its time alone
    Fairness {
        /// How many leads the big tenant's run has
        #[arg(long, value_name = "N", default_value_t = fairness::BIG, value_parser = clap::value_parser!(u32).range(1..=i64::from(fairness::BIG)))]
        big: u32,
        /// How many leads the small tenant's run has
        #[arg(long, value_name = "N", default_value_t = fairness::SMALL, value_parser = clap::value_parser!(u32).range(1..=i64::from(fairness::BIG)))]
        small: u32,
    },
    /// Checking a token, reading a shortlist over HTTP, following runs while they go on
    Gateway {
        /// How many reads
        #[arg(long, value_name = "N", default_value_t = gateway::READS)]
        reads: u32,
        /// How many events of the runs that are followed
        #[arg(long, value_name = "N", default_value_t = gateway::EVENTS)]
        events: u32,
    },
    /// A shortlist written to Odoo: first, again unchanged, again with a tenth changed, beside raw calls
    Odoo {
        /// How many companies, with two contacts each
        #[arg(long, value_name = "N", default_value_t = odoo::COMPANIES, value_parser = clap::value_parser!(u32).range(10..=10_000))]
        companies: u32,
        #[command(flatten)]
        place: odoo::Place,
    },
    /// Extraction from sites that a person has labelled
    Extract {
        /// A folder of sites, a folder each
        #[arg(long, value_name = "DIR")]
        sites: PathBuf,
        /// Their labels, JSON lines
        #[arg(long, value_name = "FILE")]
        gold: PathBuf,
    },
    /// Domain resolution over the sandbox's labelled companies
    Domains {
        /// How many companies
        #[arg(long, value_name = "N", default_value_t = quality::COMPANIES)]
        companies: usize,
    },
    /// The imitated web of a bench, in a process of its own
    #[command(hide = true)]
    Web(web::Command),
}

/// Measures.
///
/// # Errors
/// When a server cannot be started, or what is measured does not do what it should.
pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let folder = config.data.join(format!("bench-{}", std::process::id()));
    let report = match command.name {
        Name::Ingest { rows } => registry::ingest(&folder, rows).await?,
        Name::Candidates { companies, tenants } => registry::candidates(&folder, companies, tenants).await?,
        Name::Events { events } => events::measure(&folder, events).await?,
        Name::Rebuild { events } => rebuild::measure(&folder, events).await?,
        Name::Pipeline { leads, vendors } => pipeline::measure(&folder, leads, vendors).await?,
        Name::Fairness { big, small } => fairness::measure(&folder, big, small).await?,
        Name::Gateway { reads, events } => gateway::measure(&folder, reads, events).await?,
        Name::Odoo { companies, place } => Box::pin(odoo::measure(&folder, companies, &place)).await?,
        Name::Extract { sites, gold } => quality::extract(&sites, &gold)?,
        Name::Domains { companies } => quality::domains(companies).await?,
        Name::Web(command) => return web::serve(&command, output).await,
    };
    output.answer(&report, table)?;
    Ok(ExitCode::SUCCESS)
}

fn table(report: &Report) -> String {
    let mut table = Table::new([
        ("", Align::Left),
        ("value", Align::Right),
        ("", Align::Left),
        ("ratio", Align::Right),
        ("met", Align::Left),
        ("aim", Align::Left),
        ("beside", Align::Left),
    ]);
    let number = |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    for Metric { name, value, unit, beside, beside_value, ratio, aim, met } in &report.metrics {
        let beside = match (beside, beside_value) {
            (Some(beside), Some(value)) => format!("{beside}: {} {unit}", number(*value)),
            _ => String::new(),
        };
        table.row([
            name.clone(),
            number(*value),
            (*unit).to_owned(),
            ratio.map_or_else(String::new, number),
            met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned(),
            aim.clone().unwrap_or_default(),
            beside,
        ]);
    }
    let settings: Vec<String> = report.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let build = if report.machine.debug_build { ", debug build: times mean nothing" } else { "" };
    let machine = format!("{} processors ({}){build}", report.machine.processors, report.machine.processor);
    format!("bench {} on {machine}\n{}\n\n{}", report.bench, settings.join(", "), table.render("nothing was measured"))
}
