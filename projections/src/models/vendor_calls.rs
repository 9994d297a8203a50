//! `vendor_calls`: every question to a vendor, with its cost.

use chrono::{DateTime, Utc};
use presdr_events::Event;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::number;
use crate::statement::Statement;
use crate::table::{Table, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct VendorCalls;

const TABLE: Table = Table { name: "vendor_calls", key: &["event_id"], groups: &[], looked_up: None, merged: None };

rows! {
    /// A question.
    struct Row in TABLE {
        event_id: Uuid = "uuid",
        sequence: i64 = "bigint",
        run_id: Option<i64> = "bigint",
        company_id: Option<i64> = "bigint",
        attempt: i64 = "bigint",
        step: String = "text",
        vendor: String = "text",
        operation: String = "text",
        purpose: String = "text",
        because: String = "text",
        status: &'static str = "text",
        units: Decimal = "numeric",
        tokens_input: i64 = "bigint",
        tokens_output: i64 = "bigint",
        cost_usd: Decimal = "numeric",
        latency_ms: i64 = "bigint",
        http_status: Option<i32> = "integer",
        requests: i64 = "bigint",
        rate_limit_hits: i64 = "bigint",
        quota_exhausted: bool = "boolean",
        cache_hit: bool = "boolean",
        ledger_id: Option<Uuid> = "uuid",
        called_at: DateTime<Utc> = "timestamptz",
    }
}

impl Projection for VendorCalls {
    fn name(&self) -> &'static str {
        "vendor_calls"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["vendor_calls"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        Ok(Statement::list([Row::statement(&batch.tenant, batch.events.iter().filter_map(|event| row(event)))?]))
    }
}

fn row(event: &Recorded) -> Option<Row> {
    let Event::VendorCalled(call) = &event.envelope.event else { return None };
    Some(Row {
        event_id: event.envelope.id.0,
        sequence: event.sequence,
        run_id: event.run(),
        company_id: event.envelope.company.map(i64::from),
        attempt: i64::from(call.step.attempt),
        step: call.step.tool.clone(),
        vendor: call.vendor.clone(),
        operation: call.operation.clone(),
        purpose: call.purpose.clone(),
        because: call.because.clone(),
        status: call.status.as_str(),
        units: call.units,
        tokens_input: number(call.tokens_input),
        tokens_output: number(call.tokens_output),
        cost_usd: call.cost_usd,
        latency_ms: number(call.latency_ms),
        http_status: call.http_status.map(i32::from),
        requests: i64::from(call.requests),
        rate_limit_hits: i64::from(call.rate_limit_hits),
        quota_exhausted: call.quota_exhausted,
        cache_hit: call.cache_hit,
        ledger_id: call.ledger_id,
        called_at: event.envelope.time,
    })
}
