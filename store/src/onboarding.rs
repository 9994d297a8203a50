//! Setting up a tenant: how far it is. Each step is a transaction of its own that does nothing when it was done before.

use chrono::{DateTime, Utc};
use presdr_events::Actor;
use serde::Serialize;
use sqlx::Row;

use crate::{StoreError, TenantTx, keys::Keyring, tenants};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its row is there; keys and defaults are to follow.
    Provisioning,
    /// It has keys and defaults; what lies outside of presdr is looked at.
    Syncing,
    /// It can work.
    Ready,
}

impl State {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Syncing => "syncing",
            Self::Ready => "ready",
        }
    }

    fn read(name: &str) -> Result<Self, StoreError> {
        let known = [Self::Provisioning, Self::Syncing, Self::Ready].into_iter().find(|state| state.as_str() == name);
        known.ok_or_else(|| StoreError::Refused(format!("{name} is no state of an onboarding")))
    }
}

/// How the setting up of a tenant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onboarding {
    /// The organisation's name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Whether it waits for an Odoo, or did.
    pub awaits_odoo: bool,
    /// What keeps it from going on, and what cures that.
    pub problem: Option<String>,
    /// Who began it; nobody knows of a tenant that is older than these rows, nor the times.
    pub begun_by: Option<String>,
    /// When.
    pub begun_at: Option<DateTime<Utc>>,
    /// Who finished it.
    pub ready_by: Option<String>,
    /// When.
    pub ready_at: Option<DateTime<Utc>>,
}

/// Makes the tenant's row and begins to set it up. One that is there stays as it is; until it is ready, what is said of `awaits_odoo` last counts.
///
/// # Errors
/// What the database says; [`StoreError::Erased`] of a name that was used before.
pub async fn begin(
    tx: &mut TenantTx,
    name: &str,
    awaits_odoo: Option<bool>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let made = sqlx::query(
        "insert into tenants (tenant_id, name, status) values ($1, $2, 'provisioning') on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(name)
    .execute(&mut **tx)
    .await?;
    if made.rows_affected() == 1 {
        sqlx::query(
            "insert into tenant_onboarding (tenant_id, begun_by, begun_at, changed_at) values ($1, $2, $3, $3)",
        )
        .bind(tenant.as_str())
        .bind(actor.as_str())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query(
        "update tenant_onboarding set awaits_odoo = $2, problem = null, changed_at = $3
         where tenant_id = $1 and state <> 'ready' and awaits_odoo <> $2",
    )
    .bind(tenant.as_str())
    .bind(awaits_odoo)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes the tenant's keys and defaults, looks whether the keys open, and moves on.
///
/// # Errors
/// What the database or the cipher says.
pub async fn provide(tx: &mut TenantTx, keyring: &Keyring, now: DateTime<Utc>) -> Result<(), StoreError> {
    tenants::provide(tx, keyring).await?;
    let tenant = tx.tenant().clone();
    keyring.tenant(tx, &tenant).await?;
    sqlx::query(
        "update tenant_onboarding set state = 'syncing', problem = null, changed_at = $2
         where tenant_id = $1 and state = 'provisioning'",
    )
    .bind(tenant.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down what keeps it from going on; one that is ready stays so.
///
/// # Errors
/// What the database says.
pub async fn note(tx: &mut TenantTx, problem: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update tenant_onboarding set problem = $2, changed_at = $3 where tenant_id = $1 and state <> 'ready'")
        .bind(tenant.as_str())
        .bind(problem)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets the tenant work: from the commit on it is active. Only one that has all that comes before is let; `false` when it was not, or was before.
///
/// # Errors
/// What the database says.
pub async fn finish(tx: &mut TenantTx, actor: &Actor, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let ready = sqlx::query(
        "update tenant_onboarding set state = 'ready', problem = null, changed_at = $3, ready_by = $2, ready_at = $3
         where tenant_id = $1 and state = 'syncing'",
    )
    .bind(tenant.as_str())
    .bind(actor.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    if ready.rows_affected() == 1 {
        sqlx::query("update tenants set status = 'active' where tenant_id = $1 and status = 'provisioning'")
            .bind(tenant.as_str())
            .execute(&mut **tx)
            .await?;
    }
    Ok(ready.rows_affected() == 1)
}

/// How it stands.
///
/// # Errors
/// [`StoreError::NoTenant`] of a tenant that is not there, or neither active nor being set up.
pub async fn standing(tx: &mut TenantTx) -> Result<Onboarding, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query(
        "select t.name, coalesce(o.state, 'ready') as state, coalesce(o.awaits_odoo, false) as awaits_odoo, o.problem, o.begun_by, o.begun_at, o.ready_by, o.ready_at
         from tenants t left join tenant_onboarding o on o.tenant_id = t.tenant_id
         where t.tenant_id = $1 and t.status in ('provisioning', 'active')",
    )
    .bind(tenant.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    let row = row.ok_or(StoreError::NoTenant(tenant))?;
    Ok(Onboarding {
        name: row.get("name"),
        state: State::read(row.get("state"))?,
        awaits_odoo: row.get("awaits_odoo"),
        problem: row.get("problem"),
        begun_by: row.get("begun_by"),
        begun_at: row.get("begun_at"),
        ready_by: row.get("ready_by"),
        ready_at: row.get("ready_at"),
    })
}
