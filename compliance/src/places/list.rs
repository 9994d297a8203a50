//! The list.

use super::{Path, Place};

const CODES: &str = "names of states, kinds and reasons of our own";
const COMPANY: &str =
    "what a company is called and where its site is: the registry's or the tenant's word on companies";
const REGISTRY: &str = "the public registry";
const SETTINGS: &str = "what the tenant set: checked documents without people";
const STEPS: &str = "redacted where the event was made: no type that can hold a person is written there";

const fn nobody(table: &'static str, columns: &'static [&'static str], why: &'static str) -> Place {
    Place { table, columns, key: &[], path: Path::Nobody(why) }
}

const fn found(
    table: &'static str,
    columns: &'static [&'static str],
    key: &'static [&'static str],
    path: Path,
) -> Place {
    Place { table, columns, key, path }
}

/// A lead's key.
const LEAD: &[&str] = &["run_id", "company_id", "attempt"];
/// The key of a read model's row about a person at a company.
const PERSON: &[&str] = &["company_id", "subject_id"];

/// Every place in Postgres.
pub const PLACES: &[Place] = &[
    // Keys, and what leads to people.
    found("data_subjects", &["wrapped_key"], &["subject_id"], Path::Key),
    found("subject_identifiers", &["kind", "hash"], &["kind", "subject_id"], Path::Identifiers),
    found(
        "suppressions",
        &["kind", "hash", "reason", "source", "actor"],
        &["kind", "subject_id"],
        Path::Stays("keyed hashes, so that the person is not found again"),
    ),
    found("erasures", &["actor", "removed"], &["number"], Path::Stays("the record of the erasure, by random id")),
    found(
        "erasure_requests",
        &["state", "sealed", "actor", "problem"],
        &["request_id"],
        Path::Stays(
            "who is meant, under the tenant's key until it is done (while the tenant is suspended, it waits); then who asked, by opaque id",
        ),
    ),
    nobody("tenant_keys", &["data_key", "index_key", "master_id"], "the tenant's own keys, wrapped"),
    // What people read.
    found(
        "lead_emails",
        &[
            "email",
            "first_name",
            "last_name",
            "role_title",
            "source",
            "verification_status",
            "verification_source",
            "vendor_id",
            "because",
            "verification_detail",
        ],
        PERSON,
        Path::ReadModel,
    ),
    found("lead_email_verifications", &["status", "source", "detail"], PERSON, Path::ReadModel),
    found(
        "contacts",
        &[
            "name",
            "first_name",
            "last_name",
            "role_title",
            "email",
            "profile_url",
            "source",
            "phone",
            "vendor_id",
            "because",
        ],
        PERSON,
        Path::ReadModel,
    ),
    found("lead_phones", &["phone"], PERSON, Path::ReadModel),
    found("company_enrichment_runs", &["about_text"], &["run_id", "company_id"], Path::ShownText),
    // Pages, texts and what is made of them.
    found("site_visits", &["visit"], LEAD, Path::Pages),
    nobody("site_visits", &["domain"], COMPANY),
    found("lead_texts", &["about_text", "corpus"], LEAD, Path::Text),
    nobody("lead_texts", &["corpus_hash"], "a hash of a whole site's text"),
    found("rationale_cache", &["rationale"], &["cache_key"], Path::Text),
    nobody("rationale_cache", &["cache_key"], "a hash of features"),
    found("icp_samples", &["sample", "description"], &["sample"], Path::Text),
    nobody("icp_samples", &["text_hash", "model", "vector"], "made of the description, and gone with its row"),
    found("embeddings", &["model", "text_hash", "vector"], &["company_id", "model"], Path::Vectors),
    // What vendors were asked and told.
    found(
        "vendor_answers",
        &["vendor", "operation", "thing", "sealed"],
        &["vendor", "operation", "thing"],
        Path::Answers,
    ),
    found("vendor_intents", &["thing"], &["intent_id"], Path::Asked),
    nobody("vendor_intents", &["vendor", "operation", "purpose", "because", "step", "state", "meter"], CODES),
    found("email_verification_cache", &["hash", "status", "sub_status", "vendor"], &["hash"], Path::AddressHash),
    found("consents", &["hash", "basis", "actor"], &["consent_id"], Path::AddressHash),
    // Who uses presdr.
    found("users", &["email"], &["user_id"], Path::Text),
    nobody("users", &["subject_hash"], "a keyed hash, gone with its row"),
    found(
        "sessions",
        &["session_hash", "subject_hash", "provider_hash", "sealed"],
        &["user_id"],
        Path::Stays("under the tenant's key, for twelve hours at most, and gone with the person's row in users"),
    ),
    nobody("session_ends", &["hash"], "keyed hashes of who was signed out, for a quarter of an hour"),
    // Conversations: addresses and numbers are masked before they are kept, and what was found stands there by reference. Names are as they
    // were typed.
    found("threads", &["metadata"], &["thread_id"], Path::Said),
    nobody("threads", &["owner", "status"], "the user's random id"),
    found("thread_checkpoints", &["messages"], &["thread_id", "checkpoint_id"], Path::Said),
    nobody(
        "thread_checkpoints",
        &["source", "pending"],
        "a profile without addresses and numbers; an address that waits for a yes is under the tenant's key, and goes with the answer or any erasure",
    ),
    found("chat_runs", &["metadata"], &["run_id"], Path::Said),
    nobody("chat_runs", &["status", "modes"], CODES),
    found("chat_run_events", &["data"], &["run_id", "seq"], Path::Said),
    nobody("chat_run_events", &["event"], CODES),
    // The log's twin.
    found("lead_steps", &["body"], &["run_id", "company_id", "step", "attempt"], Path::Sealed),
    nobody("lead_steps", &["step", "subject"], CODES),
    // Nobody.
    nobody("retention_passes", &["planned", "removed", "actor"], "counts by table, and who asked"),
    nobody(
        "audit_checkpoints",
        &["chain_hash", "previous_hash", "key_hash", "signature"],
        "digests of sealed bytes, signed",
    ),
    nobody("audit_heads", &["chain_hash"], "digests of sealed bytes"),
    nobody(
        "audit_log",
        &[
            "event_type",
            "source",
            "actor",
            "tool",
            "arguments",
            "status",
            "trace_id",
            "degraded_reasons",
            "event_hash",
            "chain_hash",
        ],
        STEPS,
    ),
    nobody("alerts", &["alert", "message", "degraded_reason"], "counts and shares, in our own words"),
    nobody("admission_windows", &[], CODES),
    nobody("admissions", &["state", "outcome", "bucket", "uen", "degraded"], COMPANY),
    nobody(
        "company_enrichment_runs",
        &[
            "domain",
            "domain_method",
            "visit_verdict",
            "robots",
            "measured",
            "corpus_hash",
            "language",
            "tech_stack",
            "social_networks",
            "keywords",
            "outcome",
            "outcome_reason",
            "degraded_reasons",
            "ai_model",
            "ai_fields",
            "ai_dropped",
            "vendor_read_verdict",
        ],
        COMPANY,
    ),
    nobody("enrichment_runs", &["kind", "after_filters", "status", "degraded_reasons"], CODES),
    nobody("icp_rule_versions", &["payload"], SETTINGS),
    nobody("icp_rules", &["name", "payload"], SETTINGS),
    nobody("ingest_loads", &["source", "files", "state", "content_hash"], "names of files that an operator took in"),
    nobody(
        "ingest_quarantine",
        &["file", "reason", "raw"],
        "lines of the public registry; of a tenant's file only why",
    ),
    nobody("lead_features", &["features"], "numbers"),
    nobody(
        "lead_scores",
        &["bucket", "rationale", "contributions", "cache_key", "rationale_source"],
        "made from features alone",
    ),
    nobody(
        "odoo_connections",
        &["base_url", "database", "login", "sealed_key", "flavour", "actor", "problem"],
        "where an Odoo is, the account that an administrator made for presdr there, and its key under the tenant's",
    ),
    nobody(
        "odoo_records",
        &["place", "model", "origin", "state", "fields", "outcome", "problem"],
        "which record is whose, by random id, and keyed hashes of what stands there",
    ),
    nobody("odoo_syncs", &["state", "actor", "problem", "counts"], STEPS),
    nobody("parked_messages", &["consumer", "subject", "error"], STEPS),
    nobody("projection_parked", &["subject", "error"], STEPS),
    nobody("run_claims", &["kind"], CODES),
    nobody("run_event_logs", &["event_type", "stage", "status", "degraded_reasons", "tool", "arguments"], STEPS),
    nobody("run_manifests", &["buckets"], "counts"),
    nobody("run_stage_stats", &["stage"], CODES),
    nobody("run_summaries", &["degraded"], "counts"),
    nobody("run_vendor_usage", &["vendor"], CODES),
    nobody("runs", &["kind", "status", "degraded", "include"], CODES),
    nobody("shortlists", &["bucket", "domain", "rationale"], COMPANY),
    nobody(
        "tenant_companies",
        &["identity", "uen", "name", "website_domain", "industry_norm", "industry_code", "revenue_bucket", "place"],
        COMPANY,
    ),
    nobody(
        "tenant_onboarding",
        &["state", "problem", "begun_by", "ready_by"],
        "states of our own, and opaque ids of who did it",
    ),
    nobody("tenant_settings", &["settings"], SETTINGS),
    nobody("vendor_alert_claims", &["about", "kind"], CODES),
    nobody("vendor_breakers", &["vendor", "state", "reason", "key_id"], CODES),
    nobody("vendor_budgets", &["meter", "period"], CODES),
    nobody("suppressed_companies", &[], "numbers of companies"),
    nobody("vendor_calls", &["step", "vendor", "operation", "purpose", "because", "status"], CODES),
    // The platform's own.
    nobody(
        "companies",
        &[
            "uen",
            "name",
            "entity_type",
            "entity_status",
            "industry_code",
            "industry_norm",
            "postal_code",
            "website_domain",
            "revenue_bucket",
        ],
        REGISTRY,
    ),
    nobody("company_uens", &["uen"], REGISTRY),
    nobody("domain_visits", &["domain"], COMPANY),
    nobody("projection_checkpoints", &["name", "schema", "stream", "unsettled"], CODES),
    nobody("ssic_ref", &["code", "level", "section", "parent", "title", "label", "description"], REGISTRY),
    nobody(
        "staging_acra_companies",
        &["uen", "name", "entity_type", "entity_status", "industry_code", "postal_code", "reason", "raw"],
        REGISTRY,
    ),
    nobody("master_keys", &["master_id", "state", "actor"], "names of keys, and the opaque id of who changed them"),
    nobody(
        "tenant_purges",
        &["slug", "started_by", "rows_removed", "rows_of_others"],
        "receipts of erased tenants: numbers by table, and the opaque id of who did it",
    ),
    nobody("odoo_databases", &["place", "slug"], "a hash of an address, and whose it is"),
    nobody("logout_tokens", &["token_hash"], "hashes of random ids, for minutes"),
    nobody("tenants", &["name", "status"], SETTINGS),
    nobody("vendor_rates", &["vendor", "key_id"], CODES),
];

/// Every stream of the broker.
pub const STREAMS: &[(&str, Path)] = &[
    ("EVENTS", Path::Sealed),
    ("PROGRESS", Path::Nobody("counts and names of steps, masked, in memory for a quarter of an hour")),
];
