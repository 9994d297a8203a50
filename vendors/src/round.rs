//! One request's way: reserve, wait for its turn, send, settle.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use presdr_events::TenantId;
use presdr_store::{
    StoreError,
    breakers::KeyId,
    ledger::{self, Charge, End, LeadKey, ThingHash},
    steps::Outgoing,
};
use rust_decimal::Decimal;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use crate::{
    Asking, BatchCall, Class, Endpoint, Unanswered, check,
    reserve::{Reservation, Reserved, Verdict, Wanted},
    settle::{self, CallOver, EndedThing, Failures, Settlement},
    state::{State, delta},
    tries::{GaveUp, Sending, Tally},
};

/// Some room between the end of a call and the end of its lease, for settling.
const SETTLING: Duration = Duration::from_secs(45);
/// An answer that was lost is asked for once more; things that are in a batch twice are found the time after.
const ROUNDS_MAX: usize = 3;

/// A request's worth of things.
pub(crate) struct Round<'a, C: BatchCall> {
    state: &'a State,
    call: &'a C,
    pub things: &'a [(Asking<'a>, C::Thing)],
    answers: Vec<Option<Result<C::Answer, Unanswered>>>,
    begun: Instant,
}

/// A thing that may be bought.
#[derive(Clone, Copy)]
pub(crate) struct Bought {
    pub place: usize,
    pub intent: Uuid,
    pub thing: ThingHash,
    pub ask: Uuid,
    pub worst: Charge,
}

impl<'a, C: BatchCall> Round<'a, C> {
    pub fn new(state: &'a State, call: &'a C, things: &'a [(Asking<'a>, C::Thing)]) -> Self {
        Self { state, call, things, answers: things.iter().map(|_| None).collect(), begun: Instant::now() }
    }

    /// Asks, once more for those whose answer was lost.
    pub async fn ask(mut self) -> Vec<Result<C::Answer, Unanswered>> {
        let outcome = self.ask_in_rounds().await;
        let rest = outcome.err().unwrap_or(Unanswered::Unknown);
        self.answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(rest.clone()))).collect()
    }

    async fn ask_in_rounds(&mut self) -> Result<(), Unanswered> {
        let Some((asking, _)) = self.things.first() else { return Ok(()) };
        let tenant = asking.tenant;
        if self.things.iter().any(|(other, _)| other.tenant != tenant) {
            return Err(Unanswered::Off("one request serves one tenant".to_owned()));
        }
        let endpoint = self.state.config.endpoint(tenant, C::VENDOR);
        let endpoint = endpoint.ok_or_else(|| Unanswered::Off(format!("no key of {} is configured", C::VENDOR)))?;
        let _place = self.place(endpoint.api_key().id(C::VENDOR)).await?;
        for _ in 0..ROUNDS_MAX {
            self.once(tenant, &endpoint).await?;
            let open = self.answers.iter().any(Option::is_none);
            if !open {
                break;
            }
            if self.begun.elapsed() >= self.state.policy.budget {
                return Err(Unanswered::Busy("the answer was lost, and there is no time to ask again"));
            }
        }
        Ok(())
    }

    /// A place among those who ask with this key in this process.
    async fn place(&self, key: KeyId) -> Result<OwnedSemaphorePermit, Unanswered> {
        let places = self.state.places(C::VENDOR, key).acquire_owned();
        match tokio::time::timeout(self.state.policy.place_wait_max, places).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Unanswered::Busy("too many ask this vendor at the same time")),
        }
    }

    /// Asks about everything that has no answer yet.
    async fn once(&mut self, tenant: &TenantId, endpoint: &Endpoint) -> Result<(), Unanswered> {
        let open: Vec<usize> = (0..self.things.len()).filter(|place| self.answers[*place].is_none()).collect();
        let (wanted, open) = self.wanted(&open)?;
        let asks: Vec<(Uuid, Charge)> = wanted.iter().map(|wanted| (wanted.ask, wanted.worst)).collect();
        let canonical: Vec<Vec<u8>> = wanted.iter().map(|wanted| wanted.canonical.clone()).collect();
        let reserved = self.reserve(tenant, endpoint, wanted).await?;
        self.state.publish(reserved.events).await;
        let mut bought = Vec::new();
        for (number, (verdict, place)) in reserved.verdicts.into_iter().zip(&open).enumerate() {
            let twice = canonical[..number].contains(&canonical[number]);
            match verdict {
                Verdict::Stored(json) => self.answers[*place] = Some(read_stored(&json)),
                Verdict::Granted { intent, thing } => {
                    let (ask, worst) = asks[number];
                    bought.push(Bought { place: *place, intent, thing, ask, worst });
                }
                Verdict::Refused(Unanswered::Busy(_)) if twice => {} // the answer is there in the next round
                Verdict::Refused(why) => self.answers[*place] = Some(Err(why)),
            }
        }
        if bought.is_empty() {
            return Ok(());
        }
        if let Err(why) = self.turn(tenant, reserved.slot, &bought).await {
            self.release(tenant, endpoint, &bought).await?;
            return Err(why);
        }
        self.call(tenant, endpoint, &bought).await
    }

    /// What is wanted of those that can be priced, and their places. Things of one lead share the ask that its event tells of.
    fn wanted(&mut self, open: &[usize]) -> Result<(Vec<Wanted>, Vec<usize>), Unanswered> {
        let mut asks: HashMap<(LeadKey, &'static str), Uuid> = HashMap::new();
        let (mut wanted, mut places) = (Vec::new(), Vec::new());
        for place in open {
            let (asking, thing) = &self.things[*place];
            let worst = match self.call.worst_case(thing, &self.state.config.prices) {
                Ok(worst) => worst,
                Err(unpriced) => {
                    tracing::error!(vendor = C::VENDOR.as_str(), %unpriced, "a vendor is not asked");
                    self.answers[*place] = Some(Err(Unanswered::Off(unpriced.to_string())));
                    continue;
                }
            };
            let lead = LeadKey { run: asking.run, company: asking.company, attempt: asking.attempt };
            let ask = *asks.entry((lead, asking.step)).or_insert_with(Uuid::new_v4);
            wanted.push(Wanted {
                canonical: self.call.canonical(thing),
                worst,
                lead,
                cause: asking.cause.clone(),
                step: asking.step,
                purpose: asking.purpose,
                because: asking.because.to_owned(),
                ask,
            });
            places.push(*place);
        }
        Ok((wanted, places))
    }

    async fn reserve(
        &self,
        tenant: &TenantId,
        endpoint: &Endpoint,
        wanted: Vec<Wanted>,
    ) -> Result<Reserved, Unanswered> {
        let (answer, reserved) = oneshot::channel();
        let job = Reservation {
            vendor: C::VENDOR,
            operation: C::OPERATION,
            key: endpoint.api_key().id(C::VENDOR),
            rate: self.state.config.terms(C::VENDOR).rate,
            lease: self.lease(),
            wanted,
            answer,
        };
        self.state.reservations.push(tenant, job);
        reserved.await.unwrap_or(Err(Unanswered::Busy("the reservation was lost")))
    }

    /// A living process is done with a call by then.
    fn lease(&self) -> Duration {
        self.state.policy.budget + Duration::from_secs(100) + SETTLING
    }

    /// Waits until the request may leave; marks what waited as sent, unless nothing may be bought for its lead any more.
    async fn turn(
        &self,
        tenant: &TenantId,
        slot: chrono::DateTime<chrono::Utc>,
        bought: &[Bought],
    ) -> Result<(), Unanswered> {
        let Ok(wait) = (slot - self.state.now()).to_std() else { return Ok(()) };
        if wait.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(wait).await;
        let leads: Vec<LeadKey> =
            bought.iter().map(|bought| self.lead(bought.place)).filter(|lead| lead.run.is_some()).collect();
        let ids: Vec<Uuid> = bought.iter().map(|bought| bought.intent).collect();
        let mut tx = self.state.database.enter(tenant).await.map_err(StoreError::from)?;
        let standing = ledger::leads(&mut tx, &leads).await?;
        for lead in leads {
            match standing.get(&lead).map(String::as_str) {
                Some("open") => {}
                Some(_) => return Err(Unanswered::Paused),
                None => return Err(Unanswered::Over),
            }
        }
        if !ledger::mark_sent(&mut tx, &ids, self.state.now() + delta(self.lease())).await? {
            return Err(Unanswered::Busy("the reservation was given up while it waited"));
        }
        tx.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    pub fn lead(&self, place: usize) -> LeadKey {
        let asking = &self.things[place].0;
        LeadKey { run: asking.run, company: asking.company, attempt: asking.attempt }
    }

    /// Gives back what was never sent.
    async fn release(&self, tenant: &TenantId, endpoint: &Endpoint, bought: &[Bought]) -> Result<(), Unanswered> {
        let ended = bought.iter().map(|bought| self.ended(bought, End::Released, None, 0, None)).collect();
        let settled = self.settle(tenant, endpoint, ended, Vec::new(), settle::Verdict::Nothing).await?;
        self.state.publish(settled).await;
        Ok(())
    }

    async fn call(&mut self, tenant: &TenantId, endpoint: &Endpoint, bought: &[Bought]) -> Result<(), Unanswered> {
        let (tally, began, state) = (Tally::default(), Instant::now(), self.state);
        let failures = Failures {
            desk: &state.desk,
            tenant,
            vendor: C::VENDOR,
            lead: self.lead(bought[0].place),
            cause: self.things[bought[0].place].0.cause,
            alerts: Mutex::default(),
        };
        let sending = Sending {
            wire: &state.wire,
            endpoint,
            prices: &state.config.prices,
            call: self.call,
            things: bought.iter().map(|bought| &self.things[bought.place].1).collect(),
            policy: &state.policy,
            begun: self.begun,
            tally: &tally,
            failures: &failures,
        };
        let sent = match sending.send().await {
            Err(gave_up) if gave_up.failure.class == Class::KeyOrQuota => Err(self.told_apart(endpoint, gave_up).await),
            other => other,
        };
        let latency = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let over = self.over(bought, sent, &tally, latency);
        let events = self.settle(tenant, endpoint, over.ended, over.calls, over.verdict).await?;
        let mut alerts = failures.alerts.into_inner().unwrap_or_else(PoisonError::into_inner);
        alerts.extend(events);
        state.publish(alerts).await;
        for (place, answer) in over.answers {
            self.answers[place] = Some(answer);
        }
        Ok(())
    }

    /// The vendor has one message for a wrong key and for used-up credits: what is left tells which it is.
    async fn told_apart(&self, endpoint: &Endpoint, mut gave_up: GaveUp) -> GaveUp {
        let left = check::left(&self.state.wire, endpoint, C::VENDOR).await;
        gave_up.failure.class = match left {
            Ok(Some(credits)) if credits <= Decimal::ZERO => Class::Quota { lasts: None },
            Err(failure) if failure.class == Class::Key => Class::Key,
            _ => Class::Retry { after: None, rate_limit: false },
        };
        gave_up
    }

    async fn settle(
        &self,
        tenant: &TenantId,
        endpoint: &Endpoint,
        ended: Vec<EndedThing>,
        calls: Vec<CallOver>,
        verdict: settle::Verdict,
    ) -> Result<Vec<Outgoing>, Unanswered> {
        let (answer, settled) = oneshot::channel();
        let key = endpoint.api_key().id(C::VENDOR);
        let job = Settlement { vendor: C::VENDOR, operation: C::OPERATION, key, ended, calls, verdict, answer };
        self.state.settlements.push(tenant, job);
        settled.await.unwrap_or(Err(Unanswered::Busy("the settlement was lost")))
    }
}

fn read_stored<A: serde::de::DeserializeOwned>(json: &[u8]) -> Result<A, Unanswered> {
    serde_json::from_slice(json).map_err(|_| {
        Unanswered::from(StoreError::Refused(
            "a stored answer does not have the shape that this version reads".to_owned(),
        ))
    })
}
