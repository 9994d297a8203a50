//! Servers of a bench, in a folder that goes with them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use presdr_servers::{Durability, Nats, NatsConfig, Postgres};

/// A folder of a bench. Dropping it removes it.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("making folder {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A migrated, empty database with the product's durability.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn postgres(&self) -> anyhow::Result<Postgres> {
        let postgres = Postgres::start_anew(&self.0.join("postgres"), Durability::Full).await?;
        presdr_store::migrate(&postgres.url()).await?;
        Ok(postgres)
    }

    /// A broker without users.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn nats(&self, name: &str, sync_always: bool) -> anyhow::Result<Nats> {
        Ok(Nats::start(&self.0.join(name), NatsConfig { sync_always, ..NatsConfig::default() }).await?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let data = self.0.join("postgres/data");
        if let Ok(elsewhere) = fs::read_link(&data) {
            let _ = elsewhere.parent().map(fs::remove_dir_all); // its owner may be another user
        }
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("folder {} of the bench stays: {error}", self.0.display());
        }
    }
}
