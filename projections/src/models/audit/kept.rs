//! The audit log read back, to be compared with the log that it was made from.

use chrono::{DateTime, Utc};
use presdr_events::{Digest, EventId, TenantId};
use presdr_store::TenantTx;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::row;
use crate::table::text_array;
use crate::{Entry, ProjectError};

/// Times that were cut to the database's microseconds may differ by this.
const TIME_CUT_MICROS: i64 = 1;

/// A row of the audit log as it stands there.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct AuditRow {
    event_id: Uuid,
    sequence: i64,
    occurred_at: DateTime<Utc>,
    event_type: String,
    source: String,
    actor: String,
    run_id: Option<i64>,
    company_id: Option<i64>,
    tool: String,
    arguments: Value,
    status: String,
    duration_ms: i64,
    attempt: i64,
    degraded_reasons: Vec<String>,
    trace_id: Option<String>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    event_hash: Vec<u8>,
    chain_hash: Vec<u8>,
}

impl AuditRow {
    /// Its event's place in the log, as it says.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Its event's id, as it says.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId(self.event_id)
    }

    /// Its event's digest, as it says; none when it holds something else.
    #[must_use]
    pub fn leaf(&self) -> Option<Digest> {
        Digest::from_slice(&self.event_hash).ok()
    }

    /// The chain after its event, as it says; none when it holds something else.
    #[must_use]
    pub fn chain(&self) -> Option<Digest> {
        Digest::from_slice(&self.chain_hash).ok()
    }

    /// The columns that say something else than the event does. The chain is for whoever walks it.
    #[must_use]
    pub fn altered(&self, entry: &Entry) -> Vec<&'static str> {
        let said = row(entry, entry.leaf);
        let arguments: Option<Value> = serde_json::from_str(&said.arguments).ok();
        let time = (self.occurred_at - said.occurred_at).num_microseconds();
        let columns = [
            ("event_id", self.event_id == said.event_id),
            ("sequence", self.sequence == said.sequence),
            ("occurred_at", time.is_some_and(|apart| apart.abs() <= TIME_CUT_MICROS)),
            ("event_type", self.event_type == said.event_type),
            ("source", self.source == said.source),
            ("actor", self.actor == said.actor),
            ("run_id", self.run_id == said.run_id),
            ("company_id", self.company_id == said.company_id),
            ("tool", self.tool == said.tool),
            ("arguments", Some(&self.arguments) == arguments.as_ref()),
            ("status", self.status == said.status),
            ("duration_ms", self.duration_ms == said.duration_ms),
            ("attempt", self.attempt == said.attempt),
            ("degraded_reasons", text_array(&self.degraded_reasons) == said.degraded_reasons),
            ("trace_id", self.trace_id == said.trace_id),
            ("correlation_id", self.correlation_id == said.correlation_id),
            ("causation_id", self.causation_id == said.causation_id),
            ("event_hash", self.event_hash == said.event_hash),
        ];
        columns.into_iter().filter(|(_, same)| !same).map(|(column, _)| column).collect()
    }
}

/// The audit log's rows behind place `after` of the log, up to and with `last`, in order.
///
/// # Errors
/// What the database says.
pub async fn rows(tx: &mut TenantTx, after: i64, last: i64) -> Result<Vec<AuditRow>, ProjectError> {
    let tenant = tx.tenant().clone();
    Ok(sqlx::query_as(
        "select event_id, sequence, occurred_at, event_type, source, actor, run_id, company_id, tool, arguments, status, duration_ms,
                attempt, degraded_reasons, trace_id, correlation_id, causation_id, event_hash, chain_hash
         from audit_log where tenant_id = $1 and sequence > $2 and sequence <= $3 order by sequence, event_id",
    )
    .bind(tenant.as_str())
    .bind(after)
    .bind(last)
    .fetch_all(&mut **tx)
    .await?)
}

/// The places of the rows that hold these events.
///
/// # Errors
/// What the database says.
pub async fn places(tx: &mut TenantTx, ids: &[EventId]) -> Result<Vec<(EventId, i64)>, ProjectError> {
    let tenant = tx.tenant().clone();
    let found: Vec<(Uuid, i64)> =
        sqlx::query_as("select event_id, sequence from audit_log where tenant_id = $1 and event_id = any($2)")
            .bind(tenant.as_str())
            .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
            .fetch_all(&mut **tx)
            .await?;
    Ok(found.into_iter().map(|(id, sequence)| (EventId(id), sequence)).collect())
}

/// The end of a tenant's chain, and how far the log was read when that was the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The place in the log of the last event that is linked; 0 when there is none.
    pub sequence: i64,
    /// How many events are linked.
    pub events: i64,
    /// The chain after the last.
    pub chain: Digest,
    /// Up to here the log was read.
    pub read_to: i64,
}

/// The end of the tenant's chain as the read models have it; nothing before a projector ran.
///
/// # Errors
/// [`ProjectError::NoChain`] when its rows were never linked; otherwise what the database says.
pub async fn head(tx: &mut TenantTx) -> Result<Option<AuditHead>, ProjectError> {
    let tenant: TenantId = tx.tenant().clone();
    // One statement, so both are of one moment.
    let found: Option<HeadRow> = sqlx::query_as(
        "select c.sequence as read_to, h.sequence, h.events, h.chain_hash,
                exists (select from audit_log where tenant_id = $1) as has_rows
         from projection_checkpoints c left join audit_heads h on h.tenant_id = $1
         where c.name = $2 and c.schema = 'live'",
    )
    .bind(tenant.as_str())
    .bind(crate::CHECKPOINT)
    .fetch_optional(&mut **tx)
    .await?;
    let unlinked = || ProjectError::NoChain(tenant.clone());
    let Some(found) = found else { return Ok(None) };
    let HeadRow { read_to, sequence, events, chain_hash, has_rows } = found;
    match (sequence, events, chain_hash) {
        (Some(sequence), Some(events), Some(chain)) => {
            let chain = Digest::from_slice(&chain).map_err(|_| unlinked())?;
            Ok(Some(AuditHead { sequence, events, chain, read_to }))
        }
        _ if has_rows => Err(unlinked()),
        _ => Ok(Some(AuditHead { sequence: 0, events: 0, chain: presdr_events::chain::genesis(&tenant), read_to })),
    }
}

/// The checkpoint, and the end of the chain beside it if there is one.
#[derive(FromRow)]
struct HeadRow {
    read_to: i64,
    sequence: Option<i64>,
    events: Option<i64>,
    chain_hash: Option<Vec<u8>>,
    has_rows: bool,
}
