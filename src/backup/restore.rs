//! Reading a backup into both stores, and making sure that services can start on them.

use std::{collections::BTreeSet, path::Path, process::ExitCode};

use anyhow::{Context, ensure};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use presdr_audit::Log;
use presdr_events::TenantId;
use presdr_nats::{
    Broker, purge,
    snapshot::{self, Taken, Writer},
    topology::{self, TopologyConfig, User},
};
use presdr_projections::{
    ProjectorConfig,
    rebuild::{Rebuild, Rebuilt, rebuild},
};
use presdr_store::{Database, keys::rotation, make_roles, migrate_restoring, restoring, tenants};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use super::{
    Restore,
    again::{Again, Hands},
    manifest::{DATABASE, LOG, Manifest},
    newer::{Newer, TakenIn},
    place::{self, Place},
};
use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    output::{Output, progress},
};

/// What a restore came to.
struct Restored {
    again: Again,
    rebuilt: Rebuilt,
    tenants: usize,
    /// Up to when receipts are known, where a file tells them.
    known_at: Option<DateTime<Utc>>,
}

/// Reads a backup into both stores.
///
/// # Errors
/// Before anything is changed: when it is damaged, the master key is another, something is there that may not be lost, or nobody tells who
/// was erased since. Later: when a server fails; the same command begins again.
pub async fn run(command: &Restore, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let manifest = Manifest::read(&command.dir)?;
    place::check_master_keys(&manifest, &config.master_key_file())?;
    let database = DatabaseServer::open_as_it_is(config).await?;
    let broker = BrokerServer::open_as_it_is(config).await?;
    let restored = Box::pin(restore(command, &manifest, config, &database, &broker)).await;
    broker.stop().await;
    database.stop().await;
    answer(&manifest, &restored?, config, output)?;
    Ok(ExitCode::SUCCESS)
}

async fn restore(
    command: &Restore,
    manifest: &Manifest,
    config: &Config,
    database: &DatabaseServer,
    broker: &BrokerServer,
) -> anyhow::Result<Restored> {
    let Place { has_log, receipts, known_at } = place::look(command, manifest, database, broker).await?;
    let url = database.url().expose_secret();
    let kept: Vec<_> = receipts.kept().map(serde_json::to_value).collect::<Result<_, _>>()?;
    restoring::begin(url, &place::mark(command, manifest)?, &kept).await.context("emptying the database")?;
    make_roles(url).await?;
    presdr_servers::undump(url, &command.dir.join(DATABASE)).await.context("reading the database back")?;
    migrate_restoring(url).await?;
    let newer = match command.keep_log {
        true => Some(read_newer(manifest, broker).await?),
        false => {
            if has_log {
                place::remove_log(broker).await?;
            }
            let log = with_replicas(&manifest.log, command.replicas);
            read_log(&command.dir.join(LOG), broker, &log).await?;
            None
        }
    };
    let hands = Hands::open(config, database, broker).await?;
    let again = hands.all(manifest, &receipts, newer).await?;
    let rebuilt = rebuild_read_models(&hands, broker).await?;
    let tenants = check(manifest, broker, &hands, &rebuilt).await?;
    hands.close().await;
    restoring::finish(url).await?;
    Ok(Restored { again, rebuilt, tenants, known_at })
}

/// What the log that was kept tells of the time since the backup.
async fn read_newer(manifest: &Manifest, broker: &BrokerServer) -> anyhow::Result<Newer> {
    let reader = broker.connect(User::Auditor).await?;
    let mut tenants: BTreeSet<TenantId> = purge::events_by_tenant(&reader).await?.into_keys().collect();
    tenants.insert(TenantId::platform());
    let newer = Newer::read(&Log::open(&reader).await?, tenants.into_iter(), manifest.log.last_sequence()).await?;
    reader.close().await;
    Ok(newer)
}

fn with_replicas(log: &Taken, replicas: Option<u64>) -> Taken {
    let mut log = log.clone();
    if let (Some(replicas), Some(config)) = (replicas, log.config.as_object_mut()) {
        config.insert("num_replicas".to_owned(), replicas.into());
    }
    log
}

/// What the log is like, so that bringing the topology up to date changes nothing about it.
fn topology_of(log: &Taken) -> TopologyConfig {
    let number = |name: &str| log.config.get(name).and_then(serde_json::Value::as_i64);
    let default = TopologyConfig::default();
    let replicas = number("num_replicas").and_then(|replicas| usize::try_from(replicas).ok());
    TopologyConfig {
        replicas: replicas.unwrap_or(default.replicas),
        events_bytes_max: number("max_bytes").unwrap_or(default.events_bytes_max),
        ..default
    }
}

/// Reads the log in, and makes the durables that go on where they stood.
async fn read_log(file: &Path, broker: &BrokerServer, log: &Taken) -> anyhow::Result<()> {
    let restorer = broker.connect(User::Restore).await?;
    if let Err(error) = write_log(file, &restorer, log).await {
        // Some brokers keep a part.
        let _ = snapshot::remove(&restorer).await;
        return Err(error.context("reading the event log back"));
    }
    restorer.close().await;
    let admin = broker.connect(User::Topology).await?;
    topology::apply_from(&admin, &topology_of(log), &log.durables).await?;
    admin.close().await;
    Ok(())
}

async fn write_log(file: &Path, broker: &Broker, log: &Taken) -> anyhow::Result<()> {
    let mut file = tokio::fs::File::open(file).await.with_context(|| format!("reading {}", file.display()))?;
    let mut writer = snapshot::put_back(broker, log).await?;
    let bar = progress::bytes();
    let mut chunk = vec![0; Writer::BYTES_MAX];
    loop {
        let length = file.read(&mut chunk).await?;
        if length == 0 {
            bar.finish_and_clear();
            return Ok(writer.end().await?);
        }
        writer.write(Bytes::copy_from_slice(&chunk[..length])).await?;
        bar.inc(u64::try_from(length).unwrap_or(0));
    }
}

async fn rebuild_read_models(hands: &Hands<'_>, broker: &BrokerServer) -> anyhow::Result<Rebuilt> {
    let reader = broker.connect(User::Projector).await?;
    let bar = progress::bar(0, "events");
    let work = Rebuild {
        owner: &hands.owner,
        projector: &hands.office().projector,
        context: reader.jetstream(),
        keyring: &hands.office().desk.keyring(),
        only: &[],
        config: ProjectorConfig::default(),
        cancel: CancellationToken::new(),
    };
    let rebuilt = rebuild(work, |progress| {
        bar.set_length(progress.last.unsigned_abs());
        bar.set_position(progress.done.unsigned_abs());
    })
    .await;
    bar.finish_and_clear();
    reader.close().await;
    Ok(rebuilt?)
}

/// Whether everything is there. Tells how many tenants' keys open.
async fn check(
    manifest: &Manifest,
    broker: &BrokerServer,
    hands: &Hands<'_>,
    rebuilt: &Rebuilt,
) -> anyhow::Result<usize> {
    let reader = broker.connect(User::Eraser).await?;
    let last = topology::events(&reader).await?.cached_info().state.last_sequence;
    ensure!(
        last >= manifest.log.last_sequence(),
        "the log ends at {last}, and the backup's ended later: it is not whole"
    );
    ensure!(rebuilt.sequence.unsigned_abs() == last, "the read models end at {}, the log at {last}", rebuilt.sequence);
    let found = purge::events_by_tenant(&reader).await?;
    let closed = closed(&hands.owner).await?;
    for (tenant, wanted) in manifest.events.iter().filter(|(tenant, _)| !closed.contains(tenant)) {
        let found = found.get(tenant).copied().unwrap_or(0);
        ensure!(found >= *wanted, "tenant {tenant} has {found} events in the log, and had {wanted}: it is not whole");
    }
    reader.close().await;
    Ok(rotation::used(&hands.owner, &hands.office().desk.keyring()).await?.len())
}

async fn closed(owner: &Database) -> anyhow::Result<Vec<TenantId>> {
    let closed = tenants::all(owner).await?.into_iter().filter(tenants::Tenant::is_closed);
    Ok(closed.map(|tenant| tenant.id).collect())
}

fn answer(manifest: &Manifest, restored: &Restored, config: &Config, output: &Output) -> anyhow::Result<()> {
    let Restored { again, rebuilt, tenants, known_at } = restored;
    let answer = json!({
        "backup_begun_at": manifest.begun_at, "log_ends_at": rebuilt.sequence, "tenants_whose_keys_open": tenants, "again": again,
        "receipts_up_to": known_at, "audit_key_is_there": config.audit_key_file().exists(),
    });
    output.answer(&answer, |_| {
        let mut text = format!(
            "everything is restored as of {}: the log and the read models up to event {}, the keys of {tenants} tenants open.\n\
             Done again: {} events published, {} erasures of people, {} tenants erased, {} suppressions.",
            manifest.begun_at.format("%F %T UTC"),
            rebuilt.sequence,
            again.published,
            again.people,
            again.tenants.len(),
            again.suppressions
        );
        if let Some(at) = known_at {
            let at = at.format("%F %T UTC");
            text += &format!("\nReceipts are known up to {at}: whoever was erased after that is to be erased again.");
        }
        if again.lists_lost > 0 {
            text += &format!("\n{} lists of suppressions are lost: import them again.", again.lists_lost);
        }
        if let Some(newer) = &again.taken_in {
            text += &told_of_newer(newer);
        }
        if !config.audit_key_file().exists() {
            let file = config.audit_key_file();
            text += &format!("\nBring {} before you start a scheduler, or another key signs from here on.", file.display());
        }
        text + "\nNow start presdr."
    })
}

fn told_of_newer(newer: &TakenIn) -> String {
    let slugs = |tenants: &BTreeSet<TenantId>| tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join(", ");
    let mut text =
        format!("\nThe log is {} events newer than the database; {} runs are over.", newer.events, newer.runs_ended);
    if !newer.tenants_made_anew.is_empty() {
        text += &format!("\nMade anew, with new keys: {}.", slugs(&newer.tenants_made_anew));
    }
    if !newer.settings_lost.is_empty() {
        text += &format!("\nSet settings and sample customers again: {}.", slugs(&newer.settings_lost));
    }
    if newer.consents_lost > 0 {
        text += &format!("\n{} consents are lost: record them again.", newer.consents_lost);
    }
    text
}
