//! `lead_scores` and `lead_features`: a lead's score, why, and what it was made from.

use chrono::{DateTime, Utc};
use presdr_events::Event;

use super::json;
use crate::statement::Statement;
use crate::table::{Group, Newest, Table, rows};
use crate::{ApplyError, Projection, TenantBatch};

/// The read model.
pub(crate) struct Scores;

const SCORES: Table = Table {
    name: "lead_scores",
    key: &["run_id", "company_id"],
    groups: &[Group {
        order: &["version"],
        columns: &[
            "score",
            "bucket",
            "confidence",
            "rationale",
            "rationale_source",
            "contributions",
            "cache_key",
            "created_at",
        ],
    }],
    looked_up: None,
    merged: None,
};

const FEATURES: Table = Table {
    name: "lead_features",
    key: &["run_id", "company_id"],
    groups: &[Group { order: &["version"], columns: &["features"] }],
    looked_up: None,
    merged: None,
};

rows! {
    /// A score.
    struct Score in SCORES {
        run_id: i64 = "bigint",
        company_id: i64 = "bigint",
        score: f64 = "double precision",
        bucket: String = "text",
        confidence: f64 = "double precision",
        rationale: String = "text",
        rationale_source: &'static str = "text",
        contributions: String = "text" as "jsonb",
        cache_key: String = "text",
        created_at: DateTime<Utc> = "timestamptz",
        version: i64 = "bigint",
    }
}

rows! {
    /// What it was made from.
    struct Features in FEATURES {
        run_id: i64 = "bigint",
        company_id: i64 = "bigint",
        features: String = "text" as "jsonb",
        version: i64 = "bigint",
    }
}

impl Projection for Scores {
    fn name(&self) -> &'static str {
        "lead_scores"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["lead_scores", "lead_features"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let mut leads = Newest::new();
        for event in &batch.events {
            if let (Some(lead), Event::LeadScored(scored)) = (event.lead(), &event.envelope.event) {
                leads.offer(lead, event.version(), (lead, event.version(), event.envelope.time, scored));
            }
        }
        let leads: Vec<_> = leads.into_rows().collect();
        let scores = leads.iter().map(|((run_id, company_id), version, created_at, scored)| Score {
            run_id: *run_id,
            company_id: *company_id,
            score: scored.score,
            bucket: scored.bucket.clone(),
            confidence: scored.confidence,
            rationale: scored.rationale.clone(),
            rationale_source: scored.rationale_source.as_str(),
            contributions: json(&scored.contributions),
            cache_key: scored.cache_key.clone(),
            created_at: *created_at,
            version: *version,
        });
        let features = leads.iter().map(|((run_id, company_id), version, _, scored)| Features {
            run_id: *run_id,
            company_id: *company_id,
            features: scored.features.to_string(),
            version: *version,
        });
        Ok(Statement::list([Score::statement(&batch.tenant, scores)?, Features::statement(&batch.tenant, features)?]))
    }
}
