//! The cases: a lead's steps with where each sent it, what it was degraded by, and the questions to vendors with how each ended.

use serde_json::json;

use super::branches::{Case, Lead};

const ORDINARY: &[&str] = &["domain_resolved>crawl", "crawled>extract", "extracted>verify", "emails_verified>score"];
const ORDINARY_CALLS: &[&str] =
    &["openai.extraction answered", "openai.rationale answered", "zerobounce.validate answered"];

pub fn fallbacks() -> Vec<Case> {
    let case = |name, lead, steps, degraded, calls| Case {
        name,
        lead,
        allowed: json!({}),
        faults: &[],
        steps,
        degraded,
        calls,
    };
    vec![
        case("a site that says enough", Lead::Ordinary, ORDINARY, &[], ORDINARY_CALLS),
        case(
            "a thin site is read by a vendor, and people are looked up when it stays thin",
            Lead::Thin,
            &[
                "domain_resolved>crawl",
                "thin>vendor_read",
                "vendor_read>extract",
                "extracted>contacts",
                "contacts_found>verify",
                "emails_verified>score",
            ],
            &["site_thin"],
            &[
                "lusha.people answered",
                "lusha.reveal answered",
                "openai.extraction answered",
                "openai.rationale answered",
                "tavily.extract answered",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "a site that refuses us is read by a vendor",
            Lead::Forbidden,
            &[
                "domain_resolved>crawl",
                "blocked>vendor_read",
                "vendor_read>extract",
                "extracted>verify",
                "emails_verified>score",
            ],
            &["site_blocked_http"],
            &[
                "openai.extraction answered",
                "openai.rationale answered",
                "tavily.extract answered",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "a site that asks for proof of a human is read by a vendor, and names nobody",
            Lead::Challenged,
            &[
                "domain_resolved>crawl",
                "blocked>vendor_read",
                "vendor_read>extract",
                "extracted>contacts",
                "contacts_found>verify",
                "emails_verified>score",
            ],
            &["site_blocked_challenge"],
            &[
                "lusha.people answered",
                "lusha.reveal answered",
                "openai.extraction answered",
                "openai.rationale answered",
                "tavily.extract answered",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "a site that nobody can read leaves the look-up of people",
            Lead::Failing,
            &[
                "domain_resolved>crawl",
                "blocked>vendor_read",
                "vendor_read>contacts",
                "contacts_found>verify",
                "emails_verified>score",
            ],
            &["site_blocked_http"],
            &[
                "lusha.people answered",
                "lusha.reveal answered",
                "openai.rationale answered",
                "tavily.extract answered",
                "tavily.extract.more answered",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "a domain that leads to somebody else's is not handed over",
            Lead::Elsewhere,
            &["domain_resolved>crawl", "blocked>contacts", "contacts_found>verify", "emails_verified>score"],
            &["site_unreachable"],
            &[
                "lusha.people answered",
                "lusha.reveal answered",
                "openai.rationale answered",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "what robots.txt disallows is not handed over",
            Lead::Disallowed,
            &["domain_resolved>crawl", "blocked>contacts", "contacts_found>score"],
            &["site_blocked_robots", "no_contacts"],
            &["lusha.people answered", "openai.rationale answered"],
        ),
        case(
            "a domain that the name does not suggest is searched for",
            Lead::Unguessable,
            &[
                "domain_missing>search",
                "domain_resolved>crawl",
                "crawled>extract",
                "extracted>verify",
                "emails_verified>score",
            ],
            &[],
            &["openai.rationale answered", "tavily.search answered", "zerobounce.validate answered"],
        ),
        case(
            "a company that nobody knows",
            Lead::Unknown,
            &["domain_missing>search", "domain_missing>contacts", "contacts_found>score"],
            &["domain_missing", "no_contacts"],
            &["lusha.company answered", "openai.rationale answered", "tavily.search answered"],
        ),
    ]
}

pub fn switches() -> Vec<Case> {
    let case =
        |name, lead, allowed, steps, degraded, calls| Case { name, lead, allowed, faults: &[], steps, degraded, calls };
    let nothing = json!({ "search": false, "contacts": false, "verification": false, "ai_extraction": false, "ai_rationale": false, "similarity": false });
    vec![
        case(
            "a tenant that switched everything off, thin site",
            Lead::Thin,
            nothing.clone(),
            &["domain_resolved>crawl", "thin>extract", "extracted>score"],
            &["site_thin", "no_contacts", "contacts_unavailable", "search_unavailable"],
            &[],
        ),
        case(
            "a tenant that switched everything off, unknown company",
            Lead::Unknown,
            nothing,
            &["domain_missing>score"],
            &["domain_missing", "no_contacts", "contacts_unavailable", "search_unavailable"],
            &[],
        ),
        case(
            "without search",
            Lead::Unknown,
            json!({ "search": false }),
            &["domain_missing>contacts", "contacts_found>score"],
            &["domain_missing", "no_contacts", "search_unavailable"],
            &["lusha.company answered", "openai.rationale answered"],
        ),
        case(
            "without contacts",
            Lead::Elsewhere,
            json!({ "contacts": false }),
            &["domain_resolved>crawl", "blocked>score"],
            &["site_unreachable", "no_contacts", "contacts_unavailable"],
            &["openai.rationale answered"],
        ),
        case(
            "without verification",
            Lead::Ordinary,
            json!({ "verification": false }),
            &["domain_resolved>crawl", "crawled>extract", "extracted>score"],
            &["verification_unavailable"],
            &["openai.extraction answered", "openai.rationale answered"],
        ),
        case(
            "without a model",
            Lead::Ordinary,
            json!({ "ai_extraction": false, "ai_rationale": false }),
            ORDINARY,
            &[],
            &["zerobounce.validate answered"],
        ),
    ]
}

pub fn caps() -> Vec<Case> {
    let case = |name, lead, caps, steps, degraded, calls| Case {
        name,
        lead,
        allowed: json!({ "caps": caps }),
        faults: &[],
        steps,
        degraded,
        calls,
    };
    vec![
        case(
            "no call to Tavily is left",
            Lead::Thin,
            json!({ "tavily_calls": { "day": 0 } }),
            &[
                "domain_resolved>crawl",
                "thin>extract",
                "extracted>contacts",
                "contacts_found>verify",
                "emails_verified>score",
            ],
            &["site_thin", "search_unavailable"],
            &[
                "lusha.people answered",
                "lusha.reveal answered",
                "openai.extraction answered",
                "openai.rationale answered",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "no look-up at Lusha is left",
            Lead::Elsewhere,
            json!({ "lusha_lookups": { "run": 0 } }),
            &["domain_resolved>crawl", "blocked>score"],
            &["site_unreachable", "no_contacts", "contacts_unavailable"],
            &["openai.rationale answered"],
        ),
        case(
            "one look-up at Lusha is left: people are known by name, and none by address",
            Lead::Elsewhere,
            json!({ "lusha_lookups": { "run": 1 } }),
            &["domain_resolved>crawl", "blocked>contacts", "contacts_found>score"],
            &["site_unreachable"],
            &["lusha.people answered", "lusha.reveal refused_cap", "openai.rationale answered"],
        ),
        case(
            "no verification is left",
            Lead::Ordinary,
            json!({ "zerobounce_verifications": { "day": 0 } }),
            &["domain_resolved>crawl", "crawled>extract", "extracted>score"],
            &["verification_unavailable"],
            &["openai.extraction answered", "openai.rationale answered"],
        ),
        case(
            "one verification is left: the batch shrinks to it",
            Lead::Populous,
            json!({ "zerobounce_verifications": { "day": 1 } }),
            ORDINARY,
            &["verification_unavailable", "vendor_cap_reached"],
            &["openai.rationale answered", "zerobounce.validate answered"],
        ),
        case(
            "no token is left",
            Lead::Ordinary,
            json!({ "openai_tokens": { "day": 0 } }),
            ORDINARY,
            &["vendor_cap_reached", "ai_unavailable"],
            &["openai.extraction refused_cap", "openai.rationale refused_cap", "zerobounce.validate answered"],
        ),
        case(
            "no money is left for anything",
            Lead::Thin,
            json!({ "usd": { "day": "0.000001" } }),
            &[
                "domain_resolved>crawl",
                "thin>vendor_read",
                "vendor_read>extract",
                "extracted>contacts",
                "contacts_found>score",
            ],
            &[
                "site_thin",
                "no_contacts",
                "contacts_unavailable",
                "search_unavailable",
                "vendor_cap_reached",
                "ai_unavailable",
            ],
            &[
                "lusha.people refused_cap",
                "openai.extraction refused_cap",
                "openai.rationale refused_cap",
                "tavily.extract refused_cap",
            ],
        ),
    ]
}

pub fn faults() -> Vec<Case> {
    let case = |name, lead, faults, steps, degraded, calls| Case {
        name,
        lead,
        allowed: json!({}),
        faults,
        steps,
        degraded,
        calls,
    };
    vec![
        case(
            "Tavily's plan is used up",
            Lead::Unknown,
            &["tavily/search:quota"],
            &["domain_missing>search", "domain_missing>contacts", "contacts_found>score"],
            &["domain_missing", "no_contacts", "search_unavailable", "vendor_quota_exhausted"],
            &["lusha.company answered", "openai.rationale answered", "tavily.search quota"],
        ),
        case(
            "Tavily fails",
            Lead::Forbidden,
            &["tavily/extract:server_error=503"],
            &[
                "domain_resolved>crawl",
                "blocked>vendor_read",
                "vendor_read>contacts",
                "contacts_found>verify",
                "emails_verified>score",
            ],
            &["site_blocked_http", "search_unavailable", "vendor_unavailable"],
            &[
                "lusha.people answered",
                "lusha.reveal answered",
                "openai.rationale answered",
                "tavily.extract failed",
                "zerobounce.validate answered",
            ],
        ),
        case(
            "Lusha's credits are gone: the lead goes on without contacts",
            Lead::Elsewhere,
            &["lusha:quota"],
            &["domain_resolved>crawl", "blocked>contacts", "contacts_found>score"],
            &["site_unreachable", "no_contacts", "contacts_unavailable", "vendor_quota_exhausted"],
            &["lusha.people quota", "openai.rationale answered"],
        ),
        case(
            "Lusha refuses the key",
            Lead::Elsewhere,
            &["lusha:key_refused"],
            &["domain_resolved>crawl", "blocked>contacts", "contacts_found>score"],
            &["site_unreachable", "no_contacts", "contacts_unavailable", "vendor_unavailable"],
            &["lusha.people key_refused", "openai.rationale answered"],
        ),
        case(
            "ZeroBounce's credits are gone: addresses stay unknown",
            Lead::Ordinary,
            &["zerobounce:quota"],
            ORDINARY,
            &["verification_unavailable", "vendor_quota_exhausted"],
            &["openai.extraction answered", "openai.rationale answered", "zerobounce.validate quota"],
        ),
        case(
            "ZeroBounce blocks us for a while",
            Lead::Ordinary,
            &["zerobounce:rate_limit=0:1"],
            ORDINARY,
            &["verification_unavailable", "vendor_unavailable"],
            &["openai.extraction answered", "openai.rationale answered", "zerobounce.validate rate_limited"],
        ),
        case(
            "ZeroBounce's shield",
            Lead::Ordinary,
            &["zerobounce:html_403"],
            ORDINARY,
            &["verification_unavailable", "vendor_unavailable"],
            &["openai.extraction answered", "openai.rationale answered", "zerobounce.validate failed"],
        ),
        case("a rate limit that passes", Lead::Ordinary, &["openai:rate_limit=0:1"], ORDINARY, &[], ORDINARY_CALLS),
        case("a fault that passes", Lead::Ordinary, &["openai:server_error=503:2"], ORDINARY, &[], ORDINARY_CALLS),
        case(
            "the model refuses",
            Lead::Ordinary,
            &["openai:refusal"],
            ORDINARY,
            &["rationale_refused"],
            ORDINARY_CALLS,
        ),
        case(
            "the model is cut off",
            Lead::Ordinary,
            &["openai:length"],
            ORDINARY,
            &["rationale_refused"],
            ORDINARY_CALLS,
        ),
        case(
            "the model makes things up",
            Lead::Ordinary,
            &["openai:hallucinate"],
            ORDINARY,
            &["rationale_refused"],
            ORDINARY_CALLS,
        ),
        case(
            "the model's quota is gone",
            Lead::Ordinary,
            &["openai:quota"],
            ORDINARY,
            &["vendor_quota_exhausted", "ai_unavailable"],
            &["openai.extraction quota", "openai.rationale quota", "zerobounce.validate answered"],
        ),
        case(
            "an answer that is lost on its way is asked for once more",
            Lead::Ordinary,
            &["zerobounce:half:1"],
            ORDINARY,
            &[],
            &[
                "openai.extraction answered",
                "openai.rationale answered",
                "zerobounce.validate answered",
                "zerobounce.validate unknown",
            ],
        ),
    ]
}
