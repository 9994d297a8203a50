//! Where a restore goes: what is there, whether it may go, and who was erased as far as that tells. Nothing is changed here.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
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

use super::{Restore, manifest::Manifest, receipts, take};
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
    /// Up to when files tell it.
    pub known_at: Option<DateTime<Utc>>,
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
    let goes_on = found == Found::CutOff { backup: mark(command, manifest)? };
    if !goes_on && !command.replace {
        let cure = "nothing was done. Restore into an empty database and a broker without an event log, or say --replace: then what is \
                    there is lost, so take a backup of it first if any of it matters";
        ensure!(!matches!(found, Found::Tables), "the database is not empty: {cure}");
        ensure!(!matches!(found, Found::CutOff { .. }), "another restore into this database was cut off: {cure}");
        ensure!(
            !has_log || command.keep_log,
            "the broker has an event log: {cure}. Where the database alone is lost, --keep-log keeps the log"
        );
    }
    if command.keep_log {
        is_the_same_log(manifest, log_ends_at, broker).await?;
    }
    let Known { receipts, told, at } = known(command, manifest, &found, has_log, database, broker).await?;
    // A log that ends before the backup's was not there when the backup was taken.
    let told = told || goes_on || log_ends_at >= Some(manifest.log.last_sequence().max(1));
    ensure!(
        told,
        "nothing here tells who was erased since {}, when the backup was taken: they must not come back. Give a file that `presdr receipts` \
         wrote after that, with --receipts, or say --no-receipts if nobody was erased and nobody asked not to be contacted; nothing was done",
        manifest.begun_at.format("%F %T UTC")
    );
    if found != Found::Nothing {
        wait_for_others(url).await?;
    }
    Ok(Place { has_log, receipts, known_at: at })
}

/// What a restore leaves for the next when it is cut off: another kind of restore does not go on with it.
///
/// # Errors
/// When the manifest has no JSON form.
pub fn mark(command: &Restore, manifest: &Manifest) -> anyhow::Result<String> {
    let beside = if command.keep_log { " beside the log that is there" } else { "" };
    Ok(format!("{}{beside}", manifest.hash()?))
}

/// Whether the log is the one that was backed up, or what became of it.
async fn is_the_same_log(manifest: &Manifest, ends_at: Option<u64>, broker: &BrokerServer) -> anyhow::Result<()> {
    let ended_at = manifest.log.last_sequence();
    let Some(ends_at) = ends_at else {
        bail!("there is no event log to keep: restore without --keep-log; nothing was done")
    };
    ensure!(
        ends_at >= ended_at,
        "the event log ends at {ends_at}, and the backup's at {ended_at}: an older log cannot be kept. Restore both; nothing was done"
    );
    let reader = broker.connect(User::Auditor).await?;
    let there = take::event_at(&reader, ended_at).await?;
    reader.close().await;
    // The event may have gone with its tenant since.
    let same = there.is_none() || manifest.last_event.is_none() || there == manifest.last_event;
    ensure!(same, "the event log is another one than was backed up: event {ended_at} differs; nothing was done");
    Ok(())
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

/// Who was erased since the backup was taken, as far as anything tells that.
struct Known {
    receipts: Receipts,
    /// Whether the command, a file or a database tells.
    told: bool,
    /// When the newest file was written.
    at: Option<DateTime<Utc>>,
}

/// Gathers what is known.
async fn known(
    command: &Restore,
    manifest: &Manifest,
    found: &Found,
    has_log: bool,
    database: &DatabaseServer,
    broker: &BrokerServer,
) -> anyhow::Result<Known> {
    let (mut known, mut at) = (Receipts::default(), None);
    for file in &command.receipts {
        at = at.max(Some(receipts::read(file, manifest, &mut known)?));
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
    // A file that is older than the backup cannot know what came after it.
    let mut told = command.no_receipts || at >= Some(manifest.begun_at);
    if *found == Found::Tables {
        let tables = database.connect(Role::Producer).await.context(OTHERWISE)?;
        // A database of something else knows nothing of it, or of namesakes.
        if manifest.is_of(&tenants::created(&tables).await.context(OTHERWISE)?) {
            known.read_database(&tables).await.context(OTHERWISE)?;
            told = true;
        }
        tables.close().await;
    }
    Ok(Known { receipts: known, told, at })
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
