//! The Odoo of a tenant's active connection.

use presdr_events::TenantId;
use presdr_store::{
    Database, StoreError,
    keys::Keyring,
    odoo::connections::{self, Connection},
};

use crate::client::{Fault, Odoo};

/// Why a tenant's Odoo could not be reached, or not be asked.
#[derive(Debug, thiserror::Error)]
pub enum OdooError {
    /// The tenant has no active connection.
    #[error("tenant {0} has no active connection to an Odoo: `presdr odoo connect --tenant {0}` makes one")]
    NotConnected(TenantId),
    /// Whoever writes was told to stop: what was done until then stands.
    #[error("the process is being stopped: the sync goes on later")]
    Stopped,
    /// Odoo.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Our own database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OdooError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The tenant's Odoo. Which database that is, its connection alone says.
///
/// # Errors
/// [`OdooError::NotConnected`] when there is none; otherwise what the database or the connection's address says.
pub async fn open(database: &Database, keyring: &Keyring, tenant: &TenantId) -> Result<(Connection, Odoo), OdooError> {
    let mut tx = database.enter(tenant).await?;
    let opened = connections::open(&mut tx, keyring).await?;
    tx.commit().await?;
    let (connection, key) = opened.ok_or_else(|| OdooError::NotConnected(tenant.clone()))?;
    let odoo = Odoo::new(&connection, key)?;
    Ok((connection, odoo))
}
