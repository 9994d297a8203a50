//! `presdr replay`: the log read again, as a timeline, as one lead's story, into read models, or under other weights.

mod score;
mod text;

use std::{process::ExitCode, str::FromStr};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use clap::{Args, Subcommand};
use presdr_audit::{
    AuditError,
    replay::{Company, Filter, Replayed, Story, find_company, tell},
};
use presdr_events::{CompanyId, RunId, SubjectId, TenantId};
use presdr_projections::{Entry, feed};
use presdr_store::{Database, StoreError, TenantTx, tenants};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{config::Config, evidence::Evidence, output::Output};

/// Singapore, UTC+8 all year.
const SINGAPORE: TimeDelta = TimeDelta::hours(8);

/// `presdr replay --tenant acme --run 7 --company "Harbour Freight"`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Command {
    #[command(flatten)]
    which: Option<Which>,
    #[command(subcommand)]
    instead: Option<Instead>,
}

#[derive(Debug, Subcommand)]
enum Instead {
    /// Score a past run's leads with other weights, from its events, and tell whose rank and bucket change; nothing is written
    Score(score::Score),
}

#[derive(Debug, Args)]
struct Which {
    /// Whose events (`presdr` is the platform itself)
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// Of this run; with --company the lead's story, with each rule, each vendor call and what it cost
    #[arg(long, value_name = "ID", value_parser = RunId::from_str)]
    run: Option<RunId>,
    /// About this company: its id, its UEN, or its name or a part of it
    #[arg(long, value_name = "COMPANY")]
    company: Option<String>,
    /// Of these types, such as lead.scored or vendor.*
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// From this time on: a day in Singapore, or a time as 2026-11-23T01:00:00+08:00
    #[arg(long, value_name = "TIME", value_parser = from_time)]
    from: Option<DateTime<Utc>>,
    /// Up to the end of this day, or before this time
    #[arg(long, value_name = "TIME", value_parser = to_time)]
    to: Option<DateTime<Utc>>,
    /// Naming this data subject
    #[arg(long, value_name = "ID", value_parser = subject)]
    subject: Option<SubjectId>,
    /// Print the rows that these read models would hold if nothing else had happened
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    into: Vec<String>,
    /// Read all of the tenant's events rather than look up in the audit log where a run's or a company's are
    #[arg(long)]
    scan: bool,
}

fn from_time(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, 0)
}

fn to_time(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, 1)
}

/// A time, or midnight in Singapore so many days behind the beginning of a day.
fn moment(text: &str, days: u64) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day = NaiveDate::from_str(text).ok().and_then(|day| day.checked_add_days(Days::new(days)));
    let midnight = day.and_then(|day| day.and_hms_opt(0, 0, 0)).and_then(|local| local.checked_sub_signed(SINGAPORE));
    midnight
        .map(|midnight| midnight.and_utc())
        .ok_or_else(|| "expected a day such as 2026-11-23, or a time such as 2026-11-23T01:00:00+08:00".to_owned())
}

fn subject(text: &str) -> Result<SubjectId, String> {
    Uuid::from_str(text).map(SubjectId).map_err(|error| format!("the id of a data subject is a UUID: {error}"))
}

/// Reads the log again.
///
/// # Errors
/// When what is asked for does not exist, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let evidence = Evidence::open(config).await?;
    let done = match (&command.instead, &command.which) {
        (Some(Instead::Score(score)), _) => score::run(score, &evidence, output).await,
        (None, Some(which)) => which.replay(&evidence, output).await,
        (None, None) => unreachable!("clap asks for --tenant"),
    };
    evidence.end().await;
    done.map(|()| ExitCode::SUCCESS)
}

/// The tenant's transaction; the platform itself is no row of `tenants`.
async fn enter(database: &Database, tenant: &TenantId) -> Result<TenantTx, StoreError> {
    match *tenant == TenantId::platform() {
        true => Ok(database.enter(tenant).await?),
        false => tenants::enter_active(database, tenant).await,
    }
}

impl Which {
    async fn replay(&self, evidence: &Evidence, output: &Output) -> anyhow::Result<()> {
        let mut tx = enter(&evidence.database, &self.tenant).await?;
        let company = match &self.company {
            Some(text) => Some(find_company(&mut tx, self.run, text).await?),
            None => None,
        };
        tx.commit().await?;
        let filter = self.filter(company.as_ref())?;
        if !self.into.is_empty() {
            return self.feed_read_models(evidence, &filter, output).await;
        }
        match (self.run, &company) {
            (Some(run), Some(company)) => self.story(evidence, &filter, (run, company), output).await,
            _ => self.timeline(evidence, &filter, output).await,
        }
    }

    fn filter(&self, company: Option<&Company>) -> anyhow::Result<Filter> {
        let filter = Filter {
            run: self.run,
            company: company.map(|company| CompanyId::new(company.id)).transpose()?,
            types: self.types.clone(),
            from: self.from,
            to: self.to,
            subject: self.subject,
        };
        filter.check()?;
        Ok(filter)
    }

    /// A line an event, as they are read.
    async fn timeline(&self, evidence: &Evidence, filter: &Filter, output: &Output) -> anyhow::Result<()> {
        let take = |replayed: Replayed| match output.is_json() {
            true => output.json_line(&line(&replayed)),
            false => output.line(&text::line(&replayed)),
        };
        evidence.stores().replay(&self.tenant, filter, self.scan, take).await
    }

    async fn story(
        &self,
        evidence: &Evidence,
        filter: &Filter,
        (run, company): (RunId, &Company),
        output: &Output,
    ) -> anyhow::Result<()> {
        let mut events = Vec::new();
        let take = |replayed| -> Result<(), AuditError> {
            events.push(replayed);
            Ok(())
        };
        evidence.stores().replay(&self.tenant, filter, self.scan, take).await?;
        let story = Story::of(&events);
        let about = json!({ "company_id": company.id, "uen": company.uen, "name": company.name });
        output
            .answer(&json!({ "run_id": run, "company": about, "story": story }), |_| text::story(run, company, &story))
    }

    async fn feed_read_models(&self, evidence: &Evidence, filter: &Filter, output: &Output) -> anyhow::Result<()> {
        let mut entries = Vec::new();
        let take = |Replayed { message, .. }: Replayed| -> anyhow::Result<()> {
            let place = i64::try_from(message.sequence)?;
            entries.push(Entry::read(place, &message.subject, &message.body, message.stored_at));
            Ok(())
        };
        evidence.stores().replay(&self.tenant, filter, self.scan, take).await?;
        let projector = evidence.projector().await?;
        let fed = feed(&projector, &self.tenant, &self.into, &entries).await;
        projector.close().await;
        output.answer(&fed?, |fed| text::fed(fed, entries.len()))
    }
}

/// An event as a program reads it: where it stands, what it says in words, and all of it.
fn line(replayed: &Replayed) -> Value {
    let message = &replayed.message;
    let stored = json!({ "sequence": message.sequence, "stored_at": message.stored_at, "id": replayed.id, "subject": message.subject });
    let read = match &replayed.read {
        Ok(envelope) => {
            let event: Option<Value> = serde_json::from_slice(&message.body).ok();
            json!({ "told": tell(&envelope.event), "event": event })
        }
        Err(error) => json!({ "unreadable": error }),
    };
    match (stored, read) {
        (Value::Object(mut stored), Value::Object(read)) => {
            stored.extend(read);
            Value::Object(stored)
        }
        (stored, _) => stored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_in_singapore_and_the_last_one_counts_whole() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        assert_eq!(from_time("2026-11-23"), Ok(at("2026-11-22T16:00:00Z")));
        assert_eq!(to_time("2026-11-23"), Ok(at("2026-11-23T16:00:00Z")));
        for parse in [from_time, to_time] {
            assert_eq!(parse("2026-11-23T01:00:00+08:00"), Ok(at("2026-11-22T17:00:00Z")));
            assert!(parse("yesterday").unwrap_err().contains("2026-11-23"));
        }
    }
}
