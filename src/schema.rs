//! `presdr migrate` and `presdr topology`: what a new version needs of the servers, before its roles start.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use presdr_nats::{
    callout::CalloutKeys,
    topology::{self, Applied, TopologyConfig},
};
use serde_json::json;

use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    key_file,
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
    /// Print what a NATS server's `authorization` block needs so that people's browsers may listen to progress
    Callout {
        /// The key that `presdr serve --callout-key-file` has; made when it is not there
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
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
    let (replicas, events_gib_max, ack_wait) = match &command.what {
        What::Apply { replicas, events_gib_max, ack_wait } => (*replicas, *events_gib_max, *ack_wait),
        What::Callout { key_file } => {
            let keys = CalloutKeys::new(&key_file::read_or_make(key_file)?)?;
            let block = topology::callout_block(&keys);
            output.answer(&json!({ "issuer": keys.issuer(), "xkey": keys.curve() }), |_| block.trim().to_owned())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
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
