//! What a backup is: its files with their hashes, and what belongs to it but is not in it. Written last: without it there is no backup.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use presdr_audit::Message;
use presdr_events::TenantId;
use presdr_nats::snapshot::Taken;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The database, as `pg_dump` writes it.
pub const DATABASE: &str = "database.dump";
/// The event log, as the broker writes it.
pub const LOG: &str = "events.snapshot";
const MANIFEST: &str = "manifest.json";
/// What this version writes and reads.
const FORMAT: u32 = 1;
/// Bytes hashed at a time.
const BLOCK_BYTES: usize = 1 << 16;

/// Tenants, and when each was created.
pub type Tenants = BTreeMap<TenantId, DateTime<Utc>>;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of all this.
    pub format: u32,
    /// Which presdr made it.
    pub presdr: String,
    /// Who made it.
    pub actor: String,
    /// When it was begun, as the database has the time: what was published since may be missing from the log.
    pub begun_at: DateTime<Utc>,
    /// The newest migration of the database's schema.
    pub migration: i64,
    /// The event log: identity, place of its end, where its durables stood, and what the broker needs to read it.
    pub log: Taken,
    /// SHA-256 of the log's last event then, where it is still there.
    pub last_event: Option<String>,
    /// Every tenant that there was, and when it was created: tells which presdr this is.
    pub tenants: Tenants,
    /// Events by tenant when it was begun: there are at least as many in the log.
    pub events: BTreeMap<TenantId, u64>,
    /// The names of the master keys that it opens with. The keys are not in it.
    pub master_keys: Vec<String>,
    /// Its files.
    pub files: BTreeMap<String, Written>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// The manifest as it is stored, with a hash over itself.
#[derive(Serialize, Deserialize)]
struct Sealed {
    sha256: String,
    manifest: Manifest,
}

impl Manifest {
    /// A manifest of what is in `dir`, but for its files.
    pub fn new(actor: String, begun_at: DateTime<Utc>, log: Taken) -> Self {
        let (presdr, migration) = (env!("CARGO_PKG_VERSION").to_owned(), presdr_store::newest_migration());
        let (tenants, events, master_keys, files) = (BTreeMap::new(), BTreeMap::new(), Vec::new(), BTreeMap::new());
        Self {
            format: FORMAT,
            presdr,
            actor,
            begun_at,
            migration,
            log,
            last_event: None,
            tenants,
            events,
            master_keys,
            files,
        }
    }

    /// Hashes the files and writes the manifest: from then on the backup is one.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn finish(mut self, dir: &Path) -> anyhow::Result<Self> {
        for name in [DATABASE, LOG] {
            let path = dir.join(name);
            File::open(&path)
                .and_then(|file| file.sync_all())
                .with_context(|| format!("writing {}", path.display()))?;
            self.files.insert(name.to_owned(), written(&path)?);
        }
        let sealed = serde_json::to_vec_pretty(&Sealed { sha256: self.hash()?, manifest: self.clone() })?;
        let (unfinished, path) = (dir.join("manifest.unfinished"), dir.join(MANIFEST));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(dir)?.sync_all()?;
        Ok(self)
    }

    /// Reads a backup's manifest and checks every file against it.
    ///
    /// # Errors
    /// When it is no backup, not a whole one, or a byte of it is another than it was.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(MANIFEST);
        let text = fs::read(&path).with_context(|| {
            format!("{} has no {MANIFEST}: it is no backup, or one that was not finished", dir.display())
        })?;
        let damaged = || format!("{} is damaged", path.display());
        let Sealed { sha256, manifest } = serde_json::from_slice(&text).with_context(damaged)?;
        ensure!(sha256 == manifest.hash()?, damaged());
        ensure!(manifest.format == FORMAT, "the backup has format {}, this presdr reads {FORMAT}", manifest.format);
        let known = presdr_store::newest_migration();
        let (theirs, version) = (manifest.migration, &manifest.presdr);
        ensure!(
            theirs <= known,
            "the backup is of a newer presdr ({version}): its schema is {theirs}, this one knows {known}"
        );
        for name in [DATABASE, LOG] {
            let (path, Some(wanted)) = (dir.join(name), manifest.files.get(name)) else { bail!(damaged()) };
            let found = written(&path)?;
            ensure!(found == *wanted, "{} is damaged: it is not what the backup wrote", path.display());
        }
        Ok(manifest)
    }

    /// Whether these tenants are of the presdr that was backed up, as it was then or later.
    pub fn is_of(&self, tenants: &Tenants) -> bool {
        self.tenants.iter().all(|(tenant, created)| tenants.get(tenant) == Some(created))
    }

    /// Names the backup: a hash over all that the manifest says.
    ///
    /// # Errors
    /// When the manifest has no JSON form.
    pub fn hash(&self) -> anyhow::Result<String> {
        Ok(hex(Sha256::digest(serde_json::to_vec(self)?).as_slice()))
    }
}

fn written(path: &Path) -> anyhow::Result<Written> {
    let hash = || -> io::Result<Written> {
        let (mut file, mut hasher, mut bytes) = (File::open(path)?, Sha256::new(), 0);
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let length = file.read(&mut block)?;
            if length == 0 {
                return Ok(Written { bytes, sha256: hex(hasher.finalize().as_slice()) });
            }
            hasher.update(&block[..length]);
            bytes += u64::try_from(length).unwrap_or(0);
        }
    };
    hash().with_context(|| format!("reading {}", path.display()))
}

/// SHA-256 of an event and where it stands, in lower-case hex.
pub fn event_hash(event: &Message) -> String {
    let mut hasher = Sha256::new();
    hasher.update(event.subject.as_bytes());
    hasher.update([0]);
    hasher.update(&event.body);
    hex(hasher.finalize().as_slice())
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;

    pub fn backup() -> (tempfile::TempDir, Manifest) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DATABASE), "rows").unwrap();
        fs::write(dir.path().join(LOG), "events").unwrap();
        let log = Taken {
            config: json!({ "name": "EVENTS" }),
            state: json!({ "last_seq": 7, "messages": 5 }),
            durables: BTreeMap::from([("run".to_owned(), 6)]),
        };
        let begun = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        (dir, Manifest::new("user:jo".to_owned(), begun, log))
    }

    #[test]
    fn a_finished_backup_reads_back() {
        let (dir, manifest) = backup();
        let written = manifest.finish(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), written);
        assert_eq!((written.log.last_sequence(), written.log.events()), (7, 5));
    }

    #[test]
    fn half_a_backup_and_a_damaged_one_are_refused() {
        let refused = |dir: &Path| format!("{:#}", Manifest::read(dir).unwrap_err());
        let (dir, manifest) = backup();
        assert!(refused(dir.path()).contains("not finished"));
        manifest.clone().finish(dir.path()).unwrap();
        let good = fs::read(dir.path().join(MANIFEST)).unwrap();
        for (file, content) in [(DATABASE, "row"), (DATABASE, "rowz"), (LOG, ""), (MANIFEST, "{"), (MANIFEST, "{}")] {
            let before = fs::read(dir.path().join(file)).unwrap();
            fs::write(dir.path().join(file), content).unwrap();
            assert!(refused(dir.path()).contains("is damaged"), "{file} {content:?}");
            fs::write(dir.path().join(file), before).unwrap();
        }
        let other = String::from_utf8(good).unwrap().replace("user:jo", "user:mo");
        fs::write(dir.path().join(MANIFEST), other).unwrap();
        assert!(refused(dir.path()).contains("is damaged"));
    }
}
