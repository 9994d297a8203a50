//! A shortlist to Odoo: what would change is asked there and shown first.

use std::collections::BTreeSet;

use presdr_odoo::sync::Report;
use presdr_producers::{CommandError, odoo};
use presdr_projections::read::shortlist;
use presdr_rules::chat::Day;

use super::{Agent, Pending, look::singapore_date, plan::Planned};
use crate::Problem;

impl Agent<'_> {
    pub(super) async fn plan_push(&self, day: Day) -> Result<Planned, Problem> {
        let (tenant, desk) = (&self.caller.tenant, self.gateway.desk());
        let mut tx = self.gateway.enter(tenant).await?;
        let newest = shortlist::newest_on(&mut tx, day.date(singapore_date(desk.now()))).await?;
        drop(tx);
        let Some((run_id, _)) = newest else { return Ok(Err(format!("No run of {day} has a shortlist."))) };
        match Box::pin(odoo::preview_sync(desk, tenant, run_id)).await {
            Ok(report) => {
                let shown = format!("Write the shortlist of run {run_id} to Odoo. {}", told(&report));
                Ok(Ok((shown, Pending::Push { run_id })))
            }
            // What keeps it from being written is an answer, with its cure.
            Err(CommandError::Refused(why)) => Ok(Err(why)),
            Err(error) => Err(error.into()),
        }
    }
}

fn told(report: &Report) -> String {
    let counts: Vec<String> = report
        .counts
        .iter()
        .filter_map(|(name, count)| {
            let (kind, outcome) = name.split_once('.')?;
            Some(format!("- {kind}: {count} {}", said(outcome)))
        })
        .collect();
    let fields: BTreeSet<&str> = report.companies.iter().flat_map(|company| company.wrote.iter().copied()).collect();
    let mut text = match counts.is_empty() {
        true => "The shortlist is empty.".to_owned(),
        false => format!("That would be:\n\n{}", counts.join("\n")),
    };
    if !fields.is_empty() {
        let fields: Vec<&str> = fields.into_iter().collect();
        text.push_str(&format!("\n\nFields that change: {}.", fields.join(", ")));
    }
    text
}

/// What would be done, in words.
fn said(outcome: &str) -> &str {
    match outcome {
        "created" => "made",
        "adopted" => "there before, completed",
        "updated" => "changed",
        "kept" => "left as people set them",
        "archived" => "archived, left so",
        "deleted" => "deleted there, not made again",
        "ambiguous" => "not clear which partner they are, left out",
        "suppressed" => "suppressed, not sent",
        "left_out" => "left out with their company",
        other => other,
    }
}
