//! Pools per role and transactions per tenant.

use std::{
    ops::{Deref, DerefMut},
    str::FromStr,
    time::Duration,
};

use presdr_events::TenantId;
use sqlx::{
    AssertSqlSafe, Executor, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{StoreError, restoring::MARK};

/// How long a transaction may stand still. Long work outside the database has no transaction open.
const IDLE_IN_TRANSACTION_MAX: &str = "60s";

/// As whom a pool works. Each service role owns no table and bypasses no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns the tables: migrations and rebuilds only.
    Owner,
    /// Consumers and the run manager.
    Worker,
    /// Projections.
    Projector,
    /// Ingest, scheduler, gateway, command line.
    Producer,
    /// People's dashboards.
    Reader,
}

impl Role {
    /// The database role's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "presdr_owner",
            Self::Worker => "presdr_worker",
            Self::Projector => "presdr_projector",
            Self::Producer => "presdr_producer",
            Self::Reader => "presdr_reader",
        }
    }
}

/// A pool of connections that all work as one role.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    options: PgConnectOptions,
    role: Role,
}

impl Database {
    /// Connects as `role`. The URL's user must be that role or a member of it.
    ///
    /// # Errors
    /// [`StoreError::TenantInUrl`] and [`StoreError::RoleTooStrong`] when the URL would undo isolation, [`StoreError::Restoring`] while a
    /// restore is not over; otherwise what the database says.
    pub async fn connect(url: &str, role: Role, connections_max: u32) -> Result<Self, StoreError> {
        Self::connect_restoring(url, role, connections_max).await?.unless_restoring().await
    }

    /// The same for whoever answers people: a statement that takes longer than `statement_max` is ended, since nobody waits for it any more.
    ///
    /// # Errors
    /// As [`Database::connect`].
    pub async fn connect_within(
        url: &str,
        role: Role,
        connections_max: u32,
        statement_max: Duration,
    ) -> Result<Self, StoreError> {
        let milliseconds = statement_max.as_millis().to_string();
        let more = [("statement_timeout", milliseconds.as_str())];
        Self::connect_with(url, role, connections_max, &more).await?.unless_restoring().await
    }

    async fn unless_restoring(self) -> Result<Self, StoreError> {
        match self.is_being_restored().await? {
            true => Err(StoreError::Restoring),
            false => Ok(self),
        }
    }

    /// The same for the restore itself.
    ///
    /// # Errors
    /// As [`Database::connect`].
    pub async fn connect_restoring(url: &str, role: Role, connections_max: u32) -> Result<Self, StoreError> {
        Self::connect_with(url, role, connections_max, &[]).await
    }

    async fn connect_with(
        url: &str,
        role: Role,
        connections_max: u32,
        more: &[(&str, &str)],
    ) -> Result<Self, StoreError> {
        // A process that stops in the middle of a transaction must not hold its locks for ever.
        let options = PgConnectOptions::from_str(url)?
            .application_name(role.name())
            .options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MAX), ("tcp_user_timeout", "30s")])
            .options(more.iter().copied());
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(Duration::from_secs(30))
            .test_before_acquire(false)
            .after_connect(move |connection, _| Box::pin(async move { become_role(connection, role).await }))
            .connect_with(options.clone())
            .await?;
        let database = Self { pool, options, role };
        database.check_role().await?;
        Ok(database)
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Begins a transaction that sees one tenant's rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn enter(&self, tenant: &TenantId) -> Result<TenantTx, sqlx::Error> {
        // One message instead of two. A tenant's slug is [a-z0-9-]: nothing in it could end the quotes.
        self.enter_with(tenant, format!("begin; set local request.tenant_id = '{tenant}'")).await
    }

    pub(crate) async fn enter_with(&self, tenant: &TenantId, begin: String) -> Result<TenantTx, sqlx::Error> {
        let transaction = self.pool.begin_with(AssertSqlSafe(begin)).await?;
        Ok(TenantTx { transaction, tenant: tenant.clone() })
    }

    /// Begins a transaction for platform tables: it sees no tenant's rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shared(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool.begin().await
    }

    /// The pool, for single statements on platform tables: outside of a transaction no tenant's rows can be seen.
    pub(crate) fn platform(&self) -> &PgPool {
        &self.pool
    }

    /// A connection of its own outside the pool, in the same role, for advisory locks and `LISTEN`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn dedicated(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = sqlx::ConnectOptions::connect(&self.options).await?;
        become_role(&mut connection, self.role).await?;
        Ok(connection)
    }

    /// Closes the pool: running transactions finish first.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn is_being_restored(&self) -> Result<bool, StoreError> {
        let marked = sqlx::query_scalar("select exists (select from pg_namespace where nspname = $1)");
        Ok(marked.bind(MARK).fetch_one(&self.pool).await?)
    }

    /// A service must not be able to look past row level security.
    async fn check_role(&self) -> Result<(), StoreError> {
        if self.role == Role::Owner {
            return Ok(());
        }
        let (role, in_tenant, too_strong): (String, bool, bool) = sqlx::query_as(
            "select current_user::text, coalesce(current_setting('request.tenant_id', true), '') <> '', r.rolsuper or r.rolbypassrls
                 or exists (select 1 from pg_class c where c.relowner = r.oid and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace)
             from pg_roles r where r.rolname = current_user",
        )
        .fetch_one(&self.pool)
        .await?;
        match (in_tenant, too_strong) {
            (true, _) => Err(StoreError::TenantInUrl),
            (_, true) => Err(StoreError::RoleTooStrong { role }),
            _ => Ok(()),
        }
    }
}

async fn become_role(connection: &mut PgConnection, role: Role) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(format!("set role {}", role.name()))).await?;
    Ok(())
}

/// A transaction that sees one tenant. The only way to reach tenant tables.
#[derive(Debug)]
pub struct TenantTx {
    transaction: Transaction<'static, Postgres>,
    tenant: TenantId,
}

impl TenantTx {
    /// Whose rows it sees.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Makes everything since [`Database::enter`] permanent.
    ///
    /// # Errors
    /// What the database says; then nothing of it happened, or the connection was lost and it may have.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
