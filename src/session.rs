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

    /// The desk as one where read models are cleared, too.
    ///
    /// # Errors
    /// When a server cannot be reached.
    pub async fn office(&self) -> anyhow::Result<Office> {
        roles::office(self.desk.clone(), &self.database, &self.broker).await
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
