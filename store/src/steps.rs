//! Outcomes: committed as the exact bytes of their event, then published, then marked.
//!
//! A step is known by tenant, run, company, name and attempt. Whoever commits it first decides what it came to; everyone after
//! publishes those bytes. Run-level steps have no company, tenant-level ones no run (stored as 0).

use chrono::{DateTime, Utc};
use presdr_events::{Attempt, Cause, CompanyId, EncodeError, Event, EventId, Header, RunId, TenantId};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{StoreError, TenantTx};

/// Which step of which lead.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepKey {
    /// Whose.
    pub tenant: TenantId,
    /// In which run.
    pub run: Option<RunId>,
    /// Of which company.
    pub company: Option<CompanyId>,
    /// The step's permanent name, such as `crawl`.
    pub step: &'static str,
    /// Which try, from 1.
    pub attempt: Attempt,
}

impl StepKey {
    /// The id of the event that tells the step's outcome, whatever it is.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        EventId::of(&self.tenant, self.run, self.company, self.step, self.attempt)
    }

    /// The header of the event that tells the step's outcome: `source` says it, `cause` led to it.
    #[must_use]
    pub fn header(&self, source: &'static str, cause: &Cause, time: DateTime<Utc>) -> Header {
        Header {
            id: self.event_id(),
            source,
            time,
            tenant: self.tenant.clone(),
            run: self.run,
            company: self.company,
            actor: cause.actor.clone(),
            correlation: cause.correlation,
            causation: Some(cause.id),
            traceparent: cause.traceparent.clone(),
        }
    }

    fn run_number(&self) -> i64 {
        self.run.map_or(0, RunId::get)
    }

    fn company_number(&self) -> i64 {
        self.company.map_or(0, CompanyId::get)
    }
}

/// An event's exact bytes on their way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Whose.
    pub tenant: TenantId,
    /// Its id, also its `Nats-Msg-Id`.
    pub id: EventId,
    /// Where it goes.
    pub subject: String,
    /// What is published.
    pub body: Vec<u8>,
}

/// A step with its outcome, about to be committed.
#[derive(Debug, Clone)]
pub struct Outcome {
    key: StepKey,
    event: Outgoing,
}

impl Outcome {
    /// The step `key` came to `event`. The header's id is the key's.
    ///
    /// # Errors
    /// [`EncodeError`] when the event has no JSON form or is too large.
    pub fn new(key: StepKey, header: &Header, event: &Event) -> Result<Self, EncodeError> {
        assert!(header.id == key.event_id(), "an event's id is the id of its step");
        let body = header.encode(event)?;
        let subject = header.subject(event).to_string();
        Ok(Self { event: Outgoing { tenant: key.tenant.clone(), id: header.id, subject, body }, key })
    }

    /// Which step it is of.
    #[must_use]
    pub fn key(&self) -> &StepKey {
        &self.key
    }

    /// What is to be published once it is committed.
    #[must_use]
    pub fn outgoing(&self) -> &Outgoing {
        &self.event
    }
}

/// What a step came to, if it was done before.
///
/// # Errors
/// What the database says.
pub async fn stored(connection: &mut PgConnection, key: &StepKey) -> Result<Option<Outgoing>, StoreError> {
    let row = sqlx::query(
        "select event_id, subject, body from lead_steps
         where tenant_id = $1 and run_id = $2 and company_id = $3 and step = $4 and attempt = $5",
    )
    .bind(key.tenant.as_str())
    .bind(key.run_number())
    .bind(key.company_number())
    .bind(key.step)
    .bind(i32::try_from(key.attempt).unwrap_or(i32::MAX))
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| outgoing(&key.tenant, &row)))
}

/// Where a step of a lead stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is to be done: the lead is admitted at that attempt in a run that is not over.
    Open,
    /// It came to this.
    Done(Outgoing),
    /// The lead is not to be worked on.
    NotAdmitted,
}

/// Where a lead's step stands, by one question.
///
/// A paused run's admitted leads go on: pause stops admission, not what is in flight.
///
/// # Errors
/// What the database says.
pub async fn standing(tx: &mut TenantTx, key: &StepKey) -> Result<Standing, StoreError> {
    let row = sqlx::query(
        "select s.event_id, s.subject, s.body,
                exists (select from admissions a join runs r using (tenant_id, run_id)
                    where a.tenant_id = $1 and a.run_id = $2 and a.company_id = $3 and a.attempt = $5 and a.state = 'admitted'
                      and r.status in ('open', 'paused')) as admitted
         from (values (1)) one left join lead_steps s
             on s.tenant_id = $1 and s.run_id = $2 and s.company_id = $3 and s.step = $4 and s.attempt = $5",
    )
    .bind(key.tenant.as_str())
    .bind(key.run_number())
    .bind(key.company_number())
    .bind(key.step)
    .bind(i32::try_from(key.attempt).unwrap_or(i32::MAX))
    .fetch_one(&mut **tx)
    .await?;
    let done: Option<Uuid> = row.get("event_id");
    Ok(match (done, row.get("admitted")) {
        (Some(_), _) => Standing::Done(outgoing(&key.tenant, &row)),
        (None, true) => Standing::Open,
        (None, false) => Standing::NotAdmitted,
    })
}

/// Commits the outcome of a lead's step with the caller's transaction, if the step is open: `false` when it is not, and then the
/// caller rolls back what it did in the transaction.
///
/// # Errors
/// What the database says.
pub async fn conclude(tx: &mut TenantTx, outcome: &Outcome) -> Result<bool, StoreError> {
    let key = &outcome.key;
    let done = sqlx::query(
        "insert into lead_steps (tenant_id, run_id, company_id, step, attempt, event_id, subject, body)
         select $1, $2, $3, $4, $5, $6, $7, $8 from admissions a join runs r using (tenant_id, run_id)
         where a.tenant_id = $1 and a.run_id = $2 and a.company_id = $3 and a.attempt = $5 and a.state = 'admitted'
           and r.status in ('open', 'paused')
         on conflict do nothing",
    )
    .bind(key.tenant.as_str())
    .bind(key.run_number())
    .bind(key.company_number())
    .bind(key.step)
    .bind(i32::try_from(key.attempt).unwrap_or(i32::MAX))
    .bind(outcome.event.id.0)
    .bind(&outcome.event.subject)
    .bind(&outcome.event.body)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The newest attempt's body of each of `steps` of one lead, by step name: a lead's state.
///
/// # Errors
/// What the database says.
pub async fn lead(
    tx: &mut TenantTx,
    run: RunId,
    company: CompanyId,
    attempt: Attempt,
) -> Result<Vec<(String, String, Vec<u8>)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query_as(
        "select distinct on (step) step, subject, body from lead_steps
         where tenant_id = $1 and run_id = $2 and company_id = $3 and attempt <= $4 order by step, attempt desc",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(company.get())
    .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// What these steps of a run's leads came to, at whatever attempt: company, subject and body.
///
/// # Errors
/// What the database says.
pub async fn of_run(
    tx: &mut TenantTx,
    run: RunId,
    steps: &[&str],
) -> Result<Vec<(CompanyId, String, Vec<u8>)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(
        "select company_id, subject, body from lead_steps where tenant_id = $1 and run_id = $2 and company_id > 0 and step = any($3)",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(steps)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().filter_map(|(id, subject, body)| Some((CompanyId::new(id).ok()?, subject, body))).collect())
}

/// Commits outcomes with the caller's transaction. Tells how many were new: a step that has an outcome keeps it.
///
/// # Errors
/// What the database says.
pub async fn record(connection: &mut PgConnection, outcomes: &[Outcome]) -> Result<u64, StoreError> {
    if outcomes.is_empty() {
        return Ok(0);
    }
    let column = |read: fn(&Outcome) -> i64| outcomes.iter().map(read).collect::<Vec<_>>();
    let done = sqlx::query(
        "insert into lead_steps (tenant_id, run_id, company_id, step, attempt, event_id, subject, body)
         select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::uuid[], $7::text[], $8::bytea[])
         on conflict do nothing",
    )
    .bind(outcomes.iter().map(|outcome| outcome.key.tenant.as_str()).collect::<Vec<_>>())
    .bind(column(|outcome| outcome.key.run_number()))
    .bind(column(|outcome| outcome.key.company_number()))
    .bind(outcomes.iter().map(|outcome| outcome.key.step).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|outcome| i32::try_from(outcome.key.attempt).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|outcome| outcome.event.id.0).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|outcome| outcome.event.subject.as_str()).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|outcome| outcome.event.body.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Takes in the outcome of a step that the log has and this database lost, as it stands there.
///
/// # Errors
/// What the database says.
pub async fn adopt(tx: &mut TenantTx, key: &StepKey, event: &Outgoing) -> Result<(), StoreError> {
    sqlx::query(
        "insert into lead_steps (tenant_id, run_id, company_id, step, attempt, event_id, subject, body, published_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now()) on conflict do nothing",
    )
    .bind(key.tenant.as_str())
    .bind(key.run_number())
    .bind(key.company_number())
    .bind(key.step)
    .bind(i32::try_from(key.attempt).unwrap_or(i32::MAX))
    .bind(event.id.0)
    .bind(&event.subject)
    .bind(&event.body)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What was committed before `before` and is not known to be published: what a crash left behind. Oldest first.
///
/// # Errors
/// What the database says.
pub async fn unpublished(tx: &mut TenantTx, before: DateTime<Utc>, limit: i64) -> Result<Vec<Outgoing>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select event_id, subject, body from lead_steps
         where tenant_id = $1 and published_at is null and committed_at < $2 order by committed_at limit $3",
    )
    .bind(tenant.as_str())
    .bind(before)
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(|row| outgoing(&tenant, row)).collect())
}

/// Marks events as published. Losing a mark is harmless: the sweep publishes again and the broker knows the id.
///
/// # Errors
/// What the database says.
pub async fn mark_published(tx: &mut TenantTx, ids: &[EventId]) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("set local synchronous_commit = off").execute(&mut **tx).await?;
    sqlx::query("update lead_steps set published_at = now() where tenant_id = $1 and published_at is null and event_id = any($2)")
        .bind(tenant.as_str())
        .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn outgoing(tenant: &TenantId, row: &PgRow) -> Outgoing {
    Outgoing {
        tenant: tenant.clone(),
        id: EventId(row.get("event_id")),
        subject: row.get("subject"),
        body: row.get("body"),
    }
}
