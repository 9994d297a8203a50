//! Roles and schema, brought up to date.

use std::str::FromStr;

use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Executor, migrate::Migrator, postgres::PgConnectOptions};

use crate::{Database, StoreError, restoring};

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// One lock for all who migrate this cluster: roles belong to the cluster, not the database.
const MIGRATION_LOCK: i64 = 0x7072_6573_6472;

/// Roles are made outside the numbered migrations: they belong to the cluster and outlive a database.
const ROLES: &str = "do $$
declare
    wanted text;
begin
    foreach wanted in array array['presdr_owner', 'presdr_worker', 'presdr_projector', 'presdr_producer', 'presdr_reader'] loop
        begin
            if not exists (select 1 from pg_roles where rolname = wanted) then
                execute format('create role %I nologin nosuperuser nobypassrls noinherit', wanted);
            end if;
        exception when duplicate_object or unique_violation then null; -- another database of the cluster is migrated right now
        end;
        if not pg_has_role(session_user, wanted, 'member') then
            execute format('grant %I to %I', wanted, session_user);
        end if;
    end loop;
    grant create, usage on schema public to presdr_owner;
    grant usage on schema public to presdr_worker, presdr_projector, presdr_producer, presdr_reader;
    execute format('grant create on database %I to presdr_owner', current_database());
end $$";

/// Makes the roles alone: what a backup of the database needs to be there before it is read back.
///
/// # Errors
/// What the database says.
pub async fn make_roles(url: &str) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    sqlx::query("select pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut connection).await?;
    connection.execute(ROLES).await?;
    sqlx::Connection::close(connection).await?;
    Ok(())
}

/// Makes the roles and applies every migration that is missing. Safe to run by several processes at once.
///
/// The URL's user needs `createrole` and rights on the database the first time; later a member of `presdr_owner` is enough.
///
/// # Errors
/// [`StoreError::Restoring`] while a restore is not over; otherwise what the database says. A migration that fails leaves the schema as it
/// was before it.
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    match restoring::look(url).await? {
        restoring::Found::CutOff { .. } => Err(StoreError::Restoring),
        restoring::Found::Nothing | restoring::Found::Tables => migrate_restoring(url).await,
    }
}

/// The same for the restore itself.
///
/// # Errors
/// What the database says.
pub async fn migrate_restoring(url: &str) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    sqlx::query("select pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut connection).await?;
    connection.execute(ROLES).await?;
    connection.execute("set role presdr_owner").await?;
    MIGRATOR.run_direct(None, &mut connection, false).await?;
    sqlx::Connection::close(connection).await?;
    Ok(())
}

/// The number of the newest migration.
#[must_use]
pub fn newest_migration() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// A hash over all migrations: test databases are cloned from a template named after it.
#[must_use]
pub fn migrations_hash() -> String {
    let mut hasher = Sha256::new();
    for migration in MIGRATOR.iter() {
        hasher.update(&migration.checksum);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers of the migrations that `database` lacks; all of them before the first `migrate`. Needs [`Role::Owner`](crate::Role::Owner).
///
/// # Errors
/// What the database says.
pub async fn missing_migrations(database: &Database) -> Result<Vec<i64>, StoreError> {
    let mut tx = database.shared().await?;
    let known: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *tx).await?;
    let applied: Vec<i64> = match known {
        true => sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(&mut *tx).await?,
        false => Vec::new(),
    };
    Ok(MIGRATOR.iter().map(|migration| migration.version).filter(|version| !applied.contains(version)).collect())
}
