//! A world with the imitated vendors, and a tenant per case.

use std::{collections::BTreeMap, time::Duration};

use presdr_consumers::{Services, WorkConfig};
use presdr_events::{Envelope, Event, RunId, TenantId};
use presdr_producers::{icp, ingest, tenants};
use presdr_sandbox::{
    WebKind,
    vendors::{self as imitated, Limits, VendorSandbox},
    web::profile::Profile,
};
use presdr_store::{breakers::Rate, settings};
use presdr_vendors::{Policy, Terms, Vendor, VendorConfig};
use serde_json::Value;

use crate::support::{World, impatient};

/// Made-up companies to choose from.
const COMPANIES: usize = 400;
/// Far above what a test asks for: what is paced is tested with the desk.
const PER_MINUTE: u32 = 600_000;

pub struct VendorWorld {
    pub world: World,
    pub vendors: VendorSandbox,
}

/// What became of a tenant's only lead.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Each event of its way with where it was sent next.
    pub steps: Vec<String>,
    /// What it was degraded by when it was scored.
    pub degraded: Vec<String>,
    /// Each question to a vendor with how it ended.
    pub calls: Vec<String>,
}

impl VendorWorld {
    pub async fn new() -> Self {
        Self::with(WebKind::Varied { sites: COMPANIES }).await
    }

    pub async fn with(web: WebKind) -> Self {
        Self::of(World::with(web).await).await
    }

    /// The imitated vendors beside a world.
    pub async fn of(world: World) -> Self {
        let config = imitated::VendorConfig { limits: Limits::none(), ..imitated::VendorConfig::default() };
        let vendors = VendorSandbox::start(config, imitated::World::of(&world.sandbox)).await.unwrap();
        Self { world, vendors }
    }

    /// A worker process that knows the imitated vendors, impatient rather than polite.
    pub async fn services(&self) -> Services {
        services(&self.world, &self.vendors, |_| {}).await
    }

    /// The first company whose site is of this kind.
    pub fn company(&self, fits: impl Fn(&Profile) -> bool) -> (String, String) {
        let profile =
            self.world.sandbox.profiles().iter().find(|profile| fits(profile)).expect("the web has such a site");
        (profile.company.name.clone(), profile.company.domain.clone())
    }

    /// A tenant with one company, and what it allows vendors.
    pub async fn tenant(&self, slug: &str, (name, domain): &(String, String), allowed: &Value) -> TenantId {
        let tenant = TenantId::new(slug).unwrap();
        let desk = &self.world.desk;
        tenants::create(desk, &tenant, slug).await.unwrap();
        let list = self.world.files.path().join(format!("{tenant}.csv"));
        std::fs::write(&list, format!("name,domain\n\"{name}\",{domain}\n")).unwrap();
        ingest::companies(desk.database(), &tenant, &list).await.unwrap();
        icp::set(desk, &tenant, r#"{"keywords": ["services"]}"#).await.unwrap();
        let mut tx = desk.database().enter(&tenant).await.unwrap();
        settings::set(&mut tx, "vendors", allowed).await.unwrap();
        tx.commit().await.unwrap();
        tenant
    }

    /// Runs the tenant's only lead to its end and tells its way.
    pub async fn way(&self, tenant: &TenantId) -> Way {
        let run = self.world.start(tenant, 1).await;
        self.world.finished(tenant, run).await;
        way(&self.world.events().await, tenant, run)
    }
}

/// A worker process that knows the imitated vendors, impatient rather than polite.
pub async fn services(world: &World, imitated: &VendorSandbox, change: impl FnOnce(&mut WorkConfig)) -> Services {
    let environment: BTreeMap<String, String> = imitated.environment().into_iter().collect();
    let mut vendors = VendorConfig::from_variables(|name| environment.get(name).cloned()).unwrap();
    for vendor in Vendor::ALL {
        vendors = vendors.under(vendor, Terms { rate: Rate { per_minute: PER_MINUTE }, concurrency: 16 });
    }
    let policy =
        Policy { backoff: Duration::from_millis(1), backoff_max: Duration::from_millis(2), ..Policy::default() };
    world.services(impatient(change)).await.with_vendors(vendors, policy).unwrap()
}

/// The way that the events tell.
pub fn way(events: &[Envelope], tenant: &TenantId, run: RunId) -> Way {
    let mut way = Way::default();
    let mut seen = std::collections::HashSet::new();
    for event in
        events.iter().filter(|event| event.tenant == *tenant && event.run == Some(run) && seen.insert(event.id))
    {
        let route = match &event.event {
            Event::LeadDomainResolved(found) => &found.route,
            Event::LeadDomainMissing(missing) => &missing.route,
            Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => &visit.route,
            Event::LeadVendorRead(read) => &read.route,
            Event::LeadExtracted(extracted) => &extracted.route,
            Event::LeadContactsFound(found) => &found.route,
            Event::LeadEmailsVerified(verified) => &verified.route,
            Event::LeadScored(scored) => {
                way.degraded = scored.degraded_reasons.iter().map(ToString::to_string).collect();
                continue;
            }
            Event::VendorCalled(call) => {
                way.calls.push(format!("{} {}", call.step.tool, call.status.as_str()));
                continue;
            }
            _ => continue,
        };
        let name = event.event.event_type().name.trim_start_matches("lead.");
        way.steps.push(format!("{name}>{}", route.next));
    }
    way.calls.sort();
    way
}
