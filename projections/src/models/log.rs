//! `run_event_logs`: every step of a run, as people filter it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::number;
use crate::statement::Statement;
use crate::table::{Table, rows, text_array};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct RunLog;

const TABLE: Table =
    Table { name: "run_event_logs", key: &["run_id", "sequence"], groups: &[], looked_up: None, merged: None };

rows! {
    /// A step.
    struct Row in TABLE {
        run_id: i64 = "bigint",
        sequence: i64 = "bigint",
        event_id: Uuid = "uuid",
        event_type: &'static str = "text",
        stage: String = "text",
        company_id: Option<i64> = "bigint",
        attempt: i64 = "bigint",
        status: &'static str = "text",
        duration_ms: i64 = "bigint",
        degraded_reasons: String = "text" as "text[]",
        tool: String = "text",
        arguments: String = "text" as "jsonb",
        occurred_at: DateTime<Utc> = "timestamptz",
    }
}

impl Projection for RunLog {
    fn name(&self) -> &'static str {
        "run_event_logs"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["run_event_logs"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        Ok(Statement::list([Row::statement(&batch.tenant, batch.events.iter().filter_map(|event| row(event)))?]))
    }
}

fn row(event: &Recorded) -> Option<Row> {
    let step = event.envelope.event.step();
    Some(Row {
        run_id: event.run()?,
        sequence: event.sequence,
        event_id: event.envelope.id.0,
        event_type: event.envelope.event.event_type().name,
        stage: step.tool.clone(),
        company_id: event.envelope.company.map(i64::from),
        attempt: i64::from(step.attempt),
        status: step.status.as_str(),
        duration_ms: number(step.duration_ms),
        degraded_reasons: text_array(&event.degraded_reasons),
        tool: step.tool.clone(),
        arguments: event.arguments.clone(),
        occurred_at: event.envelope.time,
    })
}
