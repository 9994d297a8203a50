//! `audit_log`: every event, once. What it already holds has been applied before, so it also tells repeats from news.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::number;
use crate::Recorded;
use crate::table::{Table, rows, text_array};

const TABLE: Table = Table { name: "audit_log", key: &["event_id"], groups: &[], looked_up: None, merged: None };

rows! {
    /// An event.
    struct Row in TABLE {
        event_id: Uuid = "uuid",
        sequence: i64 = "bigint",
        occurred_at: DateTime<Utc> = "timestamptz",
        event_type: &'static str = "text",
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
        correlation_id: Uuid = "uuid",
        causation_id: Option<Uuid> = "uuid",
    }
}

/// Writes events down and gives back those that are news. Of an id that is there twice, the first stored is the event.
pub(crate) async fn record<'a>(
    connection: &mut PgConnection,
    tenant: &TenantId,
    events: &[&'a Recorded],
) -> Result<Vec<&'a Recorded>, sqlx::Error> {
    let mut seen = HashSet::with_capacity(events.len());
    let ids: Vec<Uuid> = events.iter().map(|event| event.envelope.id.0).collect();
    let known: Vec<Uuid> =
        sqlx::query_scalar("select event_id from audit_log where tenant_id = $1 and event_id = any($2)")
            .bind(tenant.as_str())
            .bind(ids)
            .fetch_all(&mut *connection)
            .await?;
    seen.extend(known);
    let news: Vec<&Recorded> = events.iter().copied().filter(|event| seen.insert(event.envelope.id.0)).collect();
    Row::write(connection, tenant, news.iter().map(|event| row(event))).await?;
    Ok(news)
}

fn row(event: &Recorded) -> Row {
    let envelope = &event.envelope;
    let step = envelope.event.step();
    Row {
        event_id: envelope.id.0,
        sequence: event.sequence,
        occurred_at: envelope.time,
        event_type: envelope.event.event_type().name,
        source: envelope.source.clone(),
        actor: envelope.actor.as_str().to_owned(),
        run_id: event.run(),
        company_id: envelope.company.map(i64::from),
        tool: step.tool.clone(),
        arguments: event.arguments.clone(),
        status: step.status.as_str(),
        duration_ms: number(step.duration_ms),
        attempt: i64::from(step.attempt),
        degraded_reasons: text_array(&event.degraded_reasons),
        trace_id: envelope.traceparent.as_deref().and_then(trace_id),
        correlation_id: envelope.correlation.0,
        causation_id: envelope.causation.map(|id| id.0),
    }
}

/// The trace id of a W3C traceparent: `version-traceid-parentid-flags` (Trace Context, section 3.2).
fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).filter(|id| id.len() == 32).map(str::to_owned)
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
