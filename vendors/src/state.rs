//! What the desk of a process has at hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use presdr_events::TenantId;
use presdr_store::{
    Database, StoreError, TenantTx, answers,
    breakers::KeyId,
    keys::Keyring,
    leases::{Lease, Leases},
    ledger,
    steps::Outgoing,
};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use uuid::Uuid;

use crate::{
    Clock, ConfigError, Policy, Publish, Vendor, VendorConfig,
    availability::Known,
    gather::Gather,
    record::{self, Called, Claimed, Telling},
    reserve::{self, Reservation},
    settle::{self, Settlement},
    wire::Wire,
};

/// Singapore, where days begin for caps: UTC+8, all year.
const SINGAPORE: TimeDelta = TimeDelta::hours(8);
/// What one sweep takes on of a tenant.
const SWEEP_MAX: i64 = 1000;

pub(crate) struct State {
    pub database: Database,
    pub config: VendorConfig,
    pub policy: Policy,
    pub clock: Clock,
    pub publish: Publish,
    pub wire: Wire,
    pub reservations: Gather<Reservation>,
    pub settlements: Gather<Settlement>,
    /// What reserving and settling need.
    pub desk: Arc<reserve::Desk>,
    places: Mutex<HashMap<(Vendor, KeyId), Arc<Semaphore>>>,
}

impl State {
    pub fn new(
        database: Database,
        keyring: Arc<Keyring>,
        leases: Leases,
        config: VendorConfig,
        policy: Policy,
        clock: Clock,
        publish: Publish,
    ) -> Result<Self, ConfigError> {
        let desk = Arc::new(reserve::Desk {
            database: database.clone(),
            keyring,
            owner: Owner { leases, held: AsyncMutex::new(None) },
            claimed: Claimed::default(),
            known: Known::default(),
            clock: Arc::clone(&clock),
            policy,
        });
        let (reserving, settling) = (Arc::clone(&desk), Arc::clone(&desk));
        Ok(Self {
            reservations: Gather::new(move |tenant, jobs| {
                let desk = Arc::clone(&reserving);
                Box::pin(async move { reserve::reserve(&desk, tenant, jobs).await })
            }),
            settlements: Gather::new(move |tenant, jobs| {
                let desk = Arc::clone(&settling);
                Box::pin(async move { settle::settle(&desk, tenant, jobs).await })
            }),
            wire: Wire::new(config.tls()).map_err(ConfigError::Client)?,
            places: Mutex::default(),
            database,
            config,
            policy,
            clock,
            publish,
            desk,
        })
    }

    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The places of a vendor's key in this process.
    pub fn places(&self, vendor: Vendor, key: KeyId) -> Arc<Semaphore> {
        let places = || Arc::new(Semaphore::new(self.config.terms(vendor).concurrency.max(1)));
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry((vendor, key)).or_insert_with(places))
    }

    /// Publishes what was committed, if anything was.
    pub async fn publish(&self, events: Vec<Outgoing>) {
        if !events.is_empty() {
            (self.publish)(events).await;
        }
    }

    pub async fn sweep(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let mut tx = self.database.enter(tenant).await?;
        ledger::lock(&mut tx).await?;
        // Read under the lock, as for a reservation: nothing is given up at a time before it was begun.
        let now = self.now();
        let unfinished = ledger::unfinished(&mut tx, SWEEP_MAX).await?;
        let dead = dead(&mut tx, &self.desk.owner, &unfinished, now).await?;
        let asks: Vec<Uuid> = dead.iter().map(|intent| intent.ask).collect();
        let events = give_up(&mut tx, &asks, now).await?;
        ledger::reconcile(&mut tx, now, SWEEP_MAX).await?;
        answers::purge(&mut tx, now).await?;
        tx.commit().await?;
        self.publish(events).await;
        Ok(())
    }
}

/// The day in Singapore.
pub fn day(now: DateTime<Utc>) -> NaiveDate {
    (now + SINGAPORE).date_naive()
}

/// How long the day in Singapore still lasts.
pub(crate) fn rest_of_day(now: DateTime<Utc>) -> TimeDelta {
    let local = now + SINGAPORE;
    let next = local.date_naive().succ_opt().and_then(|next| next.and_hms_opt(0, 0, 0));
    next.map_or(TimeDelta::days(1), |next| next.and_utc() - local)
}

pub(crate) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// Those of `intents` whose process is dead, or that took longer than a living one may.
pub(crate) async fn dead<'a>(
    tx: &mut TenantTx,
    owner: &Owner,
    intents: &'a [ledger::Standing],
    now: DateTime<Utc>,
) -> Result<Vec<&'a ledger::Standing>, StoreError> {
    let begun: Vec<&ledger::Standing> = intents.iter().filter(|intent| intent.state != "unknown").collect();
    let ours = owner.number().await?;
    let others: Vec<i64> = begun.iter().map(|intent| intent.owner).filter(|other| *other != ours).collect();
    let living = ledger::living(tx, &others).await?;
    let lives = |intent: &ledger::Standing| {
        intent.lease_until > now && (intent.owner == ours || living.contains(&intent.owner))
    };
    Ok(begun.into_iter().filter(|intent| !lives(intent)).collect())
}

/// Gives up what was asked together with `asks`, with an event for each of those whose answer is lost.
pub(crate) async fn give_up(tx: &mut TenantTx, asks: &[Uuid], now: DateTime<Utc>) -> Result<Vec<Outgoing>, StoreError> {
    if asks.is_empty() {
        return Ok(Vec::new());
    }
    let mut lost: HashMap<Uuid, Called> = HashMap::new();
    let tenant = tx.tenant().clone();
    for given in ledger::give_up(tx, asks, now).await? {
        match lost.get_mut(&given.ask) {
            Some(called) => called.charge += given.charge,
            None => drop(lost.insert(given.ask, Called::given_up(&tenant, given))),
        }
    }
    let mut events = Vec::new();
    for called in lost.values() {
        tracing::warn!(tenant.id = %tenant, vendor = called.vendor, "an answer of a vendor was lost: it is charged at its maximum");
        events.extend(record::called(tx, called, Telling::Always, now).await?);
    }
    Ok(events)
}

/// Shows that this process lives: its session holds an advisory lock.
pub(crate) struct Owner {
    leases: Leases,
    held: AsyncMutex<Option<(Lease, i64)>>,
}

impl Owner {
    /// The lock's number; a new one when the session was lost, for then everybody takes what was begun under the old one for dead.
    pub async fn number(&self) -> Result<i64, StoreError> {
        let mut held = self.held.lock().await;
        if let Some((lease, number)) = held.as_ref()
            && !lease.lost().is_cancelled()
        {
            return Ok(*number);
        }
        let name = format!("vendor-desk/{}", Uuid::new_v4());
        let lease = self.leases.try_take(&name).await?;
        let lease = lease.ok_or_else(|| StoreError::Refused("the lease of a new desk is taken".to_owned()))?;
        let number = ledger::owner(&name);
        *held = Some((lease, number));
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_singapore() {
        let before = Utc.with_ymd_and_hms(2026, 11, 23, 15, 59, 59).unwrap();
        assert_eq!(day(before).to_string(), "2026-11-23");
        assert_eq!(rest_of_day(before), TimeDelta::seconds(1));
        let after = before + TimeDelta::seconds(1);
        assert_eq!(day(after).to_string(), "2026-11-24");
        assert_eq!(rest_of_day(after), TimeDelta::days(1));
    }
}
