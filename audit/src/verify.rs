//! A tenant's log, its audit log and its checkpoints, compared with one another from the oldest kept checkpoint on.

use std::collections::HashMap;

use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt};
use presdr_events::{Event as Fact, TenantId, audit::SignedCheckpoint};
use presdr_projections::{
    Entry,
    audit::{self, AuditHead, AuditRow},
};
use presdr_store::Database;
use serde::Serialize;

use crate::{
    checkpoints,
    error::AuditError,
    finding::{Difference, Finding, Signed, Store},
    firsts::Firsts,
    keys::PublicKeys,
    log::{Log, Message},
    walk::{Event, Head, Row, Walk},
};

/// Events that are looked at together.
pub(crate) const STRETCH: usize = 1_000;

/// What was verified, when nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whose.
    pub tenant: TenantId,
    /// The checkpoint at which it began; none when it began with the tenant's first event.
    pub from_checkpoint: Option<u32>,
    /// That checkpoint's day.
    pub from_day: Option<NaiveDate>,
    /// The newest checkpoint, which covers what it signed.
    pub to_checkpoint: Option<u32>,
    /// That checkpoint's day.
    pub to_day: Option<NaiveDate>,
    /// Events that were compared, each once.
    pub events: u64,
    /// The place of the last of them.
    pub sequence: u64,
    /// Of these, events that no checkpoint covers yet.
    pub not_signed_yet: u64,
}

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub struct Stores<'a> {
    /// A pool of a role that may read the audit log.
    pub database: &'a Database,
    /// The log.
    pub log: &'a Log,
}

impl Stores<'_> {
    /// Verifies one tenant. `known` are checkpoints that were kept elsewhere, of any tenant.
    ///
    /// # Errors
    /// [`AuditError`] when it could not be verified. What was found is the inner error.
    pub async fn verify(
        &self,
        tenant: &TenantId,
        keys: &PublicKeys,
        known: &[SignedCheckpoint],
    ) -> Result<Result<Verified, Finding>, AuditError> {
        let (head, kept) = self.read(tenant).await?;
        if let Err(finding) = checkpoints::check(&kept, keys).and_then(|()| compare_known(tenant, &kept, known, keys)) {
            return Ok(Err(finding));
        }
        // While the first is kept everything is; otherwise retention has taken what is before the oldest.
        let oldest = kept.first().filter(|oldest| oldest.checkpoint.number > 1).cloned();
        let start = oldest.as_ref().map_or_else(|| Head::genesis(tenant), |oldest| Head::of(&oldest.checkpoint));
        let walked = self.walk(tenant, start, &head, &kept).await?;
        Ok(walked.map(|(head, covered)| Verified {
            tenant: tenant.clone(),
            from_checkpoint: oldest.as_ref().map(|oldest| oldest.checkpoint.number),
            from_day: oldest.as_ref().map(|oldest| oldest.checkpoint.day),
            to_checkpoint: kept.last().map(|newest| newest.checkpoint.number),
            to_day: kept.last().map(|newest| newest.checkpoint.day),
            events: head.events - start.events,
            sequence: head.sequence,
            not_signed_yet: head.events - covered.max(start.events),
        }))
    }

    /// The end of the tenant's chain, then its checkpoints: one that the log tells of up to there was kept before.
    pub(crate) async fn read(&self, tenant: &TenantId) -> Result<(AuditHead, Vec<SignedCheckpoint>), AuditError> {
        let mut tx = self.database.enter(tenant).await?;
        let head = audit::head(&mut tx).await?;
        let kept = checkpoints::kept(&mut tx).await?;
        tx.commit().await?;
        let nothing = || AuditError::Refused("nothing was projected yet: `presdr up`, or `presdr project`".to_owned());
        Ok((head.ok_or_else(nothing)?, kept))
    }

    /// Walks from `start` to where the audit log has read. `kept` are all checkpoints that are kept. Tells how far it came, and how many
    /// events are covered.
    pub(crate) async fn walk(
        &self,
        tenant: &TenantId,
        start: Head,
        head: &AuditHead,
        kept: &[SignedCheckpoint],
    ) -> Result<Result<(Head, u64), Finding>, AuditError> {
        let ahead = kept.iter().filter(|signed| signed.checkpoint.sequence >= start.sequence).cloned();
        let mut walk = Walk::new(tenant.clone(), start, ahead);
        let mut told = None;
        let (read_to, ends) = (head.read_to.unsigned_abs(), self.log.last_sequence().await?);
        let mut firsts = Firsts::new(*self, tenant, start.sequence);
        let mut messages =
            std::pin::pin!(self.log.of_tenant(tenant, start.sequence, read_to).await?.try_chunks(STRETCH));
        let mut after = start.sequence;
        while let Some(stretch) = messages.next().await {
            let stretch = stretch.map_err(|error| error.1)?;
            let to = stretch.last().map_or(after, |message| message.sequence);
            let events: Vec<Entry> = firsts.keep(stretch).await?.iter().map(|(_, message)| read(message)).collect();
            let rows = self.rows(tenant, after, to, &events).await?;
            told = told.or_else(|| told_checkpoints(tenant, &events, kept));
            walk.walk(events.iter().map(walked).collect(), rows, to);
            if walk.is_over() {
                break;
            }
            after = to;
        }
        if !walk.is_over() {
            let rows = self.rows(tenant, after, read_to, &[]).await?;
            walk.walk(vec![], rows, read_to);
        }
        let reached = walk.head();
        let (ends, of) = if ends < read_to { (ends, Store::Log) } else { (read_to, Store::AuditLog) };
        let covered = match walk.end(ends, of) {
            Err(finding) => return Ok(Err(finding)),
            Ok(covered) => covered,
        };
        let covered = kept.iter().rev().find(|signed| signed.checkpoint.sequence <= covered);
        let covered = covered.map_or(0, |signed| signed.checkpoint.events);
        Ok(told.map_or(Ok(()), Err).and_then(|()| compare_head(tenant, head, reached)).map(|()| (reached, covered)))
    }
}

impl Stores<'_> {
    async fn rows(&self, tenant: &TenantId, after: u64, to: u64, events: &[Entry]) -> Result<Vec<Row>, AuditError> {
        let mut tx = self.database.enter(tenant).await?;
        let rows = audit::rows(&mut tx, place(after), place(to)).await?;
        tx.commit().await?;
        Ok(by_place(events, rows))
    }
}

fn walked(entry: &Entry) -> Event {
    Event { sequence: entry.sequence.unsigned_abs(), id: entry.id, leaf: entry.leaf }
}

/// What the audit log says the end of its chain is.
fn compare_head(tenant: &TenantId, head: &AuditHead, reached: Head) -> Result<(), Finding> {
    let said = Head { sequence: head.sequence.unsigned_abs(), events: head.events.unsigned_abs(), chain: head.chain };
    if said == reached {
        return Ok(());
    }
    Err(Finding { tenant: tenant.clone(), sequence: None, event_id: None, difference: Difference::Head })
}

/// Checkpoints that were kept elsewhere must be here, the same.
fn compare_known(
    tenant: &TenantId,
    kept: &[SignedCheckpoint],
    known: &[SignedCheckpoint],
    keys: &PublicKeys,
) -> Result<(), Finding> {
    let oldest = kept.first().map_or(0, |oldest| oldest.checkpoint.number);
    for signed in
        known.iter().filter(|signed| signed.checkpoint.tenant == *tenant && signed.checkpoint.number >= oldest)
    {
        compare_one(kept, signed, "the checkpoints that were given", Some(keys))?;
    }
    Ok(())
}

/// Checkpoints that the log tells of must be kept, the same.
fn told_checkpoints(tenant: &TenantId, events: &[Entry], kept: &[SignedCheckpoint]) -> Option<Finding> {
    let oldest = kept.first().map_or(0, |oldest| oldest.checkpoint.number);
    events.iter().find_map(|entry| {
        let Some(Fact::AuditCheckpointed(told)) = entry.event().map(|event| &event.envelope.event) else { return None };
        if told.signed.checkpoint.tenant != *tenant || told.signed.checkpoint.number < oldest {
            return None;
        }
        compare_one(kept, &told.signed, &format!("event {} of the log", entry.sequence), None).err()
    })
}

fn compare_one(
    kept: &[SignedCheckpoint],
    signed: &SignedCheckpoint,
    known_from: &str,
    keys: Option<&PublicKeys>,
) -> Result<(), Finding> {
    let (checkpoint, known_from) = (signed.checkpoint.number, known_from.to_owned());
    let difference = match kept.iter().find(|one| one.checkpoint.number == checkpoint) {
        Some(one) if one == signed => return Ok(()),
        _ if keys.is_some_and(|keys| !keys.verify(signed)) => Difference::Signature { checkpoint },
        Some(_) => Difference::TwoCheckpoints { checkpoint, known_from },
        None => Difference::NoCheckpoint { checkpoint, known_from },
    };
    let (tenant, sequence) = (signed.checkpoint.tenant.clone(), Some(signed.checkpoint.sequence));
    Err(Finding { tenant, sequence, event_id: None, difference })
}

fn read(message: &Message) -> Entry {
    Entry::read(place(message.sequence), &message.subject, &message.body, message.stored_at)
}

fn place(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The rows as the walk takes them, each compared with the event of its place.
fn by_place(events: &[Entry], rows: Vec<AuditRow>) -> Vec<Row> {
    let of_place: HashMap<i64, &Entry> = events.iter().map(|entry| (entry.sequence, entry)).collect();
    let walked = |row: AuditRow| Row {
        sequence: row.sequence().unsigned_abs(),
        id: row.id(),
        leaf: row.leaf(),
        chain: row.chain(),
        altered: of_place.get(&row.sequence()).map_or_else(Vec::new, |entry| row.altered(entry)),
    };
    rows.into_iter().map(walked).collect()
}

impl Difference {
    /// Says which side of the difference was signed, where there are two.
    pub(crate) fn decide(&mut self, which: Signed) {
        match self {
            Self::NoRow { signed } | Self::NoEvent { signed } | Self::Differs { signed, .. } => *signed = which,
            _ => {}
        }
    }
}
