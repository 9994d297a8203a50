//! Browsers' sessions: found by the hash of what the cookie holds, sealed under the tenant's key, ended by being deleted.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::{
    Database, StoreError, TenantTx,
    keys::{Keyring, TenantKeys, random},
    users,
};

/// Keeps the keyed hashes of providers' sessions apart from those of other things.
const PROVIDER_SESSION: &str = "user/provider-session";

/// The hash of a session's id: the id itself is in the browser's cookie alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash([u8; 32]);

impl SessionHash {
    /// Of the id that the cookie holds.
    #[must_use]
    pub fn of(id: &[u8]) -> Self {
        Self(Sha256::digest(id).into())
    }
}

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its id's hash.
    pub hash: SessionHash,
    /// Whose.
    pub user: Uuid,
    /// Who vouches for them.
    pub issuer: &'a str,
    /// What the provider calls them.
    pub subject: &'a str,
    /// What the provider calls its own session with them.
    pub provider_session: Option<&'a str>,
    /// What is needed to go on with it. Sealed here.
    pub content: &'a [u8],
    /// When the sign-in was begun.
    pub began_at: DateTime<Utc>,
    /// From when on the provider is asked again.
    pub renew_at: DateTime<Utc>,
    /// When it ends, whatever the provider says.
    pub expires_at: DateTime<Utc>,
}

/// A session that holds.
#[derive(Debug)]
pub struct Session {
    /// What [`NewSession::content`] was.
    pub content: Vec<u8>,
    /// From when on the provider is asked again.
    pub renew_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Begins a session, and forgets those of the tenant that are over; `false` when the provider has ended it since the sign-in was begun.
///
/// # Errors
/// What the database or the cipher says.
pub async fn begin(
    tx: &mut TenantTx,
    keyring: &Keyring,
    new: &NewSession<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    let subject = users::subject_hash(tx, keyring, new.issuer, new.subject).await?;
    let provider = new.provider_session.map(|session| provider_hash(&keys, new.issuer, session));
    // Whoever ends sessions waits for those that begin, or this one sees what they wrote down.
    lock(tx, "pg_advisory_xact_lock_shared").await?;
    let ended: bool = sqlx::query_scalar(
        "select exists (select from session_ends where tenant_id = $1 and hash = any($2) and ended_at >= $3)",
    )
    .bind(tenant.as_str())
    .bind([Some(subject), provider].into_iter().flatten().map(|hash| hash.to_vec()).collect::<Vec<_>>())
    .bind(new.began_at)
    .fetch_one(&mut **tx)
    .await?;
    if ended {
        return Ok(false);
    }
    forget_ends(tx, now).await?;
    sqlx::query("delete from sessions where tenant_id = $1 and expires_at <= $2")
        .bind(tenant.as_str())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "insert into sessions (tenant_id, session_hash, user_id, subject_hash, provider_hash, sealed, renew_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.as_str())
    .bind(new.hash.0.as_slice())
    .bind(new.user)
    .bind(subject.as_slice())
    .bind(provider.as_ref().map(<[u8; 32]>::as_slice))
    .bind(seal(tx, &keys, new.hash, new.content)?)
    .bind(new.renew_at)
    .bind(new.expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// A sign-in takes no longer, so that an end is remembered for so long.
const SIGN_IN_MAX: TimeDelta = TimeDelta::minutes(15);

async fn lock(tx: &mut TenantTx, how: &'static str) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let statement = format!("select {how}(hashtextextended('presdr sessions of ' || $1, 0))");
    sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).execute(&mut **tx).await?;
    Ok(())
}

/// The session of this hash, unless it has ended.
///
/// # Errors
/// What the database or the cipher says.
pub async fn find(
    tx: &mut TenantTx,
    keyring: &Keyring,
    hash: SessionHash,
    now: DateTime<Utc>,
) -> Result<Option<Session>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query("select sealed, renew_at, expires_at from sessions where tenant_id = $1 and session_hash = $2 and expires_at > $3")
        .bind(tenant.as_str())
        .bind(hash.0.as_slice())
        .bind(now)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let keys = keyring.tenant(tx, &tenant).await?;
    let content = open(tx, &keys, hash, row.get("sealed"))?;
    Ok(Some(Session { content, renew_at: row.get("renew_at"), expires_at: row.get("expires_at") }))
}

/// Whether the caller is the one to ask the provider again; nobody else is until `until`.
///
/// # Errors
/// What the database says.
pub async fn claim_renewal(
    tx: &mut TenantTx,
    hash: SessionHash,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let claimed = sqlx::query(
        "update sessions set renewing_until = $4
         where tenant_id = $1 and session_hash = $2 and renew_at <= $3 and (renewing_until is null or renewing_until <= $3)",
    )
    .bind(tenant.as_str())
    .bind(hash.0.as_slice())
    .bind(now)
    .bind(until)
    .execute(&mut **tx)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// Lets somebody else ask the provider again: who was to has not come to an answer.
///
/// # Errors
/// What the database says.
pub async fn release_renewal(tx: &mut TenantTx, hash: SessionHash) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update sessions set renewing_until = null where tenant_id = $1 and session_hash = $2")
        .bind(tenant.as_str())
        .bind(hash.0.as_slice())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Notes what the provider said; `false` when the session was ended meanwhile.
///
/// # Errors
/// What the database or the cipher says.
pub async fn renew(
    tx: &mut TenantTx,
    keyring: &Keyring,
    hash: SessionHash,
    content: &[u8],
    renew_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    let renewed = sqlx::query(
        "update sessions set sealed = $3, renew_at = $4, renewing_until = null where tenant_id = $1 and session_hash = $2",
    )
    .bind(tenant.as_str())
    .bind(hash.0.as_slice())
    .bind(seal(tx, &keys, hash, content)?)
    .bind(renew_at)
    .execute(&mut **tx)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Ends a session.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut TenantTx, hash: SessionHash) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("delete from sessions where tenant_id = $1 and session_hash = $2")
        .bind(tenant.as_str())
        .bind(hash.0.as_slice())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends the tenant's sessions of a person, or of one session of the provider, and tells how many there were. With both, those that are of both.
/// What is on its way to being one of them ends in none.
///
/// # Errors
/// What the database says.
pub async fn end_of(
    tx: &mut TenantTx,
    keyring: &Keyring,
    issuer: &str,
    subject: Option<&str>,
    provider_session: Option<&str>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    lock(tx, "pg_advisory_xact_lock").await?;
    let whose = match (provider_session, subject) {
        (Some(session), _) => provider_hash(&keys, issuer, session),
        (None, Some(subject)) => users::subject_hash(tx, keyring, issuer, subject).await?,
        (None, None) => return Ok(0),
    };
    note_end(tx, whose, now).await?;
    let ended = match (provider_session, subject) {
        (Some(_), _) => {
            sqlx::query("delete from sessions where tenant_id = $1 and provider_hash = $2 and ($3::bytea is null or subject_hash = $3)")
                .bind(tenant.as_str())
                .bind(whose.to_vec())
                .bind(match subject {
                    Some(subject) => Some(users::subject_hash(tx, keyring, issuer, subject).await?.to_vec()),
                    None => None,
                })
        }
        (None, _) => sqlx::query("delete from sessions where tenant_id = $1 and subject_hash = $2")
            .bind(tenant.as_str())
            .bind(whose.to_vec()),
    };
    Ok(ended.execute(&mut **tx).await?.rows_affected())
}

/// Forgets ends that no sign-in on its way can have begun before.
///
/// # Errors
/// What the database says.
pub async fn forget_ends(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("delete from session_ends where tenant_id = $1 and ended_at < $2")
        .bind(tenant.as_str())
        .bind(now - SIGN_IN_MAX)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Remembers an end for as long as a sign-in may take.
async fn note_end(tx: &mut TenantTx, whose: [u8; 32], now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    forget_ends(tx, now).await?;
    sqlx::query(
        "insert into session_ends as kept (tenant_id, hash, ended_at) values ($1, $2, $3)
         on conflict (tenant_id, hash) do update set ended_at = greatest(kept.ended_at, excluded.ended_at)",
    )
    .bind(tenant.as_str())
    .bind(whose.to_vec())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether a logout token was obeyed before.
///
/// # Errors
/// What the database says.
pub async fn is_logout_known(database: &Database, token_id: &str) -> Result<bool, StoreError> {
    let known = sqlx::query_scalar("select exists (select from logout_tokens where token_hash = $1)")
        .bind(Sha256::digest(token_id).to_vec())
        .fetch_one(database.platform())
        .await?;
    Ok(known)
}

/// Notes that a logout token was obeyed, and forgets those that are too old to be sent again.
///
/// # Errors
/// What the database says.
pub async fn remember_logout(
    database: &Database,
    token_id: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("delete from logout_tokens where expires_at <= $1").bind(now).execute(database.platform()).await?;
    sqlx::query("insert into logout_tokens (token_hash, expires_at) values ($1, $2) on conflict do nothing")
        .bind(Sha256::digest(token_id).to_vec())
        .bind(until)
        .execute(database.platform())
        .await?;
    Ok(())
}

fn provider_hash(keys: &TenantKeys, issuer: &str, session: &str) -> [u8; 32] {
    keys.index.hash_bytes(PROVIDER_SESSION, format!("{issuer}\n{session}").as_bytes())
}

fn seal(tx: &TenantTx, keys: &TenantKeys, hash: SessionHash, content: &[u8]) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::Pii { tenant: tx.tenant().clone(), source };
    keys.data.seal(random(), &bound_to(tx, hash), content).map_err(failed)
}

fn open(tx: &TenantTx, keys: &TenantKeys, hash: SessionHash, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::Pii { tenant: tx.tenant().clone(), source };
    keys.data.open(&bound_to(tx, hash), sealed).map_err(failed)
}

/// A sealed session opens in its own row alone.
fn bound_to(tx: &TenantTx, hash: SessionHash) -> Vec<u8> {
    [format!("session\0{}\0", tx.tenant()).as_bytes(), &hash.0].concat()
}
