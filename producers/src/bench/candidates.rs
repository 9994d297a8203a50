//! `bench candidates`: refreshing the candidates of many tenants, beside one materialized view of all.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use presdr_events::{Key, TenantId};
use presdr_rules::icp::{Bounds, IcpDocument};
use presdr_store::{Database, Role, StoreError, keys::Keyring, tenants};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{
    ingest::BenchError,
    report::{Aim, Report, percentile},
    server,
};

const FASTER_MIN: f64 = 10.0;
const ONE_SECONDS_MAX: f64 = 0.2;
/// Each round changes one in two hundred companies, as a nightly load may, and then refreshes everything both ways.
const ROUNDS: u32 = 3;
const CHANGED_ONE_IN: u32 = 200;

/// What refreshes the candidates of one tenant's rule and says how many there are: the run manager's function, passed in since this
/// crate does not know it.
pub trait Refresh {
    /// Refreshes them, as role worker.
    fn refresh(
        &self,
        worker: &Database,
        tenant: &TenantId,
        rule_id: i64,
        document: &IcpDocument,
    ) -> impl Future<Output = Result<u64, StoreError>>;
}

/// Measures it on the migrated, empty database at `url` (whose user may take the roles of owner, producer and worker), filled with
/// invented companies.
///
/// Beside our refreshes: `REFRESH MATERIALIZED VIEW CONCURRENTLY` of a view that joins `icp_rules` with `companies` on industries,
/// employee range and year, written in two ways of which the faster is taken, with a unique index on (rule_id, company_id) and plain
/// indexes on the filtered columns. Both see the same changes, vacuumed and written out, as they are some minutes after a load; one more
/// round shows what it takes right after the load. Both must come to the same companies, or there is no result.
///
/// # Errors
/// [`BenchError`], also when the two differ.
pub async fn candidates(url: &str, companies: u32, tenants: u32, refresh: &impl Refresh) -> Result<Report, BenchError> {
    let mut owner = Database::connect(url, Role::Owner, 1).await?.dedicated().await?;
    let worker = Database::connect(url, Role::Worker, 2).await?;
    let (mut settings, defaults) = server::settings(&mut owner).await?;
    settings.extend(BTreeMap::from([
        ("companies".to_owned(), Value::from(companies)),
        ("tenants".to_owned(), Value::from(tenants)),
        ("rounds".to_owned(), Value::from(ROUNDS)),
        ("companies changed before each round".to_owned(), Value::from(companies / CHANGED_ONE_IN)),
    ]));
    fill(&mut owner, companies).await?;
    let rules = make_rules(url, tenants).await?;
    make_views(&mut owner).await?;

    let first = refresh_all(&worker, &rules, refresh).await?;
    let view = faster_view(&mut owner).await?;
    settings.insert("view".to_owned(), Value::from(view));
    let mut bench = Bench { owner, worker, rules, view, ours: Vec::new(), one: first.clone(), theirs: Vec::new() };
    for round in 0..ROUNDS {
        bench.owner.execute(AssertSqlSafe(change(round))).await?;
        bench.owner.execute("vacuum companies").await?;
        server::write_out(&mut bench.owner).await?;
        bench.round(refresh).await?;
    }
    bench.owner.execute(AssertSqlSafe(change(ROUNDS))).await?;
    let unvacuumed = refresh_all(&bench.worker, &bench.rules, refresh).await?;
    timed(&mut bench.owner, format!("refresh materialized view {view}")).await?;
    let found = bench.same_candidates().await?;
    settings.insert("candidates of all tenants".to_owned(), Value::from(found));
    let report = report(settings, defaults, (&first, &unvacuumed), &bench);
    bench.owner.close().await?;
    Ok(report)
}

fn report(
    settings: BTreeMap<String, Value>,
    defaults: bool,
    (first, unvacuumed): (&[Duration], &[Duration]),
    bench: &Bench,
) -> Report {
    let theirs = percentile(&bench.theirs, 50);
    let beside = "one REFRESH MATERIALIZED VIEW CONCURRENTLY of all tenants (median round)";
    let mut report = Report::new("candidates", settings, defaults);
    let (ours, aim) = (percentile(&bench.ours, 50), Some(Aim::AtLeast(FASTER_MIN)));
    report.times_faster("refreshing every tenant (median round)", ours, beside, theirs, aim);
    let aim = Some(Aim::AtMost(ONE_SECONDS_MAX));
    report.value(
        "one tenant, p95 of all refreshes, the first ones too",
        percentile(&bench.one, 95).as_secs_f64(),
        "s",
        aim,
    );
    report.value("one tenant, median of all refreshes", percentile(&bench.one, 50).as_secs_f64(), "s", None);
    // The view's own first filling is no concurrent refresh, so no aim is about this.
    report.times_faster(
        "the first refresh of every tenant, which writes all rows",
        first.iter().sum(),
        beside,
        theirs,
        None,
    );
    report.times_faster(
        "every tenant right after a load, before the vacuum",
        unvacuumed.iter().sum(),
        beside,
        theirs,
        None,
    );
    report.value("one tenant's first refresh, p95", percentile(first, 95).as_secs_f64(), "s", None);
    report
}

/// A tenant and its rule.
struct Rule {
    tenant: TenantId,
    rule_id: i64,
    document: IcpDocument,
}

struct Bench {
    owner: PgConnection,
    worker: Database,
    rules: Vec<Rule>,
    view: &'static str,
    /// All tenants, per round.
    ours: Vec<Duration>,
    /// One tenant, of all rounds and the first refresh.
    one: Vec<Duration>,
    /// The view, per round.
    theirs: Vec<Duration>,
}

impl Bench {
    async fn round(&mut self, refresh: &impl Refresh) -> Result<(), BenchError> {
        let times = refresh_all(&self.worker, &self.rules, refresh).await?;
        self.ours.push(times.iter().sum());
        self.one.extend(times);
        let statement = format!("refresh materialized view concurrently {}", self.view);
        self.theirs.push(timed(&mut self.owner, statement).await?);
        Ok(())
    }

    /// How many candidates all tenants have, the same as the view has.
    async fn same_candidates(&mut self) -> Result<u64, BenchError> {
        let mut all = 0;
        for rule in &self.rules {
            let mut tx = self.worker.enter(&rule.tenant).await?;
            let ours: Vec<i64> = sqlx::query_scalar(
                "select company_id from icp_candidate_companies where rule_id = $1 order by company_id",
            )
            .bind(rule.rule_id)
            .fetch_all(&mut *tx)
            .await?;
            let query = format!("select company_id from {} where rule_id = $1 order by company_id", self.view);
            let theirs: Vec<i64> =
                sqlx::query_scalar(AssertSqlSafe(query)).bind(rule.rule_id).fetch_all(&mut self.owner).await?;
            if ours != theirs {
                let (tenant, ours, theirs) = (&rule.tenant, ours.len(), theirs.len());
                return Err(BenchError::Wrong(format!("tenant {tenant} has {ours} candidates, in the view {theirs}")));
            }
            all += ours.len() as u64;
        }
        Ok(all)
    }
}

/// Refreshes one tenant after the other, as nightly runs do; says how long each took.
async fn refresh_all(worker: &Database, rules: &[Rule], refresh: &impl Refresh) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::new();
    for rule in rules {
        let begun = Instant::now();
        refresh.refresh(worker, &rule.tenant, rule.rule_id, &rule.document).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// A classification of 82 divisions and about a thousand codes, and companies of which a third is live and a third of the codes are ten
/// common ones, as in the registry; of three in ten the number of employees is known.
async fn fill(owner: &mut PgConnection, companies: u32) -> Result<(), BenchError> {
    owner
        .execute(
            "insert into ssic_ref (code, title, label, level, section)
             select lpad(n::text, 2, '0'), 'DIVISION ' || n, 'division ' || n, 'division', chr(64 + (n + 3) / 4) from generate_series(1, 82) n;
             insert into ssic_ref (code, title, label, level, section)
             select lpad(n::text, 2, '0') || lpad((7 * k)::text, 3, '0'), 'TRADE ' || n || '-' || k, 'trade ' || n || '-' || k, 'subclass',
                 chr(64 + (n + 3) / 4)
             from generate_series(1, 82) n, generate_series(1, 12) k;
             alter table companies drop constraint companies_pkey, drop constraint companies_uen_key;
             drop index companies_industry;
             select setseed(0.5)",
        )
        .await?;
    owner
        .execute(AssertSqlSafe(format!(
            "insert into companies (company_id, uen, name, live, incorporation_year, employees_est, industry_code, industry_norm, entity_type,
                 entity_status, postal_code)
             select n, lpad(n::text, 9, '0') || 'X', 'COMPANY NUMBER ' || n || ' PTE. LTD.', live, 1960 + (65 * sqrt(random()))::int,
                 case when random() < 0.3 then (1 + 500 * random() ^ 3)::int end, lpad(division::text, 2, '0') || lpad((7 * trade)::text, 3, '0'),
                 'division ' || division, 'Local Company', case when live then 'Live Company' else 'Struck Off' end, '123456'
             from (select n, random() < 0.32 as live,
                       case when random() < 0.35 then 8 * (1 + floor(10 * random()))::int else (1 + floor(82 * random()))::int end as division,
                       (1 + floor(12 * random()))::int as trade
                   from generate_series(1, {companies}) n offset 0) made"
        )))
        .await?;
    owner
        .execute(
            "select index_companies();
             insert into registry_state (live_companies) select count(*) from companies where live;
             create index bench_industry on companies (industry_norm);
             create index bench_employees on companies (employees_est);
             create index bench_year on companies (incorporation_year)",
        )
        .await?;
    owner.execute("vacuum (analyze) companies").await?;
    owner.execute("vacuum (analyze) ssic_ref").await?;
    Ok(())
}

/// Tenants with profiles of two to four industries, every third with a common one.
async fn make_rules(url: &str, count: u32) -> Result<Vec<Rule>, BenchError> {
    let producer = Database::connect(url, Role::Producer, 1).await?;
    let mut rules = Vec::new();
    for number in 1..=count {
        let document = profile(number);
        let slug = format!("bench-{number}");
        let tenant = TenantId::new(slug.clone()).map_err(|error| BenchError::Wrong(error.to_string()))?;
        let mut tx = producer.enter(&tenant).await?;
        tenants::create(&mut tx, &Keyring::new(Key::new([0; 32])), &slug).await?;
        let payload = serde_json::to_value(&document).map_err(|error| BenchError::Wrong(error.to_string()))?;
        let rule_id =
            sqlx::query_scalar("insert into icp_rules (tenant_id, payload) values ($1, $2) returning rule_id")
                .bind(tenant.as_str())
                .bind(payload)
                .fetch_one(&mut *tx)
                .await?;
        tx.commit().await?;
        rules.push(Rule { tenant, rule_id, document });
    }
    producer.close().await;
    Ok(rules)
}

fn profile(number: u32) -> IcpDocument {
    let mut industries: Vec<String> =
        (0..2 + number % 3).map(|step| format!("division {}", 1 + (number * 17 + step * 29) % 82)).collect();
    if number.is_multiple_of(3) {
        industries.push(format!("division {}", 8 * (1 + number % 10)));
    }
    industries.sort();
    industries.dedup();
    IcpDocument {
        industries,
        employee_range: Some(Bounds { min: Some(5), max: Some(50 + 10 * number) }),
        incorporation_year: Some(Bounds { min: Some(1985 + number % 10), max: Some(2018) }),
        ..IcpDocument::default()
    }
}

/// The same predicates as the refresh's, in the two ways one would write them. Neither sees tenants: the owner copies the rules.
async fn make_views(owner: &mut PgConnection) -> Result<(), BenchError> {
    const RANGES: &str = "c.live
         and (c.employees_est is null or c.employees_est between coalesce((r.payload #>> '{employee_range,min}')::int, 0)
             and coalesce((r.payload #>> '{employee_range,max}')::int, 2147483647))
         and (c.incorporation_year is null or c.incorporation_year between coalesce((r.payload #>> '{incorporation_year,min}')::int, 0)
             and coalesce((r.payload #>> '{incorporation_year,max}')::int, 9999))";
    // Row level security would have the owner enter each tenant.
    owner.execute("alter table icp_rules no force row level security").await?;
    owner
        .execute(AssertSqlSafe(format!(
            "create materialized view bench_joined as
             select r.rule_id, r.tenant_id, c.company_id from icp_rules r
             cross join lateral jsonb_array_elements_text(r.payload -> 'industries') industry
             join companies c on c.industry_norm = industry and {RANGES} with no data;
             create materialized view bench_nested as
             select r.rule_id, r.tenant_id, c.company_id from icp_rules r
             join companies c on c.industry_norm in (select jsonb_array_elements_text(r.payload -> 'industries')) and {RANGES} with no data;
             create unique index on bench_joined (rule_id, company_id);
             create unique index on bench_nested (rule_id, company_id);
             analyze icp_rules"
        )))
        .await?;
    Ok(())
}

/// Fills both views, and says which took less time.
async fn faster_view(owner: &mut PgConnection) -> Result<&'static str, BenchError> {
    let joined = timed(owner, "refresh materialized view bench_joined".to_owned()).await?;
    let nested = timed(owner, "refresh materialized view bench_nested".to_owned()).await?;
    Ok(if joined <= nested { "bench_joined" } else { "bench_nested" })
}

async fn timed(owner: &mut PgConnection, statement: String) -> Result<Duration, BenchError> {
    let begun = Instant::now();
    owner.execute(AssertSqlSafe(statement)).await?;
    Ok(begun.elapsed())
}

/// Some companies end, some begin again, some move to another trade.
fn change(round: u32) -> String {
    format!(
        "update companies set live = case when company_id % 2 = 0 then not live else live end,
             incorporation_year = incorporation_year + case when company_id % 3 = 0 then 1 else 0 end, updated_at = now()
         where company_id % {CHANGED_ONE_IN} = {}",
        round * 37 % CHANGED_ONE_IN
    )
}
