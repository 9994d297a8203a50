//! Erasures that were asked for over HTTP, carried out where the log can be read. Cut off anywhere, the next look goes on; whoever was meant is
//! forgotten when it is done.
//!
//! - [`run`]: looks, and gives each tenant its turn, several tenants beside one another
//! - `queue`: whose turn it is
//! - `hearing`: what wakes it
//! - `turn`: one request of one tenant

mod hearing;
mod queue;
mod turn;

use std::{collections::HashMap, time::Duration};

use presdr_events::TenantId;
use presdr_store::{StoreError, erasure_requests, leases::Leases, tenants};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, interval},
};
use tokio_util::sync::CancellationToken;

use self::{hearing::Hearing, queue::Queue, turn::Left};
use crate::{ComplianceError, Office};

/// Requests wake whoever carries them out. What nobody heard of is found so often.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Tenants that have their turn beside one another: each reads its whole log.
const SLOTS: usize = 4;

/// Carries out requests, each soon after it is asked for, until `stopping` is cancelled. What is in hand then is gone on with by the next.
pub async fn run(office: &Office, stopping: CancellationToken) {
    let leases = Leases::new(office.desk.database().clone());
    let (mut beat, mut hearing) = (interval(LOOK_EVERY), Hearing::default());
    let (mut queue, mut turns) = (Queue::default(), Turns::default());
    loop {
        let whose = tokio::select! {
            _ = beat.tick() => None,
            heard = hearing.next(office) => heard,
            tenant = queue.again() => Some(tenant),
            Some((tenant, left)) = turns.ended() => {
                queue.ended(&tenant, left, Instant::now());
                Some(tenant)
            }
            () = stopping.cancelled() => return,
        };
        if let Err(error) = look(office, &mut queue, whose).await {
            tracing::warn!(%error, "could not look for erasures that were asked for; trying again");
        }
        while turns.running.len() < SLOTS
            && let Some(tenant) = queue.next()
        {
            turns.begin(office, &leases, tenant);
        }
    }
}

/// Looks whether anything is due, of one tenant or of all. One whose look fails is looked at again later; the others are looked at all the same.
async fn look(office: &Office, queue: &mut Queue, whose: Option<TenantId>) -> Result<(), StoreError> {
    let whose = match whose {
        Some(tenant) => vec![tenant],
        None => tenants::active(office.desk.database()).await?.into_iter().map(|tenant| tenant.id).collect(),
    };
    for tenant in whose {
        if !queue.is_to_be_looked_at(&tenant) {
            continue;
        }
        match is_due(office, &tenant).await {
            Ok(true) => queue.wait(tenant),
            Ok(false) | Err(StoreError::NoTenant(_)) => {} // of one that was closed since, nothing is carried out
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, %error, "could not look for a tenant's erasures that were asked for; trying again");
                queue.leave_alone(&tenant, Instant::now());
            }
        }
    }
    Ok(())
}

async fn is_due(office: &Office, tenant: &TenantId) -> Result<bool, StoreError> {
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let due = erasure_requests::is_due(&mut tx, office.desk.now()).await?;
    tx.commit().await?;
    Ok(due)
}

/// Turns that are under way. Dropped, they are cut off.
#[derive(Default)]
struct Turns {
    running: JoinSet<Result<Left, ComplianceError>>,
    /// Whose each is: one that panics cannot tell.
    tenants: HashMap<Id, TenantId>,
}

impl Turns {
    fn begin(&mut self, office: &Office, leases: &Leases, tenant: TenantId) {
        let (office, leases, whose) = (office.clone(), leases.clone(), tenant.clone());
        let turn = self.running.spawn(async move { Box::pin(turn::take(&office, &leases, &whose)).await });
        self.tenants.insert(turn.id(), tenant);
    }

    /// Whose turn ended, and what it left; `None` when none is under way.
    async fn ended(&mut self) -> Option<(TenantId, Left)> {
        let ended = self.running.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let tenant = self.tenants.remove(&id)?;
        let left = match ended {
            Ok((_, Ok(left))) => left,
            Ok((_, Err(error))) => {
                tracing::warn!(tenant.id = %tenant, %error, "an erasure that was asked for could not be looked at; trying again");
                Left::Held
            }
            Err(error) => {
                tracing::error!(tenant.id = %tenant, %error, "an erasure that was asked for broke off; trying again");
                Left::Held
            }
        };
        Some((tenant, left))
    }
}
