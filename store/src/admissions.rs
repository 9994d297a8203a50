//! Which leads may be worked on: selected -> admitted -> terminal, one row per lead.
//!
//! Fairness lives here: at most a window of a tenant's leads is in flight, so that one tenant's five thousand leads do not stand
//! before another's twenty. Ending a lead gives its place to the next in the same transaction.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use presdr_events::{Attempt, CompanyId, RunId};
use sqlx::Row;

use crate::{StoreError, TenantTx};

/// How a lead ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// `scored`, `dropped`, `parked` or `timed_out`.
    pub outcome: &'static str,
    /// Its score, if it has one.
    pub score: Option<f64>,
    /// How well the score is founded.
    pub confidence: Option<f64>,
    /// Its bucket, if it has one.
    pub bucket: Option<String>,
    /// Every degraded reason of its way.
    pub degraded: Vec<String>,
}

impl Ending {
    /// An ending without a score.
    #[must_use]
    pub fn without_score(outcome: &'static str) -> Self {
        Self { outcome, score: None, confidence: None, bucket: None, degraded: Vec::new() }
    }
}

/// A lead that was given a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its run.
    pub run: RunId,
    /// Its company.
    pub company: CompanyId,
    /// Its place in the run's target set.
    pub position: i32,
    /// Which try this is.
    pub attempt: Attempt,
}

/// Selects the run's target set, in order. A set that was selected before stays.
///
/// # Errors
/// What the database says.
pub async fn select(tx: &mut TenantTx, run: RunId, targets: &[(CompanyId, Option<String>)]) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into admissions (tenant_id, run_id, company_id, position, uen)
         select $1, $2, t.company_id, t.position, t.uen from unnest($3::bigint[], $4::text[]) with ordinality as t (company_id, uen, position)
         on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(targets.iter().map(|(company, _)| company.get()).collect::<Vec<_>>())
    .bind(targets.iter().map(|(_, uen)| uen.as_deref()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the tenant's window lock until the transaction ends, and tells the window's size.
///
/// # Errors
/// What the database says.
pub async fn lock_window(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let tenant = tx.tenant().clone();
    let size: i32 = sqlx::query_scalar("select size from admission_windows where tenant_id = $1 for update")
        .bind(tenant.as_str())
        .fetch_one(&mut **tx)
        .await?;
    Ok(i64::from(size))
}

/// Ends those of the leads that are admitted at the attempt given, each lead once, and tells which they are.
///
/// # Errors
/// What the database says.
pub async fn end(
    tx: &mut TenantTx,
    endings: &[(RunId, CompanyId, Attempt, &Ending)],
    now: DateTime<Utc>,
) -> Result<HashSet<(RunId, CompanyId, Attempt)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "with ended as (
             update admissions a set state = 'terminal', outcome = e.outcome, score = e.score, confidence = e.confidence, bucket = e.bucket,
                    degraded = e.degraded, terminal_at = $3
             from jsonb_to_recordset($2) as e (run_id bigint, company_id bigint, attempt int, outcome text, score double precision,
                  confidence double precision, bucket text, degraded text[])
             where a.tenant_id = $1 and a.run_id = e.run_id and a.company_id = e.company_id and a.attempt = e.attempt and a.state = 'admitted'
             returning a.run_id, a.company_id, a.attempt),
         seen as (
             insert into seen_companies (tenant_id, company_id, last_seen_at)
             select distinct $1, company_id, $3::timestamptz from ended order by company_id
             on conflict (tenant_id, company_id) do update set last_seen_at = greatest(seen_companies.last_seen_at, excluded.last_seen_at))
         select run_id, company_id, attempt from ended",
    )
    .bind(tenant.as_str())
    .bind(endings.iter().map(ending_row).collect::<serde_json::Value>())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(|row| Ok((run(row)?, company(row)?, row.get::<i32, _>("attempt").unsigned_abs()))).collect()
}

fn ending_row((run, company, attempt, ending): &(RunId, CompanyId, Attempt, &Ending)) -> serde_json::Value {
    serde_json::json!({
        "run_id": run.get(), "company_id": company.get(), "attempt": number(*attempt), "outcome": ending.outcome, "score": ending.score,
        "confidence": ending.confidence, "bucket": ending.bucket, "degraded": ending.degraded,
    })
}

/// How many of the tenant's leads are in flight, and how many of its open runs' leads wait; of those not more than `enough` are counted.
///
/// # Errors
/// What the database says.
pub async fn load(tx: &mut TenantTx, enough: i64) -> Result<(i64, i64), StoreError> {
    let tenant = tx.tenant().clone();
    let load = sqlx::query_as(
        "select (select count(*) from admissions where tenant_id = $1 and state = 'admitted'),
                (select count(*) from (select 1 from admissions a join runs r using (tenant_id, run_id)
                     where a.tenant_id = $1 and a.state = 'selected' and r.status = 'open' limit $2) waiting)",
    )
    .bind(tenant.as_str())
    .bind(enough)
    .fetch_one(&mut **tx)
    .await?;
    Ok(load)
}

/// Gives places to the next `room` leads of the tenant's open runs, by their position in their run: a small run that starts while a
/// large one is under way gets the next places.
///
/// Call it under [`lock_window`].
///
/// # Errors
/// What the database says.
pub async fn admit(
    tx: &mut TenantTx,
    room: i64,
    now: DateTime<Utc>,
    deadline: DateTime<Utc>,
) -> Result<Vec<Admission>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "with next as (
             select a.run_id, a.company_id from admissions a join runs r using (tenant_id, run_id)
             where a.tenant_id = $1 and a.state = 'selected' and r.status = 'open'
             order by a.position, a.run_id limit $2)
         update admissions a set state = 'admitted', admitted_at = $3, deadline_at = $4 from next
         where a.tenant_id = $1 and a.run_id = next.run_id and a.company_id = next.company_id
         returning a.run_id, a.company_id, a.position, a.attempt",
    )
    .bind(tenant.as_str())
    .bind(room)
    .bind(now)
    .bind(deadline)
    .fetch_all(&mut **tx)
    .await?;
    let mut admissions = rows.iter().map(admission).collect::<Result<Vec<_>, _>>()?;
    admissions.sort_by_key(|admission| (admission.run, admission.position));
    Ok(admissions)
}

/// Leads past their deadline, still in flight.
///
/// # Errors
/// What the database says.
pub async fn overdue(
    tx: &mut TenantTx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Admission, DateTime<Utc>)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select run_id, company_id, position, attempt, deadline_at from admissions
         where tenant_id = $1 and state = 'admitted' and deadline_at < $2 order by deadline_at limit $3",
    )
    .bind(tenant.as_str())
    .bind(now)
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(|row| Ok((admission(row)?, row.get("deadline_at")))).collect()
}

/// The run's leads in flight.
///
/// # Errors
/// What the database says.
pub async fn in_flight(tx: &mut TenantTx, run: RunId) -> Result<Vec<Admission>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select run_id, company_id, position, attempt from admissions
         where tenant_id = $1 and run_id = $2 and state = 'admitted' order by position",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(admission).collect()
}

/// Lets go of every lead of the run that was not admitted yet.
///
/// # Errors
/// What the database says.
pub async fn let_go_selected(tx: &mut TenantTx, run: RunId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "update admissions set state = 'terminal', outcome = 'not_admitted', terminal_at = $3
         where tenant_id = $1 and run_id = $2 and state = 'selected'",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Whether any lead of the run is not terminal yet.
///
/// # Errors
/// What the database says.
pub async fn any_open(tx: &mut TenantTx, run: RunId) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let open = sqlx::query_scalar(
        "select exists (select from admissions where tenant_id = $1 and run_id = $2 and state = 'admitted')
             or exists (select from admissions where tenant_id = $1 and run_id = $2 and state = 'selected')",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_one(&mut **tx)
    .await?;
    Ok(open)
}

/// Puts a parked lead back as a new attempt; `None` when the lead is not parked.
///
/// # Errors
/// What the database says.
pub async fn put_back(tx: &mut TenantTx, run: RunId, company: CompanyId) -> Result<Option<Attempt>, StoreError> {
    let tenant = tx.tenant().clone();
    let attempt: Option<i32> = sqlx::query_scalar(
        "update admissions set state = 'selected', outcome = null, terminal_at = null, attempt = attempt + 1
         where tenant_id = $1 and run_id = $2 and company_id = $3 and state = 'terminal' and outcome = 'parked' returning attempt",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(company.get())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(attempt.map(|attempt| attempt.unsigned_abs()))
}

/// A terminal lead of a run, for ranking and the run's summary.
#[derive(Debug, Clone, PartialEq)]
pub struct TerminalLead {
    /// The company.
    pub company: CompanyId,
    /// Its registration number, for ties.
    pub uen: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// Its score.
    pub score: Option<f64>,
    /// How well founded.
    pub confidence: Option<f64>,
    /// Its bucket.
    pub bucket: Option<String>,
    /// Its degraded reasons.
    pub degraded: Vec<String>,
}

/// Every terminal lead of the run.
///
/// # Errors
/// What the database says.
pub async fn terminal(tx: &mut TenantTx, run: RunId) -> Result<Vec<TerminalLead>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select company_id, uen, outcome, score, confidence, bucket, degraded from admissions
         where tenant_id = $1 and run_id = $2 and state = 'terminal' order by position",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut **tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(TerminalLead {
                company: company(row)?,
                uen: row.get("uen"),
                outcome: row.get("outcome"),
                score: row.get("score"),
                confidence: row.get("confidence"),
                bucket: row.get("bucket"),
                degraded: row.get("degraded"),
            })
        })
        .collect()
}

fn admission(row: &sqlx::postgres::PgRow) -> Result<Admission, StoreError> {
    let attempt: i32 = row.get("attempt");
    Ok(Admission {
        run: run(row)?,
        company: company(row)?,
        position: row.get("position"),
        attempt: attempt.unsigned_abs(),
    })
}

fn run(row: &sqlx::postgres::PgRow) -> Result<RunId, StoreError> {
    RunId::new(row.get("run_id")).map_err(|error| StoreError::Refused(error.to_string()))
}

fn company(row: &sqlx::postgres::PgRow) -> Result<CompanyId, StoreError> {
    CompanyId::new(row.get("company_id")).map_err(|error| StoreError::Refused(error.to_string()))
}

fn number(attempt: Attempt) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}

/// Gives every lead in flight more time: nobody worked while nobody swept, and that is not the leads' fault. Tells how long nobody
/// swept, if that was longer than `gap_min`. Notes that it is swept now.
///
/// # Errors
/// What the database says.
pub async fn forgive_gap(
    tx: &mut TenantTx,
    now: DateTime<Utc>,
    gap_min: chrono::TimeDelta,
) -> Result<Option<chrono::TimeDelta>, StoreError> {
    let tenant = tx.tenant().clone();
    let before: Option<Option<DateTime<Utc>>> = sqlx::query_scalar(
        "with before as (select swept_at from admission_windows where tenant_id = $1 for update)
         update admission_windows w set swept_at = greatest(w.swept_at, $2) from before where w.tenant_id = $1 returning before.swept_at",
    )
    .bind(tenant.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(gap) = before.flatten().map(|before| now - before).filter(|gap| *gap >= gap_min) else { return Ok(None) };
    sqlx::query("update admissions set deadline_at = deadline_at + $2 where tenant_id = $1 and state = 'admitted'")
        .bind(tenant.as_str())
        .bind(sqlx::postgres::types::PgInterval::try_from(gap).unwrap_or_default())
        .execute(&mut **tx)
        .await?;
    Ok(Some(gap))
}
