//! What is known when it is decided who may buy what.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use presdr_store::{
    StoreError, TenantTx, answers,
    breakers::{self, Breaker},
    ledger::{self, LeadKey, Standing, ThingHash},
    settings,
    steps::Outgoing,
};
use uuid::Uuid;

use crate::{
    Unanswered, Vendor, VendorSettings,
    reserve::{Desk, Reservation, Wanted},
    room::{Budget, Room},
    settings::SECTION,
    state::{self, day},
};

/// Of one thing two answers may be lost in a lead's way; it is not asked for a third time.
const LOST_MAX: usize = 2;

/// A thing, by whom it is sold and how.
pub(crate) type Place = (Vendor, &'static str, ThingHash);

/// What is known when it is decided.
pub(crate) struct Facts {
    settings: VendorSettings,
    pub room: Room,
    pub breakers: HashMap<String, Breaker>,
    leads: HashMap<LeadKey, String>,
    pub answers: HashMap<Place, answers::Answer>,
    pub begun: HashSet<Place>,
    lost: Vec<(Place, i64, i32)>,
    pub events: Vec<Outgoing>,
}

impl Facts {
    pub async fn read(
        desk: &Desk,
        tx: &mut TenantTx,
        jobs: &[Reservation],
        things: &[Vec<ThingHash>],
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let settings: VendorSettings = settings::section(tx, SECTION).await?;
        let wanted = || jobs.iter().flat_map(|job| &job.wanted);
        let places: Vec<_> = jobs
            .iter()
            .zip(things)
            .flat_map(|(job, things)| things.iter().map(|thing| (job.vendor.as_str(), job.operation, *thing)))
            .collect();
        let standing = ledger::standing(tx, &places).await?;
        let dead: Vec<Uuid> =
            state::dead(tx, &desk.owner, &standing, now).await?.iter().map(|intent| intent.ask).collect();
        let events = state::give_up(tx, &dead, now).await?;
        let (begun, lost) = told_apart(jobs, &standing, &dead);
        // After the intents: one that was settled in between has its answer here.
        let found = answers::find(tx, &places, now).await?;
        let answers = found
            .into_iter()
            .filter_map(|found| Some((place(jobs, &found.vendor, &found.operation, &found.thing)?, found)));
        let mut leads: Vec<LeadKey> = wanted().map(|wanted| wanted.lead).filter(|lead| lead.run.is_some()).collect();
        leads.dedup();
        let mut budgets: Vec<Budget> = jobs
            .iter()
            .flat_map(|job| job.wanted.iter().flat_map(|wanted| Budget::of(job.vendor, wanted.lead.run, day(now))))
            .collect();
        budgets.sort();
        budgets.dedup();
        Ok(Self {
            room: Room::new(ledger::taken(tx, &Budget::names(&budgets)).await?, &settings.caps),
            breakers: breakers::all(tx).await?,
            leads: if leads.is_empty() { HashMap::new() } else { ledger::leads(tx, &leads).await? },
            answers: answers.collect(),
            settings,
            begun,
            lost,
            events,
        })
    }

    /// Why this may not be bought whatever there is room for; `Ok(None)` when there is an answer.
    pub fn allows(&self, wanted: &Wanted, place: Place) -> Result<Option<()>, Unanswered> {
        if !self.settings.allows(wanted.purpose) {
            return Err(Unanswered::Off(format!("the tenant has {} switched off", wanted.purpose)));
        }
        if self.answers.contains_key(&place) {
            return Ok(None);
        }
        match (wanted.lead.run, self.leads.get(&wanted.lead).map(String::as_str)) {
            (None, _) | (Some(_), Some("open")) => {}
            (Some(_), Some("paused")) => return Err(Unanswered::Paused),
            (Some(_), _) => return Err(Unanswered::Over),
        }
        if self.begun.contains(&place) {
            return Err(Unanswered::Busy("the same is being asked"));
        }
        let (run, attempt) = (wanted.lead.run.map_or(0, presdr_events::RunId::get), wanted.lead.attempt);
        let same = |lost: &&(Place, i64, i32)| lost.0 == place && lost.1 == run && lost.2.unsigned_abs() == attempt;
        match self.lost.iter().filter(same).count() >= LOST_MAX {
            true => Err(Unanswered::Unknown),
            false => Ok(Some(())),
        }
    }
}

/// What is being asked by somebody who lives, and what was asked and never heard of again, with its run and attempt.
fn told_apart(jobs: &[Reservation], standing: &[Standing], dead: &[Uuid]) -> (HashSet<Place>, Vec<(Place, i64, i32)>) {
    let (mut begun, mut lost) = (HashSet::new(), Vec::new());
    for intent in standing {
        let Some(place) = place(jobs, &intent.vendor, &intent.operation, &intent.thing) else { continue };
        match (intent.state.as_str(), dead.contains(&intent.ask)) {
            ("unknown", _) | ("sent", true) => lost.push((place, intent.run, intent.attempt)),
            ("reserved", true) => {}
            _ => drop(begun.insert(place)),
        }
    }
    (begun, lost)
}

fn place(jobs: &[Reservation], vendor: &str, operation: &str, thing: &[u8]) -> Option<Place> {
    let vendor = Vendor::named(vendor)?;
    let job = jobs.iter().find(|job| job.vendor == vendor && job.operation == operation)?;
    Some((vendor, job.operation, thing.try_into().ok()?))
}
