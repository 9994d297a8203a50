//! Erasures that were asked for by whoever cannot carry them out, for a service that can. Who is meant is sealed under the tenant's key, and
//! forgotten with the end of the request.

use std::fmt;

use chrono::{DateTime, Utc};
use presdr_events::{Actor, SubjectId};
use serde::{Deserialize, Serialize};
use sqlx::{
    Row,
    postgres::{PgListener, PgRow},
};
use uuid::Uuid;

use crate::{
    Database, StoreError, TenantTx,
    keys::{Keyring, random},
};

/// Where it is told that a tenant's request waits; what is told is the tenant.
const CHANNEL: &str = "presdr_erasure_requests";

/// So many of a tenant's wait at the same time: each reads the tenant's whole log.
pub const WAITING_MAX: i64 = 20;

/// Who is meant. Not printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)] // what an older gateway sealed knows less
pub struct Meant {
    /// By address.
    pub emails: Vec<String>,
    /// By profile link.
    pub profiles: Vec<String>,
    /// Numbers of somebody who is identified.
    pub phones: Vec<String>,
    /// By random id.
    pub subjects: Vec<SubjectId>,
}

impl fmt::Debug for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meant(…)")
    }
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has begun.
    Asked,
    /// Somebody has, and goes on however often they are cut off.
    UnderWay,
    /// There are receipts.
    Done,
    /// It cannot be done: the problem says what can.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Asked, Self::UnderWay, Self::Done, Self::Failed];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::UnderWay => "under_way",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A request, without who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: Uuid,
    /// How far it is.
    pub state: State,
    /// Who asked, by opaque id.
    pub actor: String,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// When it is tried next, unless it is done or failed.
    pub due_at: DateTime<Utc>,
    /// How often it could not be finished.
    pub tries: u32,
    /// Why it failed, or has to be tried again.
    pub problem: Option<String>,
    /// The numbers of the erasures that it came to.
    pub erasures: Vec<u32>,
    /// When it was done or failed.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Writes a request down and wakes whoever carries them out; `false` when too many of the tenant's wait.
///
/// # Errors
/// What the database says.
pub async fn ask(
    tx: &mut TenantTx,
    keyring: &Keyring,
    id: Uuid,
    meant: &Meant,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    // Those that are asked for at once are counted one after the other.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('presdr erasure requests of ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    let keys = keyring.tenant(tx, &tenant).await?;
    let plain = serde_json::to_vec(meant).map_err(|error| StoreError::Refused(error.to_string()))?;
    let sealed = keys.data.seal(random(), &sealed_for(id), &plain);
    let asked = sqlx::query(
        "insert into erasure_requests (tenant_id, request_id, sealed, actor, asked_at, due_at)
         select $1, $2, $3, $4, $5, $5
         where (select count(*) from erasure_requests where tenant_id = $1 and sealed is not null) < $6",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(sealed.map_err(|source| StoreError::Pii { tenant: tenant.clone(), source })?)
    .bind(actor.as_str())
    .bind(now)
    .bind(WAITING_MAX)
    .execute(&mut **tx)
    .await?;
    sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(tenant.as_str()).execute(&mut **tx).await?;
    Ok(asked.rows_affected() == 1)
}

/// Hears of requests as they are committed. Holds a connection of the pool.
///
/// # Errors
/// What the database says.
pub async fn listen(database: &Database) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect_with(database.platform()).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Whether any request is due by now.
///
/// # Errors
/// What the database says.
pub async fn is_due(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let due =
        "select exists (select from erasure_requests where tenant_id = $1 and sealed is not null and due_at <= $2)";
    Ok(sqlx::query_scalar(due).bind(tenant.as_str()).bind(now).fetch_one(&mut **tx).await?)
}

/// Takes up the request that is due longest, and tells who is meant, or why nobody can tell: [`StoreError::Pii`] when that cannot be opened,
/// [`StoreError::Refused`] when it has no form that is known.
///
/// # Errors
/// What the database says.
pub async fn take_up(
    tx: &mut TenantTx,
    keyring: &Keyring,
    now: DateTime<Utc>,
) -> Result<Option<(Request, Result<Meant, StoreError>)>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query(
        "update erasure_requests set state = 'under_way' where tenant_id = $1 and request_id = (
             select request_id from erasure_requests where tenant_id = $1 and sealed is not null and due_at <= $2
             order by due_at, request_id limit 1)
         returning *",
    );
    let Some(row) = row.bind(tenant.as_str()).bind(now).fetch_optional(&mut **tx).await? else { return Ok(None) };
    let request = one(&row)?;
    let keys = keyring.tenant(tx, &tenant).await?;
    let plain = keys.data.open(&sealed_for(request.id), &row.get::<Vec<u8>, _>("sealed"));
    let meant = plain.map_err(|source| StoreError::Pii { tenant, source }).and_then(|plain| {
        serde_json::from_slice(&plain).map_err(|_| {
            StoreError::Refused(format!("what erasure request {} seals has no form that is known", request.id))
        })
    });
    Ok(Some((request, meant)))
}

/// Writes down that a try failed, and when the next is due.
///
/// # Errors
/// What the database says.
pub async fn put_off(tx: &mut TenantTx, id: Uuid, problem: &str, due_at: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update erasure_requests set tries = tries + 1, problem = $3, due_at = $4
         where tenant_id = $1 and request_id = $2 and sealed is not null",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(problem)
    .bind(due_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends a request with the erasures that it came to, or with why it cannot be done. Who was meant is forgotten.
///
/// # Errors
/// What the database says.
pub async fn finish(
    tx: &mut TenantTx,
    id: Uuid,
    came_to: Result<&[u32], &str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let (state, problem, erasures) = match came_to {
        Ok(erasures) => (State::Done, None, erasures),
        Err(problem) => (State::Failed, Some(problem), &[][..]),
    };
    sqlx::query(
        "update erasure_requests set state = $3, problem = $4, erasures = $5, finished_at = $6, sealed = null
         where tenant_id = $1 and request_id = $2 and sealed is not null",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(state.as_str())
    .bind(problem)
    .bind(erasures.iter().map(|number| i32::try_from(*number).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// One request.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Request>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query("select * from erasure_requests where tenant_id = $1 and request_id = $2");
    row.bind(tenant.as_str()).bind(id).fetch_optional(&mut **tx).await?.as_ref().map(one).transpose()
}

/// The newest, at most so many.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, limit: i64) -> Result<Vec<Request>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows =
        sqlx::query("select * from erasure_requests where tenant_id = $1 order by asked_at desc, request_id limit $2");
    rows.bind(tenant.as_str()).bind(limit).fetch_all(&mut **tx).await?.iter().map(one).collect()
}

/// What is sealed for one request opens for no other.
fn sealed_for(id: Uuid) -> Vec<u8> {
    [b"erasure request ", id.as_bytes().as_slice()].concat()
}

fn one(row: &PgRow) -> Result<Request, StoreError> {
    let state: String = row.get("state");
    let known = State::ALL.into_iter().find(|known| known.as_str() == state);
    Ok(Request {
        id: row.get("request_id"),
        state: known.ok_or_else(|| StoreError::Refused(format!("{state} is no state of a request")))?,
        actor: row.get("actor"),
        asked_at: row.get("asked_at"),
        due_at: row.get("due_at"),
        tries: row.get::<i32, _>("tries").unsigned_abs(),
        problem: row.get("problem"),
        erasures: row.get::<Vec<i32>, _>("erasures").into_iter().map(i32::unsigned_abs).collect(),
        finished_at: row.get("finished_at"),
    })
}
