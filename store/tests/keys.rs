//! Changing the master key, over a real database.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

use presdr_events::{Actor, Clear, EventId, IdentifierKind, Key, TenantId};
use presdr_store::{
    Database, Role, StoreError,
    keys::{Keyring, MasterKey, rotation},
    tenants,
    testing::TestStore,
};

/// The master key of every test store.
fn old() -> MasterKey {
    MasterKey::new(Key::new([7; 32]))
}

fn new() -> MasterKey {
    MasterKey::new(Key::new([8; 32]))
}

/// A keyring of a file that holds these.
fn holding(file: &tempfile::NamedTempFile, keys: &[MasterKey]) -> Keyring {
    let lines: Vec<String> = keys.iter().map(MasterKey::line).collect();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    Keyring::from_file(file.path()).unwrap()
}

async fn opens(database: &Database, keyring: &Keyring, tenant: &TenantId) -> Result<(), StoreError> {
    let mut tx = database.enter(tenant).await.unwrap();
    keyring.tenant(&mut tx, tenant).await.map(drop)
}

#[tokio::test]
async fn what_was_sealed_before_opens_after_and_the_old_key_opens_nothing() {
    let store = TestStore::new().await.unwrap();
    let (acme, beta) = (store.tenant("acme").await.unwrap(), store.tenant("beta").await.unwrap());
    let (owner, worker) = (store.connect(Role::Owner).await.unwrap(), store.connect(Role::Worker).await.unwrap());
    let event = EventId::of(&acme, None, None, "lead.extracted", 1);
    let mut tx = worker.enter(&acme).await.unwrap();
    let subject =
        store.keyring().subject(&mut tx, &acme, IdentifierKind::Email, "jane@acme.example").await.unwrap().unwrap();
    let sealed = subject.seal(&acme, event, "email.address", &Clear("jane@acme.example".to_owned())).unwrap();
    tx.commit().await.unwrap();

    let file = tempfile::NamedTempFile::new().unwrap();
    let both = holding(&file, &[old(), new()]);
    rotation::make_current(&owner, new().id(), &[old().id().clone()], &Actor::service("test")).await.unwrap();
    for tenant in [&acme, &beta] {
        assert!(rotation::rewrap(&owner, &both, tenant, &new()).await.unwrap());
        assert!(!rotation::rewrap(&owner, &both, tenant, &new()).await.unwrap(), "once");
    }
    let after = holding(&file, &[new()]);
    let used = rotation::used(&owner, &after).await.unwrap();
    assert_eq!(used, [(acme.clone(), new().id().clone()), (beta.clone(), new().id().clone())]);
    let mut tx = worker.enter(&acme).await.unwrap();
    let found = after.subject(&mut tx, &acme, IdentifierKind::Email, "jane@acme.example").await.unwrap().unwrap();
    assert_eq!(found.open(&acme, event, "email.address", &sealed).unwrap().0, "jane@acme.example");
    drop(tx);
    for tenant in [&acme, &beta] {
        let refused = opens(&worker, &Keyring::new(Key::new([7; 32])), tenant).await.unwrap_err();
        assert!(matches!(refused, StoreError::NoMaster(ref id) if id == new().id()), "{refused}");
        assert!(refused.is_transient(), "work waits for the key");
    }
}

#[tokio::test]
async fn between_two_tenants_both_keys_are_needed_and_whoever_lacks_the_new_one_makes_nobody() {
    let store = TestStore::new().await.unwrap();
    let (acme, beta) = (store.tenant("acme").await.unwrap(), store.tenant("beta").await.unwrap());
    let (owner, producer) = (store.connect(Role::Owner).await.unwrap(), store.connect(Role::Producer).await.unwrap());
    // As it was before master keys had names.
    let mut tx = owner.enter(&beta).await.unwrap();
    sqlx::query("update tenant_keys set master_id = null").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();

    let file = tempfile::NamedTempFile::new().unwrap();
    let both = holding(&file, &[old(), new()]);
    rotation::make_current(&owner, new().id(), &[old().id().clone()], &Actor::service("test")).await.unwrap();
    rotation::rewrap(&owner, &both, &acme, &new()).await.unwrap();
    for tenant in [&acme, &beta] {
        opens(&producer, &both, tenant).await.unwrap();
    }
    let gamma = TenantId::new("gamma").unwrap();
    let mut tx = producer.enter(&gamma).await.unwrap();
    let refused = tenants::create(&mut tx, &store.keyring(), "Gamma").await.unwrap_err();
    assert!(matches!(refused, StoreError::NoMaster(_)), "{refused}");
    drop(tx);
    let mut tx = producer.enter(&gamma).await.unwrap();
    tenants::create(&mut tx, &both, "Gamma").await.unwrap();
    tx.commit().await.unwrap();

    assert!(rotation::rewrap(&owner, &both, &beta, &new()).await.unwrap());
    let used = rotation::used(&owner, &holding(&file, &[new()])).await.unwrap();
    assert!(used.len() == 3 && used.iter().all(|(_, id)| id == new().id()), "{used:?}");
    let mut tx = owner.shared().await.unwrap();
    assert_eq!(rotation::retiring(&mut tx).await.unwrap(), [old().id().clone()]);
    rotation::retire(&mut tx).await.unwrap();
    assert_eq!(rotation::retiring(&mut tx).await.unwrap(), []);
}

#[tokio::test]
async fn a_change_waits_for_whoever_makes_a_tenant_under_the_old_key() {
    let store = TestStore::new().await.unwrap();
    let (owner, producer) = (store.connect(Role::Owner).await.unwrap(), store.connect(Role::Producer).await.unwrap());
    let acme = TenantId::new("acme").unwrap();
    let mut tx = producer.enter(&acme).await.unwrap();
    tenants::create(&mut tx, &store.keyring(), "Acme").await.unwrap();
    let changing = tokio::spawn({
        let owner = owner.clone();
        async move { rotation::make_current(&owner, new().id(), &[], &Actor::service("test")).await }
    });
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())";
    let waiting = async {
        loop {
            let mut look = owner.shared().await.unwrap();
            if sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut *look).await.unwrap() > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.expect("the change waits");
    tx.commit().await.unwrap();
    changing.await.unwrap().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let used = rotation::used(&owner, &holding(&file, &[old(), new()])).await.unwrap();
    assert_eq!(used, [(acme, old().id().clone())], "the tenant is there to be wrapped anew");
}
