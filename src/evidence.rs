//! The two stores as somebody reads them who looks back: no key of personal data is needed.

use presdr_audit::{Log, Stores};
use presdr_nats::topology::User;
use presdr_store::{Database, Role};

use crate::{broker::BrokerServer, config::Config, database::DatabaseServer};

/// The log and the database.
pub struct Evidence {
    /// A pool that reads records and read models.
    pub database: Database,
    log: Log,
    server: DatabaseServer,
    broker: BrokerServer,
}

impl Evidence {
    /// Opens both.
    ///
    /// # Errors
    /// When a server cannot be reached or started.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let (server, broker) = tokio::try_join!(DatabaseServer::open(config), BrokerServer::open(config))?;
        let database = server.connect(Role::Producer).await?;
        let log = Log::open(&broker.connect(User::Auditor).await?).await?;
        Ok(Self { database, log, server, broker })
    }

    /// Both, to be read.
    pub fn stores(&self) -> Stores<'_> {
        Stores { database: &self.database, log: &self.log }
    }

    /// A pool that writes read models.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn projector(&self) -> anyhow::Result<Database> {
        self.server.connect(Role::Projector).await
    }

    /// Ends the servers that were started for the command.
    pub async fn end(self) {
        self.database.close().await;
        self.broker.stop().await;
        self.server.stop().await;
    }
}
