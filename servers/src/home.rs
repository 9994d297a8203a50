//! The directory that a server keeps everything in, held by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::ServerError;

/// A log longer than this, in bytes, is put aside as `log.old` at the next start.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How much of the end of a log goes into an error, in bytes.
const SAID_BYTES_MAX: u64 = 1_500;

/// A server's directory, locked until dropped or this process dies.
pub(crate) struct Home {
    dir: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the directory if need be and locks it.
    pub(crate) fn open(dir: &Path) -> Result<Self, ServerError> {
        fs::create_dir_all(dir).map_err(ServerError::file("make directory", dir))?;
        let dir = dir.canonicalize().map_err(ServerError::file("find directory", dir))?;
        let path = dir.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = open.map_err(ServerError::file("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid); // only for the message
                let pid = if pid.trim().is_empty() { "(unknown)".into() } else { pid.trim().to_owned() };
                return Err(ServerError::InUse { dir, pid });
            }
            Err(TryLockError::Error(source)) => {
                return Err(ServerError::File { action: "lock", path, source });
            }
        }
        let written = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
        written.map_err(ServerError::file("write", &path))?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where it is, as an absolute path without links.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path inside.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Lets other users pass through to what is inside and theirs.
    pub(crate) fn let_through(&self) -> Result<(), ServerError> {
        let found = fs::metadata(&self.dir).map_err(ServerError::file("look at", &self.dir))?;
        let mode = found.permissions().mode() | 0o111;
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(mode))
            .map_err(ServerError::file("open up", &self.dir))
    }

    /// The file `name` of a directory that a living process holds.
    pub(crate) fn read_of_running(dir: &Path, name: &str) -> Option<String> {
        let lock = File::open(dir.join("lock")).ok()?;
        let is_held = matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock));
        is_held.then(|| fs::read_to_string(dir.join(name)).ok()).flatten()
    }

    /// What is written in a small file inside, if it is there.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.join(name)).ok()
    }

    /// Writes a small file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), ServerError> {
        write_private(&self.join(name), text)
    }

    /// Somewhere for a child to write to: the end of `log`.
    pub(crate) fn log(&self) -> Result<(Stdio, Stdio), ServerError> {
        let path = self.join("log");
        if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            fs::rename(&path, self.join("log.old")).map_err(ServerError::file("put aside", &path))?;
        }
        let open = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let log = open.map_err(ServerError::file("open", &path))?;
        let twin = log.try_clone().map_err(ServerError::file("open", &path))?;
        Ok((log.into(), twin.into()))
    }

    /// How long the log is now, in bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        fs::metadata(self.join("log")).map_or(0, |found| found.len())
    }

    /// The end of what the log says after its first `skip_bytes`, for an error.
    pub(crate) fn said_after(&self, skip_bytes: u64) -> String {
        let Ok(mut log) = File::open(self.join("log")) else {
            return String::new();
        };
        let start = self.log_bytes().saturating_sub(SAID_BYTES_MAX).max(skip_bytes);
        let mut bytes = Vec::new();
        let _ = log.seek(SeekFrom::Start(start)).and_then(|_| log.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), ServerError> {
    let unfinished = path.with_extension("new");
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let written = open.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&unfinished, path)).map_err(ServerError::file("write", path))
}
