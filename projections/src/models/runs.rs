//! `enrichment_runs`: one row per run.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use presdr_events::{Event, TenantId, run};
use sqlx::PgConnection;

use super::{json, number};
use crate::statement::Statement;
use crate::table::{Group, Table, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Runs;

const TABLE: Table = Table {
    name: "enrichment_runs",
    key: &["run_id"],
    groups: &[
        Group {
            order: &["started_version"],
            columns: &["kind", "local_date", "cap", "icp_rule", "icp_version", "started_at"],
        },
        Group {
            order: &["candidates_version"],
            columns: &[
                "companies",
                "candidates",
                "candidates_added",
                "candidates_removed",
                "fallback",
                "after_filters",
            ],
        },
        Group { order: &["status_version"], columns: &["status"] },
        Group { order: &["ended_version"], columns: &["ended_at"] },
    ],
    looked_up: None,
    merged: None,
};

rows! {
    /// What a batch says about a run.
    #[derive(Default)]
    struct Row in TABLE {
        run_id: i64 = "bigint",
        kind: Option<&'static str> = "text",
        local_date: Option<NaiveDate> = "date",
        cap: Option<i64> = "bigint",
        icp_rule: Option<i64> = "bigint",
        icp_version: Option<i64> = "bigint",
        started_at: Option<DateTime<Utc>> = "timestamptz",
        started_version: i64 = "bigint",
        companies: Option<i64> = "bigint",
        candidates: Option<i64> = "bigint",
        candidates_added: Option<i64> = "bigint",
        candidates_removed: Option<i64> = "bigint",
        fallback: Option<bool> = "boolean",
        after_filters: Option<String> = "text" as "jsonb",
        candidates_version: i64 = "bigint",
        status: String = "text",
        status_version: i64 = "bigint",
        ended_at: Option<DateTime<Utc>> = "timestamptz",
        ended_version: i64 = "bigint",
    }
}

impl Projection for Runs {
    fn name(&self) -> &'static str {
        "enrichment_runs"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["enrichment_runs"]
    }

    fn reads(&self) -> &'static [&'static str] {
        &["run_event_logs"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let mut runs: BTreeMap<i64, Row> = BTreeMap::new();
        for event in &batch.events {
            if let Some(run_id) = event.run() {
                fold(
                    runs.entry(run_id).or_insert_with(|| Row {
                        run_id,
                        status: "running".to_owned(),
                        ..Row::default()
                    }),
                    event,
                );
            }
        }
        Ok(Statement::list([Row::statement(&batch.tenant, runs.into_values())?]))
    }

    /// A run is as degraded as its steps are.
    fn settle<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: &'a TenantId,
        runs: &'a [i64],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            sqlx::query(
                r#"update enrichment_runs as kept set degraded_reasons = found.reasons, degraded = found.reasons <> '{}'
                   from (
                       select run_id, coalesce(array_agg(distinct reason collate "C" order by reason collate "C"), '{}') as reasons
                       from run_event_logs, unnest(degraded_reasons) as reason
                       where tenant_id = $1 and run_id = any($2)
                       group by run_id
                   ) as found
                   where kept.tenant_id = $1 and kept.run_id = found.run_id and kept.degraded_reasons <> found.reasons"#,
            )
            .bind(tenant.as_str())
            .bind(runs)
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}

fn fold(row: &mut Row, event: &Recorded) {
    match &event.envelope.event {
        Event::RunStarted(started) => {
            fold_start(row, event, started);
            fold_status(row, event, "running");
        }
        Event::RunCandidatesRefreshed(refreshed) => fold_candidates(row, event, refreshed),
        Event::RunPaused(_) => fold_status(row, event, "paused"),
        Event::RunResumed(_) => fold_status(row, event, "running"),
        Event::RunCancelled(_) => fold_status(row, event, "cancelled"),
        Event::RunCompleted(completed) => {
            if event.version() > row.ended_version {
                (row.ended_version, row.ended_at) = (event.version(), Some(event.envelope.time));
            }
            fold_status(row, event, &completed.status);
        }
        _ => {}
    }
}

fn fold_start(row: &mut Row, event: &Recorded, started: &run::Started) {
    if event.version() > row.started_version {
        row.started_version = event.version();
        row.kind = Some(started.kind.as_str());
        row.local_date = started.local_date;
        row.cap = Some(i64::from(started.cap));
        row.icp_rule = Some(started.icp_rule);
        row.icp_version = Some(i64::from(started.icp_version));
        row.started_at = Some(event.envelope.time);
    }
}

fn fold_candidates(row: &mut Row, event: &Recorded, refreshed: &run::CandidatesRefreshed) {
    if event.version() > row.candidates_version {
        row.candidates_version = event.version();
        row.companies = Some(number(refreshed.before));
        row.candidates = Some(number(refreshed.candidates));
        row.candidates_added = Some(number(refreshed.added));
        row.candidates_removed = Some(number(refreshed.removed));
        row.fallback = Some(refreshed.fallback);
        row.after_filters = Some(json(&refreshed.after_filters));
    }
}

/// Attempts of pausing, resuming and ending count apart, so what holds is what happened last, wherever it stands in the log.
fn fold_status(row: &mut Row, event: &Recorded, status: &str) {
    let happened = event.envelope.time.timestamp_micros();
    if happened > row.status_version {
        row.status_version = happened;
        status.clone_into(&mut row.status);
    }
}
