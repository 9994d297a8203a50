//! Reserving: in one short transaction for all who ask at the same time, what each may buy is decided and set aside.
//!
//! Under the tenant's budget lock, so that what is read stays true until it is written. Deciding itself is [`crate::room`]'s.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use presdr_events::{TenantId, vendor::CallStatus};
use presdr_store::{
    Database, StoreError, TenantTx, answers,
    breakers::{self, Breaker, Gate, KeyId, Rate, Reason},
    keys::{Keyring, TenantKeys},
    ledger::{self, Charge, LeadKey, NewIntent, Standing, ThingHash},
    settings,
    steps::Outgoing,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    Cause, Clock, Policy, Purpose, Unanswered, Vendor, VendorSettings,
    record::{self, Called, Claimed, Telling, Warning},
    room::{Budget, Room},
    settings::SECTION,
    state::{self, Owner, day, delta},
};

/// Of one thing two answers may be lost in a lead's way; it is not asked for a third time.
const LOST_MAX: usize = 2;
/// So many intents are reconciled with a reservation at most.
const RECONCILE_MAX: i64 = 1000;

/// What reserving and settling need.
pub(crate) struct Desk {
    pub database: Database,
    pub keyring: Arc<Keyring>,
    pub owner: Owner,
    pub claimed: Claimed,
    pub clock: Clock,
    pub policy: Policy,
}

/// What one request is to buy.
pub(crate) struct Reservation {
    pub vendor: Vendor,
    pub operation: &'static str,
    pub key: KeyId,
    pub rate: Rate,
    /// How long after its slot a living process may need.
    pub lease: Duration,
    pub wanted: Vec<Wanted>,
    pub answer: oneshot::Sender<Result<Reserved, Unanswered>>,
}

/// A thing, and for whom it is.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub canonical: Vec<u8>,
    pub worst: Charge,
    pub lead: LeadKey,
    pub cause: Cause,
    pub step: &'static str,
    pub purpose: Purpose,
    pub because: String,
    /// The same for all that are asked together for one lead.
    pub ask: Uuid,
}

/// What a request may buy.
pub(crate) struct Reserved {
    /// When it may leave.
    pub slot: DateTime<Utc>,
    /// Thing by thing, in their order.
    pub verdicts: Vec<Verdict>,
    /// What was committed and is to be published.
    pub events: Vec<Outgoing>,
}

pub(crate) enum Verdict {
    /// There is an answer.
    Stored(Vec<u8>),
    /// It may be bought.
    Granted { intent: Uuid, thing: ThingHash },
    /// It may not.
    Refused(Unanswered),
}

pub(crate) async fn reserve(desk: &Desk, tenant: TenantId, jobs: Vec<Reservation>) {
    let (mut answers, mut asked) = (Vec::new(), Vec::new());
    for mut job in jobs {
        answers.push(std::mem::replace(&mut job.answer, oneshot::channel().0));
        asked.push(job);
    }
    match in_one(desk, &tenant, &asked).await {
        Ok(reserved) => {
            // Who no longer listens left an intent that nobody will send: it is released when its lease is over.
            answers.into_iter().zip(reserved).for_each(|(answer, reserved)| drop(answer.send(Ok(reserved))));
        }
        Err(error) => {
            let error = Unanswered::from(error);
            answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone()))));
        }
    }
}

async fn in_one(desk: &Desk, tenant: &TenantId, jobs: &[Reservation]) -> Result<Vec<Reserved>, StoreError> {
    let owner = desk.owner.number().await?;
    let mut tx = desk.database.enter(tenant).await?;
    let keys = desk.keyring.tenant(&mut tx, tenant).await?;
    let things: Vec<Vec<ThingHash>> = jobs.iter().map(|job| hashes(&keys, tenant, job)).collect();
    ledger::lock(&mut tx).await?;
    // The time is read under the lock: whoever holds it later sees a later time.
    let now = (desk.clock)();
    ledger::reconcile(&mut tx, now, RECONCILE_MAX).await?;
    let mut facts = Facts::read(desk, &mut tx, jobs, &things, now).await?;
    let mut batch = Batch::decide(&mut facts, jobs, &things, now);
    batch.take_slots(desk, &mut tx, jobs, now).await?;
    let events = batch.write(desk, &mut tx, &facts, jobs, (owner, now)).await?;
    let reserved = batch.reserved(&tx, &keys, facts, jobs, now, events)?;
    tx.commit().await?;
    Ok(reserved)
}

fn hashes(keys: &TenantKeys, tenant: &TenantId, job: &Reservation) -> Vec<ThingHash> {
    let context = ledger::thing_context(tenant, job.vendor.as_str(), job.operation);
    job.wanted.iter().map(|wanted| keys.index.hash_bytes(&context, &wanted.canonical)).collect()
}

type Place = (Vendor, &'static str, ThingHash);

/// What is known when it is decided.
struct Facts {
    settings: VendorSettings,
    room: Room,
    breakers: HashMap<String, Breaker>,
    leads: HashMap<LeadKey, String>,
    answers: HashMap<Place, answers::Answer>,
    begun: HashSet<Place>,
    lost: Vec<(Place, i64, i32)>,
    events: Vec<Outgoing>,
}

impl Facts {
    async fn read(
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
    fn allows(&self, wanted: &Wanted, place: Place) -> Result<Option<()>, Unanswered> {
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

/// What was decided, job by job.
struct Batch {
    decided: Vec<Vec<Decided>>,
    slots: Vec<Option<DateTime<Utc>>>,
    probing: Vec<Vendor>,
}

enum Decided {
    Stored(Place),
    Granted { intent: Uuid, thing: ThingHash },
    Refused(Unanswered),
}

impl Batch {
    fn decide(facts: &mut Facts, jobs: &[Reservation], things: &[Vec<ThingHash>], now: DateTime<Utc>) -> Self {
        let mut batch = Self { decided: Vec::new(), slots: vec![None; jobs.len()], probing: Vec::new() };
        for (job, things) in jobs.iter().zip(things) {
            let gate = match batch.probing.contains(&job.vendor) {
                true => Gate::Refused(Reason::Failures),
                false => facts.breakers.get(job.vendor.as_str()).copied().unwrap_or_default().gate(now, &job.key),
            };
            let decided: Vec<Decided> = job
                .wanted
                .iter()
                .zip(things)
                .map(|(wanted, thing)| decide(facts, job, wanted, *thing, gate, now))
                .collect();
            if gate == Gate::Probe && decided.iter().any(|decided| matches!(decided, Decided::Granted { .. })) {
                batch.probing.push(job.vendor);
            }
            batch.decided.push(decided);
        }
        batch
    }

    /// Jobs that buy something get a place in their key's row; those that would wait too long give back what they took.
    async fn take_slots(
        &mut self,
        desk: &Desk,
        tx: &mut TenantTx,
        jobs: &[Reservation],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut keys: Vec<(Vendor, KeyId, Rate)> = Vec::new();
        let buys = |decided: &Vec<Decided>| decided.iter().any(|decided| matches!(decided, Decided::Granted { .. }));
        let buying: Vec<usize> = (0..jobs.len()).filter(|place| buys(&self.decided[*place])).collect();
        for place in &buying {
            let key = (jobs[*place].vendor, jobs[*place].key, jobs[*place].rate);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.sort_by_key(|(vendor, key, _)| (*vendor, *key)); // everybody locks them in one order
        for (vendor, key, rate) in keys {
            let of_key: Vec<usize> = buying
                .iter()
                .copied()
                .filter(|place| jobs[*place].vendor == vendor && jobs[*place].key == key)
                .collect();
            let (wanted, wait_max) = (of_key.len(), desk.policy.slot_wait_max);
            let slots = breakers::take_slots(tx, (vendor.as_str(), &key), now, rate, wanted, wait_max).await?;
            for (place, slot) in of_key.into_iter().zip(slots.into_iter().map(Some).chain(std::iter::repeat(None))) {
                self.slots[place] = slot;
                if slot.is_none() {
                    self.refuse(place);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, job: usize) {
        for decided in &mut self.decided[job] {
            if matches!(decided, Decided::Granted { .. }) {
                *decided = Decided::Refused(Unanswered::Busy("the vendor's rate has no room soon"));
            }
        }
    }

    /// Takes what was granted, writes the intents, and tells what is to be told.
    async fn write(
        &self,
        desk: &Desk,
        tx: &mut TenantTx,
        facts: &Facts,
        jobs: &[Reservation],
        (owner, now): (i64, DateTime<Utc>),
    ) -> Result<Vec<Outgoing>, StoreError> {
        let intents = self.intents(jobs, owner, now);
        let mut room = facts.room.as_it_was();
        for intent in &intents {
            room.take_all(&Budget::of_meter(intent.meter, intent.lead.run, intent.day), &intent.reserved);
        }
        if !intents.is_empty() {
            ledger::take(tx, &room.takings()).await?;
            ledger::insert(tx, &intents, now).await?;
        }
        for vendor in &self.probing {
            let until = now + delta(desk.policy.budget + desk.policy.slot_wait_max);
            breakers::write(tx, vendor.as_str(), &Breaker::HalfOpen { until }).await?;
        }
        let mut events = self.warn(desk, tx, &room, jobs, now).await?;
        for called in self.untold(facts, jobs) {
            events.extend(record::called(tx, &called, Telling::Once, now).await?);
        }
        Ok(events)
    }

    fn intents(&self, jobs: &[Reservation], owner: i64, now: DateTime<Utc>) -> Vec<NewIntent> {
        let mut intents = Vec::new();
        for ((job, decided), slot) in jobs.iter().zip(&self.decided).zip(&self.slots) {
            let slot = slot.unwrap_or(now);
            for (wanted, decided) in job.wanted.iter().zip(decided) {
                let Decided::Granted { intent, thing } = decided else { continue };
                intents.push(NewIntent {
                    id: *intent,
                    ask: wanted.ask,
                    vendor: job.vendor.as_str(),
                    operation: job.operation,
                    purpose: wanted.purpose.as_str(),
                    because: wanted.because.clone(),
                    step: wanted.step,
                    thing: *thing,
                    lead: wanted.lead,
                    sent: slot <= now,
                    owner,
                    lease_until: slot + delta(job.lease),
                    day: day(now),
                    meter: job.vendor.meter(),
                    reserved: wanted.worst,
                });
            }
        }
        intents
    }

    /// One alert a day for each cap that is nearly or quite used up.
    async fn warn(
        &self,
        desk: &Desk,
        tx: &mut TenantTx,
        room: &Room,
        jobs: &[Reservation],
        now: DateTime<Utc>,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let Some(first) = jobs.iter().flat_map(|job| &job.wanted).next() else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        for warning in room.warnings() {
            let cause = (&first.lead, &first.cause);
            events.extend(desk.claimed.raise(tx, &warning, cause, (day(now), now)).await?);
        }
        Ok(events)
    }

    /// For leads that buy nothing: one event that tells of the answer that there was, or of the refusal.
    fn untold(&self, facts: &Facts, jobs: &[Reservation]) -> Vec<Called> {
        let mut told: HashMap<Uuid, Option<Called>> = HashMap::new();
        for (job, decided) in jobs.iter().zip(&self.decided) {
            for (wanted, decided) in job.wanted.iter().zip(decided) {
                let entry = told.entry(wanted.ask);
                if let Decided::Granted { .. } = decided {
                    entry.insert_entry(None); // what is bought has an event of its own
                    continue;
                }
                let Some(status) = status(facts, wanted, decided) else { continue };
                let called = entry.or_insert_with(|| Some(unbought(job, wanted, status)));
                if let Some(called) = called.as_mut().filter(|called| called.status == CallStatus::Cached) {
                    called.status = status;
                }
            }
        }
        told.into_values().flatten().collect()
    }

    fn reserved(
        self,
        tx: &TenantTx,
        keys: &TenantKeys,
        mut facts: Facts,
        jobs: &[Reservation],
        now: DateTime<Utc>,
        events: Vec<Outgoing>,
    ) -> Result<Vec<Reserved>, StoreError> {
        let mut opened = HashMap::new();
        for (place, answer) in &facts.answers {
            opened.insert(*place, answers::open(tx, keys, answer)?);
        }
        let verdict = |decided| match decided {
            Decided::Stored(place) => Verdict::Stored(opened.get(&place).cloned().unwrap_or_default()),
            Decided::Granted { intent, thing } => Verdict::Granted { intent, thing },
            Decided::Refused(why) => Verdict::Refused(why),
        };
        let mut reserved: Vec<Reserved> = self
            .decided
            .into_iter()
            .zip(self.slots)
            .map(|(decided, slot)| Reserved {
                slot: slot.unwrap_or(now),
                verdicts: decided.into_iter().map(verdict).collect(),
                events: Vec::new(),
            })
            .collect();
        debug_assert_eq!(reserved.len(), jobs.len());
        if let Some(first) = reserved.first_mut() {
            first.events = std::mem::take(&mut facts.events);
            first.events.extend(events);
        }
        Ok(reserved)
    }
}

fn decide(
    facts: &mut Facts,
    job: &Reservation,
    wanted: &Wanted,
    thing: ThingHash,
    gate: Gate,
    now: DateTime<Utc>,
) -> Decided {
    let place = (job.vendor, job.operation, thing);
    match facts.allows(wanted, place) {
        Err(why) => return Decided::Refused(why),
        Ok(None) => return Decided::Stored(place),
        Ok(Some(())) => {}
    }
    match gate {
        Gate::Pass | Gate::Probe => {}
        Gate::Refused(Reason::Failures) => return Decided::Refused(Unanswered::BreakerOpen),
        Gate::Refused(Reason::Quota) => return Decided::Refused(Unanswered::Quota),
        Gate::Refused(Reason::Key) => return Decided::Refused(Unanswered::KeyRefused),
    }
    let budgets = Budget::of(job.vendor, wanted.lead.run, day(now));
    if let Err(meter) = facts.room.take(&budgets, &wanted.worst) {
        return Decided::Refused(Unanswered::CapReached { meter });
    }
    facts.begun.insert(place);
    Decided::Granted { intent: Uuid::new_v4(), thing }
}

/// What an event says of something that was not bought; `None` when there is nothing to tell, or it was told when this lead bought it.
fn status(facts: &Facts, wanted: &Wanted, decided: &Decided) -> Option<CallStatus> {
    match decided {
        Decided::Stored(place) => {
            let lead = &wanted.lead;
            let key = (lead.run.map_or(0, |run| run.get()), lead.company.map_or(0, |company| company.get()));
            let bought = facts.answers.get(place)?.bought_for;
            ((bought.0, bought.1) != key || bought.2.unsigned_abs() != lead.attempt).then_some(CallStatus::Cached)
        }
        Decided::Refused(Unanswered::CapReached { .. }) => Some(CallStatus::RefusedCap),
        Decided::Refused(Unanswered::BreakerOpen) => Some(CallStatus::BreakerOpen),
        Decided::Refused(Unanswered::Quota) => Some(CallStatus::Quota),
        Decided::Refused(Unanswered::KeyRefused) => Some(CallStatus::KeyRefused),
        Decided::Granted { .. } | Decided::Refused(_) => None,
    }
}

fn unbought(job: &Reservation, wanted: &Wanted, status: CallStatus) -> Called {
    Called {
        lead: wanted.lead,
        cause: wanted.cause.clone(),
        step: wanted.step,
        vendor: job.vendor.as_str().to_owned(),
        operation: job.operation.to_owned(),
        purpose: wanted.purpose.as_str().to_owned(),
        because: wanted.because.clone(),
        charge: Charge::default(),
        latency_ms: 0,
        status,
        http_status: None,
        requests: 0,
        rate_limit_hits: 0,
        ledger: None,
    }
}

/// An alert that a vendor cannot be asked.
pub(crate) fn unavailable(vendor: Vendor, reason: Reason) -> Warning {
    let message = match reason {
        Reason::Failures => format!(
            "{vendor} failed or limited us several times in a row: it is left alone for a while, leads go on without it"
        ),
        Reason::Quota => format!("{vendor}'s credits or quota are gone: leads go on without it until there are more"),
        Reason::Key => format!("{vendor} refuses the key: leads go on without it until there is another"),
    };
    Warning { about: vendor.as_str().to_owned(), kind: "vendor_unavailable", value: None, limit: None, message }
}
