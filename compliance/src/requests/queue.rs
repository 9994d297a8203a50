//! Whose turn it is: in the order in which they came to wait, each for one request at a time.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::pending,
    time::Duration,
};

use presdr_events::TenantId;
use tokio::time::{Instant, sleep_until};

use super::{LOOK_EVERY, turn::Left};

/// The first pause: whoever else has a tenant's in hand may be gone by then.
const PAUSE: Duration = Duration::from_secs(1);

/// A pause that doubles each time, up to the time between two regular looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(PAUSE)
    }
}

impl Pause {
    /// How long it is this time.
    pub(super) fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LOOK_EVERY);
        now
    }
}

/// Tenants of whom something is to be carried out.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In the order in which they came.
    waiting: VecDeque<TenantId>,
    busy: HashSet<TenantId>,
    /// When these are looked at again: somebody else has theirs in hand, or what was put off is due.
    again: HashMap<TenantId, Instant>,
    /// How long those are left alone whom somebody else has in hand.
    pauses: HashMap<TenantId, Pause>,
}

impl Queue {
    /// Not while it has its turn, after which it is looked at anyhow, nor while it waits for it or is left alone.
    pub(super) fn is_to_be_looked_at(&self, tenant: &TenantId) -> bool {
        let is_left_alone = self.pauses.contains_key(tenant) && self.again.contains_key(tenant);
        !self.busy.contains(tenant) && !self.waiting.contains(tenant) && !is_left_alone
    }

    /// Puts a tenant at the end.
    pub(super) fn wait(&mut self, tenant: TenantId) {
        if !self.waiting.contains(&tenant) {
            self.waiting.push_back(tenant);
        }
    }

    /// Whose turn it is; the turn begins.
    pub(super) fn next(&mut self) -> Option<TenantId> {
        let tenant = self.waiting.pop_front()?;
        self.busy.insert(tenant.clone());
        Some(tenant)
    }

    /// The turn is over.
    pub(super) fn ended(&mut self, tenant: &TenantId, left: Left, now: Instant) {
        self.busy.remove(tenant);
        match left {
            Left::Held => self.leave_alone(tenant, now),
            Left::Done => {
                self.pauses.remove(tenant);
            }
            Left::PutOff(wait) => {
                self.pauses.remove(tenant);
                let at = self.again.entry(tenant.clone()).or_insert(now + wait);
                *at = (now + wait).min(*at);
            }
        }
    }

    /// Does not look at a tenant for a while, longer each time.
    pub(super) fn leave_alone(&mut self, tenant: &TenantId, now: Instant) {
        let pause = self.pauses.entry(tenant.clone()).or_default().next();
        self.again.insert(tenant.clone(), now + pause);
    }

    /// A tenant that is to be looked at again, once its time has come.
    pub(super) async fn again(&mut self) -> TenantId {
        let Some((tenant, at)) = self.first_again() else { return pending().await };
        sleep_until(at).await;
        self.again.remove(&tenant);
        tenant
    }

    fn first_again(&self) -> Option<(TenantId, Instant)> {
        self.again.iter().min_by_key(|(_, at)| **at).map(|(tenant, at)| (tenant.clone(), *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants() -> [TenantId; 2] {
        ["acme", "globex"].map(|name| TenantId::new(name).unwrap())
    }

    #[test]
    fn whoever_has_more_waits_behind_the_others() {
        let ([acme, globex], mut queue) = (tenants(), Queue::default());
        queue.wait(acme.clone());
        queue.wait(globex.clone());
        assert_eq!(queue.next().as_ref(), Some(&acme));
        assert!(!queue.is_to_be_looked_at(&acme), "what it is asked for meanwhile, its turn's end finds");
        queue.ended(&acme, Left::Done, Instant::now());
        assert!(queue.is_to_be_looked_at(&acme) && !queue.is_to_be_looked_at(&globex));
        queue.wait(acme.clone());
        queue.wait(acme.clone());
        assert_eq!([queue.next(), queue.next(), queue.next()], [Some(globex), Some(acme), None]);
    }

    #[test]
    fn what_somebody_else_has_in_hand_is_left_alone_longer_each_time() {
        let ([acme, globex], mut queue, now) = (tenants(), Queue::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..7 {
            queue.ended(&acme, Left::Held, now);
            assert!(!queue.is_to_be_looked_at(&acme) && queue.is_to_be_looked_at(&globex));
            let (whose, at) = queue.first_again().unwrap();
            assert_eq!(whose, acme);
            queue.again.remove(&acme);
            assert!(queue.is_to_be_looked_at(&acme));
            pauses.push((at - now).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        queue.ended(&acme, Left::Done, now);
        queue.ended(&acme, Left::Held, now);
        assert_eq!(queue.first_again(), Some((acme, now + PAUSE)), "it was ours in between");
    }

    #[test]
    fn what_is_put_off_is_looked_at_when_it_is_due_and_keeps_nothing_else_waiting() {
        let ([acme, globex], mut queue, now) = (tenants(), Queue::default(), Instant::now());
        let [soon, late] = [15, 90].map(Duration::from_secs);
        queue.ended(&globex, Left::PutOff(soon), now);
        queue.ended(&acme, Left::PutOff(late), now);
        queue.ended(&globex, Left::PutOff(late), now);
        assert!(queue.is_to_be_looked_at(&acme), "others of the tenant's may be due");
        assert_eq!(queue.first_again(), Some((globex, now + soon)));
    }
}
