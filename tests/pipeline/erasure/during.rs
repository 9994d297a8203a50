//! Erasing while the person's lead is on its way, wherever on it that is.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use presdr_compliance::{
    Office, erase,
    find::{Identity, find},
    reapply,
};
use presdr_events::{Actor, CompanyId, TenantId};
use presdr_nats::topology::User;
use presdr_producers::Desk;
use presdr_sandbox::WebKind;
use presdr_servers::{find_postgres, testing};
use presdr_store::{Database, Role};
use sqlx::AssertSqlSafe;

use super::{dump, office};
use crate::{
    hostile::{write_index, write_plain_site},
    support::{PATIENCE, World},
};

/// Until when each site's person is left alone: what there is of their company then. The last person stays.
const WAYS: [(&str, &str); 6] = [
    ("quillfeather.example", "true"),
    ("inkwell.example", "exists (select from site_visits where company_id = $1)"),
    ("blotter.example", "exists (select from lead_steps where company_id = $1 and step = 'extract')"),
    ("vellum.example", "exists (select from lead_texts where company_id = $1)"),
    ("folio.example", "exists (select from contacts where company_id = $1)"),
    (LAST, "false"),
];
const LAST: &str = "papyrus.example";

#[tokio::test(flavor = "multi_thread")]
async fn erasing_during_a_run_lets_the_run_end_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let domains = WAYS.map(|(domain, _)| domain);
    write_index(folder.path(), &domains);
    domains.iter().for_each(|domain| write_plain_site(&folder.path().join(domain), domain));
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let companies = domains.map(|domain| (format!("The {domain} Company"), domain.to_owned()));
    let acme = world.tenant_of("acme", &companies).await;
    let roles = world.roles().await;
    let office = office(&world).await;
    let run = world.start(&acme, 6).await;
    let erasures = WAYS.iter().take(5).map(|(domain, until)| {
        let (office, world, acme) = (&office, &world, &acme);
        async move {
            wait(world, acme, domain, until).await;
            let who = [Identity::Email(format!("mei@{domain}"))];
            erase::erase(office, acme, &who).await.unwrap();
        }
    });
    futures::future::join_all(erasures).await;
    world.finished(&acme, run).await;
    roles.stop().await;
    assert!(!world.outcomes(&acme, run).await.contains_key("parked"), "{:?}", world.outcomes(&acme, run).await);
    let owner = world.store.connect(Role::Owner).await.unwrap();
    for domain in domains {
        let is_erased = domain != LAST;
        assert_eq!(mentions(&owner, &acme, &format!("mei@{domain}")).await == 0, is_erased, "{domain}");
        assert!(mentions(&owner, &acme, &format!("info@{domain}")).await > 0, "{domain}: others stay");
        // She is known by her name beside her title, too: that is her as well, once anything tied the one to the other.
        if ["quillfeather.example", "inkwell.example"].contains(&domain) {
            continue;
        }
        let who = [Identity::Name("Mei Ling Tan".to_owned(), Some(company(&world, &acme, domain).await))];
        let suggested = find(&office, &acme, &who).await.unwrap().suggestions;
        assert_eq!(suggested.is_empty(), is_erased, "{domain}: {suggested:?}");
    }
    a_restored_database_erases_again(&world, &office, &acme).await;
}

/// The last person is erased after a backup was taken: what the backup brings back goes again.
async fn a_restored_database_erases_again(world: &World, office: &Office, acme: &TenantId) {
    let backup = dump(world);
    let who = [Identity::Email(format!("mei@{LAST}"))];
    let receipt = erase::erase(office, acme, &who).await.unwrap().remove(0);
    let restored = testing::database("empty", async |_| Ok::<(), std::convert::Infallible>(())).await.unwrap();
    restore(restored.url(), &backup).await;
    let connect = async |role| Database::connect(restored.url(), role, 4).await.unwrap();
    let owner = connect(Role::Owner).await;
    assert!(mentions(&owner, acme, &format!("mei@{LAST}")).await > 0, "the backup has her");
    let broker = crate::support::connect(&world.nats.url(), User::Producer).await;
    let keyring = Arc::new(world.store.keyring());
    let desk = Desk::new(connect(Role::Producer).await, broker, keyring, Actor::service("restore"), Utc::now);
    let office = Office { desk, projector: connect(Role::Projector).await, context: office.context.clone() };
    let again = reapply::reapply(&office).await.unwrap();
    assert_eq!(again.again, [(acme.clone(), receipt.number)], "the others were erased before the backup");
    assert_eq!(again.receipts, 6);
    assert_eq!(mentions(&owner, acme, &format!("mei@{LAST}")).await, 0);
    assert!(mentions(&owner, acme, &format!("info@{LAST}")).await > 0);
    assert!(reapply::reapply(&office).await.unwrap().again.is_empty(), "once is enough");
    assert_eq!(
        erase::erase(&office, acme, &who).await.unwrap()[0].number,
        receipt.number,
        "and she stays known as erased"
    );
}

async fn restore(url: &str, backup: &[u8]) {
    let psql = find_postgres(None).unwrap().path.join("psql");
    let mut restoring = Command::new(psql);
    restoring.args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", url]);
    let mut restoring = restoring.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    restoring.stdin.take().unwrap().write_all(backup).unwrap();
    assert!(restoring.wait().unwrap().success());
}

async fn company(world: &World, tenant: &TenantId, domain: &str) -> CompanyId {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let company = "select company_id from tenant_companies where tenant_id = $1 and website_domain = $2";
    let company = sqlx::query_scalar(company).bind(tenant.as_str()).bind(domain).fetch_one(&mut *tx).await.unwrap();
    CompanyId::new(company).unwrap()
}

async fn wait(world: &World, tenant: &TenantId, domain: &str, until: &str) {
    let company = "(select company_id from tenant_companies where website_domain = $2)";
    let statement = format!("select {}", until.replace("$1", company));
    let waiting = async {
        loop {
            let mut tx = world.desk.database().enter(tenant).await.unwrap();
            let asked = sqlx::query_scalar(AssertSqlSafe(format!("{statement} and $1 = $1 and $2 = $2")));
            let is_so: bool = asked.bind(tenant.as_str()).bind(domain).fetch_one(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            if is_so {
                return;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// In how many of the tenant's tables a text is.
async fn mentions(owner: &Database, tenant: &TenantId, text: &str) -> usize {
    let mut tx = owner.enter(tenant).await.unwrap();
    let tables = "select relname::text from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *tx).await.unwrap();
    let mut mentions = 0;
    for table in tables {
        let statement = format!("select exists (select from {table} t where to_jsonb(t)::text ilike '%' || $1 || '%')");
        let is_there: bool = sqlx::query_scalar(AssertSqlSafe(statement)).bind(text).fetch_one(&mut *tx).await.unwrap();
        mentions += usize::from(is_there);
    }
    mentions
}
