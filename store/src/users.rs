//! People who use presdr: events name them by an id that says nothing; their address stands here.

use presdr_events::{Actor, IdError, Suppressible};
use uuid::Uuid;

use crate::{StoreError, TenantTx, keys::Keyring, suppressions::Held};

/// Keeps the keyed hashes of subjects apart from those of other things.
const SUBJECT: &str = "user/subject";

/// Finds the user that the identity provider calls `subject` at `issuer`, makes them if they are new, and keeps their newest address, unless
/// the person behind it was erased, and the hour in which they were seen last.
///
/// # Errors
/// What the database says.
pub async fn upsert(
    tx: &mut TenantTx,
    keyring: &Keyring,
    issuer: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<Uuid, StoreError> {
    let hash = subject_hash(tx, keyring, issuer, subject).await?;
    let tenant = tx.tenant().clone();
    // Reading is no writing: whoever is known as they are is left as they are.
    let known = sqlx::query_scalar(
        "select user_id from users where tenant_id = $1 and subject_hash = $2 and last_seen_at > now() - interval '1 hour'
             and ($3::text is null or email = $3)",
    );
    if let Some(user) = known.bind(tenant.as_str()).bind(hash.as_slice()).bind(email).fetch_optional(&mut **tx).await? {
        return Ok(user);
    }
    let keys = keyring.tenant(tx, &tenant).await?;
    let held = Held::of(tx, &keys, |ask| {
        email.map(|address| ask(Suppressible::Address(address)));
    });
    let held = held.await?;
    let email = email.filter(|address| !held.is_erased(Suppressible::Address(address)));
    let user = sqlx::query_scalar(
        "insert into users as u (tenant_id, user_id, subject_hash, email) values ($1, gen_random_uuid(), $2, $3)
         on conflict (tenant_id, subject_hash) do update set email = coalesce(excluded.email, u.email), last_seen_at = now()
         returning user_id",
    )
    .bind(tenant.as_str())
    .bind(hash.as_slice())
    .bind(email)
    .fetch_one(&mut **tx)
    .await?;
    Ok(user)
}

/// The keyed hash by which a tenant knows the provider's name for somebody.
///
/// # Errors
/// What the database says.
pub async fn subject_hash(
    tx: &mut TenantTx,
    keyring: &Keyring,
    issuer: &str,
    subject: &str,
) -> Result<[u8; 32], StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    Ok(keys.index.hash_bytes(SUBJECT, format!("{issuer}\n{subject}").as_bytes()))
}

/// The name of a user in the record of a write.
///
/// # Errors
/// Never: a UUID is an opaque id.
pub fn actor(user: Uuid) -> Result<Actor, IdError> {
    Actor::new(format!("user:{user}"))
}
