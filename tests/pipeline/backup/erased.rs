//! Who was erased after the backup was taken does not come back with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use presdr_audit::{Log, PublicKeys, Signer, SigningKey, Stores};
use presdr_compliance::{
    Office, erase,
    find::{self, Identity},
};
use presdr_events::TenantId;
use presdr_nats::{purge as log, topology::User};
use presdr_producers::{
    icp,
    purge::{Purge, purge},
    runs, suppressions,
};
use presdr_sandbox::WebKind;
use presdr_store::{Database, Role, tenants};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use super::{Elsewhere, as_user, back_up, key_file, presdr, said};
use crate::{
    erasure::office,
    personal_data::{ADDRESS, COMPANY, DOMAIN, NAME, OTHER_NAME, PROFILE, write_site},
    support::{self, World, connect},
};

/// Who asks not to be contacted after the backup.
const UNSUBSCRIBED: &str = "someone@elsewhere.example";

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_after_the_backup_is_nowhere_after_its_restore_and_no_restore_begins_without_knowing() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path());
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let companies = [(COMPANY.to_owned(), DOMAIN.to_owned())];
    let (acme, beta) = (world.tenant_of("acme", &companies).await, world.tenant_of("beta", &companies).await);
    let key = key_file(&world);
    let roles = world.roles().await;
    for tenant in [&acme, &beta] {
        let run = world.start(tenant, 1).await;
        world.finished(tenant, run).await;
    }
    sign(&world, &acme).await;
    world.projected().await;
    let backup = world.files.path().join("backup");
    let older = write_receipts(&world, "older", &key).await;
    back_up(&world, &backup, &key).await;
    no_key_is_in(&backup, &key);

    erase::erase(&office(&world).await, &acme, &zebulon()).await.unwrap();
    suppressions::add(&world.desk, &acme, &[unsubscribed()]).await.unwrap();
    purged(&world, &beta).await;
    roles.stop().await;
    let receipts = write_receipts(&world, "receipts", &key).await;
    let told = fs::read_to_string(&receipts).unwrap();
    assert!(!told.contains(UNSUBSCRIBED) && !told.contains("uackenbush"), "nobody is named in {told}");

    let elsewhere = Elsewhere::new().await;
    what_may_not_be_is_refused_before_anything_is_touched(&elsewhere, &backup, &key, [&receipts, &older]).await;
    let answer = elsewhere.restored(&backup, &key, &["--receipts", receipts.to_str().unwrap()]).await;
    assert_eq!(answer["again"]["people"], 1, "{answer}");
    assert_eq!(answer["again"]["tenants"], serde_json::json!(["beta"]), "{answer}");
    nobody_came_back(&elsewhere, &acme, &beta, 1).await;

    // The stores that are there tell it themselves.
    let again = said(&elsewhere.restore(&backup, &key, &[]).await);
    assert!(again.contains("not empty") && again.contains("--replace"), "{again}");
    let answer = elsewhere.restored(&backup, &key, &["--replace"]).await;
    assert_eq!(answer["again"]["people"], 1, "{answer}");
    nobody_came_back(&elsewhere, &acme, &beta, 1).await;
    the_database_alone_is_restored_beside_a_newer_log(&world, elsewhere, (&backup, &key, &receipts), (&acme, &beta))
        .await;
}

/// What the newer log tells stands, and nothing of it is done or numbered a second time.
async fn the_database_alone_is_restored_beside_a_newer_log(
    world: &World,
    elsewhere: Elsewhere,
    (backup, key, receipts): (&Path, &Path, &Path),
    (acme, beta): (&TenantId, &TenantId),
) {
    let desk = elsewhere.desk().await;
    icp::set(&desk, acme, r#"{"keywords": ["quills"]}"#).await.unwrap();
    icp::set(&desk, acme, r#"{"keywords": ["services"]}"#).await.unwrap();
    let newer = runs::start(&desk, acme, Some(1)).await.unwrap().run;
    elsewhere.finish(world, &desk, acme, newer).await;
    let log = Log::open(&elsewhere.broker().await).await.unwrap();
    let signer = Signer::new(desk.clone(), log, signing_key(), None).unwrap();
    assert_eq!(signer.sign(acme).await.unwrap().unwrap().checkpoint.number, 2);
    let open = runs::start(&desk, acme, Some(1)).await.unwrap().run;
    let shortlist = support::shortlist(&desk, acme, newer).await;
    desk.database().close().await;

    let alone = Elsewhere { nats: elsewhere.nats, ..Elsewhere::new().await };
    let with = ["--keep-log", "--receipts", receipts.to_str().unwrap()];
    let refused = said(&alone.restore(backup, key, &with[1..]).await);
    assert!(refused.contains("has an event log") && refused.contains("--keep-log"), "{refused}");
    let answer = alone.restored(backup, key, &with).await;
    assert_eq!(answer["again"]["taken_in"]["runs_ended"], 2, "{answer}");
    nobody_came_back(&alone, acme, beta, 2).await;
    let desk = alone.desk().await;
    assert_eq!(support::shortlist(&desk, acme, newer).await, shortlist, "the read models are those of the newer log");
    assert_eq!(icp::show(&desk, acme).await.unwrap().unwrap().0, 3, "the newest profile is the log's");
    let held = runs::list(&desk, acme, 9).await.unwrap();
    let told: Vec<_> = held.iter().map(|run| (run.id, run.status.as_str())).collect();
    assert_eq!(told[..2], [(open, "cancelled"), (newer, "completed")]);
    let next = runs::start(&desk, acme, Some(1)).await.unwrap().run;
    assert!(next > open, "no number is given out twice");
    alone.finish(world, &desk, acme, next).await;
}

fn zebulon() -> Vec<Identity> {
    vec![Identity::Email(ADDRESS.to_owned()), Identity::Profile(format!("https://www.{PROFILE}"))]
}

fn unsubscribed() -> suppressions::Given {
    suppressions::Given::read(suppressions::ListKind::Email, UNSUBSCRIBED, "asked").unwrap()
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[5; 32]).unwrap()
}

async fn sign(world: &World, tenant: &TenantId) {
    let log = Log::open(&connect(&world.nats.url(), User::Auditor).await).await.unwrap();
    let signer = Signer::new(world.desk.clone(), log, signing_key(), None).unwrap();
    signer.sign(tenant).await.unwrap().unwrap();
}

async fn purged(world: &World, tenant: &TenantId) {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let eraser = connect(&world.nats.url(), User::Eraser).await;
    let work = Purge { desk: &world.desk, owner: &owner, eraser: &eraser, cancel: CancellationToken::new() };
    purge(&work, tenant, |_| {}).await.unwrap();
}

async fn write_receipts(world: &World, name: &str, key: &Path) -> PathBuf {
    let file = world.files.path().join(name);
    let arguments = ["receipts", file.to_str().unwrap()];
    let written = presdr(&arguments, world.store.url(), &as_user(world, "auditor"), key).output().await.unwrap();
    assert!(written.status.success(), "{}", said(&written));
    file
}

/// The master key is in no file of the backup, as it is written or as bytes.
fn no_key_is_in(backup: &Path, key: &Path) {
    let line = fs::read_to_string(key).unwrap();
    let names: Vec<_> = fs::read_dir(backup).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for file in names {
        let bytes = fs::read(&file).unwrap();
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        assert!(!has(line.trim().as_bytes()) && !has(&[7; 32]), "{}", file.display());
    }
}

async fn what_may_not_be_is_refused_before_anything_is_touched(
    elsewhere: &Elsewhere,
    backup: &Path,
    key: &Path,
    [receipts, older]: [&Path; 2],
) {
    let with = ["--receipts", receipts.to_str().unwrap()];
    let mut told = vec![(said(&elsewhere.restore(backup, key, &[]).await), "--no-receipts")];
    let before = elsewhere.restore(backup, key, &["--receipts", older.to_str().unwrap()]).await;
    told.push((said(&before), "wrote after that"));
    let missing = key.with_file_name("missing.key");
    told.push((
        said(&elsewhere.restore(backup, &missing, &with).await),
        "is missing, and the backup opens with master key",
    ));
    let wrong = key.with_file_name("wrong.key");
    fs::write(&wrong, presdr_store::keys::MasterKey::new(presdr_events::Key::new([8; 32])).line()).unwrap();
    told.push((said(&elsewhere.restore(backup, &wrong, &with).await), "bring the file from where keys are kept"));
    for file in ["database.dump", "events.snapshot", "manifest.json"] {
        let (path, whole) = (backup.join(file), fs::read(backup.join(file)).unwrap());
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() - 1], &flipped] {
            fs::write(&path, damaged).unwrap();
            told.push((said(&elsewhere.restore(backup, key, &with).await), "is damaged"));
        }
        fs::write(&path, whole).unwrap();
    }
    let whole = fs::read_to_string(receipts).unwrap();
    let cut: String = whole.lines().take(2).collect();
    fs::write(receipts, cut).unwrap();
    told.push((said(&elsewhere.restore(backup, key, &with).await), "are damaged"));
    fs::write(receipts, whole).unwrap();
    for (refused, wanted) in told {
        assert!(refused.contains(wanted), "{wanted}: {refused}");
    }
    assert!(elsewhere.is_untouched().await);
}

/// The person is a tombstone, the tenant a name; whoever asked is not contacted; the rest is there, and verifies.
async fn nobody_came_back(elsewhere: &Elsewhere, acme: &TenantId, beta: &TenantId, checkpoint: u32) {
    let desk = elsewhere.desk().await;
    let projector = Database::connect(elsewhere.database.url(), Role::Projector, 4).await.unwrap();
    let office = Office { desk, projector, context: elsewhere.broker().await.jetstream().clone() };
    let found = find::find(&office, acme, &zebulon()).await.unwrap();
    assert!(!found.subjects.is_empty() && found.subjects.iter().all(|person| person.erased_at.is_some()));
    assert!(found.events.iter().all(|event| event.values.is_empty()), "what the log seals does not open");
    assert!(!found.rows.is_empty() && found.rows.iter().all(|row| row.place == "data_subjects"), "tombstones are left");
    let mut superuser = PgConnection::connect(elsewhere.database.url()).await.unwrap();
    let names: String = sqlx::query_scalar("select string_agg(concat_ws(' ', name, email), ' ') from contacts")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert!(names.contains(OTHER_NAME) && !names.contains(NAME) && !names.contains(ADDRESS), "{names}");
    let held = suppressions::look(&office.desk, acme, &[unsubscribed()]).await.unwrap();
    assert_eq!(held.len(), 1, "a suppression of after the backup holds");

    let tables = {
        let owner = Database::connect(elsewhere.database.url(), Role::Owner, 2).await.unwrap();
        assert!(
            tenants::all(&owner).await.unwrap().iter().any(|tenant| tenant.id == *beta && tenant.status == "purged")
        );
        let tables = presdr_store::purge::tables(&owner).await.unwrap();
        owner.close().await;
        tables
    };
    for table in tables {
        let count = format!("select count(*) from {table} where tenant_id = $1");
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(count)).bind(beta.as_str()).fetch_one(&mut superuser).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    let broker = elsewhere.broker().await;
    assert_eq!(log::events_of(&broker, beta).await.unwrap(), 0);
    let evidence = Log::open(&broker).await.unwrap();
    let keys: PublicKeys = signing_key().public().unwrap().into();
    let verified = Stores { database: office.desk.database(), log: &evidence }.verify(acme, &keys, &[]).await.unwrap();
    assert_eq!(verified.unwrap().to_checkpoint, Some(checkpoint));
    let told = "select count(*) from audit_log where tenant_id = 'presdr' and event_type = 'backup.restored' and actor like 'user:%'";
    let told: i64 = sqlx::query_scalar(told).fetch_one(&mut superuser).await.unwrap();
    assert_eq!(told, i64::from(checkpoint), "the log tells who restored it");
    superuser.close().await.unwrap();
    office.projector.close().await;
    office.desk.database().close().await;
}
