//! Changing the master key while services run: from one moment on new tenants' keys are wrapped by the new one, then each tenant's are
//! wrapped anew. What the tenant's keys wrap stays as it is.

use presdr_events::{Actor, Key, TenantId, unwrap_key, wrap_key};
use sqlx::PgConnection;

use super::{Keyring, MasterId, MasterKey, TenantKeys, failed, purpose, random};
use crate::{Database, StoreError, TenantTx, exclusive::Exclusive, tenants};

/// Held shared by whoever wraps with the current master key until it is committed, and exclusively by who makes another one current.
const CURRENT_LOCK: i64 = 0x6d61_7374_6572;

/// Held while the master key is changed: of two changes at once each would undo the other's.
const ROTATION_LOCK: i64 = 0x726f_7461_7465;

/// The one change of the master key that may be under way, for as long as this lives.
#[derive(Debug)]
pub struct RotationLock {
    _lock: Exclusive,
}

impl RotationLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another change is under way.
    pub async fn take(owner: &Database) -> Result<Self, StoreError> {
        let lock = Exclusive::take(owner, ROTATION_LOCK).await?;
        let busy = || StoreError::Refused("the master key is being changed by another command: wait for it".to_owned());
        lock.map(|lock| Self { _lock: lock }).ok_or_else(busy)
    }
}

/// The master key that new keys are wrapped with. The first one ever is the first that the process knows.
pub(super) async fn current(connection: &mut PgConnection, keyring: &Keyring) -> Result<MasterKey, StoreError> {
    sqlx::query("select pg_advisory_xact_lock_shared($1)").bind(CURRENT_LOCK).execute(&mut *connection).await?;
    let current = "select master_id from master_keys where state = 'current'";
    let mut id: Option<MasterId> = sqlx::query_scalar(current).fetch_optional(&mut *connection).await?;
    if id.is_none() {
        let first = keyring.ring.known().into_iter().next();
        let first = first.ok_or_else(|| StoreError::Refused("there is no master key".to_owned()))?;
        let insert = "insert into master_keys (master_id, state, actor) values ($1, 'current', 'service:keys') on conflict do nothing";
        sqlx::query(insert).bind(first.id()).execute(&mut *connection).await?;
        id = sqlx::query_scalar(current).fetch_optional(connection).await?;
    }
    let id =
        id.ok_or_else(|| StoreError::Refused("no master key is current: run `presdr keys rotate` again".to_owned()))?;
    keyring.ring.find(&id).ok_or(StoreError::NoMaster(id))
}

/// The tenants that have keys, and the master keys that theirs are wrapped with.
///
/// # Errors
/// [`StoreError::NoMaster`] or [`StoreError::Pii`] when one is wrapped with a key that `keyring` does not know.
pub async fn used(owner: &Database, keyring: &Keyring) -> Result<Vec<(TenantId, MasterId)>, StoreError> {
    let mut used = Vec::new();
    for tenant in tenants::all(owner).await?.into_iter().filter(|tenant| !tenant.is_closed()) {
        let mut tx = owner.enter(&tenant.id).await?;
        match open(&mut tx, keyring, Lock::None).await {
            Ok(Some((master, _))) => used.push((tenant.id, master.id().clone())),
            Ok(None) | Err(StoreError::Erased(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(used)
}

/// Makes `new` the one that wraps, and lists `old` as retiring. Whoever made a tenant under another one has committed when this returns.
///
/// # Errors
/// What the database says.
pub async fn make_current(owner: &Database, new: &MasterId, old: &[MasterId], actor: &Actor) -> Result<(), StoreError> {
    let mut tx = owner.shared().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(CURRENT_LOCK).execute(&mut *tx).await?;
    sqlx::query("update master_keys set state = 'retiring', since = now() where state = 'current' and master_id <> $1")
        .bind(new)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into master_keys as held (master_id, state, actor)
         select id, case when id = $1 then 'current' else 'retiring' end, $3 from unnest(array[$1::text] || $2::text[]) as given (id)
         on conflict (master_id) do update set state = excluded.state, since = now(), actor = excluded.actor
         where held.state <> excluded.state",
    )
    .bind(new)
    .bind(old)
    .bind(actor.as_str())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Wraps a tenant's keys with `new`; `false` when they were, or when the tenant was erased meanwhile.
///
/// # Errors
/// As [`used`].
pub async fn rewrap(
    owner: &Database,
    keyring: &Keyring,
    tenant: &TenantId,
    new: &MasterKey,
) -> Result<bool, StoreError> {
    let mut tx = owner.enter(tenant).await?;
    let (master, keys) = match open(&mut tx, keyring, Lock::Row).await {
        Ok(Some(opened)) => opened,
        Ok(None) | Err(StoreError::Erased(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    if master == *new && is_named(&mut tx).await? {
        return Ok(false);
    }
    sqlx::query("update tenant_keys set data_key = $2, index_key = $3, master_id = $4 where tenant_id = $1")
        .bind(tenant.as_str())
        .bind(wrap(new, tenant, "data", &keys.data)?)
        .bind(wrap(new, tenant, "index", keys.index.key())?)
        .bind(new.id())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(true)
}

async fn is_named(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let named = sqlx::query_scalar("select master_id is not null from tenant_keys where tenant_id = $1");
    Ok(named.bind(tenant.as_str()).fetch_one(&mut **tx).await?)
}

/// Wraps one key of a tenant.
pub(super) fn wrap(master: &MasterKey, tenant: &TenantId, what: &str, key: &Key) -> Result<Vec<u8>, StoreError> {
    wrap_key(master.key(), key, &purpose(what, tenant), random()).map_err(failed(tenant))
}

enum Lock {
    None,
    Row,
}

/// The tenant's keys and the master key that opens them; nothing when it has none.
async fn open(tx: &mut TenantTx, keyring: &Keyring, lock: Lock) -> Result<Option<(MasterKey, TenantKeys)>, StoreError> {
    let tenant = tx.tenant().clone();
    let select = match lock {
        Lock::None => "select data_key, index_key, master_id from tenant_keys where tenant_id = $1",
        Lock::Row => "select data_key, index_key, master_id from tenant_keys where tenant_id = $1 for update",
    };
    let row: Option<Wrapped> = sqlx::query_as(select).bind(tenant.as_str()).fetch_optional(&mut **tx).await?;
    row.map(|wrapped| wrapped.open(keyring, &tenant)).transpose()
}

/// A tenant's keys as they are stored.
#[derive(sqlx::FromRow)]
pub(super) struct Wrapped {
    data_key: Vec<u8>,
    index_key: Vec<u8>,
    master_id: Option<MasterId>,
}

impl Wrapped {
    /// Opens them with the master key that they name; without a name, with whichever opens them.
    pub fn open(&self, keyring: &Keyring, tenant: &TenantId) -> Result<(MasterKey, TenantKeys), StoreError> {
        let masters = match &self.master_id {
            Some(id) => vec![keyring.ring.find(id).ok_or_else(|| StoreError::NoMaster(id.clone()))?],
            None => keyring.ring.known(),
        };
        let mut last = StoreError::NoKeys(tenant.clone());
        for master in masters {
            match self.open_with(&master, tenant) {
                Ok(keys) => return Ok((master, keys)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn open_with(&self, master: &MasterKey, tenant: &TenantId) -> Result<TenantKeys, StoreError> {
        let open = |wrapped: &[u8], what: &str| {
            unwrap_key(master.key(), wrapped, &purpose(what, tenant)).map_err(failed(tenant))
        };
        Ok(TenantKeys {
            data: open(&self.data_key, "data")?,
            index: presdr_events::IndexKey::new(open(&self.index_key, "index")?),
        })
    }
}

/// The master keys that are not current and not yet retired.
///
/// # Errors
/// What the database says.
pub async fn retiring(connection: &mut PgConnection) -> Result<Vec<MasterId>, StoreError> {
    let retiring = "select master_id from master_keys where state = 'retiring' order by master_id";
    Ok(sqlx::query_scalar(retiring).fetch_all(connection).await?)
}

/// Notes with the caller's transaction that nothing is wrapped any more with the keys that are retiring.
///
/// # Errors
/// What the database says.
pub async fn retire(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("update master_keys set state = 'retired', since = now() where state = 'retiring'")
        .execute(connection)
        .await?;
    Ok(())
}
