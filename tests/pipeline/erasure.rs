//! A person who was erased is nowhere: not in a table, not in a file, not in what the next run finds, not in what a rebuild makes.

mod asked;
mod during;

use std::{collections::BTreeSet, fs, process::Command};

use presdr_audit::{Log as EventLog, PublicKeys, SigningKey, Stores};
use presdr_compliance::{
    Office, PLACES, Path as Erased, STREAMS,
    erase::{self, Receipt},
    export,
    find::{self, Identity, Report},
    reapply, scrub,
};
use presdr_events::TenantId;
use presdr_nats::topology::User;
use presdr_producers::{consents, settings};
use presdr_projections::rebuild::rebuild;
use presdr_sandbox::WebKind;
use presdr_servers::find_postgres;
use presdr_store::{Role, testing::TestStore};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    personal_data::{
        ADDRESS, COMPANY, DOMAIN, FREE_ADDRESS, Log, NAME, OTHER_NAME, PHONE, PHONE_E164, PROFILE, files_below,
        scan::Scan, write_site,
    },
    support::{World, connect, rebuilding},
    vendors::world::VendorWorld,
};

/// The erased person in every form in which the site tells of them.
const HIDDEN: &[&str] = &[
    NAME,
    "Quackenbush",
    "Zebulon",
    ADDRESS,
    FREE_ADDRESS,
    "zeb.quack1971",
    PHONE,
    PHONE_E164,
    "67492385",
    "6749 2385",
    PROFILE,
    "quackenbush-7f3",
    "98760417",
];

pub async fn office(world: &World) -> Office {
    Office {
        desk: world.desk.clone(),
        projector: world.store.connect(Role::Projector).await.unwrap(),
        context: connect(&world.nats.url(), User::Projector).await.jetstream().clone(),
    }
}

/// How the person introduces themselves.
fn zebulon() -> Vec<Identity> {
    let [address, free] = [ADDRESS, FREE_ADDRESS].map(|address| Identity::Email(address.to_owned()));
    vec![address, free, Identity::Profile(format!("https://www.{PROFILE}")), Identity::Phone(PHONE.to_owned())]
}

fn places(report: &Report) -> BTreeSet<&'static str> {
    report.rows.iter().map(|row| row.place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_in_no_table_file_or_log_and_no_run_or_rebuild_brings_them_back() {
    let log = Log::of_everything();
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path());
    let store = TestStore::apart().await.unwrap();
    let world = World::on(store, WebKind::Folder(folder.path().to_owned())).await;
    let VendorWorld { mut world, vendors } = VendorWorld::of(world).await;
    let acme = world.tenant_of("acme", &[(COMPANY.to_owned(), DOMAIN.to_owned())]).await;
    let roles = world.roles_of(crate::vendors::world::services(&world, &vendors, |_| {}).await).await;
    let with_consent = r#"{"email_policy": {"free_mail": "allow_with_consent"}}"#;
    settings::set(&world.desk, &acme, with_consent).await.unwrap();
    consents::record(&world.desk, &acme, FREE_ADDRESS, world.desk.now(), "form").await.unwrap();
    let run = world.start(&acme, 1).await;
    world.finished(&acme, run).await;
    seed_what_a_run_leaves_empty(&world, &acme).await;
    every_stream_is_known(&world).await;

    let office = office(&world).await;
    let found = find::find(&office, &acme, &zebulon()).await.unwrap();
    let nobody = |path: Erased| matches!(path, Erased::Nobody(_) | Erased::Stays(_) | Erased::Sealed);
    let wanted = PLACES.iter().filter(|place| !nobody(place.path)).map(|place| place.table).collect();
    assert_eq!(places(&found), wanted, "the person is seeded in every place that can hold one: seed a new one here");
    assert!(found.events.iter().any(|event| event.kind == "lead.extracted" && event.fields.contains("email.address")));
    the_copy_says_what_from_where_and_why(&office, &acme).await;

    cut_off_at_every_step(&world, &office, &acme).await;
    let receipts = erase::erase(&office, &acme, &zebulon()).await.unwrap();
    let [Receipt { removed, suppressed, sequence: Some(_), .. }] = receipts.as_slice() else { panic!("{receipts:?}") };
    for place in wanted_of_receipt() {
        assert!(removed.contains_key(place), "{place}: {removed:?}");
    }
    assert!(["email", "name", "phone", "profile", "thing"].iter().all(|kind| suppressed.contains_key(*kind)));
    world.projected().await;
    is_gone(&office, &acme).await;
    let said = "select string_agg(messages::text, ' ') || (select string_agg(data::text, ' ') from chat_run_events) from thread_checkpoints";
    let said = text(&world, &acme, said).await;
    assert!(said.matches("Kept").count() == 2, "what does not name them stays: {said}");
    assert_eq!(
        erase::erase(&office, &acme, &zebulon()).await.unwrap()[0].sequence,
        None,
        "told of again, not done again"
    );

    // The site still says all of it.
    let again = world.start(&acme, 1).await;
    world.finished(&acme, again).await;
    is_gone(&office, &acme).await;
    let others = text(&world, &acme, "select string_agg(name, ' ') from contacts").await;
    assert!(others.contains(OTHER_NAME) && !others.contains(NAME), "others are found: {others}");
    assert!(reapply::reapply(&office).await.unwrap().again.is_empty(), "there is nothing that this database lacks");
    roles.stop().await;
    rebuilding(&world, async |work| rebuild(work, |_| {}).await.unwrap()).await;
    is_gone(&office, &acme).await;
    the_audit_chain_verifies(&world, &acme).await;

    let scan = Scan::new(HIDDEN);
    let dump = dump(&world);
    assert!(!Scan::new(&[OTHER_NAME]).found(&dump).is_empty(), "the dump has the rows of others");
    scan.shows(&dump, "in a dump");
    written_anew(&world).await;
    let server = world.store.server().unwrap();
    let (data, dir) = (server.data_dir().to_owned(), server.dir().to_owned());
    world.nats.halt().await;
    let mut files = files_below(&data);
    assert!(files.iter().any(|file| file.parent().unwrap().ends_with("pg_wal")), "the write-ahead log is read, too");
    files.extend(files_below(&dir));
    files.extend(files_below(world.nats.dir()));
    let (other, mut others) = (Scan::new(&[OTHER_NAME]), 0);
    for file in files {
        // Some go while the server runs.
        if let Ok(bytes) = fs::read(&file) {
            others += other.found(&bytes).len();
            scan.shows(&bytes, &format!("in {}", file.display()));
        }
    }
    assert!(others > 0, "who was not erased is found, so the files are read");
    scan.shows(log.text().as_bytes(), "in the log");
}

impl Scan {
    fn shows(&self, bytes: &[u8], place: &str) {
        assert_eq!(self.found(bytes), Vec::<String>::new(), "{place}");
    }
}

/// What a receipt of everything has to tell of.
/// The erasure is cut off at the first statement on one table after the other, and goes on each time.
async fn cut_off_at_every_step(world: &World, office: &Office, tenant: &TenantId) {
    let records = PLACES.iter().filter(|place| {
        use Erased::{AddressHash, Answers, Asked, Pages, Said, Text, Vectors};
        matches!(place.path, AddressHash | Answers | Asked | Pages | Said | Text | Vectors)
    });
    // In the order in which an erasure comes to them; the last is the receipt.
    let mut tables: Vec<&str> = ["data_subjects"].into_iter().chain(records.map(|place| place.table)).collect();
    tables.extend(["lead_emails", "company_enrichment_runs", "lead_steps"]);
    tables.dedup();
    let mut superuser = PgConnection::connect(world.store.url()).await.unwrap();
    let refusing = "create function cut_off() returns trigger language plpgsql as $$ begin raise 'cut off'; end $$";
    superuser.execute(refusing).await.unwrap();
    for table in &tables {
        let cut =
            format!("create trigger cut_off before insert or update or delete on {table} execute function cut_off()");
        superuser.execute(AssertSqlSafe(cut)).await.unwrap();
        let stopped = erase::erase(office, tenant, &zebulon()).await.unwrap_err();
        assert!(stopped.to_string().contains("cut off"), "{table}: {stopped}");
        superuser.execute(AssertSqlSafe(format!("drop trigger cut_off on {table}"))).await.unwrap();
    }
    superuser.execute("drop function cut_off()").await.unwrap();
    assert!(tables.len() > 8, "{tables:?}");
}

fn wanted_of_receipt() -> impl Iterator<Item = &'static str> {
    let cleared = |path: Erased| {
        use Erased::{AddressHash, Answers, Asked, Pages, ReadModel, Said, ShownText, Text, Vectors};
        matches!(path, AddressHash | Answers | Asked | Pages | ReadModel | Said | ShownText | Text | Vectors)
    };
    let places = PLACES.iter().filter(move |place| cleared(place.path));
    places.map(|place| place.table).chain(["keys"])
}

/// Rows where this run had no reason to write any.
async fn seed_what_a_run_leaves_empty(world: &World, tenant: &TenantId) {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(tenant).await.unwrap();
    let rows = [
        "insert into rationale_cache (tenant_id, cache_key, rationale) values ($1, 'seeded', 'ask ' || $2)",
        "insert into icp_samples (tenant_id, sample, description, text_hash) values ($1, 'a customer', 'led by ' || $2, 'x')",
        "insert into users (tenant_id, user_id, subject_hash, email) values ($1, gen_random_uuid(), decode(repeat('01', 32), 'hex'), $2)",
        "insert into embeddings (tenant_id, company_id, model, text_hash, vector, made_at)
         select distinct $1, company_id, 'm', $2, '\\x00'::bytea, now() from lead_texts where tenant_id = $1",
        "insert into lead_phones (tenant_id, company_id, phone, subject_id, run_id, version, last_seen_at)
         select $1, company_id, '+65987' || '60417', subject_id, run_id, version, now() from lead_emails where tenant_id = $1 and email = $2",
    ];
    for statement in rows {
        sqlx::query(statement).bind(tenant.as_str()).bind(ADDRESS).execute(&mut *tx).await.unwrap();
    }
    // What somebody typed in a conversation, and what was answered.
    let said = [
        "insert into threads (tenant_id, thread_id, owner, metadata) values ($1, gen_random_uuid(), 'user:jane', jsonb_build_object('title', $2::text))",
        "insert into thread_checkpoints (tenant_id, thread_id, checkpoint_id, source, step, messages)
         select $1, thread_id, gen_random_uuid(), 'input', 0,
             jsonb_build_array(jsonb_build_object('content', 'Is ' || $2 || ' a founder?'), jsonb_build_object('content', 'Kept')) from threads",
        "insert into chat_runs (tenant_id, run_id, thread_id, metadata)
         select $1, gen_random_uuid(), thread_id, jsonb_build_object('asked', $2::text) from threads",
        "insert into chat_run_events (tenant_id, run_id, seq, event, data)
         select $1, run_id, 1, 'values', jsonb_build_object('messages', jsonb_build_array($2::text, 'Kept')) from chat_runs",
    ];
    for statement in said {
        sqlx::query(statement).bind(tenant.as_str()).bind(NAME).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// There are these streams and no other.
async fn every_stream_is_known(world: &World) {
    let broker = connect(&world.nats.url(), User::Topology).await;
    let streams = broker.jetstream().query_account().await.unwrap().streams;
    assert_eq!(streams, STREAMS.len(), "say in `STREAMS` how a person is erased from a new one");
    for (name, _) in STREAMS {
        broker.jetstream().get_stream(*name).await.unwrap();
    }
}

async fn the_copy_says_what_from_where_and_why(office: &Office, tenant: &TenantId) {
    let copy = export::export(office, tenant, &zebulon()).await.unwrap();
    for said in [NAME, ADDRESS, PROFILE, "from site", "PDPA"] {
        assert!(copy.summary.contains(said), "{said} is not in {}", copy.summary);
    }
    let told = copy.data.to_string();
    assert!(told.contains(ADDRESS) && copy.data["rows"].as_array().is_some_and(|rows| rows.len() > 5));
    assert!(!copy.summary.contains(OTHER_NAME) && !told.contains(OTHER_NAME), "nobody else's data is in it: {told}");
}

/// Nothing but the tombstone is found, and no table shows them.
async fn is_gone(office: &Office, tenant: &TenantId) {
    let found = find::find(office, tenant, &zebulon()).await.unwrap();
    assert_eq!(places(&found), BTreeSet::from(["data_subjects"]));
    assert!(found.subjects.iter().all(|person| person.erased_at.is_some()));
    assert!(found.events.iter().all(|event| event.values.is_empty()), "what the log seals does not open");
    let numbers = "select count(*) from lead_phones where tenant_id = $1";
    let mut tx = office.projector.enter(tenant).await.unwrap();
    let left: i64 = sqlx::query_scalar(numbers).bind(tenant.as_str()).fetch_one(&mut *tx).await.unwrap();
    assert_eq!(left, 0);
}

async fn text(world: &World, tenant: &TenantId, statement: &'static str) -> String {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    sqlx::query_scalar::<_, Option<String>>(statement).fetch_one(&mut *tx).await.unwrap().unwrap_or_default()
}

async fn the_audit_chain_verifies(world: &World, tenant: &TenantId) {
    let database = world.desk.database();
    let log = EventLog::open(&connect(&world.nats.url(), User::Auditor).await).await.unwrap();
    let keys: PublicKeys = SigningKey::from_seed(&[5; 32]).unwrap().public().unwrap().into();
    let verified = Stores { database, log: &log }.verify(tenant, &keys, &[]).await.unwrap().unwrap();
    assert!(verified.events > 10, "{verified:?}");
}

/// The whole database as text.
fn dump(world: &World) -> Vec<u8> {
    let dumping =
        Command::new(find_postgres(None).unwrap().path.join("pg_dump")).arg(world.store.url()).output().unwrap();
    assert!(dumping.status.success(), "{}", String::from_utf8_lossy(&dumping.stderr));
    dumping.stdout
}

/// The tables written anew, everything vacuumed, a write-ahead log begun anew.
async fn written_anew(world: &World) {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let tables = scrub::scrub(&owner, |_| {}).await.unwrap();
    assert!(tables.contains(&"lead_texts"), "{tables:?}");
    let mut superuser = PgConnection::connect(world.store.url()).await.unwrap();
    for statement in ["vacuum", "checkpoint", "select pg_switch_wal()", "checkpoint"] {
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}
