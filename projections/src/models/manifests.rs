//! `run_manifests`: which companies a run chose, and which it shortlisted, in order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, Event};

use super::{json, number};
use crate::statement::Statement;
use crate::table::{Group, Table, number_array, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Manifests;

const TABLE: Table = Table {
    name: "run_manifests",
    key: &["run_id"],
    groups: &[
        Group { order: &["selected_version"], columns: &["selected_ids", "candidates", "never_seen"] },
        Group { order: &["shortlist_version"], columns: &["shortlisted_ids", "buckets", "shortlisted_at"] },
    ],
    looked_up: None,
    merged: None,
};

rows! {
    /// What a batch says about a run's choice.
    #[derive(Default)]
    struct Row in TABLE {
        run_id: i64 = "bigint",
        selected_ids: String = "text" as "bigint[]",
        candidates: Option<i64> = "bigint",
        never_seen: Option<i64> = "bigint",
        selected_version: i64 = "bigint",
        shortlisted_ids: Option<String> = "text" as "bigint[]",
        buckets: Option<String> = "text" as "jsonb",
        shortlisted_at: Option<DateTime<Utc>> = "timestamptz",
        shortlist_version: i64 = "bigint",
    }
}

impl Projection for Manifests {
    fn name(&self) -> &'static str {
        "run_manifests"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["run_manifests"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let mut runs: BTreeMap<i64, Row> = BTreeMap::new();
        for event in &batch.events {
            if let (Some(run_id), Event::RunTargeted(_) | Event::RunShortlisted(_)) =
                (event.run(), &event.envelope.event)
            {
                fold(
                    runs.entry(run_id).or_insert_with(|| Row {
                        run_id,
                        selected_ids: number_array([]),
                        ..Row::default()
                    }),
                    event,
                );
            }
        }
        Ok(Statement::list([Row::statement(&batch.tenant, runs.into_values())?]))
    }
}

fn fold(row: &mut Row, event: &Recorded) {
    match &event.envelope.event {
        Event::RunTargeted(targeted) if event.version() > row.selected_version => {
            row.selected_version = event.version();
            row.selected_ids = ids(&targeted.company_ids);
            row.candidates = Some(number(targeted.candidates));
            row.never_seen = Some(i64::from(targeted.never_seen));
        }
        Event::RunShortlisted(shortlisted) if event.version() > row.shortlist_version => {
            row.shortlist_version = event.version();
            row.shortlisted_ids = Some(ids(&shortlisted.company_ids));
            row.buckets = Some(json(&shortlisted.buckets));
            row.shortlisted_at = Some(event.envelope.time);
        }
        _ => {}
    }
}

fn ids(companies: &[CompanyId]) -> String {
    number_array(companies.iter().map(|company| company.get()))
}
