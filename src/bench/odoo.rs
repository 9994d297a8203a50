//! `bench odoo`: a shortlist written for the first time, again unchanged, and again with a tenth of it changed, beside raw `load` calls of just
//! the rows that changed. Against the imitation, which takes no time of its own, or against a real Odoo.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use chrono::Utc;
use clap::Args;
use presdr_events::{Actor, Clear, CompanyId, TenantId};
use presdr_odoo::{
    client::{Asked, Call, Odoo},
    desk,
    rehearsal::{Rehearsed, rehearse},
    send,
    sync::{Job, Report as Synced, Writer},
};
use presdr_producers::bench::report::{Aim, Report};
use presdr_sandbox::odoo::{OdooSandbox, Rights};
use presdr_store::{
    Database, Role,
    keys::{Keyring, random},
    odoo::connections::{self, Connection, Flavour, NewConnection},
    tenants,
};
use serde_json::{Value, json};

use super::own::Folder;

/// Companies in the product's measure.
pub const COMPANIES: u32 = 1_000;
/// One in so many changes.
const CHANGED_ONE_IN: usize = 10;
/// Unchanged, it takes less than this.
const UNCHANGED_SECONDS_MAX: f64 = 2.0;
/// Changed, it takes at most so many times what raw calls of the changed rows take.
const TIMES_RAW_MAX: f64 = 1.3;
/// Where the key of a real Odoo's account is read from.
const KEY_VARIABLE: &str = "PRESDR_ODOO_API_KEY";

/// Which Odoo.
#[derive(Debug, Args)]
pub struct Place {
    /// A real Odoo, with the API key in PRESDR_ODOO_API_KEY; without it the imitation
    #[arg(long, value_name = "URL", requires_all = ["database", "login"])]
    url: Option<String>,
    /// Its database: partners are made there, and removed again
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// The account's login
    #[arg(long)]
    login: Option<String>,
}

/// A tenant of a database of its own, connected.
struct Bench {
    database: Database,
    keyring: Keyring,
    tenant: TenantId,
    connection: Connection,
}

/// One sync as it was measured.
struct Measured {
    took: Duration,
    asked: Asked,
    synced: Synced,
}

/// Writes `companies` with two contacts each, three times.
///
/// # Errors
/// When a server cannot be started, or the Odoo refuses.
pub async fn measure(folder: &Path, companies: u32, place: &Place) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let postgres = folder.postgres().await?;
    let imitation = OdooSandbox::start(&["bench"]).await?;
    let bench = Bench::open(&postgres.url(), place, &imitation).await?;
    let mut shortlist: Vec<Rehearsed> = (0..companies).map(|number| bench.company(number)).collect::<Result<_, _>>()?;
    let first = bench.night(&shortlist).await?;
    let unchanged = bench.night(&shortlist).await?;
    shortlist.iter_mut().step_by(CHANGED_ONE_IN).for_each(|one| one.score = 0.9);
    let changed = bench.night(&shortlist).await?;
    let raw = bench.raw(&changed.synced).await?;
    bench.clean().await?;
    postgres.stop().await;

    let settings = BTreeMap::from([
        ("companies".to_owned(), json!(companies)),
        ("contacts of each".to_owned(), json!(2)),
        ("changed".to_owned(), json!(shortlist.len().div_ceil(CHANGED_ONE_IN))),
        ("Odoo".to_owned(), json!(if place.url.is_some() { "a real one" } else { "the imitation" })),
    ]);
    let mut report = Report::new("odoo", settings, companies == COMPANIES && place.url.is_some());
    for (name, one) in [("first", &first), ("unchanged", &unchanged), ("changed", &changed)] {
        let seconds = one.took.as_secs_f64();
        let aim = (name == "unchanged").then_some(Aim::AtMost(UNCHANGED_SECONDS_MAX));
        report.value(format!("{name}: seconds"), seconds, "s", aim);
        report.value(format!("{name}: calls"), count(one.asked.calls), "calls", None);
        let aim = (name == "unchanged").then_some(Aim::AtMost(0.0));
        report.value(format!("{name}: calls that write"), count(one.asked.writes), "calls", aim);
        report.value(
            format!("{name}: share spent inside Odoo"),
            one.asked.waited.as_secs_f64() / seconds * 100.0,
            "%",
            None,
        );
    }
    let aim = Some(Aim::AtMost(TIMES_RAW_MAX));
    report.times("changed", changed.took, "raw `load` calls of the changed rows", raw, aim);
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "counts of thousands")]
fn count(calls: u64) -> f64 {
    calls as f64
}

impl Bench {
    async fn open(url: &str, place: &Place, imitation: &OdooSandbox) -> anyhow::Result<Self> {
        let database = Database::connect(url, Role::Producer, 8).await?;
        let keyring = Keyring::new(presdr_events::Key::new(random()));
        // A real Odoo keeps what other benches left: everything of this one is called by its tenant.
        let tenant = TenantId::new(format!("bench-{:08x}", u32::from_be_bytes(random())))?;
        let mut tx = database.enter(&tenant).await?;
        tenants::create(&mut tx, &keyring, "bench").await?;
        let account = imitation.account("bench", Rights::Admin).context("the imitation has no administrator")?;
        let (base_url, name, login, key) = match place {
            Place { url: Some(url), database: Some(database), login: Some(login) } => {
                let key =
                    std::env::var(KEY_VARIABLE).with_context(|| format!("the API key is read from {KEY_VARIABLE}"))?;
                (url.clone(), database.clone(), login.clone(), key)
            }
            _ => (imitation.url(), "bench".to_owned(), account.login, account.key),
        };
        let new = NewConnection {
            base_url: base_url.trim_end_matches('/'),
            database: &name,
            login: &login,
            key: &Clear(key),
            flavour: Flavour::Json2,
        };
        connections::set(&mut tx, &keyring, &new, &Actor::service("bench"), Utc::now()).await?;
        let connection = connections::get(&mut tx).await?.context("the connection is not there")?;
        tx.commit().await?;
        Ok(Self { database, keyring, tenant, connection })
    }

    fn company(&self, number: u32) -> anyhow::Result<Rehearsed> {
        let domain = format!("c{number}.{}.example", self.tenant);
        let person = |name: &str| (format!("{name} {} {number}", self.tenant), format!("{name}@{domain}"));
        Ok(Rehearsed {
            company: CompanyId::new(i64::from(number) + 1)?,
            name: format!("{} Company {number}", self.tenant),
            uen: None,
            people: vec![person("jane"), person("tan")],
            domain: Some(domain),
            score: 0.5,
        })
    }

    async fn odoo(&self) -> anyhow::Result<Odoo> {
        Ok(desk::open(&self.database, &self.keyring, &self.tenant).await?.1)
    }

    async fn night(&self, shortlist: &[Rehearsed]) -> anyhow::Result<Measured> {
        let run = rehearse(&self.database, &self.keyring, &self.tenant, shortlist, Utc::now()).await?;
        let odoo = self.odoo().await?;
        let writer = Writer::new(&self.database, &self.keyring, &self.tenant, (&self.connection, &odoo), &Utc::now);
        let begun = Instant::now();
        let job = Job { run, attempt: 1, actor: "service:bench".to_owned(), tried_since: None };
        let synced = Box::pin(writer.sync(&job)).await?;
        Ok(Measured { took: begun.elapsed(), asked: odoo.asked(), synced })
    }

    /// The same columns of the same rows, with other values, and nothing else.
    async fn raw(&self, changed: &Synced) -> anyhow::Result<Duration> {
        let odoo = self.odoo().await?;
        let columns = [".id", "x_pre_sdr_bucket", "x_pre_sdr_rationale", "x_pre_sdr_score"].map(str::to_owned);
        let updated = changed.companies.iter().filter(|company| company.outcome == "updated");
        let row = |id: i64| vec![json!(id), json!("Low"), json!("Scores 0.10 since it is rehearsed."), json!(0.1)];
        let rows: Vec<Vec<Value>> = updated.filter_map(|company| Some(row(company.partner_id?))).collect();
        let begun = Instant::now();
        for batch in rows.chunks(send::BATCH) {
            send::load(&odoo, "res.partner", &columns, batch).await?;
        }
        Ok(begun.elapsed())
    }

    /// Removes what the bench made.
    async fn clean(&self) -> anyhow::Result<()> {
        let odoo = self.odoo().await?;
        loop {
            let domain = json!([["name", "ilike", self.tenant.as_str()]]);
            let arguments = vec![("domain", domain), ("offset", json!(0)), ("limit", json!(500))];
            let ids: Vec<i64> =
                odoo.call(Call { model: "res.partner", method: "search", ids: None, arguments }).await?;
            if ids.is_empty() {
                return Ok(());
            }
            let call = Call { model: "res.partner", method: "unlink", ids: Some(&ids), arguments: Vec::new() };
            odoo.call::<Value>(call).await?;
        }
    }
}
