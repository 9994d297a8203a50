//! `presdr backup`, `presdr restore` and `presdr receipts`: both stores together, keys apart.
//!
//! A database that is older than the log has lost keys of newer events, so the log is written first and the database after it. Then the
//! database is the newer one: what it says was published may be missing from the log. A restore publishes that again, from the exact bytes
//! that the database keeps of every event, and makes the read models anew from the log; they are not in the backup.
//!
//! Nor is what happened since. Who was erased since must not come back, so a restore does not begin before it knows the receipts: of the
//! stores that are still there, of files that `presdr receipts` wrote, or that there are none.

mod again;
mod manifest;
mod newer;
mod place;
mod receipts;
mod restore;
mod take;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use secrecy::SecretString;

use crate::{config::Config, output::Output};

/// `presdr backup DIR`
#[derive(Debug, Args)]
pub struct Backup {
    /// A folder that is not there yet, or is empty
    dir: PathBuf,
    /// Use this NATS server as its user "backup" [default: the one of every command]
    #[arg(long, env = "PRESDR_NATS_BACKUP_URL", hide_env_values = true, value_name = "URL")]
    backup_nats_url: Option<SecretString>,
}

/// `presdr receipts FILE`
#[derive(Debug, Args)]
pub struct Receipts {
    /// A file; one that is there is replaced when the new one is whole
    file: PathBuf,
}

/// `presdr restore DIR`
#[derive(Debug, Args)]
#[command(after_help = "Stop presdr's services before it, and start them when it says that everything is restored.")]
pub struct Restore {
    /// A backup
    dir: PathBuf,
    /// What `presdr receipts` wrote since: who was erased, and must not come back
    #[arg(long, value_name = "FILE")]
    receipts: Vec<PathBuf>,
    /// Nobody was erased since the backup was taken, and nobody asked not to be contacted
    #[arg(long)]
    no_receipts: bool,
    /// Restore even where there is something: all that the database and the event log hold is lost
    #[arg(long)]
    replace: bool,
    /// Restore the database alone, beside the event log that is there and newer: what it tells is taken in
    #[arg(long, conflicts_with = "replicas")]
    keep_log: bool,
    /// Copies of the event log, when other than in the backup
    #[arg(long, value_name = "N")]
    replicas: Option<u64>,
}

/// Writes both stores to a folder.
///
/// # Errors
/// When a store cannot be read or the folder not be written: then there is no manifest, and it is no backup.
pub async fn backup(command: &Backup, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    take::run(&command.dir, command.backup_nats_url.as_ref(), config, output).await
}

/// Writes to a file what an older backup cannot know.
///
/// # Errors
/// When a store cannot be read or the file not be written.
pub async fn receipts(command: &Receipts, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    receipts::run(&command.file, config, output).await
}

/// Reads a backup into empty stores, or in the place of what is there, or the database alone beside the log that is there.
///
/// # Errors
/// When it is damaged, a store is not empty, the master key is another, nobody tells who was erased since, or something is missing at the
/// end.
pub async fn restore(command: &Restore, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    restore::run(command, config, output).await
}
