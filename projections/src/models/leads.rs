//! `company_enrichment_runs`: one row per lead, filled as it goes along.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use presdr_events::{Event, lead, vendor};

use super::json;
use crate::statement::Statement;
use crate::table::{Group, Lookup, Merge, Table, rows, text_array};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Leads;

const TABLE: Table = Table {
    name: "company_enrichment_runs",
    key: &["run_id", "company_id"],
    groups: &[
        Group { order: &["admitted_version"], columns: &["position", "admitted_at", "deadline_at"] },
        Group { order: &["domain_version"], columns: &["domain", "domain_method", "domain_confidence"] },
        Group {
            order: &["visit_version"],
            columns: &["visit_verdict", "pages_read", "robots", "measured", "visited_at"],
        },
        Group {
            order: &["extracted_version"],
            columns: &[
                "about_text",
                "corpus_hash",
                "words",
                "text_characters",
                "language",
                "tech_stack",
                "social_networks",
                "keywords",
                "careers",
                "jobs_count",
                "identity_confirmed",
                "emails_found",
                "ai_model",
                "ai_fields",
                "ai_dropped",
            ],
        },
        Group { order: &["vendor_read_version"], columns: &["vendor_read_verdict", "vendor_pages"] },
        Group { order: &["contacts_version"], columns: &["contacts_found"] },
        Group { order: &["outcome_version"], columns: &["outcome", "outcome_reason", "ended_at"] },
    ],
    // The text is a record with a life of its own: a text that is gone is not brought back.
    looked_up: Some(Lookup {
        join: "left join lateral (select about_text from public.lead_texts as text where text.tenant_id = $1 \
               and text.company_id = given.company_id and text.run_id = given.run_id \
               and text.attempt = (given.extracted_version >> 47)::integer and text.corpus_hash = given.corpus_hash limit 1) as text on true",
        columns: &[("about_text", "text.about_text")],
    }),
    merged: Some(Merge {
        when: "excluded.degraded_attempt > kept.degraded_attempt \
               or excluded.degraded_attempt = kept.degraded_attempt and not excluded.degraded_reasons <@ kept.degraded_reasons",
        sets: &[
            (
                "degraded_reasons",
                r#"case when excluded.degraded_attempt > kept.degraded_attempt then excluded.degraded_reasons
                        when excluded.degraded_attempt < kept.degraded_attempt then kept.degraded_reasons
                        else coalesce((select array_agg(distinct reason collate "C" order by reason collate "C")
                                       from unnest(kept.degraded_reasons || excluded.degraded_reasons) as reason), '{}') end"#,
            ),
            ("degraded_attempt", "greatest(excluded.degraded_attempt, kept.degraded_attempt)"),
        ],
    }),
};

rows! {
    /// What a batch says about a lead.
    #[derive(Default)]
    struct Row in TABLE {
        run_id: i64 = "bigint",
        company_id: i64 = "bigint",
        position: Option<i64> = "bigint",
        admitted_at: Option<DateTime<Utc>> = "timestamptz",
        deadline_at: Option<DateTime<Utc>> = "timestamptz",
        admitted_version: i64 = "bigint",
        domain: Option<String> = "text",
        domain_method: Option<String> = "text",
        domain_confidence: Option<f64> = "double precision",
        domain_version: i64 = "bigint",
        visit_verdict: Option<String> = "text",
        pages_read: Option<i64> = "bigint",
        robots: Option<String> = "text",
        measured: Option<String> = "text" as "jsonb",
        visited_at: Option<DateTime<Utc>> = "timestamptz",
        visit_version: i64 = "bigint",
        corpus_hash: Option<String> = "text",
        words: Option<i64> = "bigint",
        text_characters: Option<i64> = "bigint",
        language: Option<String> = "text",
        tech_stack: Option<String> = "text" as "text[]",
        social_networks: Option<String> = "text" as "text[]",
        keywords: Option<String> = "text" as "text[]",
        careers: Option<bool> = "boolean",
        jobs_count: Option<i64> = "bigint",
        identity_confirmed: Option<bool> = "boolean",
        emails_found: Option<i64> = "bigint",
        ai_model: Option<String> = "text",
        ai_fields: Option<String> = "text" as "text[]",
        ai_dropped: Option<String> = "text" as "jsonb",
        extracted_version: i64 = "bigint",
        vendor_read_verdict: Option<String> = "text",
        vendor_pages: Option<i64> = "bigint",
        vendor_read_version: i64 = "bigint",
        contacts_found: Option<i64> = "bigint",
        contacts_version: i64 = "bigint",
        outcome: Option<&'static str> = "text",
        outcome_reason: Option<String> = "text",
        ended_at: Option<DateTime<Utc>> = "timestamptz",
        outcome_version: i64 = "bigint",
        degraded_reasons: String = "text" as "text[]",
        degraded_attempt: i64 = "bigint",
    }
}

impl Projection for Leads {
    fn name(&self) -> &'static str {
        "company_enrichment_runs"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["company_enrichment_runs"]
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let mut leads: BTreeMap<(i64, i64), Lead> = BTreeMap::new();
        for event in &batch.events {
            if let Some(key @ (run_id, company_id)) = event.lead() {
                let new = || Lead { row: Row { run_id, company_id, ..Row::default() }, reasons: BTreeSet::new() };
                leads.entry(key).or_insert_with(new).fold(event);
            }
        }
        Ok(Statement::list([Row::statement(&batch.tenant, leads.into_values().map(Lead::into_row))?]))
    }
}

/// A lead as far as one batch tells.
struct Lead {
    row: Row,
    /// What is missing at the highest attempt.
    reasons: BTreeSet<String>,
}

impl Lead {
    fn fold(&mut self, event: &Recorded) {
        self.fold_reasons(event);
        match &event.envelope.event {
            Event::LeadAdmitted(admitted) => self.fold_admitted(event, admitted),
            Event::LeadDomainResolved(found) => {
                self.fold_domain(event, Some((&found.domain, &found.method, found.confidence)));
            }
            Event::LeadDomainMissing(_) => self.fold_domain(event, None),
            Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => {
                self.fold_visit(event, visit)
            }
            Event::LeadVendorRead(read) => self.fold_vendor_read(event, read),
            Event::LeadExtracted(extracted) => self.fold_extracted(event, extracted),
            Event::LeadContactsFound(found) => self.fold_contacts(event, found),
            Event::LeadScored(_) => self.fold_outcome(event, "scored", None),
            Event::LeadDropped(dropped) => self.fold_outcome(event, "dropped", Some(&dropped.reason)),
            Event::LeadParked(parked) => self.fold_outcome(event, "parked", Some(&parked.error)),
            Event::LeadTimedOut(_) => self.fold_outcome(event, "timed_out", None),
            _ => {}
        }
    }

    fn fold_reasons(&mut self, event: &Recorded) {
        let attempt = i64::from(event.envelope.event.attempt());
        if attempt > self.row.degraded_attempt {
            self.row.degraded_attempt = attempt;
            self.reasons.clear();
        }
        if attempt == self.row.degraded_attempt {
            self.reasons.extend(event.degraded_reasons.iter().cloned());
        }
    }

    fn fold_admitted(&mut self, event: &Recorded, admitted: &lead::Admitted) {
        if event.version() > self.row.admitted_version {
            self.row.admitted_version = event.version();
            self.row.position = Some(i64::from(admitted.position));
            self.row.admitted_at = Some(event.envelope.time);
            self.row.deadline_at = Some(admitted.deadline);
        }
    }

    fn fold_domain(&mut self, event: &Recorded, found: Option<(&String, &String, f64)>) {
        if event.version() > self.row.domain_version {
            self.row.domain_version = event.version();
            self.row.domain = found.map(|(domain, _, _)| domain.clone());
            self.row.domain_method = found.map(|(_, method, _)| method.clone());
            self.row.domain_confidence = found.map(|(_, _, confidence)| confidence);
        }
    }

    fn fold_visit(&mut self, event: &Recorded, visit: &lead::Visit) {
        if event.version() > self.row.visit_version {
            self.row.visit_version = event.version();
            self.row.visit_verdict = Some(visit.verdict.clone());
            self.row.pages_read = i64::try_from(visit.pages.len()).ok();
            self.row.robots = Some(visit.robots.clone());
            self.row.measured = Some(json(&visit.measured));
            self.row.visited_at = Some(event.envelope.time);
        }
    }

    fn fold_extracted(&mut self, event: &Recorded, extracted: &lead::Extracted) {
        let row = &mut self.row;
        if event.version() > row.extracted_version {
            row.extracted_version = event.version();
            row.corpus_hash = Some(extracted.corpus_hash.clone());
            row.words = Some(i64::from(extracted.words));
            row.text_characters = Some(i64::from(extracted.text_characters));
            row.language.clone_from(&extracted.language);
            row.tech_stack = Some(text_array(&extracted.technologies));
            row.social_networks = Some(text_array(&extracted.social_networks));
            row.keywords = Some(text_array(&extracted.keywords));
            row.careers = Some(extracted.careers);
            row.jobs_count = Some(i64::from(extracted.jobs_count));
            row.identity_confirmed = Some(extracted.identity_confirmed);
            row.emails_found = i64::try_from(extracted.emails.len()).ok();
            row.ai_model = extracted.ai.as_ref().map(|ai| ai.model.clone());
            row.ai_fields = extracted.ai.as_ref().map(|ai| text_array(&ai.fields));
            row.ai_dropped = extracted.ai.as_ref().map(|ai| json(&ai.dropped));
        }
    }

    fn fold_vendor_read(&mut self, event: &Recorded, read: &vendor::VendorRead) {
        if event.version() > self.row.vendor_read_version {
            self.row.vendor_read_version = event.version();
            self.row.vendor_read_verdict = Some(read.verdict.clone());
            self.row.vendor_pages = i64::try_from(read.pages.len()).ok();
        }
    }

    fn fold_contacts(&mut self, event: &Recorded, found: &vendor::ContactsFound) {
        if event.version() > self.row.contacts_version {
            self.row.contacts_version = event.version();
            self.row.contacts_found = i64::try_from(found.contacts.len()).ok();
        }
    }

    fn fold_outcome(&mut self, event: &Recorded, outcome: &'static str, reason: Option<&String>) {
        if event.version() > self.row.outcome_version {
            self.row.outcome_version = event.version();
            self.row.outcome = Some(outcome);
            self.row.outcome_reason = reason.cloned();
            self.row.ended_at = Some(event.envelope.time);
        }
    }

    fn into_row(self) -> Row {
        Row { degraded_reasons: text_array(&self.reasons), ..self.row }
    }
}
