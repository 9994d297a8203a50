//! `presdr replay score`: a past run under other weights.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context;
use clap::Args;
use presdr_audit::replay::what_if::{Change, rescore};
use presdr_events::{RunId, TenantId};
use presdr_rules::{
    score::{Thresholds, Weights},
    settings::Section,
};
use presdr_store::{settings, tenants};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    evidence::Evidence,
    output::{Align, Output, Table},
};

/// `presdr replay score --tenant acme --run 7 --weights new.json`
#[derive(Debug, Args)]
pub struct Score {
    /// Whose
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// Of this run
    #[arg(long, value_name = "ID", value_parser = RunId::from_str)]
    run: RunId,
    /// The weights, as section `weights` of `presdr tenant settings` has them
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The thresholds, as section `thresholds` has them; the tenant's own when not given
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
    /// Tell of the leads that stay where they are, too
    #[arg(long)]
    all: bool,
}

/// Scores the run's leads anew and tells the differences.
///
/// # Errors
/// When a file cannot be used, the run has no scores, or the stores do not answer.
pub async fn run(command: &Score, evidence: &Evidence, output: &Output) -> anyhow::Result<()> {
    let weights: Weights = section(&command.weights)?;
    let mut tx = tenants::enter_active(&evidence.database, &command.tenant).await?;
    let thresholds: Thresholds = match &command.thresholds {
        Some(path) => section(path)?,
        None => settings::section(&mut tx, Thresholds::NAME).await?,
    };
    tx.commit().await?;
    let leads = evidence.stores().scores(&command.tenant, command.run).await?;
    let changes = rescore(&leads, &weights, &thresholds);
    let (differing, same): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|change| change.differs());
    let told: Vec<&Change> = if command.all { changes.iter().collect() } else { differing.clone() };
    let answer = json!({
        "run_id": command.run, "leads": leads.len(), "changed": differing.len(), "thresholds": thresholds, "changes": told,
    });
    output.answer(&answer, |_| {
        let table = table(&told).render("no lead changes its rank or its bucket");
        format!("{table}\n\n{} of {} leads change rank or bucket, {} stay", differing.len(), leads.len(), same.len())
    })
}

fn section<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} does not have the section's form", path.display()))
}

fn table(changes: &[&Change]) -> Table {
    let mut table = Table::new([
        ("#", Align::Right),
        ("was", Align::Right),
        ("company", Align::Left),
        ("score", Align::Right),
        ("was", Align::Right),
        ("bucket", Align::Left),
        ("was", Align::Left),
    ]);
    for change in changes {
        table.row([
            change.new_rank.to_string(),
            change.rank.to_string(),
            change.company.clone().unwrap_or_else(|| change.company_id.to_string()),
            format!("{:.4}", change.new_score),
            format!("{:.4}", change.score),
            change.new_bucket.to_owned(),
            change.bucket.to_owned(),
        ]);
    }
    table
}
