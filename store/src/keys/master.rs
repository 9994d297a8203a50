//! Master keys: files that hold them, and the ring of those that a process knows.
//!
//! While the master key is changed some tenants' keys are wrapped by the old one and some by the new one. Each says by which, and a process
//! that meets a master key that it does not know reads its file again: it needs no restart.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_events::Key;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// Names a master key and tells nothing about it: half of a hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct MasterId(String);

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A master key and its name.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    id: MasterId,
    key: Key,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl MasterKey {
    /// A master key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"presdr master key id v1\0");
        hasher.update(key.bytes());
        let id = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { id: MasterId(id), key }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &MasterId {
        &self.id
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The line that stands for it in a file.
    #[must_use]
    pub fn line(&self) -> String {
        STANDARD.encode(self.key.bytes())
    }
}

/// Reads the master keys in a file: each is 32 bytes as base64 on a line of its own.
///
/// # Errors
/// [`StoreError::Refused`] when the file cannot be read or holds something else; its content is never shown.
pub fn read(path: &Path) -> Result<Vec<MasterKey>, StoreError> {
    let unusable = |why: &str| StoreError::Refused(format!("master key file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error.to_string()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys = lines.map(|line| {
        let bytes = STANDARD.decode(line).map_err(|_| unusable("not base64"))?;
        Key::from_slice(&bytes).map(MasterKey::new).map_err(|_| unusable("not 32 bytes"))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(unusable("it is empty")) } else { Ok(keys) }
}

/// The master keys that this process knows.
pub(super) struct Ring {
    keys: Mutex<Vec<MasterKey>>,
    file: Option<PathBuf>,
}

impl Ring {
    pub fn new(keys: Vec<MasterKey>, file: Option<PathBuf>) -> Self {
        Self { keys: Mutex::new(keys), file }
    }

    /// All of them, as far as they are read.
    pub fn known(&self) -> Vec<MasterKey> {
        self.lock().clone()
    }

    /// The one of that name. When it is not known the file is read again.
    pub fn find(&self, id: &MasterId) -> Option<MasterKey> {
        let find = || self.lock().iter().find(|master| master.id == *id).cloned();
        find().or_else(|| {
            self.read_again();
            find()
        })
    }

    fn read_again(&self) {
        let Some(file) = &self.file else { return };
        match read(file) {
            Ok(keys) => *self.lock() = keys,
            Err(error) => tracing::warn!(%error, "could not read the master keys again"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<MasterKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::new(Key::new([byte; 32]))
    }

    #[test]
    fn a_key_that_was_added_to_the_file_is_found_without_a_restart() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), master(1).line()).unwrap();
        let ring = Ring::new(read(file.path()).unwrap(), Some(file.path().to_owned()));
        assert_eq!(ring.find(master(2).id()), None);
        std::fs::write(file.path(), format!("{}\n\n{}\n", master(1).line(), master(2).line())).unwrap();
        assert_eq!(ring.find(master(2).id()), Some(master(2)));
        std::fs::write(file.path(), "c2VjcmV0\n").unwrap();
        assert_eq!(ring.find(master(3).id()), None);
        assert_eq!(ring.known(), [master(1), master(2)], "a file that cannot be used takes nothing away");
    }

    #[test]
    fn a_name_tells_keys_apart_and_nothing_else_is_printed() {
        assert_ne!(master(1).id(), master(2).id());
        assert_eq!(format!("{:?}", master(1)), format!("MasterKey({})", master(1).id()));
        assert!(!format!("{:?}", master(1)).contains(&master(1).line()));
    }
}
