//! `alerts`: what an operator should look at.

use chrono::{DateTime, Utc};
use presdr_events::Event;
use uuid::Uuid;

use crate::statement::Statement;
use crate::table::{Table, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Alerts;

const TABLE: Table = Table { name: "alerts", key: &["event_id"], groups: &[], looked_up: None, merged: None };

rows! {
    /// An alert.
    struct Row in TABLE {
        event_id: Uuid = "uuid",
        sequence: i64 = "bigint",
        run_id: Option<i64> = "bigint",
        alert: String = "text",
        value: Option<f64> = "double precision",
        limit_value: Option<f64> = "double precision",
        message: String = "text",
        degraded_reason: Option<&'static str> = "text",
        raised_at: DateTime<Utc> = "timestamptz",
    }
}

impl Projection for Alerts {
    fn name(&self) -> &'static str {
        "alerts"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["alerts"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        Ok(Statement::list([Row::statement(&batch.tenant, batch.events.iter().filter_map(|event| row(event)))?]))
    }
}

fn row(event: &Recorded) -> Option<Row> {
    let Event::AlertRaised(alert) = &event.envelope.event else { return None };
    Some(Row {
        event_id: event.envelope.id.0,
        sequence: event.sequence,
        run_id: event.run(),
        alert: alert.alert.clone(),
        value: alert.value,
        limit_value: alert.limit,
        message: alert.message.clone(),
        degraded_reason: alert.degraded.map(|reason| reason.as_str()),
        raised_at: event.envelope.time,
    })
}
