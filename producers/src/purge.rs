//! Erasing a tenant: closed, drained, keys destroyed, events and rows removed, counted again, and a receipt.
//!
//! Every stage can be done again, so the same command goes on after a crash. What is removed is written down with the removal.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use presdr_events::{Event, EventId, Step, TenantId, tenant};
use presdr_nats::{Broker, purge as log};
use presdr_store::{
    Database,
    purge::{self, PurgeLock},
    steps::{self, Outgoing},
};
use tokio_util::sync::CancellationToken;

use crate::{CommandError, Desk, desk::tenant_step};

/// Events published at the same time.
const IN_FLIGHT: usize = 64;
/// Events read at once.
const BATCH: i64 = 500;
/// How often it is removed and counted before what is left is told as a fault.
const COUNTS: usize = 3;

/// Who erases, and with what.
pub struct Purge<'a> {
    /// Where the command is given.
    pub desk: &'a Desk,
    /// A pool of [`Role::Owner`](presdr_store::Role::Owner).
    pub owner: &'a Database,
    /// A connection as [`User::Eraser`](presdr_nats::topology::User::Eraser).
    pub eraser: &'a Broker,
    /// Stops between stages; the same command goes on from there.
    pub cancel: CancellationToken,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nobody can enter the tenant any more.
    Closed,
    /// So many transactions, of whatever tenant, that were open then are waited for.
    Draining(usize),
    /// Whoever was still in the tenant is out.
    Drained,
    /// Nothing that was sealed for it opens any more.
    KeysDestroyed,
    /// Its events are removed.
    EventsRemoved,
    /// Its rows are removed.
    RowsRemoved,
    /// Nothing is left, in any table and in the log.
    Counted,
}

/// What was removed; that nothing is left, and that nothing of others is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its number among all tenants' erasures.
    pub number: u32,
    /// Rows that were removed, by table.
    pub rows: BTreeMap<String, u64>,
    /// Events that were removed.
    pub events: u64,
    /// Rows of all others in the same tables: as many after each removal as before it.
    pub rows_of_others: u64,
    /// The receipt's place in the log.
    pub sequence: u64,
}

/// Erases a tenant for good, and tells what it came to. `told` hears of each stage that is done.
///
/// # Errors
/// [`CommandError::Refused`] when there is no such tenant, another one is being erased, or something is left or gone that should not be;
/// otherwise what the database or the broker says. The same call goes on from there.
pub async fn purge(work: &Purge<'_>, tenant: &TenantId, mut told: impl FnMut(Stage)) -> Result<Receipt, CommandError> {
    let mut lock = PurgeLock::take(work.owner).await?;
    purge::close(work.owner, tenant, work.desk.actor()).await?;
    work.done(Stage::Closed, &mut told)?;
    purge::drain(work.owner, |open| told(Stage::Draining(open))).await?;
    work.done(Stage::Drained, &mut told)?;
    purge::destroy_keys(work.owner, tenant).await?;
    work.done(Stage::KeysDestroyed, &mut told)?;
    for _ in 0..COUNTS {
        work.remove_events(tenant).await?;
        work.done(Stage::EventsRemoved, &mut told)?;
        let tables = purge::remove_all(work.owner, tenant).await?;
        lock.vacuum(tables.iter().map(String::as_str)).await?;
        work.done(Stage::RowsRemoved, &mut told)?;
        if work.left(tenant).await?.is_empty() {
            work.done(Stage::Counted, &mut told)?;
            return work.finish(tenant).await;
        }
    }
    let left = work.left(tenant).await?.join(", ");
    Err(CommandError::Refused(format!("of tenant {tenant} there is still: {left}. Do it again; nobody can enter it")))
}

impl Purge<'_> {
    fn done(&self, stage: Stage, told: &mut impl FnMut(Stage)) -> Result<(), CommandError> {
        told(stage);
        match self.cancel.is_cancelled() {
            true => {
                Err(CommandError::Refused("stopped before the end; the same command goes on from there".to_owned()))
            }
            false => Ok(()),
        }
    }

    /// Removes the tenant's events, and those, too, that somebody committed before the tenant was closed and has yet to publish: they are
    /// published here first, so that the broker knows their ids when the other's come, and stores none of them again.
    async fn remove_events(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let before = log::events_by_tenant(self.eraser).await?;
        purge::mark_events(self.owner, tenant, before.get(tenant).copied().unwrap_or(0)).await?;
        // Twice: a log that is full takes the missing ones only when there is room.
        let mut removed = log::remove_tenant(self.eraser, tenant).await?;
        self.publish_left_behind(tenant).await?;
        removed += log::remove_tenant(self.eraser, tenant).await?;
        purge::note_removed_events(self.owner, tenant, removed).await?;
        let after = log::events_by_tenant(self.eraser).await?;
        let fewer =
            |(other, events): &(&TenantId, &u64)| *other != tenant && after.get(other).is_none_or(|now| now < events);
        match before.iter().find(fewer) {
            Some((other, _)) => Err(CommandError::Refused(format!(
                "tenant {other} has fewer events than before: compare the log with its backup before anything else"
            ))),
            None => Ok(()),
        }
    }

    async fn publish_left_behind(&self, tenant: &TenantId) -> Result<(), CommandError> {
        loop {
            let mut tx = purge::enter_to_erase(self.owner, tenant).await?;
            let left = steps::unpublished(&mut tx, DateTime::<Utc>::MAX_UTC, BATCH).await?;
            drop(tx);
            if left.is_empty() {
                return Ok(());
            }
            let ids: Vec<EventId> = left.iter().map(|event| event.id).collect();
            let publish = |event: Outgoing| self.desk.publish_as_it_is(event);
            stream::iter(left.into_iter().map(publish)).buffer_unordered(IN_FLIGHT).try_collect::<Vec<u64>>().await?;
            let mut tx = purge::enter_to_erase(self.owner, tenant).await?;
            steps::mark_published(&mut tx, &ids).await?;
            tx.commit().await?;
        }
    }

    /// What is left of the tenant, in words.
    async fn left(&self, tenant: &TenantId) -> Result<Vec<String>, CommandError> {
        let rows = purge::left(self.owner, tenant).await?;
        let rows = rows.iter().map(|(table, rows)| format!("{rows} rows in {table}"));
        let events = log::events_of(self.eraser, tenant).await?;
        Ok(rows.chain((events > 0).then(|| format!("{events} events"))).collect())
    }

    async fn finish(&self, tenant: &TenantId) -> Result<Receipt, CommandError> {
        let purge = purge::progress(self.owner, tenant).await?;
        let count = |rows: &i64| rows.unsigned_abs();
        let number = purge.id.unsigned_abs();
        let rows: BTreeMap<String, u64> =
            purge.rows_removed.iter().map(|(table, rows)| (table.clone(), count(rows))).collect();
        let (events, rows_of_others) = (count(&purge.events_removed), purge.rows_of_others.values().map(count).sum());
        let event = Event::TenantPurged(tenant::Purged {
            step: Step::done("purge", 0, number, Vec::new()).with("tenant", tenant),
            purged: tenant.clone(),
            rows: rows.clone(),
            events,
            rows_of_others,
        });
        let mut tx = self.desk.database().enter(&TenantId::platform()).await?;
        purge::finish(&mut tx, tenant, purge.id).await?;
        let sequence = self.desk.commit(tx, tenant_step(&TenantId::platform(), "purge", number), &event).await?;
        Ok(Receipt { number, rows, events, rows_of_others, sequence })
    }
}
