//! Connections: one per tenant, its API key sealed under the tenant's key and never shown again.

use chrono::{DateTime, Utc};
use presdr_events::{Actor, Clear, TenantId};
use sha2::{Digest, Sha256};
use sqlx::{Row, postgres::PgRow};

use crate::{
    StoreError, TenantTx,
    keys::{Keyring, TenantKeys, random},
};

/// How an Odoo is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// JSON-2: Odoo 19 and later.
    Json2,
    /// JSON-RPC: Odoo 16 to 18.
    JsonRpc,
}

impl Flavour {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json2 => "json2",
            Self::JsonRpc => "jsonrpc",
        }
    }

    /// The flavour of that name.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Json2, Self::JsonRpc].into_iter().find(|flavour| flavour.as_str() == name)
    }
}

/// Which database of which Odoo: SHA-256 of its address and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place([u8; 32]);

impl Place {
    /// Of a base URL in its normal form and a database's name.
    #[must_use]
    pub fn of(base_url: &str, database: &str) -> Self {
        Self(Sha256::digest(format!("{}\0{database}", base_url.trim_end_matches('/'))).into())
    }

    /// As rows have it.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// A connection to be set.
#[derive(Debug)]
pub struct NewConnection<'a> {
    /// Where the Odoo is, in its normal form.
    pub base_url: &'a str,
    /// The database's name.
    pub database: &'a str,
    /// The service account's login.
    pub login: &'a str,
    /// Its API key. Sealed here.
    pub key: &'a Clear<String>,
    /// How it is asked.
    pub flavour: Flavour,
}

/// A connection as it stands, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where the Odoo is.
    pub base_url: String,
    /// The database's name.
    pub database: String,
    /// The service account's login.
    pub login: String,
    /// How it is asked.
    pub flavour: Flavour,
    /// Whether presdr works with it: a connection that was taken back has no key.
    pub active: bool,
    /// How often it was set, from 1.
    pub version: u32,
    /// Who set it last.
    pub actor: String,
    /// When.
    pub changed_at: DateTime<Utc>,
    /// When it was tried last.
    pub checked_at: Option<DateTime<Utc>>,
    /// What kept it from working then, and what cures that.
    pub problem: Option<String>,
}

impl Connection {
    /// Which database it leads to.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::of(&self.base_url, &self.database)
    }
}

/// Sets the tenant's connection in the place of the one before, and tells its version. The database becomes the tenant's.
///
/// # Errors
/// [`StoreError::Refused`] when the database is another tenant's; otherwise what the database or the cipher says.
pub async fn set(
    tx: &mut TenantTx,
    keyring: &Keyring,
    new: &NewConnection<'_>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    claim(tx, new).await?;
    let keys = keyring.tenant(tx, &tenant).await?;
    let version: i32 = sqlx::query_scalar(
        "insert into odoo_connections as known (tenant_id, base_url, database, login, sealed_key, flavour, actor, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant_id) do update set base_url = excluded.base_url, database = excluded.database, login = excluded.login,
             sealed_key = excluded.sealed_key, flavour = excluded.flavour, actor = excluded.actor, changed_at = excluded.changed_at,
             active = true, checked_at = null, problem = null, version = known.version + 1
         returning version",
    )
    .bind(tenant.as_str())
    .bind(new.base_url)
    .bind(new.database)
    .bind(new.login)
    .bind(seal(&tenant, &keys, Place::of(new.base_url, new.database), new.key)?)
    .bind(new.flavour.as_str())
    .bind(actor.as_str())
    .bind(now)
    .fetch_one(&mut **tx)
    .await?;
    Ok(version.unsigned_abs())
}

/// Makes the database the tenant's. One that belongs to another tenant stays theirs, unless they are erased.
async fn claim(tx: &mut TenantTx, new: &NewConnection<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let place = Place::of(new.base_url, new.database);
    sqlx::query(
        "delete from odoo_databases where place = $1 and slug in (select tenant_id from tenants where status = 'purged')",
    )
    .bind(place.as_slice())
    .execute(&mut **tx)
    .await?;
    // Whoever comes second waits here for the first to commit, and then finds the row.
    sqlx::query("insert into odoo_databases (place, slug) values ($1, $2) on conflict do nothing")
        .bind(place.as_slice())
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    let owner: Option<String> = sqlx::query_scalar("select slug from odoo_databases where place = $1")
        .bind(place.as_slice())
        .fetch_optional(&mut **tx)
        .await?;
    match owner {
        Some(owner) if owner == tenant.as_str() => Ok(()),
        _ => Err(StoreError::Refused(format!(
            "database {} at {} is connected to another tenant: each tenant has an Odoo database of its own",
            new.database, new.base_url
        ))),
    }
}

/// Takes the tenant's connection back: its key is forgotten. Its database is the tenant's until [`free_others`]. Tells its new version; `None`
/// when there is none to take back.
///
/// # Errors
/// What the database says.
pub async fn take_back(tx: &mut TenantTx, actor: &Actor, now: DateTime<Utc>) -> Result<Option<u32>, StoreError> {
    let tenant = tx.tenant().clone();
    let version: Option<i32> = sqlx::query_scalar(
        "update odoo_connections set active = false, sealed_key = null, version = version + 1, actor = $2, changed_at = $3, problem = null
         where tenant_id = $1 and active returning version",
    )
    .bind(tenant.as_str())
    .bind(actor.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(version.map(i32::unsigned_abs))
}

/// Whether databases are the tenant's that it is not connected to any more.
///
/// # Errors
/// What the database says.
pub async fn holds_others(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let own = own_place(tx).await?;
    let holds = "select exists (select from odoo_databases where slug = $1 and place is distinct from $2)";
    Ok(sqlx::query_scalar(holds).bind(tenant.as_str()).bind(own).fetch_one(&mut **tx).await?)
}

/// Lets go of these. Nothing of the tenant's may be on its way there any more: they may be another's from now on.
///
/// # Errors
/// What the database says.
pub async fn free_others(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let own = own_place(tx).await?;
    sqlx::query("delete from odoo_databases where slug = $1 and place is distinct from $2")
        .bind(tenant.as_str())
        .bind(own)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn own_place(tx: &mut TenantTx) -> Result<Option<Vec<u8>>, StoreError> {
    let connection = get(tx).await?.filter(|connection| connection.active);
    Ok(connection.map(|connection| connection.place().as_slice().to_vec()))
}

/// The tenant's connection, without its key.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx) -> Result<Option<Connection>, StoreError> {
    Ok(row(tx).await?.as_ref().and_then(connection))
}

/// The name of the database that the tenant's active connection leads to.
///
/// # Errors
/// What the database says.
pub async fn database(tx: &mut TenantTx) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant().clone();
    let database = sqlx::query_scalar("select database from odoo_connections where tenant_id = $1 and active");
    Ok(database.bind(tenant.as_str()).fetch_optional(&mut **tx).await?)
}

/// Whether the tenant is still connected as it was by the connection of that version. It is until the transaction ends.
///
/// # Errors
/// What the database says.
pub async fn stands(tx: &mut TenantTx, version: u32) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let found: Option<i32> = sqlx::query_scalar(
        "select version from odoo_connections where tenant_id = $1 and active and version = $2 for share",
    )
    .bind(tenant.as_str())
    .bind(i32::try_from(version).unwrap_or(i32::MAX))
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.is_some())
}

/// The tenant's active connection, with its key.
///
/// # Errors
/// What the database or the cipher says.
pub async fn open(tx: &mut TenantTx, keyring: &Keyring) -> Result<Option<(Connection, Clear<String>)>, StoreError> {
    let Some(row) = row(tx).await? else { return Ok(None) };
    let (Some(connection), Some(sealed)) = (connection(&row), row.get::<Option<Vec<u8>>, _>("sealed_key")) else {
        return Ok(None);
    };
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    let refused = |source| StoreError::Pii { tenant: tenant.clone(), source };
    let opened = keys.data.open(&bound_to(&tenant, connection.place()), &sealed).map_err(refused)?;
    let key = String::from_utf8(opened).map_err(|_| refused(presdr_events::PiiError::Type))?;
    Ok(Some((connection, Clear(key))))
}

/// Writes down how the connection of that version was found: `problem` is what keeps it from working.
///
/// # Errors
/// What the database says.
pub async fn note(
    tx: &mut TenantTx,
    version: u32,
    problem: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update odoo_connections set checked_at = $3, problem = $4 where tenant_id = $1 and version = $2")
        .bind(tenant.as_str())
        .bind(i32::try_from(version).unwrap_or(i32::MAX))
        .bind(now)
        .bind(problem)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn row(tx: &mut TenantTx) -> Result<Option<PgRow>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query("select * from odoo_connections where tenant_id = $1").bind(tenant.as_str());
    Ok(row.fetch_optional(&mut **tx).await?)
}

fn connection(row: &PgRow) -> Option<Connection> {
    Some(Connection {
        base_url: row.get("base_url"),
        database: row.get("database"),
        login: row.get("login"),
        flavour: Flavour::read(row.get("flavour"))?,
        active: row.get("active"),
        version: row.get::<i32, _>("version").unsigned_abs(),
        actor: row.get("actor"),
        changed_at: row.get("changed_at"),
        checked_at: row.get("checked_at"),
        problem: row.get("problem"),
    })
}

/// A key opens for the database that it was set for alone: one that was copied into another tenant's row, or beside another address, does not.
fn bound_to(tenant: &TenantId, place: Place) -> Vec<u8> {
    [format!("odoo\0{tenant}\0").as_bytes(), place.as_slice()].concat()
}

fn seal(tenant: &TenantId, keys: &TenantKeys, place: Place, key: &Clear<String>) -> Result<Vec<u8>, StoreError> {
    let sealed = keys.data.seal(random(), &bound_to(tenant, place), key.0.as_bytes());
    sealed.map_err(|source| StoreError::Pii { tenant: tenant.clone(), source })
}
