//! A run's ranking, best first.

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::RunId;
use presdr_store::{StoreError, TenantTx};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

use super::Sight;

/// Which places of a ranking, and how many.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this bucket.
    pub bucket: Option<String>,
    /// Only with at least this score.
    pub score_min: Option<f64>,
    /// Only those whose name or domain has this in it, in any case.
    pub search: Option<String>,
    /// Only below this rank: the last one of the page before.
    pub after: i64,
    /// At most so many.
    pub limit: i64,
}

/// A place in a shortlist.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Place {
    /// From 1, the best.
    pub rank: i64,
    /// Which company.
    pub company_id: i64,
    /// Its number in the registry.
    pub uen: Option<String>,
    /// Its name.
    pub company: Option<String>,
    /// From 0 to 1.
    pub score: Option<f64>,
    /// `High`, `Medium` or `Low`.
    pub bucket: Option<String>,
    /// The known share of the score's weight, from 0 to 1.
    pub confidence: Option<f64>,
    /// Its site.
    pub domain: Option<String>,
    /// Whom to write to, the best first choice.
    pub contact: Option<Contact>,
    /// Why it stands where it does.
    pub reason: Option<String>,
}

/// Whom to write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Contact {
    /// Their name.
    pub name: Option<String>,
    /// Their title.
    pub role_title: Option<String>,
    /// Their address.
    pub email: Option<String>,
}

impl Contact {
    /// Name, title and address, as far as they are known.
    #[must_use]
    pub fn told(&self) -> String {
        let parts = [&self.name, &self.role_title, &self.email];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// How the newest ranking stands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
pub struct Status {
    /// The newest run.
    pub run_id: i64,
    /// What it is doing: `running`, `paused`, `completed`, `cancelled`.
    pub status: String,
    /// Whether anything was done with less than it should have been.
    pub degraded: bool,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The newest run that has a ranking, which is what is shown.
    pub shortlist_run_id: Option<i64>,
    /// When it was ranked.
    pub shortlisted_at: Option<DateTime<Utc>>,
    /// How many companies are in it.
    pub shortlisted: Option<i64>,
    /// How many are in each bucket.
    pub buckets: Option<Value>,
    /// Whether an event could not be applied: what is shown may lack something until it is rebuilt.
    pub stale: bool,
}

#[derive(FromRow)]
struct Row {
    rank: i64,
    company_id: i64,
    uen: Option<String>,
    company: Option<String>,
    score: Option<f64>,
    bucket: Option<String>,
    confidence: Option<f64>,
    domain: Option<String>,
    reason: Option<String>,
    contact_name: Option<String>,
    contact_title: Option<String>,
    contact_email: Option<String>,
    address: Option<String>,
}

impl Row {
    fn seen(self, sight: Sight) -> Place {
        let person = self.contact_name.is_some() || self.contact_title.is_some() || self.contact_email.is_some();
        let contact = match (person, self.address) {
            (true, _) => Some(Contact {
                name: sight.name(self.contact_name),
                role_title: self.contact_title,
                email: sight.email(self.contact_email),
            }),
            (false, Some(address)) => Some(Contact { name: None, role_title: None, email: sight.email(Some(address)) }),
            (false, None) => None,
        };
        Place {
            rank: self.rank,
            company_id: self.company_id,
            uen: self.uen,
            company: self.company,
            score: self.score,
            bucket: self.bucket,
            confidence: self.confidence,
            domain: self.domain,
            contact,
            reason: self.reason,
        }
    }
}

/// The newest run that is over; one for companies by name has no shortlist of the profile's.
///
/// # Errors
/// What the database says.
pub async fn newest(tx: &mut TenantTx) -> Result<Option<RunId>, StoreError> {
    let tenant = tx.tenant().clone();
    let run: Option<i64> = sqlx::query_scalar(
        "select max(run_id) from enrichment_runs
         where tenant_id = $1 and ended_at is not null and kind is distinct from 'named'",
    )
    .bind(tenant.as_str())
    .fetch_one(&mut **tx)
    .await?;
    run.map(RunId::new).transpose().map_err(|error| StoreError::Refused(error.to_string()))
}

/// Places of a run's ranking, best first.
///
/// # Errors
/// What the database says.
pub async fn places(tx: &mut TenantTx, run: RunId, filter: &Filter, sight: Sight) -> Result<Vec<Place>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<Row> = sqlx::query_as(
        "select s.rank, s.company_id, c.uen, c.name as company, s.score, s.bucket, s.confidence, s.domain, s.rationale as reason,
                person.name as contact_name, person.role_title as contact_title, person.email as contact_email, address.email as address
         from shortlists s
         left join tenant_company c on c.company_id = s.company_id
         left join lateral (
             select p.name, p.role_title, p.email from contacts p
             where p.tenant_id = s.tenant_id and p.company_id = s.company_id and p.wanted_title
             order by p.email is null, p.role_title, p.name, p.email, p.subject_id limit 1) person on true
         left join lateral (
             select e.email from lead_emails e where e.tenant_id = s.tenant_id and e.company_id = s.company_id
             order by e.own_domain desc, e.role_account, e.email limit 1) address on true
         where s.tenant_id = $1 and s.run_id = $2 and s.rank > $3
           and ($4::text is null or s.bucket = $4)
           and ($5::float8 is null or s.score >= $5)
           and ($6::text is null or strpos(lower(c.name), lower($6)) > 0 or strpos(lower(s.domain), lower($6)) > 0)
         order by s.rank limit $7",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(filter.after)
    .bind(&filter.bucket)
    .bind(filter.score_min)
    .bind(&filter.search)
    .bind(filter.limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.seen(sight)).collect())
}

/// How the newest ranking stands; `None` before the tenant's first run. Runs for companies by name have none of the profile's.
///
/// # Errors
/// What the database says.
pub async fn status(tx: &mut TenantTx) -> Result<Option<Status>, StoreError> {
    let tenant = tx.tenant().clone();
    let status = sqlx::query_as(
        "select r.run_id, r.status, r.degraded, r.started_at, r.ended_at, m.run_id as shortlist_run_id, m.shortlisted_at,
                coalesce(cardinality(m.shortlisted_ids), 0)::bigint as shortlisted, m.buckets,
                exists (select from projection_parked p where p.tenant_id = $1) as stale
         from (select * from enrichment_runs where tenant_id = $1 and kind is distinct from 'named' order by run_id desc limit 1) r
         left join lateral (
             select m.* from run_manifests m join enrichment_runs e using (tenant_id, run_id)
             where tenant_id = $1 and m.shortlisted_at is not null and e.kind is distinct from 'named'
             order by run_id desc limit 1) m on true",
    )
    .bind(tenant.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(status)
}
/// The newest run of a profile's candidates that ended on that date in Singapore, or on whichever, and when it ended.
///
/// # Errors
/// What the database says.
pub async fn newest_on(
    tx: &mut TenantTx,
    date: Option<NaiveDate>,
) -> Result<Option<(RunId, DateTime<Utc>)>, StoreError> {
    let tenant = tx.tenant().clone();
    let newest: Option<(i64, DateTime<Utc>)> = sqlx::query_as(
        "select run_id, ended_at from enrichment_runs
         where tenant_id = $1 and ended_at is not null and kind is distinct from 'named'
           and ($2::date is null or (ended_at at time zone 'Asia/Singapore')::date = $2)
         order by run_id desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(date)
    .fetch_optional(&mut **tx)
    .await?;
    let id = |id| RunId::new(id).map_err(|error| StoreError::Refused(error.to_string()));
    newest.map(|(run, ended)| Ok((id(run)?, ended))).transpose()
}
