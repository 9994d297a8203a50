//! A restore under way: what was found in the place, the mark that keeps services out until it is over, and what it must do again.
//!
//! The mark is a schema of its own, made in the transaction that empties the place. It holds what a restore that is cut off could not learn
//! a second time: the receipts of the stores that were there.

use std::str::FromStr;

use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use crate::StoreError;

/// Where the mark is.
pub(crate) const MARK: &str = "presdr_restore";

const MARK_TABLES: &str = "create schema presdr_restore;
create table presdr_restore.under_way (backup text not null, begun_at timestamptz not null default now());
create table presdr_restore.kept (line bigint generated always as identity primary key, kept jsonb not null)";

/// Every schema but the server's own: this database is presdr's alone.
const EMPTY: &str = "do $$
declare
    gone name;
begin
    for gone in select nspname from pg_namespace where nspname <> 'information_schema' and nspname !~ '^pg_' loop
        execute format('drop schema %I cascade', gone);
    end loop;
    create schema public authorization pg_database_owner;
    grant usage on schema public to public;
end $$";

/// What is in the place of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No table of anybody's.
    Nothing,
    /// What a restore of this backup left when it was cut off.
    CutOff {
        /// The backup, by the hash of its manifest.
        backup: String,
    },
    /// Somebody's tables.
    Tables,
}

/// Looks at the database that `url` names.
///
/// # Errors
/// What the database says.
pub async fn look(url: &str) -> Result<Found, StoreError> {
    let mut connection = connect(url).await?;
    let (marked, tables): (bool, bool) = sqlx::query_as(
        "select exists (select from pg_namespace where nspname = $1),
             exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('information_schema', $1) and n.nspname !~ '^pg_')",
    )
    .bind(MARK)
    .fetch_one(&mut connection)
    .await?;
    let found = match (marked, tables) {
        (true, _) => {
            let backup =
                sqlx::query_scalar("select backup from presdr_restore.under_way").fetch_one(&mut connection).await?;
            Found::CutOff { backup }
        }
        (false, true) => Found::Tables,
        (false, false) => Found::Nothing,
    };
    connection.close().await?;
    Ok(found)
}

/// How many others are connected to the database that `url` names.
///
/// # Errors
/// What the database says.
pub async fn others(url: &str) -> Result<i64, StoreError> {
    let mut connection = connect(url).await?;
    let others = sqlx::query_scalar(
        "select count(*) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(others)
}

/// Empties the database, and marks it as being restored from `backup`; `kept` is what must be done again at the end. All or nothing.
///
/// # Errors
/// What the database says.
pub async fn begin(url: &str, backup: &str, kept: &[serde_json::Value]) -> Result<(), StoreError> {
    let mut connection = connect(url).await?;
    let mut tx = connection.begin().await?;
    tx.execute(EMPTY).await?;
    tx.execute(sqlx::raw_sql(MARK_TABLES)).await?;
    sqlx::query("insert into presdr_restore.under_way (backup) values ($1)").bind(backup).execute(&mut *tx).await?;
    sqlx::query("insert into presdr_restore.kept (kept) select unnest($1::jsonb[])")
        .bind(kept)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}

/// What [`begin`] was given to keep.
///
/// # Errors
/// What the database says.
pub async fn kept(url: &str) -> Result<Vec<serde_json::Value>, StoreError> {
    let mut connection = connect(url).await?;
    let kept =
        sqlx::query_scalar("select kept from presdr_restore.kept order by line").fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(kept)
}

/// Takes the mark away: services may start.
///
/// # Errors
/// What the database says.
pub async fn finish(url: &str) -> Result<(), StoreError> {
    let mut connection = connect(url).await?;
    connection.execute("drop schema presdr_restore cascade").await?;
    connection.close().await?;
    Ok(())
}

async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    // Dropping what is not there is no news.
    Ok(PgConnectOptions::from_str(url)?.options([("client_min_messages", "warning")]).connect().await?)
}
