//! What runs are pinned to. It never changes, so a process reads it once per run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::NaiveDate;
use presdr_events::{RunId, TenantId};
use presdr_rules::icp::IcpDocument;
use presdr_store::{StoreError, TenantTx, runs, texts::Place};

use crate::{
    candidates::Classification,
    lead::{Lead, WorkError},
};

/// More runs than this are not under way at once; what is forgotten is read again.
const KEPT_MAX: usize = 256;

/// What a run is pinned to.
#[derive(Debug)]
pub(crate) struct Pin {
    /// Whom it looks for, with the codes that its industries mean: a score finds in an industry whom the candidates were found by.
    pub icp: IcpDocument,
    /// When its pages and texts are dropped.
    pub text_expires_on: NaiveDate,
}

type Kept = HashMap<(TenantId, RunId), Arc<Pin>>;

/// What was read so far. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pins(Arc<Mutex<Kept>>);

impl Pins {
    /// What the run is pinned to.
    pub(crate) async fn of(&self, tx: &mut TenantTx, run: RunId) -> Result<Arc<Pin>, WorkError> {
        let key = (tx.tenant().clone(), run);
        if let Some(pin) = self.kept().get(&key) {
            return Ok(Arc::clone(pin));
        }
        let pinned = runs::pinned(tx, run)
            .await?
            .ok_or_else(|| WorkError::Unfit(format!("run {run} has no ICP: it is gone")))?;
        let icp = with_codes(tx, read(pinned.icp)?).await?;
        let pin = Arc::new(Pin { icp, text_expires_on: pinned.text_expires_on });
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&pin));
        Ok(pin)
    }

    /// Where a lead's pages and texts are.
    pub(crate) async fn place(&self, tx: &mut TenantTx, lead: &Lead) -> Result<Place, WorkError> {
        let expires_on = self.of(tx, lead.run).await?.text_expires_on;
        Ok(Place { run: lead.run, company: lead.company, attempt: lead.attempt, expires_on })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn with_codes(tx: &mut TenantTx, icp: IcpDocument) -> Result<IcpDocument, WorkError> {
    if icp.industries.is_empty() {
        return Ok(icp);
    }
    let classification = Classification::load(&mut *tx).await.map_err(StoreError::from)?;
    Ok(classification.with_codes(&icp).0)
}

/// A stored ICP document.
pub(crate) fn read(document: serde_json::Value) -> Result<IcpDocument, WorkError> {
    serde_json::from_value(document)
        .map_err(|error| WorkError::Unfit(format!("the pinned ICP cannot be read: {error}")))
}
