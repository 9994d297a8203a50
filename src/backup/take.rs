//! Writing a backup while everything runs.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail};
use futures::TryStreamExt;
use presdr_audit::Log;
use presdr_nats::{
    Broker, purge,
    snapshot::{self, Taken},
    topology::User,
};
use presdr_store::{Database, Role, backups, keys::rotation, tenants};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::manifest::{DATABASE, LOG, Manifest, event_hash};
use crate::{
    config::Config,
    output::{Output, progress},
    session::Session,
};

/// Tables whose rows are not written: how far the read models have read, the registry load in hand, and who is signed in: a session that was
/// ended since must not come back.
const WITHOUT_ROWS: [&str; 3] = ["public.projection_checkpoints", "public.staging_acra_companies", "public.sessions"];
/// A rebuild in hand.
const WITHOUT: [&str; 1] = ["rebuild.*"];
/// How often it is begun again because an audit checkpoint was made meanwhile.
const TRIES: usize = 3;

/// Writes both stores to `dir`.
///
/// # Errors
/// When a store cannot be read or the folder not be written.
pub async fn run(
    dir: &Path,
    backup_url: Option<&SecretString>,
    config: &Config,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    make_folder(dir)?;
    let session = Session::open(config).await?;
    let owner = session.database().connect(Role::Owner).await?;
    let log = match backup_url {
        Some(url) => Broker::connect(url.expose_secret(), None).await?,
        None => session.broker.connect(User::Backup).await?,
    };
    let manifest = write(dir, &session, &owner, &log).await;
    log.close().await;
    owner.close().await;
    session.end().await;
    answer(dir, &manifest?, output)?;
    Ok(ExitCode::SUCCESS)
}

fn make_folder(dir: &Path) -> anyhow::Result<()> {
    let what = || format!("making the folder {}", dir.display());
    DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(what)?;
    match fs::read_dir(dir).with_context(what)?.next() {
        Some(_) => bail!("{} is not empty: a backup has a folder of its own", dir.display()),
        None => Ok(()),
    }
}

async fn write(dir: &Path, session: &Session, owner: &Database, log: &Broker) -> anyhow::Result<Manifest> {
    for _ in 0..TRIES {
        let begun_at = backups::moment(owner).await?;
        let mut keys = master_keys(session, owner).await?;
        let events = purge::events_by_tenant(log).await?;
        let taken = write_log(&dir.join(LOG), log).await?;
        write_database(&dir.join(DATABASE), session, owner).await?;
        // Such a checkpoint would tell of events that the restored log has in other places.
        if backups::is_audited_beyond(owner, taken.last_sequence()).await? {
            continue;
        }
        // The master key may have been changed meanwhile.
        keys.extend(master_keys(session, owner).await?);
        let mut manifest = Manifest::new(session.desk.actor().as_str().to_owned(), begun_at, taken);
        (manifest.events, manifest.master_keys) = (events, keys.into_iter().collect());
        manifest.tenants = tenants::created(owner).await?;
        manifest.last_event = event_at(log, manifest.log.last_sequence()).await?;
        return manifest.finish(dir);
    }
    bail!("audit checkpoints were made each time while it was written: do it again later")
}

/// SHA-256 of the event at this place of the log, where there is one.
///
/// # Errors
/// When the broker does not answer.
pub async fn event_at(broker: &Broker, sequence: u64) -> anyhow::Result<Option<String>> {
    let events: Vec<_> = Log::open(broker).await?.at(vec![sequence]).try_collect().await?;
    Ok(events.first().map(event_hash))
}

async fn master_keys(session: &Session, owner: &Database) -> anyhow::Result<BTreeSet<String>> {
    let used = rotation::used(owner, &session.desk.keyring()).await?;
    Ok(used.into_iter().map(|(_, id)| id.to_string()).collect())
}

async fn write_log(file: &Path, broker: &Broker) -> anyhow::Result<Taken> {
    let options = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(file);
    let mut file = tokio::fs::File::from_std(options.with_context(|| format!("writing {}", file.display()))?);
    let (taken, mut chunks) = snapshot::take(broker).await?;
    let bar = progress::bytes();
    while let Some(chunk) = chunks.next().await? {
        file.write_all(&chunk).await?;
        bar.inc(u64::try_from(chunk.len()).unwrap_or(0));
    }
    file.flush().await?;
    bar.finish_and_clear();
    Ok(taken)
}

async fn write_database(file: &Path, session: &Session, owner: &Database) -> anyhow::Result<()> {
    let projections = backups::projections(owner).await?;
    let without_rows: Vec<String> =
        projections.iter().map(|table| format!("public.{table}")).chain(WITHOUT_ROWS.map(str::to_owned)).collect();
    let url = session.database().url().expose_secret();
    presdr_servers::dump(url, file, &without_rows, &WITHOUT).await.context(
        "writing the database needs a role that row level security does not keep from rows, such as the superuser: give its URL with \
         --database-url",
    )?;
    let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(file, owner_alone).with_context(|| format!("writing {}", file.display()))
}

fn answer(dir: &Path, manifest: &Manifest, output: &Output) -> anyhow::Result<()> {
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    let answer = json!({
        "backup": dir, "begun_at": manifest.begun_at, "events": manifest.log.events(), "log_ends_at": manifest.log.last_sequence(),
        "bytes": bytes, "master_keys_apart": manifest.master_keys, "files": manifest.files,
    });
    output.answer(&answer, |_| {
        format!(
            "{} holds the database and the log up to event {} ({:.1} MB). It opens with master key {}, which is not in it: keep the key apart",
            dir.display(),
            manifest.log.last_sequence(),
            megabytes(bytes),
            manifest.master_keys.join(" and ")
        )
    })
}

#[allow(clippy::cast_precision_loss, reason = "a size to look at")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
