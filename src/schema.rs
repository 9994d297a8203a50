//! `presdr migrate` and `presdr topology`: what a new version needs of the servers, before its roles start.

use std::{process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use presdr_nats::topology::{Applied, TopologyConfig};
use serde_json::json;

use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    output::{Align, Output, Table},
};

/// `presdr topology apply`
#[derive(Debug, Args)]
pub struct Topology {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the streams and consumers as this version needs them; what is right already stays
    Apply {
        /// Copies of each stream: 3 in a fleet
        #[arg(long, value_name = "N", default_value_t = 1)]
        replicas: usize,
        /// How large the event log may grow, in GiB
        #[arg(long, value_name = "GIB", default_value_t = 4)]
        events_gib_max: u32,
        /// How long a worker may be silent before its work is given to another, in seconds
        #[arg(long, value_name = "S", default_value_t = 30)]
        ack_wait: u64,
    },
}

/// Brings the database up to date.
///
/// # Errors
/// When it refuses.
pub async fn migrate(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let server = DatabaseServer::open(config).await?;
    server.migrate().await?;
    let answer = json!({ "migrated": true, "migrations": presdr_store::migrations_hash() });
    output.answer(&answer, |_| "the database is up to date".to_owned())?;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Brings the broker up to date.
///
/// # Errors
/// When it refuses.
pub async fn topology(command: &Topology, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let What::Apply { replicas, events_gib_max, ack_wait } = command.what;
    let wanted = TopologyConfig {
        replicas,
        events_bytes_max: i64::from(events_gib_max) << 30,
        ack_wait: Duration::from_secs(ack_wait),
    };
    let server = BrokerServer::open(config).await?;
    let applied = server.apply_topology(&wanted).await?;
    let rows: Vec<_> =
        applied.iter().map(|one| json!({ "name": one.name, "change": one.change, "detail": one.detail })).collect();
    output.answer(&rows, |_| table(&applied))?;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn table(applied: &[Applied]) -> String {
    let mut table = Table::new([("name", Align::Left), ("change", Align::Left), ("detail", Align::Left)]);
    for one in applied {
        table.row([one.name.clone(), one.change.to_owned(), one.detail.clone()]);
    }
    table.render("nothing to do")
}
