//! What a batch of reservations comes to: who may buy what, when, and what is written and told of it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use presdr_events::vendor::CallStatus;
use presdr_store::{
    StoreError, TenantTx, answers,
    breakers::{self, Breaker, Gate, KeyId, Rate, Reason},
    keys::TenantKeys,
    ledger::{self, Charge, NewIntent, ThingHash},
    steps::Outgoing,
};
use uuid::Uuid;

use crate::{
    Unanswered, Vendor,
    facts::{Facts, Place},
    record::{self, Called, Telling},
    reserve::{Desk, Reservation, Reserved, Verdict, Wanted},
    room::{Budget, Room},
    state::{day, delta},
};

/// What was decided, job by job.
pub(crate) struct Batch {
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
    pub fn decide(facts: &mut Facts, jobs: &[Reservation], things: &[Vec<ThingHash>], now: DateTime<Utc>) -> Self {
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
    pub async fn take_slots(
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
    pub async fn write(
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

    pub fn reserved(
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
