//! The ICP documents that runs are pinned to. A pinned document never changes, so a process reads it once per run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use presdr_events::{RunId, TenantId};
use presdr_rules::icp::IcpDocument;
use presdr_store::{TenantTx, runs};

use crate::lead::WorkError;

/// More runs than this are not under way at once; what is forgotten is read again.
const KEPT_MAX: usize = 256;

type Kept = HashMap<(TenantId, RunId), Arc<IcpDocument>>;

/// The documents read so far. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Icps(Arc<Mutex<Kept>>);

impl Icps {
    /// The document that the run is pinned to.
    pub(crate) async fn of(&self, tx: &mut TenantTx, run: RunId) -> Result<Arc<IcpDocument>, WorkError> {
        let key = (tx.tenant().clone(), run);
        if let Some(icp) = self.kept().get(&key) {
            return Ok(Arc::clone(icp));
        }
        let document = runs::icp_of(tx, run)
            .await?
            .ok_or_else(|| WorkError::Unfit(format!("run {run} has no ICP: it is gone")))?;
        let icp = Arc::new(read(document)?);
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&icp));
        Ok(icp)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stored ICP document.
pub(crate) fn read(document: serde_json::Value) -> Result<IcpDocument, WorkError> {
    serde_json::from_value(document)
        .map_err(|error| WorkError::Unfit(format!("the pinned ICP cannot be read: {error}")))
}
