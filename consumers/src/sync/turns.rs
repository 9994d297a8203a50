//! Whose turn it is: so many tenants at once, each for one sync, in the order in which they came to wait.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Instant,
};

use presdr_events::TenantId;
use presdr_store::{StoreError, odoo::syncs, tenants};
use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::turn;
use crate::Services;

/// Writes what is due and removes what is owed, again and again until `stopping` is cancelled: at every beat, and of a tenant that is named in
/// `asked` at once.
pub(crate) async fn keep_up(services: &Services, mut asked: mpsc::Receiver<TenantId>, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(services.config.sweep_every);
    let (mut turns, mut queue) = (Turns::default(), Queue::default());
    loop {
        let looked = tokio::select! {
            _ = beat.tick() => queue.look(services).await,
            Some(tenant) = asked.recv() => queue.look_at(services, tenant).await,
            Some((tenant, may_be_more)) = turns.ended() => {
                queue.busy.remove(&tenant);
                if may_be_more { queue.look_at(services, tenant).await } else { Ok(()) }
            }
            () = stopping.cancelled() => break,
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "could not look for what is to be written to Odoo; the next look tries again");
        }
        while turns.running.len() < services.config.sync_slots.max(1)
            && let Some((tenant, is_owed)) = queue.next(services)
        {
            turns.begin(services, tenant, is_owed, &stopping);
        }
    }
    while turns.ended().await.is_some() {}
}

/// Turns that are under way.
#[derive(Default)]
struct Turns {
    running: JoinSet<bool>,
    /// Whose each is: one that panics cannot tell.
    tenants: HashMap<Id, TenantId>,
}

impl Turns {
    fn begin(&mut self, services: &Services, tenant: TenantId, is_owed: bool, stopping: &CancellationToken) {
        let (services, stopping, whose) = (services.clone(), stopping.clone(), tenant.clone());
        let turn = self.running.spawn(async move {
            let taken = turn::take(&services, &whose, is_owed, &stopping).await;
            taken.unwrap_or_else(|error| {
                tracing::warn!(tenant.id = %whose, %error, "could not write to Odoo; the next look tries again");
                false
            })
        });
        self.tenants.insert(turn.id(), tenant);
    }

    /// Whose turn ended, and whether more may be waiting for it; `None` when none is under way.
    async fn ended(&mut self) -> Option<(TenantId, bool)> {
        let ended = self.running.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let may_be_more = ended.is_ok_and(|(_, may_be_more)| may_be_more);
        Some((self.tenants.remove(&id)?, may_be_more))
    }
}

/// Tenants of whom something is to be written or removed.
#[derive(Default)]
struct Queue {
    /// In the order in which they came.
    waiting: VecDeque<TenantId>,
    /// Of these, those of whom somebody is to be removed.
    owed: HashSet<TenantId>,
    busy: HashSet<TenantId>,
    /// What is owed has no row with a time: after a try a tenant's is left alone for a while.
    left_alone: HashMap<TenantId, Instant>,
}

impl Queue {
    async fn look(&mut self, services: &Services) -> Result<(), StoreError> {
        self.left_alone.retain(|_, until| *until > Instant::now());
        for tenant in tenants::active(&services.database).await? {
            // One that cannot be looked at keeps no other from being.
            if let Err(error) = self.look_at(services, tenant.id.clone()).await {
                tracing::warn!(tenant.id = %tenant.id, %error, "could not look for what is to be written to Odoo; the next look tries again");
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, services: &Services, tenant: TenantId) -> Result<(), StoreError> {
        // Its turn's end looks again if it wrote something, the next beat otherwise.
        if self.busy.contains(&tenant) {
            return Ok(());
        }
        let looked = async {
            let mut tx = services.database.enter(&tenant).await?;
            let waiting = syncs::waiting(&mut tx, services.clock.now()).await?;
            tx.commit().await?;
            Ok(waiting)
        };
        let (is_due, is_owed) = match looked.await {
            Ok((is_due, is_owed)) => (is_due, is_owed && !self.left_alone.contains_key(&tenant)),
            Err(StoreError::Erased(_)) => (false, false),
            Err(error) => return Err(error),
        };
        if is_owed {
            self.owed.insert(tenant.clone());
        }
        if (is_due || is_owed) && !self.waiting.contains(&tenant) {
            self.waiting.push_back(tenant);
        }
        Ok(())
    }

    /// Whose turn it is, and whether somebody of theirs is to be removed.
    fn next(&mut self, services: &Services) -> Option<(TenantId, bool)> {
        let tenant = self.waiting.pop_front()?;
        let is_owed = self.owed.remove(&tenant);
        if is_owed {
            self.left_alone.insert(tenant.clone(), Instant::now() + services.config.sync_retry);
        }
        self.busy.insert(tenant.clone());
        Some((tenant, is_owed))
    }
}
