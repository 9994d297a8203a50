//! `audit_log`: every event, once, linked in the order of the log. What it already holds has been applied before, so it also tells
//! repeats from news.

pub mod kept;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use presdr_events::{Digest, Subject, TenantId, chain};
use sqlx::PgConnection;
use uuid::Uuid;

use super::number;
use crate::batch::{Entry, storable};
use crate::table::{Table, rows, text_array};
use crate::{ProjectError, Recorded};

/// Its tables.
pub(crate) const TABLES: &[&str] = &["audit_log", "audit_heads"];
/// The status of an event that cannot be read.
const UNREADABLE: &str = "unreadable";
/// The earliest time that the database can keep: 4713 BC, in microseconds.
const EARLIEST_MICROS: i64 = -210_866_803_200_000_000;

const TABLE: Table = Table { name: "audit_log", key: &["event_id"], groups: &[], looked_up: None, merged: None };

rows! {
    /// An event.
    struct Row in TABLE {
        event_id: Uuid = "uuid",
        sequence: i64 = "bigint",
        occurred_at: DateTime<Utc> = "timestamptz",
        event_type: String = "text",
        source: String = "text",
        actor: String = "text",
        run_id: Option<i64> = "bigint",
        company_id: Option<i64> = "bigint",
        tool: String = "text",
        arguments: String = "text" as "jsonb",
        status: &'static str = "text",
        duration_ms: i64 = "bigint",
        attempt: i64 = "bigint",
        degraded_reasons: String = "text" as "text[]",
        trace_id: Option<String> = "text",
        correlation_id: Option<Uuid> = "uuid",
        causation_id: Option<Uuid> = "uuid",
        event_hash: Vec<u8> = "bytea",
        chain_hash: Vec<u8> = "bytea",
    }
}

/// Writes down what is news, readable or not, each linked to the one before it, and gives it back. Of an id that is there twice, the first
/// stored is the event.
///
/// # Errors
/// [`ProjectError::NoChain`] when the rows that are there were never linked; otherwise what the database says.
pub(crate) async fn record<'a>(
    connection: &mut PgConnection,
    tenant: &TenantId,
    entries: &'a [Entry],
) -> Result<Vec<&'a Entry>, ProjectError> {
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id.0).collect();
    let known: Vec<Uuid> =
        sqlx::query_scalar("select event_id from audit_log where tenant_id = $1 and event_id = any($2)")
            .bind(tenant.as_str())
            .bind(ids)
            .fetch_all(&mut *connection)
            .await?;
    let mut seen: HashSet<Uuid> = known.into_iter().collect();
    let news: Vec<&Entry> = entries.iter().filter(|entry| seen.insert(entry.id.0)).collect();
    if news.is_empty() {
        return Ok(news);
    }
    let mut head = Head::load(connection, tenant).await?;
    if let Some(rows) = Row::statement(tenant, news.iter().map(|entry| row(entry, head.link(entry))))? {
        rows.execute(connection).await?;
    }
    head.save(connection, tenant).await?;
    Ok(news)
}

/// The end of a tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// The place in the log of the last event.
    sequence: i64,
    /// How many events are linked.
    events: i64,
    /// The chain after the last.
    chain: Digest,
}

impl Head {
    /// Before a tenant's first event.
    fn genesis(tenant: &TenantId) -> Self {
        Self { sequence: 0, events: 0, chain: chain::genesis(tenant) }
    }

    async fn load(connection: &mut PgConnection, tenant: &TenantId) -> Result<Self, ProjectError> {
        let head: Option<(i64, i64, Vec<u8>)> =
            sqlx::query_as("select sequence, events, chain_hash from audit_heads where tenant_id = $1")
                .bind(tenant.as_str())
                .fetch_optional(&mut *connection)
                .await?;
        if let Some((sequence, events, chain)) = head {
            let chain = Digest::from_slice(&chain).map_err(|_| ProjectError::NoChain(tenant.clone()))?;
            return Ok(Self { sequence, events, chain });
        }
        let unlinked: bool = sqlx::query_scalar("select exists (select from audit_log where tenant_id = $1)")
            .bind(tenant.as_str())
            .fetch_one(connection)
            .await?;
        if unlinked { Err(ProjectError::NoChain(tenant.clone())) } else { Ok(Self::genesis(tenant)) }
    }

    /// Links one more event, and gives back the chain after it.
    fn link(&mut self, entry: &Entry) -> Digest {
        self.sequence = entry.sequence;
        self.events += 1;
        self.chain = chain::link(self.chain, entry.leaf);
        self.chain
    }

    async fn save(&self, connection: &mut PgConnection, tenant: &TenantId) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into audit_heads (tenant_id, sequence, events, chain_hash) values ($1, $2, $3, $4)
             on conflict (tenant_id) do update set
                 sequence = excluded.sequence, events = excluded.events, chain_hash = excluded.chain_hash",
        )
        .bind(tenant.as_str())
        .bind(self.sequence)
        .bind(self.events)
        .bind(self.chain.bytes().as_slice())
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// What is written down of an entry: nothing that the database would refuse, since the log is evidence of whatever it holds.
fn row(entry: &Entry, chain: Digest) -> Row {
    let (event_hash, chain_hash) = (entry.leaf.bytes().to_vec(), chain.bytes().to_vec());
    match &entry.read {
        Ok(event) => Row { event_hash, chain_hash, ..row_of_event(event) },
        Err(unreadable) => Row { event_hash, chain_hash, ..row_of_unreadable(entry, &unreadable.subject) },
    }
}

fn row_of_event(event: &Recorded) -> Row {
    let envelope = &event.envelope;
    let step = envelope.event.step();
    Row {
        event_id: envelope.id.0,
        sequence: event.sequence,
        occurred_at: keepable(envelope.time),
        event_type: envelope.event.event_type().name.to_owned(),
        source: storable(&envelope.source).into_owned(),
        actor: envelope.actor.as_str().to_owned(),
        run_id: event.run(),
        company_id: envelope.company.map(i64::from),
        tool: storable(&step.tool).into_owned(),
        arguments: event.arguments.clone(),
        status: step.status.as_str(),
        duration_ms: number(step.duration_ms),
        attempt: i64::from(step.attempt),
        degraded_reasons: text_array(&event.degraded_reasons),
        trace_id: envelope.traceparent.as_deref().and_then(trace_id),
        correlation_id: Some(envelope.correlation.0),
        causation_id: envelope.causation.map(|id| id.0),
        event_hash: vec![],
        chain_hash: vec![],
    }
}

/// Of an event that cannot be read nothing is known but where and when it was stored.
fn row_of_unreadable(entry: &Entry, subject: &str) -> Row {
    let event_type = Subject::parse(subject).map_or_else(|_| subject.to_owned(), |subject| subject.name);
    Row {
        event_id: entry.id.0,
        sequence: entry.sequence,
        occurred_at: entry.stored_at,
        event_type: storable(&event_type).into_owned(),
        source: String::new(),
        actor: String::new(),
        run_id: None,
        company_id: None,
        tool: String::new(),
        arguments: "{}".to_owned(),
        status: UNREADABLE,
        duration_ms: 0,
        attempt: 0,
        degraded_reasons: "{}".to_owned(),
        trace_id: None,
        correlation_id: None,
        causation_id: None,
        event_hash: vec![],
        chain_hash: vec![],
    }
}

fn keepable(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(EARLIEST_MICROS).map_or(time, |earliest| time.max(earliest))
}

/// The trace id of a W3C traceparent: `version-traceid-parentid-flags` (Trace Context, section 3.2).
fn trace_id(traceparent: &str) -> Option<String> {
    let id = traceparent.split('-').nth(1).filter(|id| id.len() == 32)?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_the_second_part_of_a_traceparent() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(traceparent).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(trace_id("nonsense"), None);
    }
}
