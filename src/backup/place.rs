//! Where a restore goes: what is there, whether it may go, and who was erased as far as that tells. Nothing is changed here.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use presdr_compliance::receipts::{Kept, Receipts};
use presdr_nats::{
    Broker,
    topology::{self, User},
};
use presdr_store::{
    Role,
    restoring::{self, Found},
    tenants,
};
use secrecy::ExposeSecret;

use super::{Restore, manifest::Manifest, receipts};
use crate::{broker::BrokerServer, database::DatabaseServer};

/// How long somebody may still be connected.
const OTHERS_WAIT: Duration = Duration::from_secs(10);
const OTHERS_POLL: Duration = Duration::from_millis(100);
const OTHERWISE: &str = "reading who was erased from what is there; if it cannot be read, empty it first and give a file with --receipts. Nothing was done";

/// A place that a restore may go to.
pub struct Place {
    /// Whether there is a log, which has to go.
    pub has_log: bool,
    /// What must be done again.
    pub receipts: Receipts,
}

/// Whether the master key file holds every key that the backup opens with.
///
/// # Errors
/// When it does not, or is missing.
pub fn check_master_keys(manifest: &Manifest, file: &Path) -> anyhow::Result<()> {
    let wanted = manifest.master_keys.join(" and ");
    let cure = "bring the file from where keys are kept, or name another one with --master-key-file; nothing was done";
    ensure!(
        file.exists() || manifest.master_keys.is_empty(),
        "the master key file {} is missing, and the backup opens with master key {wanted} alone: {cure}",
        file.display()
    );
    let held = if file.exists() { presdr_store::keys::master::read(file)? } else { Vec::new() };
    match manifest.master_keys.iter().find(|id| !held.iter().any(|key| key.id().to_string() == **id)) {
        None => Ok(()),
        Some(id) => bail!("the backup opens with master key {id}, which {} does not hold: {cure}", file.display()),
    }
}

/// Looks at both stores.
///
/// # Errors
/// When there is something that nobody said may be lost, somebody is connected, or nobody tells who was erased since.
pub async fn look(
    command: &Restore,
    manifest: &Manifest,
    database: &DatabaseServer,
    broker: &BrokerServer,
) -> anyhow::Result<Place> {
    let url = database.url().expose_secret();
    let (found, admin) = (restoring::look(url).await?, broker.connect(User::Topology).await?);
    let log_ends_at = topology::end_of_events(&admin).await?;
    admin.close().await;
    let has_log = log_ends_at.is_some();
    let goes_on = found == Found::CutOff { backup: manifest.hash()? };
    if !goes_on && !command.replace {
        let cure = "nothing was done. Restore into an empty database and a broker without an event log, or say --replace: then what is \
                    there is lost, so take a backup of it first if any of it matters";
        ensure!(!matches!(found, Found::Tables), "the database is not empty: {cure}");
        ensure!(!matches!(found, Found::CutOff { .. }), "another restore into this database was cut off: {cure}");
        ensure!(!has_log, "the broker has an event log: {cure}");
    }
    let (receipts, told) = known(command, manifest, &found, has_log, database, broker).await?;
    // A log that ends before the backup's was not there when the backup was taken.
    let told = told || goes_on || log_ends_at >= Some(manifest.log.last_sequence().max(1));
    ensure!(
        told,
        "nothing here tells who was erased since {}, when the backup was taken: they must not come back. Give the file that `presdr receipts` \
         wrote last, with --receipts, or say --no-receipts if nobody was erased and nobody asked not to be contacted; nothing was done",
        manifest.begun_at.format("%F %T UTC")
    );
    if found != Found::Nothing {
        wait_for_others(url).await?;
    }
    Ok(Place { has_log, receipts })
}

/// Waits a moment for whoever is connected: a process that was just ended may still be.
async fn wait_for_others(url: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + OTHERS_WAIT;
    loop {
        match restoring::others(url).await? {
            0 => return Ok(()),
            others if Instant::now() > deadline => {
                bail!("{others} others are connected to the database: stop presdr's services first; nothing was done")
            }
            _ => tokio::time::sleep(OTHERS_POLL).await,
        }
    }
}

/// Who was erased since the backup was taken, as far as anything tells that, and whether the command or a database did.
async fn known(
    command: &Restore,
    manifest: &Manifest,
    found: &Found,
    has_log: bool,
    database: &DatabaseServer,
    broker: &BrokerServer,
) -> anyhow::Result<(Receipts, bool)> {
    let mut known = Receipts::default();
    for file in &command.receipts {
        receipts::read(file, manifest, &mut known)?;
    }
    // What a restore that was cut off had learnt is in no other place any more.
    if let Found::CutOff { .. } = found {
        for kept in restoring::kept(database.url().expose_secret()).await? {
            known.take(serde_json::from_value::<Kept>(kept)?)?;
        }
    }
    if has_log {
        let log = broker.connect(User::Projector).await?;
        known.read_log(log.jetstream()).await.context(OTHERWISE)?;
        log.close().await;
    }
    let mut told = command.no_receipts || !command.receipts.is_empty();
    if *found == Found::Tables {
        let tables = database.connect(Role::Producer).await.context(OTHERWISE)?;
        // A database of something else knows nothing of it, or of namesakes.
        if manifest.is_of(&tenants::created(&tables).await.context(OTHERWISE)?) {
            known.read_database(&tables).await.context(OTHERWISE)?;
            told = true;
        }
        tables.close().await;
    }
    Ok((known, told))
}

/// Removes the log that is there.
///
/// # Errors
/// When the broker refuses.
pub async fn remove_log(broker: &BrokerServer) -> anyhow::Result<()> {
    let restorer: Broker = broker.connect(User::Restore).await?;
    let removed = presdr_nats::snapshot::remove(&restorer).await;
    restorer.close().await;
    Ok(removed?)
}
