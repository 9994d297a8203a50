//! How much is too much: requests of a tenant, sign-ins and strangers of an address, bodies, connections, time.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::DefaultClock, state::keyed::HashMapStateStore};
use presdr_events::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// After so many checks, keys that have been quiet are forgotten.
const FORGET_EVERY: u32 = 1024;

/// How much is too much.
#[derive(Debug, Clone, Copy)]
pub struct LimitPolicy {
    /// Requests of one tenant per second; twice as many may come at once.
    pub tenant_per_second: NonZeroU32,
    /// Requests of one tenant at the same time, streams included.
    pub tenant_at_once: usize,
    /// Streams of events of one tenant at the same time: fewer than requests, so that watching keeps nobody from asking.
    pub tenant_streams: usize,
    /// Requests without a valid token, per client address and second; twice as many may come at once.
    pub stranger_per_second: NonZeroU32,
    /// Sign-ins that one client address begins or ends, per minute.
    pub logins_per_minute: NonZeroU32,
    /// Longest body, in bytes.
    pub body_bytes: usize,
    /// How long a request may take until its answer begins.
    pub request: Duration,
    /// Connections at the same time.
    pub connections: usize,
    /// Connections at the same time from one client address, where clients connect to us rather than to a proxy.
    pub address_connections: usize,
    /// How long a client may take to say who it is, and to send the head of a request.
    pub head: Duration,
    /// How long nothing may happen on a connection.
    pub quiet: Duration,
    /// How often it is looked whether somebody who reads a stream still may.
    pub stream_look: Duration,
    /// Requests of one tenant that are worked on at the same time; the others wait. Fewer than half of the database's connections, so that no
    /// tenant has them all.
    pub tenant_working: usize,
    /// Answers of one tenant's chats that are being given at the same time.
    pub tenant_turns: usize,
    /// Lines that a model is asked about for one user, per minute.
    pub model_per_minute: NonZeroU32,
    /// Of these, those that follow a run have other places: they mostly wait.
    pub tenant_followers: usize,
}

impl Default for LimitPolicy {
    fn default() -> Self {
        let some = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            tenant_per_second: some(100),
            tenant_at_once: 64,
            tenant_streams: 48,
            stranger_per_second: some(20),
            logins_per_minute: some(20),
            body_bytes: 256 * 1024,
            request: Duration::from_secs(30),
            connections: 4096,
            address_connections: 128,
            head: Duration::from_secs(10),
            quiet: Duration::from_secs(120),
            stream_look: Duration::from_secs(5),
            tenant_working: 6,
            tenant_turns: 16,
            model_per_minute: some(10),
            tenant_followers: 48,
        }
    }
}

/// The limits at work, in this process.
pub(crate) struct Limits {
    tenants: Rate<TenantId>,
    strangers: Rate<IpAddr>,
    logins: Rate<IpAddr>,
    connections: Places<IpAddr>,
    at_once: Places<TenantId>,
    streams: Places<TenantId>,
    working: Places<TenantId>,
    counting: Places<TenantId>,
    turns: Places<TenantId>,
    followers: Places<TenantId>,
    models: Rate<(TenantId, String)>,
}

/// So many of one's at the same time.
struct Places<Key> {
    each: usize,
    of: Mutex<HashMap<Key, Arc<Semaphore>>>,
}

impl<Key: Hash + Eq> Places<Key> {
    fn new(each: usize) -> Self {
        Self { each, of: Mutex::default() }
    }

    fn of(&self, key: Key) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= FORGET_FROM {
            // Nobody holds a place of those that have them all.
            of.retain(|_, places| Arc::strong_count(places) > 1 || places.available_permits() < self.each);
        }
        Arc::clone(of.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }

    /// A place, for as long as it is held.
    fn take(&self, key: Key) -> Option<OwnedSemaphorePermit> {
        self.of(key).try_acquire_owned().ok()
    }

    /// The next place that is free.
    async fn wait(&self, key: Key) -> Result<OwnedSemaphorePermit, Problem> {
        self.of(key).acquire_owned().await.map_err(|_| Problem::internal())
    }
}

/// From so many on, those who hold no place are forgotten.
const FORGET_FROM: usize = 8192;

impl Limits {
    pub(crate) fn new(policy: LimitPolicy) -> Self {
        let per_second = |number: NonZeroU32| Quota::per_second(number).allow_burst(number.saturating_mul(TWO));
        Self {
            tenants: Rate::new(per_second(policy.tenant_per_second)),
            strangers: Rate::new(per_second(policy.stranger_per_second)),
            logins: Rate::new(Quota::per_minute(policy.logins_per_minute)),
            connections: Places::new(policy.address_connections),
            at_once: Places::new(policy.tenant_at_once),
            streams: Places::new(policy.tenant_streams),
            working: Places::new(policy.tenant_working),
            counting: Places::new(1),
            turns: Places::new(policy.tenant_turns),
            followers: Places::new(policy.tenant_followers),
            models: Rate::new(Quota::per_minute(policy.model_per_minute)),
        }
    }

    /// Lets one more request of a tenant in, for as long as the permit lives. Only tenants that exist are asked about.
    pub(crate) fn tenant(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, Problem> {
        if !self.tenants.allows(tenant) {
            return Err(Problem::too_many("your organisation asks too often; wait a moment", 1));
        }
        let too_many = || Problem::too_many("your organisation has too many requests open; wait for one to end", 1);
        self.at_once.take(tenant.clone()).ok_or_else(too_many)
    }

    /// Lets one more stream of a tenant begin, for as long as the permit lives.
    pub(crate) fn stream(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, Problem> {
        let too_many = || Problem::too_many("your organisation watches too much at once; end a stream first", 5);
        self.streams.take(tenant.clone()).ok_or_else(too_many)
    }

    /// A place for one more connection of an address, for as long as it is held.
    pub(crate) fn connection(&self, address: IpAddr) -> Option<OwnedSemaphorePermit> {
        self.connections.take(network(address))
    }

    /// Waits until one more request of a tenant may be worked on.
    pub(crate) async fn working(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, Problem> {
        self.working.wait(tenant.clone()).await
    }

    /// Waits until the tenant's candidates may be counted: that reads much of the registry, so one does at a time.
    pub(crate) async fn counting(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, Problem> {
        self.counting.wait(tenant.clone()).await
    }

    /// Lets one more answer of a tenant's chats be given, for as long as the permit lives.
    pub(crate) fn turn(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, Problem> {
        let too_many = || Problem::too_many("your organisation asks too much at once; wait for an answer", 1);
        self.turns.take(tenant.clone()).ok_or_else(too_many)
    }

    /// Counts a line that a model is asked about; whether one more may be.
    pub(crate) fn model(&self, tenant: &TenantId, owner: &str) -> bool {
        self.models.allows(&(tenant.clone(), owner.to_owned()))
    }

    /// A place for an answer that follows a run.
    pub(crate) fn follower(&self, tenant: &TenantId) -> Option<OwnedSemaphorePermit> {
        self.followers.take(tenant.clone())
    }

    /// Counts a request of somebody without a valid token.
    pub(crate) fn stranger(&self, address: IpAddr) -> Result<(), Problem> {
        match self.strangers.allows(&network(address)) {
            true => Ok(()),
            false => {
                Err(Problem::too_many("too many requests without a valid token from your address; wait a moment", 1))
            }
        }
    }

    /// Counts a sign-in.
    pub(crate) fn login(&self, address: IpAddr) -> Result<(), Problem> {
        match self.logins.allows(&network(address)) {
            true => Ok(()),
            false => Err(Problem::too_many("too many sign-ins from your address; wait a minute", 60)),
        }
    }
}

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Who has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => four.into(),
            None => Ipv6Addr::from(u128::from(six) >> 64 << 64).into(),
        },
    }
}

struct Rate<Key: Hash + Eq + Clone> {
    limiter: RateLimiter<Key, HashMapStateStore<Key>, DefaultClock>,
    checks: AtomicU32,
}

impl<Key: Hash + Eq + Clone> Rate<Key> {
    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::hashmap(quota), checks: AtomicU32::new(0) }
    }

    fn allows(&self, key: &Key) -> bool {
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_so_many_at_once() {
        let limits = Limits::new(LimitPolicy { tenant_at_once: 2, ..LimitPolicy::default() });
        let (acme, globex) = (TenantId::new("acme").unwrap(), TenantId::new("globex").unwrap());
        let held = [limits.tenant(&acme).unwrap(), limits.tenant(&acme).unwrap()];
        assert!(limits.tenant(&acme).is_err());
        assert!(limits.tenant(&globex).is_ok(), "another tenant does not feel it");
        drop(held);
        assert!(limits.tenant(&acme).is_ok());
    }

    #[test]
    fn an_address_signs_in_so_often() {
        let limits = Limits::new(LimitPolicy { logins_per_minute: TWO, ..LimitPolicy::default() });
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(limits.login(address("2001:db8::1")).is_ok());
        assert!(limits.login(address("2001:db8::2")).is_ok());
        assert!(limits.login(address("2001:db8::3")).is_err(), "one network counts as one");
        assert!(limits.login(address("2001:db8:0:1::1")).is_ok());
        assert_eq!(network(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }
}
