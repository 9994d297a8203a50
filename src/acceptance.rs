//! `presdr acceptance`: whether what the pipeline delivers is good enough, line by line, from the read models.

use std::{process::ExitCode, str::FromStr};

use anyhow::bail;
use clap::Args;
use presdr_events::TenantId;
use presdr_store::{Database, Role, tenants};
use serde::Serialize;

use crate::{
    config::Config,
    database::DatabaseServer,
    output::{Align, Output, Table},
};

const CANDIDATES_MIN: f64 = 500.0;
const DOMAIN_MIN: f64 = 0.70;
const ABOUT_MIN: f64 = 0.60;
const EMAIL_MIN: f64 = 0.40;
const BUCKET_MAX: f64 = 0.70;
const CACHE_MIN: f64 = 0.80;
const MINUTES_PER_1000_MAX: f64 = 90.0;

/// `presdr acceptance`
#[derive(Debug, Args)]
pub struct Command {
    /// Of this tenant alone instead of all
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
    tenant: Option<TenantId>,
    /// Print the lines, and exit with 0 whatever they say
    #[arg(long)]
    no_gate: bool,
}

/// One line of the acceptance table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Whose; `all` for what counts over all tenants.
    pub tenant: String,
    /// What is measured.
    pub what: &'static str,
    /// What was measured; none when there is nothing to measure.
    pub value: Option<f64>,
    /// What is asked for, in words.
    pub aim: String,
    /// Whether the aim is met; none when there is nothing to measure, or the line is for information.
    pub pass: Option<bool>,
}

/// What the newest finished run of a tenant came to.
#[derive(Debug, sqlx::FromRow)]
struct Measured {
    run_id: i64,
    kind: Option<String>,
    local_date: Option<chrono::NaiveDate>,
    candidates: i64,
    cap: i64,
    selected: i64,
    scored: i64,
    shortlisted: i64,
    minutes: f64,
    ended_in_time: Option<bool>,
    domains: i64,
    abouts: i64,
    emails: i64,
    rationales: i64,
    largest_bucket: i64,
    repeated: i64,
    hits: i64,
    lookups: i64,
    lookups_unfounded: i64,
}

/// Prints the acceptance table.
///
/// # Errors
/// When a tenant has no finished run, or the database cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let server = DatabaseServer::open(config).await?;
    let database = server.connect(Role::Producer).await?;
    let tenants = match &command.tenant {
        Some(tenant) => vec![tenant.clone()],
        None => tenants::active(&database).await?.into_iter().map(|tenant| tenant.id).collect(),
    };
    let lines = table(&database, &tenants).await?;
    output.answer(&lines, |lines| text(lines))?;
    database.close().await;
    server.stop().await;
    let failed = lines.iter().any(|line| line.pass == Some(false));
    Ok(if failed && !command.no_gate { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The acceptance table of these tenants, each by its newest finished run.
///
/// # Errors
/// When none of them has a finished run, or the database cannot be asked.
pub async fn table(database: &Database, tenants: &[TenantId]) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut candidates = 0.0;
    for tenant in tenants {
        if let Some(measured) = measure(database, tenant).await? {
            candidates += number(measured.candidates);
            lines.extend(measured.lines(tenant));
        }
    }
    if lines.is_empty() {
        bail!("no tenant has a finished run: `presdr run start --tenant TENANT --wait` makes one");
    }
    lines.insert(0, line("all", "candidates", Some(candidates), "at least 500", |value| value >= CANDIDATES_MIN));
    Ok(lines)
}

async fn measure(database: &Database, tenant: &TenantId) -> anyhow::Result<Option<Measured>> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    let measured = sqlx::query_as(
        "with newest as (
             select run_id, kind, local_date, coalesce(cap, 0) as cap, extract(epoch from ended_at - started_at) / 60 as minutes, ended_at
             from enrichment_runs where tenant_id = $1 and ended_at is not null and kind is distinct from 'named' order by run_id desc limit 1),
         listed as (
             select s.company_id, s.bucket, s.rationale, l.domain, l.about_text,
                    exists (select from lead_emails e where e.tenant_id = $1 and e.company_id = s.company_id
                        and e.verification_status in ('valid', 'unknown')) as email
             from newest n join shortlists s on s.tenant_id = $1 and s.run_id = n.run_id
             left join company_enrichment_runs l on l.tenant_id = $1 and l.run_id = n.run_id and l.company_id = s.company_id),
         worded as (
             select s.cache_key, coalesce(a.arguments ->> 'rationale_cache' = 'hit', false) as hit
             from lead_scores s join audit_log a on a.tenant_id = $1 and a.run_id = s.run_id and a.company_id = s.company_id and a.event_type = 'lead.scored'
             where s.tenant_id = $1),
         -- Of those with the same features one had to be made. Whose event came first says nothing of which: they may be worked on at once.
         scores as (select hit, row_number() over (partition by cache_key order by hit) as nth from worded),
         lookups as (
             select l.emails_found, l.visit_verdict, l.domain from newest n
             join vendor_calls c on c.tenant_id = $1 and c.run_id = n.run_id and c.vendor = 'lusha'
             join company_enrichment_runs l on l.tenant_id = $1 and l.run_id = n.run_id and l.company_id = c.company_id)
         select n.run_id, n.kind, n.local_date, coalesce(m.candidates, 0) as candidates, n.cap, m.selected, m.scored, m.shortlisted, n.minutes::float8,
                (n.ended_at at time zone 'Asia/Singapore')::date = n.local_date as ended_in_time,
                (select count(*) from listed where domain is not null) as domains,
                (select count(*) from listed where coalesce(about_text, '') <> '') as abouts,
                (select count(*) from listed where email) as emails,
                (select count(*) from listed where coalesce(rationale, '') <> '') as rationales,
                coalesce((select max(c) from (select count(*) as c from lead_scores s where s.tenant_id = $1 and s.run_id = n.run_id group by s.bucket) b), 0) as largest_bucket,
                (select count(*) from scores where nth > 1) as repeated,
                (select count(*) from scores where nth > 1 and hit) as hits,
                (select count(*) from lookups) as lookups,
                (select count(*) from lookups where domain is not null and emails_found > 0 and visit_verdict in ('complete', 'high_signal')) as lookups_unfounded
         from newest n join run_summaries m on m.tenant_id = $1 and m.run_id = n.run_id",
    )
    .bind(tenant.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(measured)
}

impl Measured {
    fn lines(&self, tenant: &TenantId) -> Vec<Line> {
        let tenant = tenant.as_str();
        let share = |part: i64, whole: i64| (whole > 0).then(|| number(part) / number(whole));
        let listed = |what, part, aim: &str, min: f64| {
            line(tenant, what, share(part, self.shortlisted), aim, move |value| value >= min)
        };
        let minutes = (self.scored > 0).then(|| self.minutes / number(self.scored) * 1000.0);
        vec![
            Line {
                pass: None,
                ..line(tenant, "candidates", Some(number(self.candidates)), "for information", |_| true)
            },
            self.delivered(tenant),
            listed("shortlisted with a domain", self.domains, "at least 0.70", DOMAIN_MIN),
            listed("shortlisted with an about text", self.abouts, "at least 0.60", ABOUT_MIN),
            listed("shortlisted with a valid or unknown address", self.emails, "at least 0.40", EMAIL_MIN),
            line(tenant, "largest bucket", share(self.largest_bucket, self.scored), "at most 0.70", |value| {
                value <= BUCKET_MAX
            }),
            listed("shortlisted with a rationale", self.rationales, "all", 1.0),
            line(tenant, "cache hits on repeated features", share(self.hits, self.repeated), "over 0.80", |value| {
                value > CACHE_MIN
            }),
            line(
                tenant,
                "lookups where they were not allowed",
                Some(number(self.lookups_unfounded)),
                &format!("none of {}", self.lookups),
                |value| value == 0.0,
            ),
            line(tenant, "minutes per 1,000 leads", minutes, "under 90", |value| value < MINUTES_PER_1000_MAX),
        ]
    }

    /// What the cap, or fewer candidates, allowed was worked through, and a nightly run ended on its date.
    fn delivered(&self, tenant: &str) -> Line {
        let due = self.cap.min(self.candidates.max(self.selected));
        let on_time = self.kind.as_deref() != Some("nightly") || self.ended_in_time == Some(true);
        let aim = match (self.kind.as_deref(), self.local_date) {
            (Some("nightly"), Some(date)) => format!("{due} in run {} by the end of {date}", self.run_id),
            _ => format!("{due} in run {}, which a person started", self.run_id),
        };
        line(tenant, "leads delivered", Some(number(self.scored)), &aim, move |value| on_time && value >= number(due))
    }
}

fn line(tenant: &str, what: &'static str, value: Option<f64>, aim: &str, met: impl Fn(f64) -> bool) -> Line {
    Line { tenant: tenant.to_owned(), what, value, aim: aim.to_owned(), pass: value.map(met) }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number(count: i64) -> f64 {
    count as f64
}

fn text(lines: &[Line]) -> String {
    let mut table = Table::new([
        ("tenant", Align::Left),
        ("what", Align::Left),
        ("measured", Align::Right),
        ("asked for", Align::Left),
        ("", Align::Left),
    ]);
    for line in lines {
        let value = line.value.map_or_else(
            || "-".to_owned(),
            |value| if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") },
        );
        let pass = match line.pass {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "",
        };
        table.row([line.tenant.clone(), line.what.to_owned(), value, line.aim.clone(), pass.to_owned()]);
    }
    table.render("nothing to measure")
}
