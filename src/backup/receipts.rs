//! `presdr receipts`: who was erased and who must not be contacted, in a file apart from both stores.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use presdr_compliance::receipts::{Kept, Receipts};
use presdr_nats::topology::User;
use presdr_store::{Role, backups, tenants};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::manifest::{Manifest, Tenants, hex};
use crate::{broker::BrokerServer, config::Config, database::DatabaseServer, output::Output};

/// The permanent name of the format.
const FORMAT: &str = "presdr receipts v1";

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    format: String,
    /// Whoever was erased after that is not in it.
    written_at: DateTime<Utc>,
    /// Which presdr they are of.
    tenants: Tenants,
}

/// The last line: of a file that was cut off there is none.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    sha256: String,
}

/// Writes the receipts and suppressions that are there to `file`.
///
/// # Errors
/// When a store cannot be read or the file not be written.
pub async fn run(file: &Path, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let (database, broker) = tokio::try_join!(DatabaseServer::open(config), BrokerServer::open(config))?;
    let gathered = gather(&database, &broker).await;
    broker.stop().await;
    database.stop().await;
    let (heading, receipts) = gathered?;
    write(file, &heading, &receipts)?;
    let answer = json!({ "file": file, "receipts": receipts.receipts(), "suppressions": receipts.suppressions() });
    output.answer(&answer, |_| {
        format!(
            "{} holds {} receipts of erasures and {} suppressions: keep it where neither store is, for `presdr restore --receipts`",
            file.display(),
            receipts.receipts(),
            receipts.suppressions()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn gather(database: &DatabaseServer, broker: &BrokerServer) -> anyhow::Result<(Heading, Receipts)> {
    let (pool, log) = (database.connect(Role::Producer).await?, broker.connect(User::Auditor).await?);
    let heading = Heading {
        format: FORMAT.to_owned(),
        written_at: backups::moment(&pool).await?,
        tenants: tenants::created(&pool).await?,
    };
    let mut receipts = Receipts::default();
    receipts.read_log(log.jetstream()).await?;
    receipts.read_database(&pool).await?;
    log.close().await;
    pool.close().await;
    Ok((heading, receipts))
}

fn write(path: &Path, heading: &Heading, receipts: &Receipts) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(heading)? + "\n";
    for kept in receipts.kept() {
        text += &(serde_json::to_string(&kept)? + "\n");
    }
    text += &(serde_json::to_string(&End { sha256: hex(&Sha256::digest(&text)) })? + "\n");
    let what = || format!("writing {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let options = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let mut file = options.with_context(what)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(what)?;
    fs::rename(&unfinished, path).with_context(what)
}

/// Takes in what a file holds, if it is of the presdr that was backed up. Tells when it was written.
///
/// # Errors
/// When it is not whole, not what [`run`] wrote, or of another presdr.
pub fn read(path: &Path, of: &Manifest, into: &mut Receipts) -> anyhow::Result<DateTime<Utc>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading the receipts in {}", path.display()))?;
    let damaged = || format!("the receipts in {} are damaged, or none: nothing was done", path.display());
    let Some(body) = text.trim_end().rsplit_once('\n').map(|(body, _)| &text[..=body.len()]) else { bail!(damaged()) };
    let End { sha256 } = serde_json::from_str(&text[body.len()..]).with_context(damaged)?;
    ensure!(sha256 == hex(&Sha256::digest(body)), damaged());
    let mut lines = body.lines();
    let heading: Heading = serde_json::from_str(lines.next().unwrap_or_default()).with_context(damaged)?;
    ensure!(heading.format == FORMAT, "{} is {:?}, this presdr reads {FORMAT:?}", path.display(), heading.format);
    ensure!(
        of.is_of(&heading.tenants),
        "the receipts in {} are of another presdr than the backup, or older than it: nothing was done",
        path.display()
    );
    for line in lines {
        let kept: Kept = serde_json::from_str(line).with_context(damaged)?;
        into.take(kept).with_context(damaged)?;
    }
    Ok(heading.written_at)
}

#[cfg(test)]
mod tests {
    use presdr_events::TenantId;

    use super::{super::manifest::tests::backup, *};

    fn acme(second: i64) -> Tenants {
        Tenants::from([(TenantId::new("acme").unwrap(), DateTime::from_timestamp(second, 0).unwrap())])
    }

    fn heading() -> Heading {
        let written_at = DateTime::from_timestamp(9, 0).unwrap();
        Heading { format: FORMAT.to_owned(), written_at, tenants: acme(1) }
    }

    fn backup_of(tenants: Tenants) -> Manifest {
        Manifest { tenants, ..backup().1 }
    }

    fn some() -> Receipts {
        let mut receipts = Receipts::default();
        let body = include_str!("../../events/samples/subject.erased.v1.json").to_owned();
        let tenant = serde_json::from_str::<serde_json::Value>(&body).unwrap()["tenantid"].as_str().unwrap().to_owned();
        receipts.take(Kept::Receipt { subject: format!("evt.{tenant}.subject.erased"), body }).unwrap();
        receipts
    }

    #[test]
    fn what_was_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        for receipts in [Receipts::default(), some()] {
            let (path, mut read_back) = (dir.path().join("receipts"), Receipts::default());
            write(&path, &heading(), &receipts).unwrap();
            read(&path, &backup_of(acme(1)), &mut read_back).unwrap();
            assert_eq!(read_back, receipts);
        }
    }

    #[test]
    fn a_file_that_is_cut_changed_or_of_another_presdr_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("receipts");
        write(&path, &heading(), &some()).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let cut: String = whole.lines().take(2).map(|line| format!("{line}\n")).collect();
        let without: String =
            whole.lines().filter(|line| !line.contains("receipt\"")).map(|line| format!("{line}\n")).collect();
        for damaged in [String::new(), "{}".to_owned(), cut, without, whole.replace("erased", "erbsed")] {
            fs::write(&path, &damaged).unwrap();
            let refused = format!("{:#}", read(&path, &backup_of(acme(1)), &mut Receipts::default()).unwrap_err());
            assert!(refused.contains("damaged"), "{damaged}: {refused}");
        }
        fs::write(&path, whole).unwrap();
        let refused = read(&path, &backup_of(acme(2)), &mut Receipts::default()).unwrap_err().to_string();
        assert!(refused.contains("another presdr"), "{refused}");
        read(&path, &backup_of(Tenants::new()), &mut Receipts::default()).unwrap();
    }
}
