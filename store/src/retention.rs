//! What is removed because it was kept long enough, and the record of each pass that removed it.
//!
//! A pass is written down with what it is to remove before it removes anything. It removes by the cut-offs that stand there, in small
//! transactions that may be repeated, so one that was cut off goes on.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{Actor, CompanyId, RunId, SubjectId};
use serde::Serialize;
use sqlx::{AssertSqlSafe, types::Json};
use uuid::Uuid;

use crate::{Database, StoreError, TenantTx, erasures, exclusive::Exclusive};

/// Held while passes are made: two at once would count the same rows.
const RETENTION_LOCK: i64 = 0x7265_7465_6e74_6901;
/// People of tenant `$1` who were not seen since `$2`. Whoever stands in the tenant's Odoo is kept: without their key and what led to them, nobody
/// could find them there any more, neither to erase them nor to know them again.
const FORGETTABLE: &str = "s.tenant_id = $1 and s.seen_at < $2 and s.wrapped_key is not null
    and not exists (select from odoo_records r
                    where r.tenant_id = s.tenant_id and r.subject_id = s.subject_id and r.state not in ('erased', 'deleted', 'refused'))";
/// Rows that one transaction removes, at most.
pub const BATCH: i64 = 2_000;

/// The one that makes passes, for as long as this lives.
#[derive(Debug)]
pub struct RetentionLock {
    _lock: Exclusive,
}

impl RetentionLock {
    /// Takes the lock; `None` when another process makes passes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn take(database: &Database) -> Result<Option<Self>, StoreError> {
        Ok(Exclusive::take(database, RETENTION_LOCK).await?.map(|lock| Self { _lock: lock }))
    }
}

/// A pass, begun or done.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize)]
pub struct Pass {
    /// Its number.
    pub number: i32,
    /// In Singapore: text that expires on it or before goes.
    pub day: NaiveDate,
    /// Text of finished runs that started before goes.
    pub text_before: DateTime<Utc>,
    /// Log rows that are older go.
    pub logs_before: DateTime<Utc>,
    /// People who were not seen since lose their key.
    pub people_before: DateTime<Utc>,
    /// Conversations in which nothing was said since go.
    pub threads_before: DateTime<Utc>,
    /// The first checkpoint that is kept; none when none is old enough, and then the audit log stays.
    pub log_number: Option<i32>,
    /// The last event that it covers: the logs begin behind it.
    pub log_sequence: Option<i64>,
    /// What was to go: table to rows, only where there are any.
    #[sqlx(json)]
    pub planned: BTreeMap<String, u64>,
    /// What went so far.
    #[sqlx(json)]
    pub removed: BTreeMap<String, u64>,
    /// People whose key is gone and whose rows may be there yet.
    #[serde(skip)]
    pub forgetting: Vec<Uuid>,
    /// Who asked for it.
    pub actor: String,
    /// When it was written down.
    pub planned_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "number, day, text_before, logs_before, people_before, threads_before, log_number, log_sequence, planned, removed, forgetting, \
                       actor, planned_at, finished_at";

/// By what the age of a row is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// By [`Pass::logs_before`].
    Logs,
    /// By [`Pass::people_before`].
    People,
    /// By [`Pass::text_before`].
    Text,
    /// By [`Pass::threads_before`].
    Threads,
    /// By [`Pass::log_number`].
    Checkpoint,
}

/// A table whose rows are removed one by one.
#[derive(Debug)]
struct Aged {
    table: &'static str,
    key: &'static str,
    /// Which rows: `$1` is the tenant, `$2` the cut-off.
    old: &'static str,
    age: Age,
}

const AGED: [Aged; 8] = [
    Aged {
        table: "lead_steps",
        key: "tenant_id, run_id, company_id, step, attempt",
        // What a tenant was told without a run numbers what it is told next, and stays.
        old: "run_id in (select run_id from runs where tenant_id = $1 and finished_at < $2) and published_at is not null",
        age: Age::Logs,
    },
    Aged {
        table: "parked_messages",
        key: "tenant_id, parked_id",
        old: "parked_at < $2 and (retried_at is not null or run_id is null
                  or exists (select from runs r where r.tenant_id = $1 and r.run_id = parked_messages.run_id and r.finished_at is not null))",
        age: Age::Logs,
    },
    Aged {
        table: "erasure_requests",
        key: "tenant_id, request_id",
        old: "asked_at < $2 and finished_at < $2",
        age: Age::Logs,
    },
    Aged { table: "rationale_cache", key: "tenant_id, cache_key", old: "created_at < $2", age: Age::Logs },
    Aged { table: "audit_checkpoints", key: "tenant_id, number", old: "number < $2", age: Age::Checkpoint },
    Aged { table: "email_verification_cache", key: "tenant_id, hash", old: "checked_at < $2", age: Age::People },
    Aged {
        table: "embeddings",
        key: "tenant_id, company_id, model",
        old: "made_at < $2 and not exists (select from lead_texts t where t.tenant_id = $1 and t.company_id = embeddings.company_id)",
        age: Age::Text,
    },
    // Its states, turns and what they told go with it. One that was made for a single answer is asked for no more after a day, and nobody
    // answers for so long.
    Aged {
        table: "threads",
        key: "tenant_id, thread_id",
        old: "(updated_at < $2 or hidden and updated_at < now() - interval '1 day')
              and (status <> 'busy' or updated_at < now() - interval '1 day')",
        age: Age::Threads,
    },
];

/// The newest checkpoint that is older than `before`: its number and the last event that it covers. The log can be verified from it on. The
/// very first is none: from it on the whole log is verified.
///
/// # Errors
/// What the database says.
pub async fn oldest_checkpoint(tx: &mut TenantTx, before: DateTime<Utc>) -> Result<Option<(i32, i64)>, StoreError> {
    let tenant = tx.tenant().clone();
    let found = sqlx::query_as(
        "select number, sequence from audit_checkpoints where tenant_id = $1 and number > 1 and created_at < $2 order by number desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(before)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// How many rows of which table a pass with these cut-offs would remove, in this transaction's eyes. Tables without any are left out.
///
/// # Errors
/// What the database says.
pub async fn count(tx: &mut TenantTx, pass: &Pass) -> Result<BTreeMap<String, u64>, StoreError> {
    let tenant = tx.tenant().clone();
    let mut rows = BTreeMap::new();
    let mut add = |table: &str, counted: i64| {
        if counted > 0 {
            rows.insert(table.to_owned(), counted.unsigned_abs());
        }
    };
    for aged in &AGED {
        let statement = format!("select count(*) from {} where tenant_id = $1 and {}", aged.table, aged.old);
        let counting = sqlx::query_scalar(AssertSqlSafe(statement)).bind(tenant.as_str());
        let counted = match aged.age {
            Age::Checkpoint => counting.bind(pass.log_number),
            age => counting.bind(pass.time(age)),
        };
        add(aged.table, counted.fetch_one(&mut **tx).await?);
    }
    let runs: Vec<i64> = due(tx, pass).await?.into_iter().map(RunId::get).collect();
    for table in ["site_visits", "lead_texts"] {
        let statement =
            format!("select count(*) from {table} where tenant_id = $1 and (expires_on <= $2 or run_id = any($3))");
        let counting = sqlx::query_scalar(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(pass.day).bind(&runs);
        add(table, counting.fetch_one(&mut **tx).await?);
    }
    for table in ["audit_log", "run_event_logs"] {
        let statement = format!("select count(*) from {table} where tenant_id = $1 and sequence <= $2");
        let counting = sqlx::query_scalar(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(pass.log_sequence);
        add(table, counting.fetch_one(&mut **tx).await?);
    }
    let keys = format!("select count(*) from data_subjects s where {FORGETTABLE}");
    add(
        "keys",
        sqlx::query_scalar(AssertSqlSafe(keys))
            .bind(tenant.as_str())
            .bind(pass.people_before)
            .fetch_one(&mut **tx)
            .await?,
    );
    Ok(rows)
}

impl Pass {
    fn time(&self, age: Age) -> DateTime<Utc> {
        match age {
            Age::People => self.people_before,
            Age::Text => self.text_before,
            Age::Threads => self.threads_before,
            Age::Logs | Age::Checkpoint => self.logs_before,
        }
    }
}

/// Writes down that a pass begins, with the next number, which it tells.
///
/// # Errors
/// What the database says.
pub async fn begin(tx: &mut TenantTx, pass: &Pass, actor: &Actor) -> Result<Pass, StoreError> {
    let tenant = tx.tenant().clone();
    let statement = format!(
        "insert into retention_passes (tenant_id, number, day, text_before, logs_before, people_before, threads_before, log_number, log_sequence, planned, actor, planned_at)
         select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 from retention_passes where tenant_id = $1
         returning {COLUMNS}"
    );
    let begun = sqlx::query_as(AssertSqlSafe(statement))
        .bind(tenant.as_str())
        .bind(pass.day)
        .bind(pass.text_before)
        .bind(pass.logs_before)
        .bind(pass.people_before)
        .bind(pass.threads_before)
        .bind(pass.log_number)
        .bind(pass.log_sequence)
        .bind(Json(&pass.planned))
        .bind(actor.as_str())
        .bind(pass.planned_at)
        .fetch_one(&mut **tx)
        .await?;
    Ok(begun)
}

/// The tenant's passes, newest first.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, limit: i64) -> Result<Vec<Pass>, StoreError> {
    let tenant = tx.tenant().clone();
    let statement =
        format!("select {COLUMNS} from retention_passes where tenant_id = $1 order by number desc limit $2");
    let passes = sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(limit);
    Ok(passes.fetch_all(&mut **tx).await?)
}

/// The passes that were cut off, oldest first.
///
/// # Errors
/// What the database says.
pub async fn unfinished(tx: &mut TenantTx) -> Result<Vec<Pass>, StoreError> {
    let tenant = tx.tenant().clone();
    let statement =
        format!("select {COLUMNS} from retention_passes where tenant_id = $1 and finished_at is null order by number");
    Ok(sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).fetch_all(&mut **tx).await?)
}

/// Adds to what a pass removed.
///
/// # Errors
/// What the database says.
pub async fn note(tx: &mut TenantTx, number: i32, table: &str, rows: u64) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update retention_passes
         set removed = removed || jsonb_build_object($3::text, coalesce((removed ->> $3)::bigint, 0) + $4)
         where tenant_id = $1 and number = $2",
    )
    .bind(tenant.as_str())
    .bind(number)
    .bind(table)
    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down that a pass is over, and tells what it came to.
///
/// # Errors
/// What the database says.
pub async fn finish(tx: &mut TenantTx, number: i32, now: DateTime<Utc>) -> Result<Pass, StoreError> {
    let tenant = tx.tenant().clone();
    let statement = format!(
        "update retention_passes set finished_at = $3 where tenant_id = $1 and number = $2 returning {COLUMNS}"
    );
    let finished = sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(number).bind(now);
    Ok(finished.fetch_one(&mut **tx).await?)
}

/// Drops the text of everybody that expires on `today` or before, a partition at a time. Tells which partitions.
///
/// # Errors
/// What the database says; one whose table is read for long ([`StoreError::is_transient`]) is dropped by the next call.
pub async fn drop_text(database: &Database, today: NaiveDate) -> Result<Vec<String>, StoreError> {
    let mut tx = database.shared().await?;
    let dropped = sqlx::query_scalar("select drop_text_partitions($1)").bind(today).fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(dropped)
}

/// The runs whose text goes with this pass and whose shown text was not emptied yet.
///
/// # Errors
/// What the database says.
pub async fn due(tx: &mut TenantTx, pass: &Pass) -> Result<Vec<RunId>, StoreError> {
    let tenant = tx.tenant().clone();
    let runs: Vec<i64> = sqlx::query_scalar(
        "select run_id from runs where tenant_id = $1 and text_forgotten_at is null
           and (text_expires_on <= $2 or finished_at is not null and created_at < $3) order by run_id",
    )
    .bind(tenant.as_str())
    .bind(pass.day)
    .bind(pass.text_before)
    .fetch_all(&mut **tx)
    .await?;
    runs.into_iter().map(|id| RunId::new(id).map_err(|error| StoreError::Refused(error.to_string()))).collect()
}

/// Removes what is left of a run's text: what was to expire later, before the tenant's window was made shorter. Tells whose shown text is
/// to be emptied.
///
/// # Errors
/// What the database says.
pub async fn forget_text(tx: &mut TenantTx, run: RunId) -> Result<Vec<CompanyId>, StoreError> {
    let tenant = tx.tenant().clone();
    for table in ["site_visits", "lead_texts"] {
        let statement = format!("delete from {table} where tenant_id = $1 and run_id = $2");
        sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(run.get()).execute(&mut **tx).await?;
    }
    let companies: Vec<i64> =
        sqlx::query_scalar("select company_id from admissions where tenant_id = $1 and run_id = $2")
            .bind(tenant.as_str())
            .bind(run.get())
            .fetch_all(&mut **tx)
            .await?;
    companies.into_iter().map(|id| CompanyId::new(id).map_err(|error| StoreError::Refused(error.to_string()))).collect()
}

/// Writes down that nothing of a run's text is left.
///
/// # Errors
/// What the database says.
pub async fn text_is_forgotten(tx: &mut TenantTx, run: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update runs set text_forgotten_at = $3 where tenant_id = $1 and run_id = $2")
        .bind(tenant.as_str())
        .bind(run.get())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes some of the records that are too old, and notes them. Tells how many: none when nothing is left.
///
/// # Errors
/// What the database says.
pub async fn remove_some(tx: &mut TenantTx, pass: &Pass) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let mut removed = 0;
    for Aged { table, key, old, age } in &AGED {
        let statement = format!(
            "delete from {table} where ({key}) in (select {key} from {table} where tenant_id = $1 and {old} limit {BATCH}) and tenant_id = $1"
        );
        let deleting = sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str());
        let done = match age {
            Age::Checkpoint => deleting.bind(pass.log_number),
            age => deleting.bind(pass.time(*age)),
        };
        let rows = done.execute(&mut **tx).await?.rows_affected();
        note(tx, pass.number, table, rows).await?;
        removed += rows;
    }
    Ok(removed)
}

/// Destroys the keys of some people who were not seen for long enough, and forgets what led to them: found again, they are somebody new. Tells
/// who: nobody when nobody is left. Their rows in the read models are to be removed once this is committed.
///
/// # Errors
/// What the database says.
pub async fn destroy_some_keys(tx: &mut TenantTx, pass: &Pass) -> Result<Vec<SubjectId>, StoreError> {
    let tenant = tx.tenant().clone();
    // Whoever is about to commit something about somebody has seen them when this goes on.
    erasures::shut(tx).await?;
    let gone: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(format!(
        "with old as (select subject_id from data_subjects s where {FORGETTABLE} order by seen_at limit $3 for update)
         update data_subjects s set wrapped_key = null, erased_at = $4 from old
         where s.tenant_id = $1 and s.subject_id = old.subject_id returning s.subject_id",
    )))
    .bind(tenant.as_str())
    .bind(pass.people_before)
    .bind(BATCH)
    .bind(pass.planned_at)
    .fetch_all(&mut **tx)
    .await?;
    sqlx::query("delete from subject_identifiers where tenant_id = $1 and subject_id = any($2)")
        .bind(tenant.as_str())
        .bind(&gone)
        .execute(&mut **tx)
        .await?;
    forgetting(tx, pass.number, &gone).await?;
    note(tx, pass.number, "keys", gone.len().try_into().unwrap_or(u64::MAX)).await?;
    Ok(gone.into_iter().map(SubjectId).collect())
}

/// Writes down whose rows may be there yet.
///
/// # Errors
/// What the database says.
pub async fn forgetting(tx: &mut TenantTx, number: i32, whom: &[Uuid]) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update retention_passes set forgetting = $3 where tenant_id = $1 and number = $2")
        .bind(tenant.as_str())
        .bind(number)
        .bind(whom)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
