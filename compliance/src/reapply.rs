//! Erasing again what a restored database brought back: it is older than the log, and the log holds the receipts.
//!
//! A restore calls this before any service starts. Doing it again changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::{Event, SubjectId, TenantId, event::types};
use presdr_store::{
    erasures,
    steps::{self, Outgoing},
    tenants,
};
use serde::Serialize;

use crate::{ComplianceError, Office, erase, log};

/// What reapplying came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reapplied {
    /// Receipts in the log.
    pub receipts: u64,
    /// Those that this database did not know, by tenant and number: done again.
    pub again: Vec<(TenantId, u32)>,
    /// Lists of suppressions that the log tells of and this database lost, by tenant: to be taken in again. The log has counts alone.
    pub lists_lost: BTreeMap<TenantId, u64>,
}

/// Destroys the keys and rows of everyone whom a receipt in the log names and this database still knows.
///
/// # Errors
/// What the database or the broker says: call again.
pub async fn reapply(office: &Office) -> Result<Reapplied, ComplianceError> {
    let active: BTreeSet<TenantId> =
        tenants::active(office.desk.database()).await?.into_iter().map(|tenant| tenant.id).collect();
    let mut receipts = Vec::new();
    let mut log = log::of_kind(&office.context, types::SubjectErased).await?;
    while let Some(logged) = log.next().await? {
        receipts.push(logged);
    }
    let mut reapplied = Reapplied { receipts: receipts.len() as u64, ..Reapplied::default() };
    for receipt in receipts {
        let (tenant, number) = (receipt.envelope.tenant.clone(), receipt.envelope.event.attempt());
        let Event::SubjectErased(erased) = &receipt.envelope.event else { continue };
        if !active.contains(&tenant) || is_done(office, &tenant, number, &erased.subjects).await? {
            continue;
        }
        let subjects: BTreeSet<SubjectId> = erased.subjects.iter().copied().collect();
        let known = erase::learn(office, &tenant, &subjects).await?;
        erase::begin(office, &tenant, &known, Some(number)).await?;
        erase::clear(office, &tenant, number).await?;
        let mut tx = office.desk.database().enter(&tenant).await?;
        let event = Outgoing {
            tenant: tenant.clone(),
            id: receipt.envelope.id,
            subject: receipt.subject.clone(),
            body: receipt.body.clone(),
        };
        steps::adopt(&mut tx, &erase::key(&tenant, number), &event).await?;
        erasures::finish(&mut tx, number, office.desk.now()).await?;
        tx.commit().await?;
        reapplied.again.push((tenant, number));
    }
    reapplied.lists_lost = lists_lost(office, &active).await?;
    Ok(reapplied)
}

/// Whether this database has the erasure to its end, and a tombstone for everyone in it whom it knows at all.
async fn is_done(
    office: &Office,
    tenant: &TenantId,
    number: u32,
    subjects: &[SubjectId],
) -> Result<bool, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let finished = erasures::get(&mut tx, number).await?.is_some_and(|erasure| erasure.finished_at.is_some());
    let alive: bool = sqlx::query_scalar(
        "select exists (select from data_subjects where tenant_id = $1 and subject_id = any($2) and erased_at is null)",
    )
    .bind(tenant.as_str())
    .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(finished && !alive)
}

/// Lists of suppressions whose events the log has and whose steps this database does not.
async fn lists_lost(office: &Office, active: &BTreeSet<TenantId>) -> Result<BTreeMap<TenantId, u64>, ComplianceError> {
    let mut lost = BTreeMap::new();
    let mut log = log::of_kind(&office.context, types::SuppressionAdded).await?;
    while let Some(logged) = log.next().await? {
        let tenant = &logged.envelope.tenant;
        if !active.contains(tenant) {
            continue;
        }
        let mut tx = office.desk.database().enter(tenant).await?;
        let known: bool = sqlx::query_scalar(
            "select exists (select from lead_steps
                 where tenant_id = $1 and run_id = 0 and company_id = 0 and step = 'suppress' and event_id = $2)",
        )
        .bind(tenant.as_str())
        .bind(logged.envelope.id.0)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        if !known {
            *lost.entry(tenant.clone()).or_default() += 1;
        }
    }
    Ok(lost)
}
