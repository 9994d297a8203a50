//! Changing the master key: every tenant's keys are wrapped anew while services run.

use std::time::Instant;

use presdr_events::{Event, Step, TenantId, tenant};
use presdr_store::{
    Database,
    keys::{Keyring, MasterId, MasterKey, rotation},
};

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
};

const STEP: &str = "keys";

/// What a change of the master key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The keys that nothing is wrapped with any more.
    pub retired: Vec<MasterId>,
    /// Tenants whose keys this call wrapped anew.
    pub rewrapped: u32,
    /// Tenants that have keys: all of them are under the new master key.
    pub tenants: u32,
    /// The place in the log of the event that tells so; none when there was nothing to do.
    pub sequence: Option<u64>,
}

/// Wraps every tenant's keys with `new`, and makes it the one that new tenants get. `keyring` knows the old master keys and the new one;
/// so must every process that runs. Killed, the same call goes on. `told` hears how many tenants are done, of how many.
///
/// # Errors
/// [`StoreError::NoMaster`](presdr_store::StoreError::NoMaster) when some tenant is under a key that `keyring` does not know: nothing was
/// changed then. [`CommandError::Refused`] when something is left under an old key.
pub async fn rotate(
    desk: &Desk,
    owner: &Database,
    keyring: &Keyring,
    new: &MasterKey,
    mut told: impl FnMut(usize, usize),
) -> Result<Rotated, CommandError> {
    let begun = Instant::now();
    let _lock = rotation::RotationLock::take(owner).await?;
    let old: Vec<MasterId> = rotation::used(owner, keyring).await?.into_iter().map(|(_, id)| id).collect();
    let others: Vec<MasterId> = old.into_iter().filter(|id| id != new.id()).collect();
    rotation::make_current(owner, new.id(), &distinct(others), desk.actor()).await?;
    let tenants = rotation::used(owner, keyring).await?;
    let mut rewrapped = 0;
    for (done, (tenant, _)) in tenants.iter().enumerate() {
        rewrapped += u32::from(rotation::rewrap(owner, keyring, tenant, new).await?);
        told(done + 1, tenants.len());
    }
    let left = rotation::used(owner, keyring).await?;
    if let Some((tenant, id)) = left.iter().find(|(_, id)| id != new.id()) {
        return Err(CommandError::Refused(format!("tenant {tenant} is still under master key {id}: do it again")));
    }
    let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
    finish(desk, new, rewrapped, count, begun).await
}

fn distinct(mut ids: Vec<MasterId>) -> Vec<MasterId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Retires the old keys and tells so, both or neither.
async fn finish(
    desk: &Desk,
    new: &MasterKey,
    rewrapped: u32,
    tenants: u32,
    begun: Instant,
) -> Result<Rotated, CommandError> {
    let platform = TenantId::platform();
    let mut tx = desk.database().enter(&platform).await?;
    let retired = rotation::retiring(&mut tx).await?;
    if retired.is_empty() {
        return Ok(Rotated { retired, rewrapped, tenants, sequence: None });
    }
    rotation::retire(&mut tx).await?;
    let number = next_number(&mut tx, STEP).await?;
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let event = Event::MasterKeyRotated(tenant::MasterKeyRotated {
        step: Step::done(STEP, elapsed, number, Vec::new()),
        master_id: new.id().to_string(),
        retired: retired.iter().map(ToString::to_string).collect(),
        tenants,
    });
    let sequence = desk.commit(tx, tenant_step(&platform, STEP, number), &event).await?;
    Ok(Rotated { retired, rewrapped, tenants, sequence: Some(sequence) })
}
