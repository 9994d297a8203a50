//! Reading a backup into empty stores, and making sure that services can start on them.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
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
use presdr_store::{
    Database, Role, backups,
    keys::{Keyring, rotation},
    make_roles, tenants,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use super::manifest::{DATABASE, LOG, Manifest};
use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    output::{Output, progress},
};

/// What a restore came to.
struct Restored {
    unpublished: u64,
    purged: u64,
    rebuilt: Rebuilt,
    tenants: usize,
}

/// Reads a backup into empty stores.
///
/// # Errors
/// When it is damaged, a store is not empty, the master key is another, or something is missing at the end.
pub async fn run(dir: &Path, replicas: Option<u64>, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let manifest = Manifest::read(dir)?;
    check_master_keys(&manifest, &config.master_key_file())?;
    let database = DatabaseServer::open_as_it_is(config).await?;
    let broker = BrokerServer::open_as_it_is(config).await?;
    let restored = restore(dir, replicas, &manifest, &database, &broker).await;
    broker.stop().await;
    database.stop().await;
    answer(&manifest, &restored?, output)?;
    Ok(ExitCode::SUCCESS)
}

fn check_master_keys(manifest: &Manifest, file: &Path) -> anyhow::Result<()> {
    let held = presdr_store::keys::master::read(file)?;
    let missing = manifest.master_keys.iter().find(|id| !held.iter().any(|key| key.id().to_string() == **id));
    match missing {
        None => Ok(()),
        Some(id) => bail!(
            "the backup opens with master key {id}, which {} does not hold: bring it from where keys are kept; nothing was done",
            file.display()
        ),
    }
}

async fn restore(
    dir: &Path,
    replicas: Option<u64>,
    manifest: &Manifest,
    database: &DatabaseServer,
    broker: &BrokerServer,
) -> anyhow::Result<Restored> {
    let url = database.url().expose_secret();
    let admin = broker.connect(User::Topology).await?;
    ensure!(backups::is_empty(url).await?, "the database is not empty: a restore needs an empty one; nothing was done");
    ensure!(
        topology::events(&admin).await.is_err(),
        "the broker has an event log: a restore needs a broker without; nothing was done"
    );
    make_roles(url).await?;
    presdr_servers::undump(url, &dir.join(DATABASE)).await.context("reading the database back")?;
    database.migrate().await?;
    let log = with_replicas(&manifest.log, replicas);
    let backup = broker.connect(User::Backup).await?;
    read_log(&dir.join(LOG), &backup, &log).await?;
    backup.close().await;
    topology::apply(&admin, &topology_of(&log)).await?;
    let owner = database.connect(Role::Owner).await?;
    let unpublished = backups::publish_again(&owner, manifest.begun_at).await?;
    let purged = erase_again(&owner, broker).await?;
    let keyring = database.keyring()?;
    let rebuilt = rebuild_read_models(database, &owner, broker, &keyring).await?;
    let tenants = check(manifest, &admin, &owner, &keyring, &rebuilt).await?;
    owner.close().await;
    admin.close().await;
    Ok(Restored { unpublished, purged, rebuilt, tenants })
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
    TopologyConfig {
        replicas: number("num_replicas")
            .and_then(|replicas| usize::try_from(replicas).ok())
            .unwrap_or(default.replicas),
        events_bytes_max: number("max_bytes").unwrap_or(default.events_bytes_max),
        ..default
    }
}

async fn read_log(file: &Path, broker: &Broker, log: &Taken) -> anyhow::Result<()> {
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

/// Removes the events of tenants that were erased between the two stores' moments. Tells how many there were.
async fn erase_again(owner: &Database, broker: &BrokerServer) -> anyhow::Result<u64> {
    let eraser = broker.connect(User::Eraser).await?;
    let mut removed = 0;
    for tenant in tenants::all(owner).await?.into_iter().filter(tenants::Tenant::is_closed) {
        removed += purge::remove_tenant(&eraser, &tenant.id).await?;
    }
    eraser.close().await;
    Ok(removed)
}

async fn rebuild_read_models(
    database: &DatabaseServer,
    owner: &Database,
    broker: &BrokerServer,
    keyring: &Keyring,
) -> anyhow::Result<Rebuilt> {
    let (projector, reader) = (database.connect(Role::Projector).await?, broker.connect(User::Projector).await?);
    let bar = progress::bar(0, "events");
    let work = Rebuild {
        owner,
        projector: &projector,
        context: reader.jetstream(),
        keyring,
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
    projector.close().await;
    Ok(rebuilt?)
}

/// Whether everything is there. Tells how many tenants' keys open.
async fn check(
    manifest: &Manifest,
    broker: &Broker,
    owner: &Database,
    keyring: &Keyring,
    rebuilt: &Rebuilt,
) -> anyhow::Result<usize> {
    let events = topology::events(broker).await?;
    let last = events.cached_info().state.last_sequence;
    ensure!(
        last >= manifest.log.last_sequence(),
        "the log ends at {last}, and the backup's ended later: it is not whole"
    );
    ensure!(rebuilt.sequence.unsigned_abs() == last, "the read models end at {}, the log at {last}", rebuilt.sequence);
    let closed: Vec<TenantId> =
        tenants::all(owner).await?.into_iter().filter(tenants::Tenant::is_closed).map(|tenant| tenant.id).collect();
    let found = purge::events_by_tenant(broker).await?;
    for (tenant, wanted) in manifest.events.iter().filter(|(tenant, _)| !closed.contains(tenant)) {
        let found = found.get(tenant).copied().unwrap_or(0);
        ensure!(found >= *wanted, "tenant {tenant} has {found} events in the log, and had {wanted}: it is not whole");
    }
    Ok(rotation::used(owner, keyring).await?.len())
}

fn answer(manifest: &Manifest, restored: &Restored, output: &Output) -> anyhow::Result<()> {
    let answer = json!({
        "backup_begun_at": manifest.begun_at, "log_ends_at": restored.rebuilt.sequence, "events_read": restored.rebuilt.read,
        "to_be_published": restored.unpublished, "events_of_erased_tenants_removed": restored.purged,
        "tenants_whose_keys_open": restored.tenants,
    });
    output.answer(&answer, |_| {
        format!(
            "everything is restored as of {}: the log and the read models up to event {}, the keys of {} tenants open. {} events that the \
             database was ahead of the log with are published when workers start. Now start presdr",
            manifest.begun_at.format("%F %T UTC"),
            restored.rebuilt.sequence,
            restored.tenants,
            restored.unpublished
        )
    })
}
