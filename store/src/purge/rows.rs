//! Removing a tenant's rows: the tables are found in the catalogue.

use std::{collections::BTreeMap, time::Duration};

use presdr_events::TenantId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::enter_to_erase;
use crate::{Database, StoreError};

/// How often a removal that met another transaction is tried, and how long it waits in between.
const TRIES: usize = 10;
const RETRY: Duration = Duration::from_millis(50);

/// The tables that tenants own, those of a rebuild included; a table stands before those that it refers to.
///
/// # Errors
/// What the database says.
pub async fn tables(owner: &Database) -> Result<Vec<String>, StoreError> {
    let tables = sqlx::query_scalar(
        "with recursive owned as (
             select oid from pg_class where relkind in ('r', 'p') and not relispartition
               and relnamespace in ('public'::regnamespace, 'rebuild'::regnamespace)
               and obj_description(oid, 'pg_class') ~ '^(record|projection): '),
         below (oid, depth) as (
             select oid, 0 from owned
             union
             select f.confrelid, b.depth + 1 from below b join pg_constraint f on f.conrelid = b.oid
             where f.contype = 'f' and f.confrelid <> f.conrelid and b.depth < 20)
         select o.oid::regclass::text from owned o join below b using (oid) group by o.oid order by max(b.depth), 1",
    )
    .fetch_all(owner.platform())
    .await?;
    Ok(tables)
}

/// Removes the tenant's rows from all of its tables. Tells the tables that had any.
///
/// # Errors
/// [`StoreError::Refused`] when another tenant's rows would go too: then nothing was removed from that table.
pub async fn remove_all(owner: &Database, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
    let mut had_rows = Vec::new();
    // Tables that a rebuild swaps meanwhile are found by looking again.
    loop {
        let mut removed_any = false;
        for table in tables(owner).await? {
            if remove(owner, tenant, &table).await? > 0 {
                removed_any = true;
                had_rows.push(table);
            }
        }
        if !removed_any {
            return Ok(had_rows);
        }
    }
}

/// Removes the tenant's rows from one table and writes down how many there were, both or neither. 0 when the table is gone.
pub(super) async fn remove(owner: &Database, tenant: &TenantId, table: &str) -> Result<i64, StoreError> {
    let others = others(owner, tenant).await?;
    for _ in 1..TRIES {
        match try_remove(owner, tenant, table, &others).await {
            Err(StoreError::Database(error)) if is_gone(&error) => return Ok(0),
            Err(error) if error.is_transient() => tokio::time::sleep(RETRY).await,
            done => return done,
        }
    }
    try_remove(owner, tenant, table, &others).await
}

/// In one snapshot: whatever others do meanwhile, a difference between the two counts is this transaction's doing.
async fn try_remove(owner: &Database, tenant: &TenantId, table: &str, others: &[TenantId]) -> Result<i64, StoreError> {
    let mut tx = enter_to_erase(owner, tenant).await?;
    if count(&mut tx, tenant, table).await? == 0 {
        return Ok(0);
    }
    let before = count_others(&mut tx, table, others).await?;
    sqlx::query("select set_config('request.tenant_id', $1, true)").bind(tenant.as_str()).execute(&mut *tx).await?;
    let delete = AssertSqlSafe(format!("delete from {table} where tenant_id = $1"));
    let removed = sqlx::query(delete).bind(tenant.as_str()).execute(&mut *tx).await?.rows_affected();
    let after = count_others(&mut tx, table, others).await?;
    if let Some((other, _)) = before.iter().find(|(other, rows)| after.get(*other) != Some(rows)) {
        return Err(StoreError::Refused(format!(
            "removing the rows of tenant {tenant} from {table} would change those of {other}: nothing was removed from it"
        )));
    }
    let removed = i64::try_from(removed).unwrap_or(i64::MAX);
    let rows_of_others: i64 = after.values().sum();
    sqlx::query(
        "update tenant_purges
         set rows_removed = rows_removed || jsonb_build_object($2::text, coalesce((rows_removed ->> $2)::bigint, 0) + $3),
             rows_of_others = rows_of_others || jsonb_build_object($2::text, $4::bigint)
         where slug = $1 and finished_at is null",
    )
    .bind(tenant.as_str())
    .bind(table)
    .bind(removed)
    .bind(rows_of_others)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(removed)
}

/// Everybody else whose rows there may be: the platform itself, and every tenant that is not closed.
async fn others(owner: &Database, tenant: &TenantId) -> Result<Vec<TenantId>, StoreError> {
    let slugs: Vec<String> = sqlx::query_scalar(
        "select tenant_id from tenants where status not in ('purging', 'purged') and tenant_id <> $1 order by tenant_id",
    )
    .bind(tenant.as_str())
    .fetch_all(owner.platform())
    .await?;
    let named = |slug| TenantId::new(slug).map_err(|error| StoreError::Refused(error.to_string()));
    slugs.into_iter().map(named).chain([Ok(TenantId::platform())]).collect()
}

async fn count_others(
    connection: &mut PgConnection,
    table: &str,
    others: &[TenantId],
) -> Result<BTreeMap<TenantId, i64>, StoreError> {
    let mut counts = BTreeMap::new();
    for other in others {
        sqlx::query("select set_config('request.tenant_id', $1, true)")
            .bind(other.as_str())
            .execute(&mut *connection)
            .await?;
        counts.insert(other.clone(), count(connection, other, table).await?);
    }
    Ok(counts)
}

async fn count(connection: &mut PgConnection, tenant: &TenantId, table: &str) -> Result<i64, StoreError> {
    let count = AssertSqlSafe(format!("select count(*) from {table} where tenant_id = $1"));
    Ok(sqlx::query_scalar(count).bind(tenant.as_str()).fetch_one(connection).await?)
}

/// The tenant's rows that are left, by table; only tables that have any.
///
/// # Errors
/// What the database says.
pub async fn left(owner: &Database, tenant: &TenantId) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut left = BTreeMap::new();
    let mut tx = enter_to_erase(owner, tenant).await?;
    for table in tables(owner).await? {
        let mut savepoint = tx.begin().await?;
        match count(&mut savepoint, tenant, &table).await {
            Err(StoreError::Database(error)) if is_gone(&error) => savepoint.rollback().await?,
            Ok(0) => savepoint.commit().await?,
            rows => {
                left.insert(table, rows?);
                savepoint.commit().await?;
            }
        }
    }
    Ok(left)
}

/// Whether the table is not there any more.
pub(super) fn is_gone(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("42P01"))
}
