//! `presdr backup` and `presdr restore`: both stores together, keys apart.
//!
//! A database that is older than the log has lost keys of newer events, so the log is written first and the database after it. Then the
//! database is the newer one: what it says was published may be missing from the log. A restore publishes that again, from the exact bytes
//! that the database keeps of every event, and makes the read models anew from the log; they are not in the backup.

mod manifest;
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

/// `presdr restore DIR`
#[derive(Debug, Args)]
#[command(after_help = "Start presdr's services when it says that everything is restored, not before.")]
pub struct Restore {
    /// A backup
    dir: PathBuf,
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

/// Reads a backup into empty stores.
///
/// # Errors
/// When it is damaged, a store is not empty, the master key is another, or something is missing at the end.
pub async fn restore(command: &Restore, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    restore::run(&command.dir, command.replicas, config, output).await
}
