//! The database that a command works with: the one it was told of, the one that `presdr up` runs, or presdr's own.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use presdr_servers::{Durability, Postgres};
use presdr_store::{Database, Role, keys::Keyring};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::{config::Config, key_file};

/// Connections of a command that answers and goes.
const COMMAND_CONNECTIONS_MAX: u32 = 4;
/// How long a database may take to answer for the first time.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// A database server. One that was started here ends with this value.
pub struct DatabaseServer {
    url: SecretString,
    master_key_file: PathBuf,
    own: Option<Postgres>,
}

impl DatabaseServer {
    /// Finds the server, or starts presdr's own in the data folder for as long as this value lives. Its own is brought up to date,
    /// and gets a master key if there is none yet.
    ///
    /// # Errors
    /// When the server does not answer, or there is none and none can be started.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let server = Self::open_as_it_is(config).await?;
        if server.own.is_some() {
            server.migrate().await?;
            if !server.master_key_file.exists() {
                key_file::read_or_make(&server.master_key_file)?;
            }
        }
        Ok(server)
    }

    /// The same, and nothing is made in it.
    ///
    /// # Errors
    /// As [`DatabaseServer::open`].
    pub async fn open_as_it_is(config: &Config) -> anyhow::Result<Self> {
        if let Some(found) = Self::find(config) {
            found.answers().await?;
            return Ok(found);
        }
        let own = Postgres::start(&config.postgres_dir(), Durability::Full).await?;
        Ok(Self { url: own.url().into(), master_key_file: config.master_key_file(), own: Some(own) })
    }

    /// The server that the command was told of, or the one that `presdr up` runs.
    pub fn find(config: &Config) -> Option<Self> {
        let running = || Postgres::url_of_running(&config.postgres_dir()).map(SecretString::from);
        let url = config.database_url.clone().or_else(running)?;
        Some(Self { url, master_key_file: config.master_key_file(), own: None })
    }

    /// Asks once, so that a server that is not there is told of at once; a pool would try for half a minute.
    async fn answers(&self) -> anyhow::Result<()> {
        let connection = timeout(ANSWER_WAIT, PgConnection::connect(self.url.expose_secret())).await;
        connection.context("the database does not answer")?.context("reaching the database")?.close().await?;
        Ok(())
    }

    /// Brings roles and schema up to date.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        Ok(presdr_store::migrate(self.url.expose_secret()).await?)
    }

    /// A pool in `role` that suits a command.
    ///
    /// # Errors
    /// When the database cannot be reached, or the role is not what it should be.
    pub async fn connect(&self, role: Role) -> anyhow::Result<Database> {
        self.connect_many(role, COMMAND_CONNECTIONS_MAX).await
    }

    /// A pool in `role` of at most so many connections.
    ///
    /// # Errors
    /// As [`DatabaseServer::connect`].
    pub async fn connect_many(&self, role: Role, connections_max: u32) -> anyhow::Result<Database> {
        let connected = Database::connect(self.url.expose_secret(), role, connections_max).await;
        connected.with_context(|| format!("connecting as {}", role.name()))
    }

    /// The same for whoever answers people: no statement takes longer than `statement_max`.
    ///
    /// # Errors
    /// As [`DatabaseServer::connect`].
    pub async fn connect_within(
        &self,
        role: Role,
        connections_max: u32,
        statement_max: Duration,
    ) -> anyhow::Result<Database> {
        let url = self.url.expose_secret();
        let connected = Database::connect_within(url, role, connections_max, statement_max).await;
        connected.with_context(|| format!("connecting as {}", role.name()))
    }

    /// The same for a restore, which keeps everybody else out.
    ///
    /// # Errors
    /// As [`DatabaseServer::connect`].
    pub async fn connect_restoring(&self, role: Role) -> anyhow::Result<Database> {
        let connected = Database::connect_restoring(self.url.expose_secret(), role, COMMAND_CONNECTIONS_MAX).await;
        connected.with_context(|| format!("connecting as {}", role.name()))
    }

    /// The keys of all personal data.
    ///
    /// # Errors
    /// When the master key file is missing or is not one.
    pub fn keyring(&self) -> anyhow::Result<Keyring> {
        if !self.master_key_file.exists() {
            bail!(
                "master key file {} is missing: copy it from where the tenants were created, or, before there are any, make one with \
                 `head -c 32 /dev/urandom | base64`",
                self.master_key_file.display()
            );
        }
        Ok(Keyring::from_file(&self.master_key_file)?)
    }

    /// The URL; it may hold a password.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// Ends the server if it was started here, without blocking the runtime.
    pub async fn stop(self) {
        if let Some(own) = self.own {
            own.stop().await;
        }
    }
}
