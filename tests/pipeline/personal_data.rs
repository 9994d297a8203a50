//! Personal data and vendors' keys leave a run only through the tenant's own tables, and not at all: not through the broker's files, and
//! not through the logs.

pub mod scan;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use presdr_events::{RunId, TenantId};
use presdr_nats::topology::{self, User};
use presdr_producers::settings;
use presdr_sandbox::{WebKind, vendors::Vendor};
use scan::Scan;
use sqlx::AssertSqlSafe;

use crate::{
    support::{World, connect},
    vendors::world::{self, VendorWorld},
};

pub const DOMAIN: &str = "quillfeather.example";
pub const COMPANY: &str = "Quillfeather Holdings Pte. Ltd.";

/// What the site says about people, in every place where a site does. Nothing else of a run has these letters.
pub const NAME: &str = "Zebulon Quackenbush";
pub const OTHER_NAME: &str = "Xanthippe Oyelaran";
pub const ADDRESS: &str = "zebulon.quackenbush@quillfeather.example";
pub const OTHER_ADDRESS: &str = "xanthippe@quillfeather.example";
pub const FREE_ADDRESS: &str = "zeb.quack1971@gmail.com";
pub const PHONE: &str = "+65 6749 2385";
pub const PHONE_E164: &str = "+6567492385";
pub const PROFILE: &str = "linkedin.com/in/zebulon-quackenbush-7f3";

/// Companies whose sites name nobody, so that a vendor is asked who works there.
const SILENT: [(&str, &str); 6] = [
    ("Inkwell Bindery Pte. Ltd.", "inkwell-bindery.example"),
    ("Vellum Traders Pte. Ltd.", "vellum-traders.example"),
    ("Folio Press Pte. Ltd.", "folio-press.example"),
    ("Papyrus Works Pte. Ltd.", "papyrus-works.example"),
    ("Nib and Blotter Pte. Ltd.", "nib-blotter.example"),
    ("Marginalia Studio Pte. Ltd.", "marginalia-studio.example"),
];

/// Everything that must not be found, as it is written anywhere.
const SEEDED: &[&str] = &[
    NAME,
    "Quackenbush",
    "Zebulon",
    OTHER_NAME,
    "Oyelaran",
    "Xanthippe",
    ADDRESS,
    OTHER_ADDRESS,
    FREE_ADDRESS,
    "zeb.quack1971",
    PHONE,
    PHONE_E164,
    "67492385",
    "6749 2385",
    PROFILE,
    "quackenbush-7f3",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_person_and_no_key_is_in_the_brokers_files_or_the_logs_of_a_run_with_all_vendors() {
    let log = Log::of_everything();
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path());
    SILENT.iter().for_each(|(name, domain)| write_silent_site(folder.path(), name, domain));
    let VendorWorld { mut world, vendors } = VendorWorld::with(WebKind::Folder(folder.path().to_owned())).await;
    // What goes wrong with a vendor is told of as well.
    for fault in ["openai:rate_limit=0:1", "zerobounce:quota:1", "lusha:server_error=503:1"] {
        vendors.faults().add(fault.parse().unwrap());
    }
    let companies = [(COMPANY, DOMAIN)].iter().chain(&SILENT).map(|(name, domain)| ((*name).into(), (*domain).into()));
    let acme = world.tenant_of("acme", &companies.collect::<Vec<_>>()).await;
    let owner = world.store.connect(presdr_store::Role::Owner).await.unwrap();
    // So few that an alert is due.
    let caps = r#"{"vendors": {"caps": {"lusha_lookups": {"run": 10}}}}"#;
    settings::set(&world.desk, &acme, caps).await.unwrap();
    let services = world::services(&world, &vendors, |config| config.deliveries_max = 2).await;
    let roles = world.roles_of(services).await;
    let run = world.start(&acme, u32::try_from(SILENT.len() + 1).unwrap()).await;
    world.finished(&acme, run).await;

    // Then once more with a database that refuses the step that holds personal data, and a message that cannot be read.
    allow(&owner, "alter table lead_texts add constraint refused check (false) not valid").await;
    let refused = world.start(&acme, 1).await;
    publish_an_unreadable_event(&world).await;
    world.finished(&acme, refused).await;
    assert_eq!(world.outcomes(&acme, refused).await, [("parked".to_owned(), 1)].into(), "an error to be described");
    roles.stop().await;

    everything_was_found(&world, &acme, run).await;
    let mut hidden: Vec<String> = SEEDED.iter().map(|text| (*text).to_owned()).collect();
    hidden.extend(told_by_vendors(&world, &acme).await);
    hidden.extend(Vendor::ALL.map(|vendor| vendors.key(vendor).to_owned()));
    let scan = Scan::new(&hidden.iter().map(String::as_str).collect::<Vec<_>>());
    for table in told(&owner).await {
        let rows = rows(&owner, &acme, &table).await;
        assert_eq!(scan.found(rows.as_bytes()), Vec::<String>::new(), "in {table}");
    }
    for event in events(&world).await {
        assert_eq!(scan.found(event.as_bytes()), Vec::<String>::new(), "in an event: {event}");
    }
    world.nats.halt().await;
    let held = bytes_below(world.nats.dir());
    for said in ["lead.extracted", "lead.contacts_found", "lead.emails_verified", "vendor.called"] {
        assert!(String::from_utf8_lossy(&held).contains(said), "the broker's files are read, and have {said:?}");
    }
    assert_eq!(scan.found(&held), Vec::<String>::new(), "in the broker's files");
    let logged = log.text();
    for said in ["lead_texts", "parked", "async_nats", "lusha_lookups"] {
        assert!(logged.contains(said), "the log is read, and has {said:?}");
    }
    assert_eq!(scan.found(logged.as_bytes()), Vec::<String>::new(), "in the log");
    assert!(!logged.contains("Barnaby"), "the log quotes what could not be read");
}

/// The people that vendors named, by name, address and the vendor's own id of them.
async fn told_by_vendors(world: &World, tenant: &TenantId) -> Vec<String> {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let texts = |column: &str, table: &str| {
        format!("select distinct {column} from {table} where source = 'lusha' and {column} is not null")
    };
    let mut told = Vec::new();
    for (column, table) in [("name", "contacts"), ("vendor_id", "contacts"), ("email", "lead_emails")] {
        let found: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(texts(column, table))).fetch_all(&mut *tx).await.unwrap();
        assert!(!found.is_empty(), "a vendor told of people: {column} of {table}");
        told.extend(found);
    }
    told
}

/// A site that names people wherever sites do: in text, links and their words, addresses of pages, JSON-LD, titles, comments.
pub fn write_site(folder: &Path) {
    let site = folder.join("site");
    let team = site.join("team").join("zebulon-quackenbush");
    fs::create_dir_all(&team).unwrap();
    let silent = SILENT.iter().map(|(_, domain)| format!("{domain},{domain}\n")).collect::<String>();
    fs::write(folder.join("index.csv"), format!("slug,fake_domain\nsite,{DOMAIN}\n{silent}")).unwrap();
    let about =
        "We supply hand-cut quills, inks and papers, and offer engraving services to studios and schools. ".repeat(12);
    let home = format!(
        "<html><head><title>{COMPANY}</title><meta name=author content=\"{NAME}\">
         <script type=\"application/ld+json\">{{\"@context\": \"https://schema.org\", \"@type\": \"Organization\", \"name\": \"{COMPANY}\",
         \"email\": \"{ADDRESS}\", \"telephone\": \"{PHONE}\", \"founder\": {{\"@type\": \"Person\", \"name\": \"{NAME}\", \"jobTitle\": \"Founder\"}}}}</script>
         </head><body><!-- by {OTHER_NAME} --><nav><a href=\"/team/zebulon-quackenbush/\">Contact {NAME}</a> <a href=\"/about.html\">About {OTHER_NAME}</a>
         <a href=\"/gone/{ADDRESS}\">Team</a></nav><h1>{COMPANY}</h1><p>{about}</p><a href=\"mailto:{ADDRESS}\">{ADDRESS}</a> <a href=\"tel:{PHONE_E164}\">{PHONE}</a></body></html>"
    );
    fs::write(site.join("index.html"), home).unwrap();
    let person = format!(
        "<html><head><title>{NAME}</title></head><body><h1>Our team</h1><h3>{NAME}</h3><p>Managing Director</p><p>{ADDRESS}</p>
         <a href=\"https://www.{PROFILE}\">LinkedIn</a><p>Call {PHONE}</p><h3>{OTHER_NAME}</h3><p>Head of Sales</p><p>{OTHER_ADDRESS}</p>
         <p>{about}</p></body></html>"
    );
    fs::write(team.join("index.html"), person).unwrap();
    fs::write(
        site.join("about.html"),
        format!(
            "<html><body><h1>About</h1><p>{about}</p><p>Founded by {NAME}. Write to {FREE_ADDRESS}.</p></body></html>"
        ),
    )
    .unwrap();
}

/// A site that says what its company does, and nothing of people.
fn write_silent_site(folder: &Path, name: &str, domain: &str) {
    let about =
        "We bind, emboss and restore books, and offer repair services to libraries and collectors of all kinds. "
            .repeat(12);
    let home = format!("<html><head><title>{name}</title></head><body><h1>{name}</h1><p>{about}</p></body></html>");
    fs::create_dir_all(folder.join(domain)).unwrap();
    fs::write(folder.join(domain).join("index.html"), home).unwrap();
}

/// What would make the test pass by itself is that nothing was found.
async fn everything_was_found(world: &World, tenant: &TenantId, run: RunId) {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let emails: Vec<String> = sqlx::query_scalar("select email from lead_emails where source <> 'lusha' order by 1")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(emails, [OTHER_ADDRESS, ADDRESS]);
    let phones: Vec<String> = sqlx::query_scalar("select phone from lead_phones").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(phones, [PHONE_E164]);
    let people = "select string_agg(concat_ws(' ', name, profile_url), '; ') from contacts";
    let people: String = sqlx::query_scalar(people).fetch_one(&mut *tx).await.unwrap();
    for wanted in [NAME, OTHER_NAME, PROFILE] {
        assert!(people.contains(wanted), "{wanted} is not in {people}");
    }
    let visited: String = sqlx::query_scalar("select visit::text from site_visits where run_id = $1 and domain = $2")
        .bind(run.get())
        .bind(DOMAIN)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert!(visited.contains("/team/zebulon-quackenbush"), "the page whose address names a person was read");
}

async fn allow(owner: &presdr_store::Database, statement: &'static str) {
    let mut tx = owner.shared().await.unwrap();
    sqlx::query(statement).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// An event whose body is no event, and quotes a person.
async fn publish_an_unreadable_event(world: &World) {
    let writer = connect(&world.nats.url(), User::Worker).await;
    // Not the seeded person: whoever publishes in the clear puts it on the broker.
    let body = r#"{"specversion": "1.0", "type": 7, "note": "Barnaby Unreadable"}"#;
    writer.jetstream().publish("evt.acme.lead.crawled", body.into()).await.unwrap().await.unwrap();
}

/// Tables that tell of a run without telling of people: errors, steps, audit, run logs and their like.
async fn told(owner: &presdr_store::Database) -> Vec<String> {
    /// Where personal data belongs, and in what form.
    const HOLD_PEOPLE: [&str; 5] = ["lead_emails", "lead_phones", "contacts", "site_visits", "lead_texts"];
    let mut tx = owner.shared().await.unwrap();
    let statement = "select relname::text from pg_class where relrowsecurity and not relispartition and relnamespace = 'public'::regnamespace and relname <> all($1) order by 1";
    let tables: Vec<String> = sqlx::query_scalar(statement).bind(&HOLD_PEOPLE[..]).fetch_all(&mut *tx).await.unwrap();
    // The readable text of a lead is shown beside it, for as long as it is kept.
    tables.into_iter().filter(|table| table != "company_enrichment_runs").collect()
}

async fn rows(owner: &presdr_store::Database, tenant: &TenantId, table: &str) -> String {
    let mut tx = owner.enter(tenant).await.unwrap();
    let statement = format!("select coalesce(string_agg(to_jsonb(t)::text, E'\\n'), '') from {table} t");
    let rows: String = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *tx).await.unwrap();
    assert!(!rows.contains("Barnaby"), "{table} quotes what could not be read: {rows}");
    rows
}

/// Every event's headers and body as they are stored.
async fn events(world: &World) -> Vec<String> {
    let broker = connect(&world.nats.url(), User::Projector).await;
    let stream = topology::events(&broker).await.unwrap();
    let mut events = Vec::new();
    for sequence in 1..=world.last_sequence().await {
        let message = stream.get_raw_message(sequence).await.unwrap();
        events.push(format!(
            "{} {:?} {}",
            message.subject,
            message.headers,
            String::from_utf8(message.payload.into()).unwrap()
        ));
    }
    assert!(events.len() > 10, "{}", events.len());
    events
}

/// All that is in files below `directory`.
fn bytes_below(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in files_below(directory) {
        bytes.extend(file.to_string_lossy().bytes());
        bytes.extend(fs::read(&file).unwrap());
    }
    bytes
}

pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut left: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

/// What every part of the process logs, down to the smallest step, made as the program makes its log.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn of_everything() -> Self {
        static OF_THIS_PROCESS: OnceLock<Log> = OnceLock::new();
        let begin = || {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .init();
            log
        };
        OF_THIS_PROCESS.get_or_init(begin).clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
