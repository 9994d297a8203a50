//! What names a person waits for its yes under the tenant's key, since what waits is kept.

use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_store::threads;
use serde::{Serialize, de::DeserializeOwned};

use super::Agent;
use crate::Problem;

impl Agent<'_> {
    /// Seals what is meant.
    pub(super) async fn sealed(&self, meant: &impl Serialize) -> Result<String, Problem> {
        let plain = serde_json::to_vec(meant).map_err(|_| Problem::internal())?;
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let sealed = threads::seal(&mut tx, &self.gateway.desk().keyring(), &plain).await?;
        Ok(STANDARD.encode(sealed))
    }

    /// What was sealed when it was asked for.
    pub(super) async fn opened<T: DeserializeOwned>(&self, sealed: &str) -> Result<T, Problem> {
        let sealed = STANDARD.decode(sealed).map_err(|_| Problem::internal())?;
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let plain = threads::open(&mut tx, &self.gateway.desk().keyring(), &sealed).await?;
        serde_json::from_slice(&plain).map_err(|_| Problem::internal())
    }
}
