//! The real company sites, where they are at hand: two tenants' runs over them, from the index to two shortlists.

mod counts;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use presdr_events::{CompanyId, DegradedReason as Reason, Envelope, Event, EventId, RunId, TenantId};
use presdr_producers::{icp, ingest, tenants};
use presdr_sandbox::WebKind;
use presdr_sites::CrawlPolicy;

use crate::support::World;

/// The second tenant's list: so many sites of the index, and companies without one.
const OVERLAP: usize = 30;
const WITHOUT_SITE: &str = "Quorvex Nimbletang Pte Ltd,\nVanished Harbour Pte Ltd,vanished-harbour.example\n";
/// The one site whose robots.txt turns everybody away.
const TURNS_AWAY: &str = "rinatechsdnbhd.example";

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_run_over_the_real_sites_and_every_lead_says_what_became_of_it() {
    let Some(folder) = folder() else { return };
    let world = World::with(WebKind::Folder(folder.clone())).await;
    let sites = index(&folder);
    assert_eq!(sites.len(), 150);
    let acme = tenant(&world, "acme", &folder.join("index.csv"), r#"{"keywords": ["services"]}"#).await;
    let globex = tenant(&world, "globex", &part(&world, &sites), r#"{"keywords": ["software", "design"]}"#).await;
    let roles = world.roles().await;
    let runs =
        [(&acme, world.start(&acme, 150).await, sites.len()), (&globex, world.start(&globex, 200).await, OVERLAP + 2)];
    for (tenant, run, _) in runs {
        assert_eq!(world.finished(tenant, run).await.status, "completed");
    }
    roles.stop().await;

    let events = world.events().await;
    let mut companies = BTreeSet::new();
    for (tenant, run, leads) in runs {
        let listed = listed(&world, tenant).await;
        assert_eq!(listed.len(), leads);
        assert!(listed.keys().all(|company| companies.insert(*company)), "no company is on two tenants' lists");
        let told = Told::of(&events, tenant, run);
        assert_eq!(told.leads.keys().copied().collect::<Vec<_>>(), listed.keys().copied().collect::<Vec<_>>());
        for (company, way) in &told.leads {
            told.is_a_chain(way);
            let domain = listed[company].as_deref();
            reasons_fit(domain, way);
            let homeless = sites.iter().any(|(site, has_home)| !has_home && Some(site.as_str()) == domain);
            assert!(!homeless || matches!(way[2].event, Event::LeadThin(_)), "{domain:?} has no home page");
        }
        shortlist_is_right(&world, tenant, run, &told).await;
        counts::add_up(&world, tenant, run, &told).await;
    }
    let [(_, first, _), (_, second, _)] = runs;
    assert!(world.shortlist(&acme, second).await.is_empty() && world.shortlist(&globex, first).await.is_empty());
    let verdicts = verdicts(&Told::of(&events, &acme, first));
    assert!(verdicts["lead.crawled"] >= 120, "most sites say something: {verdicts:?}");
    assert_eq!(verdicts["lead.blocked"], 1, "{TURNS_AWAY} alone does not let itself be read");
}

/// The folder of sites that `PRESDR_SHARED` (by default beside the repository) holds; none, told plainly, when it is not there.
pub(crate) fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("PRESDR_SHARED").map_or_else(|| "../shared".into(), PathBuf::from);
    let folder = shared.join("data/sites");
    if !folder.join("index.csv").is_file() {
        println!(
            "skipped: no real sites in {}; PRESDR_SHARED names the folder that holds data/sites",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

/// Every site's domain, in the order of the index, and whether there is a home page below it.
fn index(folder: &Path) -> Vec<(String, bool)> {
    let text = fs::read_to_string(folder.join("index.csv")).unwrap();
    let site = |line: &str| {
        let (slug, rest) = line.split_once(',').unwrap();
        let has_home = ["index.html", "index.htm"].iter().any(|name| folder.join(slug).join(name).is_file());
        (rest.split(',').next().unwrap().to_owned(), has_home)
    };
    text.lines().skip(1).map(site).collect()
}

/// A list of some of the sites, of a company without a domain and of one whose domain nobody serves.
fn part(world: &World, sites: &[(String, bool)]) -> PathBuf {
    let path = world.files.path().join("part.csv");
    let shared = sites.iter().rev().take(OVERLAP);
    let rows: String = shared.map(|(domain, _)| format!("Company of {domain},{domain}\n")).collect();
    fs::write(&path, format!("name,domain\n{WITHOUT_SITE}{rows}")).unwrap();
    path
}

async fn tenant(world: &World, slug: &str, list: &Path, profile: &str) -> TenantId {
    let tenant = TenantId::new(slug).unwrap();
    tenants::create(&world.desk, &tenant, slug).await.unwrap();
    ingest::companies(world.desk.database(), &tenant, list).await.unwrap();
    icp::set(&world.desk, &tenant, profile).await.unwrap();
    tenant
}

/// The tenant's own companies with their domains.
async fn listed(world: &World, tenant: &TenantId) -> BTreeMap<CompanyId, Option<String>> {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let rows: Vec<(i64, Option<String>)> =
        sqlx::query_as("select company_id, website_domain from tenant_company where listed")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    rows.into_iter().map(|(company, domain)| (CompanyId::new(company).unwrap(), domain)).collect()
}

/// What the log tells of one run, each fact once.
pub(crate) struct Told<'a> {
    pub events: Vec<&'a Envelope>,
    /// Every company's events, in order.
    pub leads: BTreeMap<CompanyId, Vec<&'a Envelope>>,
}

impl<'a> Told<'a> {
    fn of(events: &'a [Envelope], tenant: &TenantId, run: RunId) -> Self {
        let mut seen = BTreeSet::new();
        let of_run = |event: &&Envelope| event.tenant == *tenant && event.run == Some(run) && seen.insert(event.id.0);
        let events: Vec<_> = events.iter().filter(of_run).collect();
        let mut leads: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in &events {
            if let Some(company) = event.company {
                leads.entry(company).or_default().push(*event);
            }
        }
        Self { events, leads }
    }

    /// The run's facts of one type.
    pub fn only(&self, name: &str) -> Vec<&'a Envelope> {
        self.events.iter().filter(|event| event.event.event_type().name == name).copied().collect()
    }

    /// From its admission to its score every event of a lead follows from the one before, as that one said it would.
    fn is_a_chain(&self, way: &[&Envelope]) {
        let names: Vec<_> = way.iter().map(|event| event.event.event_type().name).collect();
        assert!(
            matches!(
                names[..],
                ["lead.admitted", "lead.domain_missing", "lead.scored"]
                    | ["lead.admitted", "lead.domain_resolved", "lead.blocked", "lead.scored"]
                    | [
                        "lead.admitted",
                        "lead.domain_resolved",
                        "lead.crawled" | "lead.thin",
                        "lead.extracted",
                        "lead.scored"
                    ]
            ),
            "{names:?}"
        );
        let started: Vec<EventId> = self.only("run.started").iter().map(|event| event.id).collect();
        for pair in way.windows(2) {
            assert_eq!(pair[1].causation, Some(pair[0].id), "{names:?}");
            assert_eq!([pair[1].correlation], started[..]);
            if let Some(route) = route(&pair[0].event) {
                assert_eq!(route, pair[1].event.step().tool, "{names:?}");
            }
        }
        assert_eq!(way.iter().filter(|event| event.event.ends_lead()).count(), 1);
    }
}

/// Where the event says that its lead goes next.
fn route(event: &Event) -> Option<&str> {
    Some(match event {
        Event::LeadDomainResolved(found) => &found.route.next,
        Event::LeadDomainMissing(missing) => &missing.route.next,
        Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => &visit.route.next,
        Event::LeadExtracted(extracted) => &extracted.route.next,
        _ => return None,
    })
}

/// The lead's degraded reasons are those of its steps, and say what its site is.
fn reasons_fit(domain: Option<&str>, way: &[&Envelope]) {
    let Some(Event::LeadScored(scored)) = way.last().map(|event| &event.event) else { panic!("not scored") };
    let reasons: BTreeSet<Reason> = scored.degraded_reasons.iter().copied().collect();
    let of_steps: BTreeSet<Reason> =
        way.iter().flat_map(|event| event.event.step().degraded_reasons.iter().copied()).collect();
    assert_eq!(reasons, of_steps, "{domain:?}");
    const OF_SITES: [Reason; 6] = [
        Reason::DomainMissing,
        Reason::SiteThin,
        Reason::SiteBlockedRobots,
        Reason::SiteBlockedHttp,
        Reason::SiteBlockedChallenge,
        Reason::SiteUnreachable,
    ];
    let of_site: Vec<Reason> = OF_SITES.into_iter().filter(|reason| reasons.contains(reason)).collect();
    let expected = match (domain, &way[2].event) {
        (None, Event::LeadScored(_)) => vec![Reason::DomainMissing],
        (Some(TURNS_AWAY), Event::LeadBlocked(_)) => vec![Reason::SiteBlockedRobots],
        (Some("vanished-harbour.example"), Event::LeadBlocked(_)) => vec![Reason::SiteUnreachable],
        (Some(_), Event::LeadThin(visit)) => {
            assert!(says_little(&visit.measured), "{domain:?} {:?}", visit.measured);
            vec![Reason::SiteThin]
        }
        (Some(_), Event::LeadCrawled(visit)) => {
            assert!(!says_little(&visit.measured), "{domain:?} {:?}", visit.measured);
            vec![]
        }
        (_, unexpected) => panic!("{domain:?} came to {unexpected:?}"),
    };
    assert_eq!(of_site, expected, "{domain:?}");
    let addresses = way.iter().find_map(|event| match &event.event {
        Event::LeadExtracted(extracted) => Some(extracted.emails.len()),
        _ => None,
    });
    // No vendor is configured: addresses stay unverified, and nobody can be asked for more.
    assert_eq!(reasons.contains(&Reason::VerificationUnavailable), addresses.unwrap_or(0) > 0, "{domain:?}");
}

/// Too few words and contacts, by the crawl's own thresholds.
fn says_little(measured: &BTreeMap<String, f64>) -> bool {
    let thin = CrawlPolicy::default().thin;
    let contacts = measured["emails"] + measured["phones"];
    measured["words"] < f64::from(thin.words_below) && contacts < f64::from(thin.contacts_below)
}

/// Every scored lead of the tenant and no other, once, in the order of their buckets and scores, as the events tell them.
async fn shortlist_is_right(world: &World, tenant: &TenantId, run: RunId, told: &Told<'_>) {
    let shortlist = world.shortlist(tenant, run).await;
    let scored: BTreeMap<i64, (f64, &str)> = told
        .only("lead.scored")
        .into_iter()
        .filter_map(|event| match &event.event {
            Event::LeadScored(scored) => Some((event.company?.get(), (scored.score, scored.bucket.as_str()))),
            _ => None,
        })
        .collect();
    assert_eq!(shortlist.len(), told.leads.len(), "the cap holds them all");
    let places: Vec<i64> = shortlist.iter().map(|(rank, ..)| *rank).collect();
    assert_eq!(places, (1..=i64::try_from(shortlist.len()).unwrap()).collect::<Vec<_>>());
    let companies: BTreeSet<i64> = shortlist.iter().map(|(_, company, ..)| *company).collect();
    assert_eq!(companies, scored.keys().copied().collect(), "each scored lead once");
    for (_, company, score, bucket) in &shortlist {
        assert_eq!((score.unwrap(), bucket.as_deref().unwrap()), scored[company]);
    }
    let height = |bucket: &str| ["Low", "Medium", "High"].iter().position(|name| *name == bucket).unwrap();
    let order: Vec<(usize, f64)> =
        shortlist.iter().map(|(_, _, score, bucket)| (height(bucket.as_deref().unwrap()), score.unwrap())).collect();
    assert!(order.is_sorted_by(|one, next| one >= next), "{order:?}");
    assert!(order.first() > order.last(), "real sites are told apart");
}

/// What the visits came to.
fn verdicts(told: &Told<'_>) -> BTreeMap<&'static str, usize> {
    let mut verdicts = BTreeMap::new();
    for name in ["lead.crawled", "lead.thin", "lead.blocked"] {
        verdicts.insert(name, told.only(name).len());
    }
    verdicts
}
