//! No tenant reaches another's rows, and no service does on the broker what it has no need to.

mod broker;
mod catalogue;
mod filling;
mod walk;

use filling::{Table, fill, tables};
use presdr_events::TenantId;
use presdr_store::{Database, Role, testing::TestStore};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use walk::Walk;

const ROLES: [Role; 5] = [Role::Worker, Role::Projector, Role::Producer, Role::Reader, Role::Owner];

/// Makes every table of a rebuild.
const PREPARE: &str = "select prepare_rebuild('read-models', array(select projection_tables('public')::text))";

/// A database with rows of two tenants in every tenant's table, those of a rebuild included.
struct Filled {
    store: TestStore,
    owner: Database,
    tables: Vec<Table>,
    acme: TenantId,
    globex: TenantId,
}

impl Filled {
    async fn new() -> Self {
        Self::with(PREPARE).await
    }

    async fn with(first: &'static str) -> Self {
        let store = TestStore::new().await.unwrap();
        let (acme, globex) = (store.tenant("acme").await.unwrap(), store.tenant("globex").await.unwrap());
        let owner = store.connect(Role::Owner).await.unwrap();
        let mut tx = owner.shared().await.unwrap();
        tx.execute(first).await.unwrap();
        tx.commit().await.unwrap();
        let tables = tables(&owner).await;
        fill(&owner, &tables, &acme, 1).await;
        fill(&owner, &tables, &globex, 2).await;
        Self { store, owner, tables, acme, globex }
    }

    fn walk(&self) -> Walk<'_> {
        Walk { owner: &self.owner, by: &self.acme, towards: &self.globex }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_says_what_it_is_and_every_tenants_table_is_isolated() {
    let store = TestStore::new().await.unwrap();
    let mut connection = PgConnection::connect(store.url()).await.unwrap();
    connection.execute("set role presdr_owner").await.unwrap();
    assert_eq!(catalogue::flaws(&mut connection).await, Vec::<String>::new());
    connection.execute(PREPARE).await.unwrap();
    assert_eq!(catalogue::flaws(&mut connection).await, Vec::<String>::new(), "while read models are rebuilt");
    connection.execute("select swap_rebuild('x', 1)").await.unwrap();
    assert_eq!(catalogue::flaws(&mut connection).await, Vec::<String>::new(), "after they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_declaration_or_policy_is_found_and_so_is_whatever_else_opens_a_way() {
    let store = TestStore::new().await.unwrap();
    let mut connection = PgConnection::connect(store.url()).await.unwrap();
    connection.execute("set role presdr_owner; set request.tenant_id = 'acme'").await.unwrap();
    for (statement, flaw) in [
        ("create table a (x text)", "a is not declared record, projection or platform"),
        (
            "create table a (tenant_id text); comment on table a is 'record: x'",
            "a has a tenant_id, but row level security is not enabled and forced",
        ),
        (
            "alter table runs no force row level security",
            "runs has a tenant_id, but row level security is not enabled and forced",
        ),
        (
            "drop policy tenant on lead_emails",
            "lead_emails has a tenant_id, but other policies than the one of every tenant table",
        ),
        (
            "create policy more on contacts using (true)",
            "contacts has a tenant_id, but other policies than the one of every tenant table",
        ),
        ("alter table companies add tenant_id text", "companies is declared platform, but has a tenant_id"),
        ("create table a (x text); comment on table a is 'record: x'", "a is declared record, but has none"),
        ("create unique index a on lead_emails (email)", "a of lead_emails is unique without the tenant"),
        (
            "alter table lead_steps add a bigint constraint a references runs (run_id)",
            "a of lead_steps refers to another table without the tenant",
        ),
        ("create view a as select * from contacts", "a reads contacts with the rights of its owner"),
        ("create view a as select * from tenant_company", "a reads tenant_companies with the rights of its owner"),
        ("create materialized view a as select 1 from runs", "a reads runs with the rights of its owner"),
        ("grant truncate on runs to presdr_worker", "truncate on runs is granted to presdr_worker"),
        ("grant select on runs to public", "runs is granted to everybody"),
        ("grant update on contacts to presdr_worker", "presdr_worker writes contacts, which is a projection"),
        ("grant insert on runs to presdr_projector", "presdr_projector writes runs, which is a record"),
        ("grant create on schema rebuild to presdr_reader", "presdr_reader may make things in schema rebuild"),
        (
            "create function a() returns bigint language sql security definer as 'select 1'",
            "a() runs as its owner, and nobody has said why that is no way across",
        ),
    ] {
        let mut tx = connection.begin().await.unwrap();
        tx.execute(statement).await.unwrap();
        let flaws = catalogue::flaws(&mut tx).await;
        assert!(flaws.iter().any(|found| found == flaw), "{statement}: {flaws:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verb_of_any_role_reaches_another_tenants_rows() {
    let filled = Filled::new().await;
    let walk = filled.walk();
    let mut databases = Vec::new();
    for role in ROLES {
        databases.push(filled.store.connect(role).await.unwrap());
    }
    let mut across = Vec::new();
    for table in &filled.tables {
        let mut services_that_see_it = 0;
        for database in &databases {
            let (ways, own) = walk.ways_across(database, table).await;
            across.extend(ways);
            services_that_see_it += usize::from(own > 0 && database.role() != Role::Owner);
        }
        assert!(services_that_see_it > 0, "no service sees its own rows of {}: nothing was tried", table.name);
    }
    assert_eq!(across, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_finds_the_ways_that_there_are() {
    let open = "create table open (tenant_id text primary key, x bigint);
                alter table open enable row level security;
                create policy all_of_it on open using (true);
                grant select, insert, update, delete, truncate on open to presdr_worker";
    let filled = Filled::with(open).await;
    let table = filled.tables.iter().find(|table| table.name == "open").unwrap();
    let worker = filled.store.connect(Role::Worker).await.unwrap();
    let (ways, _) = filled.walk().ways_across(&worker, table).await;
    for way in ["reading", "locking", "changing", "deleting", "inserting", "emptying", "Nothing", "EmptyName"] {
        assert!(ways.iter().any(|found| found.contains(way)), "{way}: {ways:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_tenant_says_about_companies_is_not_in_anothers_view_of_them() {
    let filled = Filled::new().await;
    for role in [Role::Worker, Role::Projector, Role::Producer, Role::Reader] {
        let database = filled.store.connect(role).await.unwrap();
        for (tenant, company) in [(&filled.acme, 1), (&filled.globex, 2)] {
            let mut tx = database.enter(tenant).await.unwrap();
            let seen: Vec<i64> =
                sqlx::query_scalar("select company_id from tenant_company").fetch_all(&mut *tx).await.unwrap();
            assert_eq!(seen, [company], "{role:?}");
        }
        let mut tx = database.shared().await.unwrap();
        assert!(tx.execute("select from tenant_company").await.is_err(), "{role:?} without a tenant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_comes_back_to_the_pool_forgets_its_tenant() {
    let filled = Filled::new().await;
    let one = Database::connect(filled.store.url(), Role::Worker, 1).await.unwrap();
    for ending in ["commit", "drop", "error", "cancel"] {
        let mut tx = one.enter(&filled.acme).await.unwrap();
        tx.execute("select from runs").await.unwrap();
        match ending {
            "commit" => tx.commit().await.unwrap(),
            "error" => {
                assert!(tx.execute("select 1 / 0").await.is_err());
                drop(tx);
            }
            "cancel" => {
                let asleep = tx.execute("select pg_sleep(60)");
                assert!(tokio::time::timeout(std::time::Duration::from_millis(50), asleep).await.is_err());
                let stop = "select pg_cancel_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)' and datname = current_database()";
                PgConnection::connect(filled.store.url()).await.unwrap().execute(stop).await.unwrap();
                drop(tx);
            }
            _ => drop(tx),
        }
        let mut nobody = one.shared().await.unwrap();
        let error = nobody.execute("select from runs").await.unwrap_err();
        assert!(error.to_string().contains("request.tenant_id is not set"), "after {ending}: {error}");
        drop(nobody);
        let mut other = one.enter(&filled.globex).await.unwrap();
        let runs: Vec<String> = sqlx::query_scalar("select tenant_id from runs").fetch_all(&mut *other).await.unwrap();
        assert_eq!(runs, ["globex"], "after {ending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_name_is_data_and_no_statement() {
    let filled = Filled::new().await;
    let reader = filled.store.connect(Role::Reader).await.unwrap();
    for name in ["acme' or 'x' = 'x", "%", "ACME", "acme ", "*", "presdr"] {
        let mut tx = reader.shared().await.unwrap();
        sqlx::query("select set_config('request.tenant_id', $1, true)").bind(name).execute(&mut *tx).await.unwrap();
        for table in &filled.tables {
            let statement = format!("select from {}", table.name);
            match sqlx::Executor::execute(&mut *tx, AssertSqlSafe(format!("savepoint a; {statement}; release a"))).await
            {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{name:?}: {statement}"),
                Err(_) => drop(tx.execute("rollback to a").await.unwrap()),
            }
        }
    }
}
