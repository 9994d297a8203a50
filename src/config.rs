//! Where things are and who is asking: read once, passed down.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use nix::unistd::{User, getuid};
use presdr_events::{Actor, IdError};
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use crate::panics;

/// Warnings, without those about slow statements: on a busy machine they say nothing that a person could act on.
const LOG_DEFAULT: &str = "warn,sqlx::query=error";

/// What every command can be told, as an option or in the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For every command")]
pub struct Config {
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// Use this PostgreSQL instead of one of presdr's own
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<SecretString>,

    /// Use this NATS server instead of one of presdr's own
    #[arg(long, global = true, env = "PRESDR_NATS_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub nats_url: Option<SecretString>,

    /// Folder of presdr's own servers, their data, and the master key
    #[arg(
        long,
        global = true,
        env = "PRESDR_DATA",
        hide_env_values = true,
        value_name = "DIR",
        default_value = ".presdr"
    )]
    pub data: PathBuf,

    /// Master key of all personal data, 32 bytes in base64 [default: DIR/master.key]
    #[arg(long, global = true, env = "PRESDR_MASTER_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,

    /// Key that signs the audit log's checkpoints, 32 bytes in base64 [default: DIR/audit.key]
    #[arg(long, global = true, env = "PRESDR_AUDIT_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    pub audit_key_file: Option<PathBuf>,

    /// NATS server with the user who reads the event log for the audit [default: as --nats-url]
    #[arg(long, global = true, env = "PRESDR_AUDIT_NATS_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub audit_nats_url: Option<SecretString>,

    /// Who is asking: an opaque id for the record of every write [default: user:LOGIN]
    #[arg(long = "as", global = true, env = "PRESDR_ACTOR", hide_env_values = true, value_name = "ACTOR", value_parser = actor)]
    pub actor: Option<Actor>,

    /// In development all sites may be sent to one local address
    #[arg(
        long,
        global = true,
        env = "PRESDR_MODE",
        hide_env_values = true,
        value_name = "MODE",
        default_value = "production"
    )]
    pub mode: Mode,

    /// What to log: error, warn, info, debug, or MODULE=LEVEL,... [default: warn]
    #[arg(long, global = true, env = "PRESDR_LOG", hide_env_values = true, value_name = "FILTER")]
    pub log: Option<String>,

    /// How to log
    #[arg(
        long,
        global = true,
        env = "PRESDR_LOG_FORMAT",
        hide_env_values = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// What presdr is run for: for real, or on a developer's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Production,
    Development,
}

/// How log lines look: for people, or one JSON object a line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// What a bench runs with: servers of its own in `data`.
    pub fn of_folder(data: &Path) -> Self {
        Self {
            json: false,
            database_url: None,
            nats_url: None,
            data: data.to_owned(),
            master_key_file: None,
            audit_key_file: None,
            audit_nats_url: None,
            actor: None,
            mode: Mode::Development,
            log: None,
            log_format: LogFormat::Text,
        }
    }

    /// Where presdr's own PostgreSQL is.
    pub fn postgres_dir(&self) -> PathBuf {
        self.data.join("postgres")
    }

    /// Where presdr's own NATS server is.
    pub fn nats_dir(&self) -> PathBuf {
        self.data.join("nats")
    }

    /// The file with the master key.
    pub fn master_key_file(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data.join("master.key"))
    }

    /// The file with the key that signs checkpoints.
    pub fn audit_key_file(&self) -> PathBuf {
        self.audit_key_file.clone().unwrap_or_else(|| self.data.join("audit.key"))
    }

    /// Who is asking: an opaque id for the record of a write.
    pub fn actor(&self) -> Actor {
        self.actor.clone().unwrap_or_else(login)
    }

    /// Sends the log to standard error from here on, panics included.
    ///
    /// # Errors
    /// When the filter cannot be read.
    pub fn start_log(&self) -> anyhow::Result<()> {
        let filter = self.log.as_deref().unwrap_or(LOG_DEFAULT);
        let filter = EnvFilter::try_new(filter).map_err(|error| anyhow::anyhow!("--log {filter:?}: {error}"))?;
        let colours = io::stderr().is_terminal();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
        match self.log_format {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().init(),
        }
        panics::install();
        Ok(())
    }
}

fn actor(text: &str) -> Result<Actor, IdError> {
    Actor::new(text)
}

fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

/// Whoever is logged in. A login that is no opaque id, such as an e-mail address, is left out of the record.
fn login() -> Actor {
    let name = User::from_uid(getuid()).ok().flatten().map_or_else(|| getuid().to_string(), |user| user.name);
    Actor::new(format!("user:{name}"))
        .or_else(|_| Actor::new(format!("user:{}", getuid())))
        .unwrap_or_else(|_| Actor::service("cli"))
}
