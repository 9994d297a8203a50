//! Candidates against a real Postgres.

mod atomic;
mod choose;
mod refresh;

use presdr_events::TenantId;
use presdr_rules::icp::IcpDocument;
use presdr_store::{Database, Role, testing::TestStore};
use sqlx::{Executor, PgConnection};

use super::Refresh;

/// A registry of a few companies, one tenant, and its rule.
struct Fixture {
    store: TestStore,
    worker: Database,
    acme: TenantId,
    owner: PgConnection,
}

const REGISTRY: &str = "
    insert into ssic_ref (code, title, label, level, section) values
        ('H', 'TRANSPORT', 'transport', 'section', 'H'),
        ('52', 'WAREHOUSING', 'warehousing', 'division', 'H'),
        ('52292', 'Freight forwarding and logistics', 'freight forwarding and logistics', 'subclass', 'H'),
        ('62', 'COMPUTER PROGRAMMING', 'computer programming', 'division', 'K'),
        ('62011', 'Development of software', 'development of software', 'subclass', 'K'),
        ('47', 'RETAIL (EXCEPT SOFTWARE)', 'retail (except software)', 'division', 'G');
    insert into companies (company_id, uen, name, live, industry_code, industry_norm, incorporation_year, employees_est) values
        (1, '198100001A', 'SWIFT FREIGHT PTE. LTD.', true, '52292', 'warehousing', 1981, 50),
        (2, '198100002B', 'SLOW FREIGHT PTE. LTD.', false, '52292', 'warehousing', 1981, 50),
        (3, '199000003C', 'DELTA SOFTWARE PTE. LTD.', true, '62011', 'computer programming', 1990, null),
        (4, '201000004D', 'OMEGA SOFTWARE PTE. LTD.', true, '62011', 'computer programming', 2010, 10),
        (5, '202000005E', 'NEW CAFÉ GAMES', true, '62099', 'computer programming', null, 500),
        (6, '202000006F', 'CORNER SHOP', true, '47111', 'retail (except software)', 2020, 3),
        (7, '202000007G', 'NO CODE', true, null, null, 2020, 3);";

impl Fixture {
    async fn new() -> Self {
        let store = TestStore::new().await.unwrap();
        let worker = store.connect(Role::Worker).await.unwrap();
        let mut owner = store.connect(Role::Owner).await.unwrap().dedicated().await.unwrap();
        owner.execute(REGISTRY).await.unwrap();
        let acme = store.tenant("acme").await.unwrap();
        Self { store, worker, acme, owner }
    }

    async fn refresh(&self, icp: &str) -> Refresh {
        super::refresh(&self.worker, &self.acme, 1, &document(icp)).await.unwrap()
    }

    async fn candidates(&self) -> Vec<i64> {
        candidates(&self.worker, &self.acme).await
    }

    /// A line of the tenant's own list; the columns are company_id, uen, name, website_domain, industry_norm, industry_code, employees_est.
    async fn list(&self, values: &str) {
        let producer = self.store.connect(Role::Producer).await.unwrap();
        let mut tx = producer.enter(&self.acme).await.unwrap();
        let statement = format!(
            "insert into tenant_companies (tenant_id, identity, company_id, uen, name, website_domain, industry_norm, industry_code, employees_est)
             select 'acme', id::text, id, uen, name, domain, norm, code, employees::int from (values {values}) as listed(id, uen, name, domain, norm, code, employees)"
        );
        tx.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn candidates(database: &Database, tenant: &TenantId) -> Vec<i64> {
    let mut tx = database.enter(tenant).await.unwrap();
    sqlx::query_scalar("select company_id from icp_candidate_companies where rule_id = 1 order by 1")
        .fetch_all(&mut *tx)
        .await
        .unwrap()
}

fn document(icp: &str) -> IcpDocument {
    IcpDocument::parse(icp).unwrap()
}
