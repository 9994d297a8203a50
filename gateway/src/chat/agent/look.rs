//! Commands that only read.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, Utc};
use presdr_events::RunId;
use presdr_producers::icp;
use presdr_projections::read::{company, costs, run, shortlist};
use presdr_rules::{
    chat::{self, Command, Day, Export, Period, explained::cell},
    icp::IcpDocument,
    score::Bucket,
};
use presdr_store::runs;
use url::Url;

use super::{Agent, Answer};
use crate::{Problem, chat::block::Block};

impl Agent<'_> {
    pub(super) async fn look(&self, command: Command) -> Result<Answer, Problem> {
        match command {
            Command::ShowIcp => self.icp().await,
            Command::ShowShortlist { day, top } => self.shortlist(day, top).await,
            Command::Explain { company, claimed } => self.explain(&company, claimed).await,
            Command::ShowRun(run) => self.run(run).await,
            Command::ShowCosts(period) => self.costs(period).await,
            Command::Export(export) => Ok(Answer::text(download(export, &self.gateway.config().public_url))),
            _ => Ok(Answer::text(help())),
        }
    }

    async fn icp(&self) -> Result<Answer, Problem> {
        let Some((version, document)) = icp::show(self.gateway.desk(), &self.caller.tenant).await? else {
            return Ok(Answer::text(
                "There is no ICP yet. Set one, such as: Refresh ICP to software, 10-200 employees",
            ));
        };
        let pretty = serde_json::to_string_pretty(&document).map_err(|_| Problem::internal())?;
        let checked: IcpDocument = serde_json::from_value(document).map_err(|_| Problem::internal())?;
        let next = self.next_run(&checked);
        Ok(Answer::text(format!("The ICP, version {version}:\n\n```json\n{pretty}\n```\n\n{next}")))
    }

    async fn shortlist(&self, day: Day, top: u32) -> Result<Answer, Problem> {
        let today = singapore_date(self.gateway.desk().now());
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let Some((run_id, ended)) = shortlist::newest_on(&mut tx, day.date(today)).await? else {
            return Ok(Answer::text(format!("No run of {day} has a shortlist.")));
        };
        let head = format!("The shortlist of run {run_id}, ended {} (Singapore):\n\n", singapore(ended));
        let blocks = vec![Block::Text(head), Block::Shortlist { run_id, top }];
        Ok(Answer { blocks, pending: None, follow: None })
    }

    async fn explain(&self, written: &str, claimed: Option<Bucket>) -> Result<Answer, Problem> {
        let named = match self.the_company(written).await? {
            Ok(named) => named,
            Err(instead) => return Ok(Answer::text(instead)),
        };
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let known = company::company(&mut tx, named.id, self.caller.sight()).await?;
        if known.is_none_or(|known| known.score.is_none()) {
            return Ok(Answer::text(format!("{} was never scored.", cell(&named.name))));
        }
        let blocks = vec![Block::Explained { company_id: named.id, claimed }];
        Ok(Answer { blocks, pending: None, follow: None })
    }

    async fn run(&self, run: Option<RunId>) -> Result<Answer, Problem> {
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let held = match run {
            Some(run) => runs::get(&mut tx, run).await?,
            None => runs::list(&mut tx, 1).await?.into_iter().next(),
        };
        let Some(held) = held else { return Ok(Answer::text("There is no such run.")) };
        let view = run::view(&mut tx, &held).await?;
        let leads: Vec<String> = view.leads.iter().map(|of| format!("{} {}", of.leads, of.state)).collect();
        let mut lines = vec![
            format!("Run {} ({}) is {}. Leads: {}.", held.id, held.kind, held.status, leads.join(", ")),
            String::new(),
            "| Stage | Steps | OK | Degraded | Failed |".to_owned(),
            "|---|---:|---:|---:|---:|".to_owned(),
        ];
        let of_step = |step: &&str| view.stages.iter().find(|stage| stage.stage == **step);
        lines.extend(STEPS.iter().filter_map(of_step).map(|stage| {
            let (ok, degraded) = (stage.count_success - stage.count_degraded, stage.count_degraded);
            format!("| {} | {} | {ok} | {degraded} | {} |", stage.stage, stage.count_total, stage.count_error)
        }));
        lines.extend(view.alerts.iter().map(|alert| format!("\n**{}**: {}", cell(&alert.alert), cell(&alert.message))));
        Ok(Answer::text(lines.join("\n")))
    }

    async fn costs(&self, period: Period) -> Result<Answer, Problem> {
        let (from, to) = days(period, singapore_date(self.gateway.desk().now()));
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let costs = costs::costs(&mut tx, from, to, costs::By::Vendor).await?;
        // A dollar sign would begin a formula.
        let mut lines = vec![
            format!("Vendors cost USD {:.2} from {from} to {to}.", costs.cost_usd),
            String::new(),
            "| Vendor | Calls | Errors | From cache | USD |".to_owned(),
            "|---|---:|---:|---:|---:|".to_owned(),
        ];
        lines.extend(costs.lines.iter().map(|line| {
            let (calls, errors, cached, usd) = (line.calls, line.errors, line.cache_hits, line.cost_usd);
            format!("| {} | {calls} | {errors} | {cached} | {usd:.4} |", cell(&line.of))
        }));
        Ok(Answer::text(lines.join("\n")))
    }
}

/// The steps that a person asks about, in the order of a lead's way.
const STEPS: [&str; 8] = ["resolve", "search", "crawl", "vendor_read", "extract", "contacts", "verify", "score"];
const SINGAPORE_SECONDS: i32 = 8 * 3600;

pub(super) fn singapore_date(now: DateTime<Utc>) -> NaiveDate {
    (now + chrono::TimeDelta::seconds(SINGAPORE_SECONDS.into())).date_naive()
}

fn singapore(time: DateTime<Utc>) -> String {
    FixedOffset::east_opt(SINGAPORE_SECONDS)
        .map_or_else(String::new, |zone| time.with_timezone(&zone).format("%F %H:%M").to_string())
}

/// First and last day of a period that ends today.
fn days(period: Period, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let back = |day: NaiveDate, days: u64| day.checked_sub_days(Days::new(days)).unwrap_or(day);
    let monday = back(today, u64::from(today.weekday().num_days_from_monday()));
    match period {
        Period::Today => (today, today),
        Period::Yesterday => (back(today, 1), back(today, 1)),
        Period::ThisWeek => (monday, today),
        Period::LastWeek => (back(monday, 7), back(monday, 1)),
        Period::ThisMonth => (back(today, u64::from(today.day0())), today),
        Period::Days(days) => (back(today, u64::from(days).saturating_sub(1)), today),
    }
}

fn download(export: Export, gateway: &Url) -> String {
    let path = match export {
        Export::ScoresCsv => "/export/latest_scores.csv",
        Export::ScoresJson => "/export/latest_scores.json",
        Export::RunEvents => "/export/run_events.csv",
    };
    let gateway = gateway.as_str().trim_end_matches('/');
    format!(
        "Download {export}: [{path}]({gateway}{path}). Without a browser's session, send your token with it as `X-Api-Key`."
    )
}

fn help() -> String {
    let examples: Vec<String> = chat::examples().map(|example| format!("- {example}")).collect();
    format!("This is what I understand, each in many words:\n\n{}", examples.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_a_day_in_singapore() {
        let date = |day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
        let friday = date(27);
        assert_eq!(days(Period::ThisWeek, friday), (date(23), friday));
        assert_eq!(days(Period::LastWeek, friday), (date(16), date(22)));
        assert_eq!(days(Period::ThisMonth, friday), (date(1), friday));
        assert_eq!(days(Period::Days(7), friday), (date(21), friday));
        assert_eq!(days(Period::Yesterday, friday), (date(26), date(26)));
        let late = "2026-11-26T16:00:00Z".parse().unwrap();
        assert_eq!(singapore_date(late), friday);
    }
}
