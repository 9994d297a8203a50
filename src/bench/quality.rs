//! How right presdr is: extraction and domain resolution against labels.

use std::{collections::BTreeMap, path::Path};

use presdr_consumers::WorkConfig;
use presdr_producers::bench::report::{Aim, Report};
use presdr_rules::email_policy::{FreeMail, Screening, Verdict, screen};
use presdr_sandbox::{Sandbox, SandboxConfig, WebKind, domains};
use presdr_sites::{
    DevelopmentOnly, ResolveTo, Web, WebConfig,
    domains::ResolvePolicy,
    extract::{Rates, score_sites},
};
use serde_json::json;

/// Companies of the labelled set.
pub const COMPANIES: usize = 400;
/// What the labelled set is made from.
const SEED: u64 = 1;

/// Extraction from labelled sites.
///
/// # Errors
/// When the sites or the labels cannot be read.
pub fn extract(sites: &Path, gold: &Path) -> anyhow::Result<Report> {
    let keeps = |address: &str| {
        let policy = Screening {
            free_mail: FreeMail::Exclude,
            company_domain: None,
            suppressed: &|_| false,
            consented: &|_| false,
        };
        matches!(screen(address, &policy), Verdict::Keep(_))
    };
    let score = score_sites(sites, gold, &keeps)?;
    let settings = BTreeMap::from([("sites".to_owned(), json!(score.sites)), ("pages".to_owned(), json!(score.pages))]);
    let mut report = Report::new("extract", settings, true);
    let mut rates = |name: &str, rates: &Rates, precision: Option<Aim>, recall: Option<Aim>| {
        report.value(format!("{name}, precision"), rates.precision(), "of 1", precision);
        report.value(format!("{name}, recall"), rates.recall(), "of 1", recall);
    };
    rates("e-mails", &score.emails, Some(Aim::AtLeast(0.95)), Some(Aim::AtLeast(0.90)));
    rates("phones", &score.phones, None, None);
    rates("e-mails after tenant policy", &score.emails_after_policy, None, None);
    report.value("careers, accuracy", score.careers_accuracy(), "of 1", Some(Aim::AtLeast(0.90)));
    report.value("company name, accuracy", score.name_accuracy(), "of 1", None);
    report.value("pages per CPU second", score.pages_per_cpu_second(), "1/s", Some(Aim::AtLeast(700.0)));
    Ok(report)
}

/// Domain resolution over the sandbox's labelled set.
///
/// # Errors
/// When the sandbox cannot be started.
pub async fn domains(companies: usize) -> anyhow::Result<Report> {
    let config = SandboxConfig { seed: SEED, web: WebKind::Labelled { companies }, ..SandboxConfig::default() };
    let sandbox = Sandbox::start(config).await?;
    let everything = ResolveTo::new(DevelopmentOnly::confirmed(), sandbox.address.ip(), sandbox.address.port(), None);
    let web = Web::new(WebConfig { resolve_to: Some(everything), ..WebConfig::default() })?;
    let policy = ResolvePolicy::default();
    let labelled = domains::labelled(SEED, companies);
    let score = domains::score_domains(&web, &policy, &labelled, WorkConfig::default().resolve_slots).await;
    sandbox.stop().await;
    let settings = BTreeMap::from([
        ("companies".to_owned(), json!(score.companies)),
        ("companies with a domain".to_owned(), json!(score.with_domain)),
        ("accept confidence".to_owned(), json!(policy.accept_confidence)),
    ]);
    let mut report = Report::new("domains", settings, companies == COMPANIES);
    report.value("precision at the accept confidence", score.precision, "of 1", Some(Aim::AtLeast(0.98)));
    report.value("recall", score.recall, "of 1", None);
    for (situation, score) in &score.situations {
        let name = serde_json::to_value(situation)?.as_str().unwrap_or_default().replace('_', " ");
        let wrong = score.answered - score.right;
        #[expect(clippy::cast_precision_loss, reason = "counts of hundreds")]
        report.compared(
            format!("{name}: right answers"),
            score.right as f64,
            "companies",
            "with a domain",
            score.with_domain as f64,
            ("wrong answers are", wrong as f64),
            None,
        );
    }
    Ok(report)
}
