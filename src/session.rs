//! The servers and the desk of a command that answers and goes.

use presdr_compliance::Office;
use presdr_producers::Desk;

use crate::{broker::BrokerServer, config::Config, database::DatabaseServer, roles};

/// A desk with the servers behind it.
pub struct Session {
    /// Where the command is given.
    pub desk: Desk,
    /// The broker behind it.
    pub broker: BrokerServer,
    /// The database behind it.
    pub database: DatabaseServer,
}

impl Session {
    /// Opens the servers, and a desk for whoever is asking.
    ///
    /// # Errors
    /// When a server cannot be reached or started, or the master key is missing.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let (database, broker) = tokio::try_join!(DatabaseServer::open(config), BrokerServer::open(config))?;
        let desk = roles::desk(&database, &broker, config.actor()).await?;
        Ok(Self { desk, broker, database })
    }

    /// Opens a session for work at an office, where read models are cleared, too, and ends it after.
    ///
    /// # Errors
    /// When a server cannot be reached, and what the work says.
    pub async fn at_office<T>(
        config: &Config,
        work: impl AsyncFnOnce(&Office) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let session = Self::open(config).await?;
        let office = roles::office(session.desk.clone(), &session.database, &session.broker).await?;
        let done = work(&office).await?;
        office.projector.close().await;
        session.end().await;
        Ok(done)
    }

    /// The database server behind it.
    pub fn database(&self) -> &DatabaseServer {
        &self.database
    }

    /// Ends the servers that were started for the command.
    pub async fn end(self) {
        self.desk.database().close().await;
        self.broker.stop().await;
        self.database.stop().await;
    }
}
