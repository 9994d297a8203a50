//! Master key -> tenant key -> data subject key, and finding the subject behind an address.
//!
//! The master key lives outside Postgres and NATS. Tenant keys are cached in memory for the life of the process; a subject's key never is,
//! so that erasing a person takes effect with the next transaction.

pub mod master;
pub mod rotation;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::Path,
    sync::Mutex,
};

use master::Ring;
pub use master::{MasterId, MasterKey};
use presdr_events::{
    Clear, EventId, IdentifierKind, IndexKey, Key, Pii, PiiContext, PiiError, SubjectId, TenantId, unwrap_key, wrap_key,
};
use rand::Rng;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StoreError, erasures};

/// Opens and makes keys. One per process.
pub struct Keyring {
    ring: Ring,
    tenants: Mutex<HashMap<TenantId, TenantKeys>>,
}

/// A tenant's keys, unwrapped.
#[derive(Clone)]
pub struct TenantKeys {
    pub(crate) data: Key,
    /// Makes the keyed hashes of identifiers and suppressions.
    pub index: IndexKey,
}

/// A person (or a company's switchboard) whose personal values can be sealed.
#[derive(Debug, Clone)]
pub struct DataSubject {
    /// The random id.
    pub id: SubjectId,
    key: Key,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

fn of_platform(master: &MasterKey, purpose: &str) -> Key {
    Key::new(IndexKey::new(master.key().clone()).hash_bytes("platform key", purpose.as_bytes()))
}

/// Random bytes from the operating system's generator.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

impl Keyring {
    /// A keyring under a master key.
    #[must_use]
    pub fn new(master: Key) -> Self {
        Self::of(Ring::new(vec![MasterKey::new(master)], None))
    }

    /// A keyring under the master keys in a file: more than one while the master key is changed. What is added to the file later is
    /// known when it is needed.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the file cannot be read or holds something else; its content is never shown.
    pub fn from_file(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(Ring::new(master::read(path)?, Some(path.to_owned()))))
    }

    fn of(ring: Ring) -> Self {
        Self { ring, tenants: Mutex::default() }
    }

    /// Seals what belongs to no tenant and lives for hours at most, such as a cookie. Every process opens it,
    /// as long as it knows the master key that this one knows first.
    ///
    /// # Errors
    /// What the cipher says.
    pub fn seal_platform(&self, purpose: &str, text: &[u8]) -> Result<Vec<u8>, StoreError> {
        let first = self.ring.known().into_iter().next();
        let master = first.ok_or_else(|| StoreError::Refused("there is no master key".to_owned()))?;
        let sealed = of_platform(&master, purpose).seal(random(), purpose.as_bytes(), text);
        sealed.map_err(|source| StoreError::Pii { tenant: TenantId::platform(), source })
    }

    /// Opens what [`Self::seal_platform`] sealed; `None` for anything else.
    #[must_use]
    pub fn open_platform(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let known = self.ring.known();
        known.iter().find_map(|master| of_platform(master, purpose).open(purpose.as_bytes(), sealed).ok())
    }

    /// Makes the keys of a new tenant; keys that exist already are kept.
    ///
    /// # Errors
    /// What the database says.
    pub async fn create_tenant(&self, connection: &mut PgConnection, tenant: &TenantId) -> Result<(), StoreError> {
        let master = rotation::current(connection, self).await?;
        let made = |what: &str| rotation::wrap(&master, tenant, what, &Key::new(random()));
        sqlx::query(
            "insert into tenant_keys (tenant_id, data_key, index_key, master_id) values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(tenant.as_str())
        .bind(made("data")?)
        .bind(made("index")?)
        .bind(master.id())
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The tenant's keys.
    ///
    /// # Errors
    /// [`StoreError::NoKeys`] when it has none, [`StoreError::NoMaster`] or [`StoreError::Pii`] when the master key is another.
    pub async fn tenant(&self, connection: &mut PgConnection, tenant: &TenantId) -> Result<TenantKeys, StoreError> {
        if let Some(keys) = self.lock().get(tenant) {
            return Ok(keys.clone());
        }
        let wrapped: Option<rotation::Wrapped> =
            sqlx::query_as("select data_key, index_key, master_id from tenant_keys where tenant_id = $1")
                .bind(tenant.as_str())
                .fetch_optional(connection)
                .await?;
        let (_, keys) = wrapped.ok_or_else(|| StoreError::NoKeys(tenant.clone()))?.open(self, tenant)?;
        self.lock().insert(tenant.clone(), keys.clone());
        Ok(keys)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, TenantKeys>> {
        self.tenants.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The subject that `identifier` identifies, made if there is none yet. `None` when the person was erased.
    ///
    /// # Errors
    /// What the database or the cipher says.
    pub async fn subject(
        &self,
        connection: &mut PgConnection,
        tenant: &TenantId,
        kind: IdentifierKind,
        identifier: &str,
    ) -> Result<Option<DataSubject>, StoreError> {
        let mut found = self.identified(connection, tenant, &[(kind, identifier.to_owned())]).await?;
        Ok(found.pop().flatten())
    }

    /// The subjects that these identify, in their order; those that are not there yet are made. `None` for a person who was erased.
    ///
    /// A transaction asks once for all it needs: whoever makes the same subjects at the same time waits for it, and rows are made in one
    /// order everywhere, so that two never wait for each other in a ring.
    ///
    /// # Errors
    /// What the database or the cipher says.
    pub async fn identified(
        &self,
        connection: &mut PgConnection,
        tenant: &TenantId,
        identifiers: &[(IdentifierKind, String)],
    ) -> Result<Vec<Option<DataSubject>>, StoreError> {
        if identifiers.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.tenant(connection, tenant).await?;
        // From here to the commit nobody is erased without this being seen or waited for.
        erasures::hold_off_on(connection, tenant).await?;
        let hashed: Vec<Identifier> = identifiers
            .iter()
            .map(|(kind, identifier)| (kind.as_str(), keys.index.hash(*kind, identifier).to_vec()))
            .collect();
        let wanted: BTreeSet<Identifier> = hashed.iter().cloned().collect();
        let mut found = find(connection, tenant, &wanted).await?;
        let mut missing: BTreeSet<Identifier> = wanted.into_iter().filter(|one| !found.contains_key(one)).collect();
        // Looked up after the identifiers: an erasure turns these into those in one transaction, so one of the two is seen.
        let erased = if missing.is_empty() { BTreeSet::new() } else { erased(connection, tenant, &missing).await? };
        missing.retain(|one| !erased.contains(one));
        if !missing.is_empty() {
            make(connection, tenant, &keys, &missing).await?;
            found.extend(find(connection, tenant, &missing).await?);
        }
        see(connection, tenant, found.values()).await?;
        let vanished = || StoreError::Refused(format!("tenant {tenant}: a data subject vanished while it was made"));
        let open = |one: &Identifier| match found.get(one) {
            Some(found) => found.clone().open(&keys, tenant),
            None if erased.contains(one) => Ok(None),
            None => Err(vanished()),
        };
        hashed.iter().map(open).collect()
    }

    /// The keys of many subjects at once, for reading events: a subject that was erased, or never was, is not in the answer.
    ///
    /// # Errors
    /// What the database or the cipher says.
    pub async fn subjects(
        &self,
        connection: &mut PgConnection,
        tenant: &TenantId,
        ids: &[SubjectId],
    ) -> Result<HashMap<SubjectId, DataSubject>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = self.tenant(connection, tenant).await?;
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let rows: Vec<(Uuid, Option<Vec<u8>>)> = sqlx::query_as(
            "select subject_id, wrapped_key from data_subjects where tenant_id = $1 and subject_id = any($2)",
        )
        .bind(tenant.as_str())
        .bind(ids)
        .fetch_all(connection)
        .await?;
        let mut subjects = HashMap::with_capacity(rows.len());
        for (id, wrapped) in rows {
            if let Some(subject) = (Found { id, wrapped, long_ago: false }).open(&keys, tenant)? {
                subjects.insert(subject.id, subject);
            }
        }
        Ok(subjects)
    }
}

/// A kind of identifier and the keyed hash of one.
type Identifier = (&'static str, Vec<u8>);

/// A subject's row.
#[derive(Clone)]
struct Found {
    id: Uuid,
    wrapped: Option<Vec<u8>>,
    /// Whether it is long ago that the person was found: days count, so once a day is enough to write it down.
    long_ago: bool,
}

impl Found {
    fn open(self, keys: &TenantKeys, tenant: &TenantId) -> Result<Option<DataSubject>, StoreError> {
        let Some(wrapped) = self.wrapped else {
            return Ok(None);
        };
        let key = unwrap_key(&keys.data, &wrapped, &subject_purpose(tenant, self.id)).map_err(failed(tenant))?;
        Ok(Some(DataSubject { id: SubjectId(self.id), key }))
    }
}

async fn find(
    connection: &mut PgConnection,
    tenant: &TenantId,
    wanted: &BTreeSet<Identifier>,
) -> Result<HashMap<Identifier, Found>, StoreError> {
    let rows: Vec<(i64, Uuid, Option<Vec<u8>>, bool)> = sqlx::query_as(
        "select w.at, s.subject_id, s.wrapped_key, s.seen_at < now() - interval '1 day'
         from unnest($2::text[], $3::bytea[]) with ordinality as w (kind, hash, at)
         join subject_identifiers i on i.tenant_id = $1 and i.kind = w.kind and i.hash = w.hash
         join data_subjects s on s.tenant_id = $1 and s.subject_id = i.subject_id",
    )
    .bind(tenant.as_str())
    .bind(wanted.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())
    .bind(wanted.iter().map(|(_, hash)| hash.as_slice()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<i64, Found> =
        rows.into_iter().map(|(at, id, wrapped, long_ago)| (at, Found { id, wrapped, long_ago })).collect();
    Ok((1..).zip(wanted).filter_map(|(at, one)| Some((one.clone(), found.remove(&at)?))).collect())
}

/// Writes down that people were found today: whoever is not found for long enough loses their key.
async fn see<'a>(
    connection: &mut PgConnection,
    tenant: &TenantId,
    found: impl Iterator<Item = &'a Found>,
) -> Result<(), StoreError> {
    let again: BTreeSet<Uuid> = found.filter(|found| found.long_ago).map(|found| found.id).collect();
    if again.is_empty() {
        return Ok(());
    }
    // In one order everywhere, so that two never wait for each other in a ring.
    sqlx::query(
        "with again as (select subject_id from data_subjects where tenant_id = $1 and subject_id = any($2) order by subject_id for no key update)
         update data_subjects s set seen_at = now() from again where s.tenant_id = $1 and s.subject_id = again.subject_id",
    )
    .bind(tenant.as_str())
    .bind(again.into_iter().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Those of the identifiers that erased people were known by.
async fn erased(
    connection: &mut PgConnection,
    tenant: &TenantId,
    identifiers: &BTreeSet<Identifier>,
) -> Result<BTreeSet<Identifier>, StoreError> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select s.kind, s.hash from unnest($2::text[], $3::bytea[]) as w (kind, hash)
         join suppressions s on s.tenant_id = $1 and s.kind = w.kind and s.hash = w.hash and s.subject_id is not null",
    )
    .bind(tenant.as_str())
    .bind(identifiers.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())
    .bind(identifiers.iter().map(|(_, hash)| hash.as_slice()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let is_erased = |one: &&Identifier| rows.iter().any(|(kind, hash)| kind == one.0 && *hash == one.1);
    Ok(identifiers.iter().filter(is_erased).cloned().collect())
}

/// Makes subjects; when another worker was quicker, theirs is the one the identifier leads to.
async fn make(
    connection: &mut PgConnection,
    tenant: &TenantId,
    keys: &TenantKeys,
    missing: &BTreeSet<Identifier>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = missing.iter().map(|_| Uuid::from_bytes(random())).collect();
    let wrap = |id: &Uuid| wrap_key(&keys.data, &Key::new(random()), &subject_purpose(tenant, *id), random());
    let wrapped = ids.iter().map(wrap).collect::<Result<Vec<_>, _>>().map_err(failed(tenant))?;
    sqlx::query(
        "with wanted as (select * from unnest($2::uuid[], $3::bytea[], $4::text[], $5::bytea[]) as w (subject_id, wrapped_key, kind, hash)),
              made as (insert into data_subjects (tenant_id, subject_id, wrapped_key) select $1, subject_id, wrapped_key from wanted)
         insert into subject_identifiers (tenant_id, kind, hash, subject_id) select $1, kind, hash, subject_id from wanted order by kind, hash
         on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .bind(wrapped)
    .bind(missing.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())
    .bind(missing.iter().map(|(_, hash)| hash.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What a key of a tenant is bound to.
fn purpose(what: &str, tenant: &TenantId) -> String {
    format!("{what}/{tenant}")
}

fn subject_purpose(tenant: &TenantId, id: Uuid) -> String {
    format!("subject/{tenant}/{id}")
}

fn failed(tenant: &TenantId) -> impl Fn(PiiError) -> StoreError + '_ {
    |source| StoreError::Pii { tenant: tenant.clone(), source }
}

impl DataSubject {
    /// Seals a value about this person for one field of one event.
    ///
    /// # Errors
    /// [`StoreError::Pii`] when the value has no JSON form.
    pub fn seal<T: Serialize + DeserializeOwned>(
        &self,
        tenant: &TenantId,
        event: EventId,
        field: &'static str,
        value: &Clear<T>,
    ) -> Result<Pii<T>, StoreError> {
        let context = PiiContext { tenant, event, field };
        Pii::seal(self.id, &self.key, &context, random(), value).map_err(failed(tenant))
    }

    /// Opens a value about this person.
    ///
    /// # Errors
    /// [`StoreError::Pii`] when it was sealed for another place.
    pub fn open<T: Serialize + DeserializeOwned>(
        &self,
        tenant: &TenantId,
        event: EventId,
        field: &'static str,
        value: &Pii<T>,
    ) -> Result<Clear<T>, StoreError> {
        value.open(&self.key, &PiiContext { tenant, event, field }).map_err(failed(tenant))
    }
}
