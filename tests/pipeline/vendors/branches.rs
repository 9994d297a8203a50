//! A table of cases: a company, what the tenant allows, what goes wrong, and what its lead's way must be.

use futures::future::join_all;
use presdr_sandbox::{
    vendors::{self as imitated, Patience},
    web::profile::{Condition, PageKind, Profile, Robots, Technology},
};
use serde_json::Value;

use super::{
    cases::{caps, fallbacks, faults, switches},
    world::{VendorWorld, Way},
};

/// Which company the tenant's only lead is.
#[derive(Debug, Clone, Copy)]
pub enum Lead {
    /// Its site says enough.
    Ordinary,
    /// Its site tells of several people with their addresses.
    Populous,
    /// Its site says little.
    Thin,
    /// Its site refuses us.
    Forbidden,
    /// Its site asks for proof of a human.
    Challenged,
    /// Its site fails, for whomever.
    Failing,
    /// Its domain leads to somebody else's.
    Elsewhere,
    /// robots.txt disallows its site.
    Disallowed,
    /// Its site is there, but its name does not suggest the domain.
    Unguessable,
    /// Nobody knows it.
    Unknown,
}

pub struct Case {
    pub name: &'static str,
    pub lead: Lead,
    pub allowed: Value,
    pub faults: &'static [&'static str],
    pub steps: &'static [&'static str],
    pub degraded: &'static [&'static str],
    pub calls: &'static [&'static str],
}

impl Lead {
    pub fn company(self, world: &VendorWorld) -> (String, String) {
        let open = |profile: &Profile| matches!(profile.robots, Robots::Absent | Robots::AllowAll);
        let of = |condition| world.company(move |profile| profile.condition == condition && open(profile));
        let guessed = |profile: &Profile| presdr_sites::domains::candidates(&profile.company.name, &[]);
        match self {
            Self::Ordinary => of(Condition::Ordinary),
            Self::Populous => world.company(|profile| {
                profile.condition == Condition::Ordinary
                    && open(profile)
                    && profile.technology == Technology::Plain
                    && profile.company.people.len() > 2
                    && profile.pages.contains(&PageKind::Team)
            }),
            Self::Thin => of(Condition::Thin),
            Self::Forbidden => of(Condition::Forbidden),
            // One that lets the vendor in where it does not let us.
            Self::Challenged => {
                let vendors = imitated::World::of(&world.world.sandbox);
                world.company(|profile| {
                    let home = format!("https://{}/", profile.company.domain);
                    profile.condition == Condition::Challenge
                        && open(profile)
                        && vendors.page(&home, Patience::Basic).is_ok()
                })
            }
            Self::Failing => of(Condition::Failing),
            Self::Elsewhere => of(Condition::SendsElsewhere),
            Self::Disallowed => world
                .company(|profile| profile.condition == Condition::Ordinary && profile.robots == Robots::DisallowAll),
            Self::Unguessable => {
                let (name, _) = world.company(|profile| {
                    profile.company.name.starts_with("DARTIVANE")
                        && !guessed(profile).iter().any(|one| one.domain == profile.company.domain)
                });
                (name, String::new())
            }
            Self::Unknown => ("Zzyzx Qwortle Holdings Pte Ltd".to_owned(), String::new()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fallback_cap_and_fault_leads_where_the_rules_say() {
    let world = VendorWorld::new().await;
    let roles = world.world.roles_of(world.services().await).await;
    // A fault is every tenant's: those cases come one after the other, the others all at once.
    let (calm, disturbed): (Vec<Case>, Vec<Case>) =
        [fallbacks(), switches(), caps(), faults()].into_iter().flatten().partition(|case| case.faults.is_empty());
    let mut tenants = Vec::new();
    for (number, case) in calm.iter().enumerate() {
        tenants.push(world.tenant(&format!("case-{number}"), &case.lead.company(&world), &case.allowed).await);
    }
    let mut ways = join_all(tenants.iter().map(|tenant| world.way(tenant))).await;
    for (number, case) in disturbed.iter().enumerate() {
        world.vendors.faults().clear();
        case.faults.iter().for_each(|fault| world.vendors.faults().add(fault.parse().unwrap()));
        let tenant = format!("fault-{number}");
        let tenant = world.tenant(&tenant, &case.lead.company(&world), &case.allowed).await;
        ways.push(world.way(&tenant).await);
    }
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for (case, way) in calm.iter().chain(&disturbed).zip(ways) {
        let expected = Way { steps: owned(case.steps), degraded: owned(case.degraded), calls: owned(case.calls) };
        if way != expected {
            wrong.push(format!("{}: {way:#?}", case.name));
        }
    }
    roles.stop().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
