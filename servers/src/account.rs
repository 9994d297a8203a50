//! Which user a server runs as. PostgreSQL refuses to run as root, so for root it is another.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Uid, User};

use crate::ServerError;

/// Users that may run the database for root, best first. Both are on every Debian with the server installed.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// The user a server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever runs this process.
    Own,
    /// Somebody with fewer rights, since this process is root's.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// The account for a database with its data in `data`: whoever owns the data already, if anybody.
    pub(crate) fn for_database(data: &Path) -> Self {
        if !Uid::effective().is_root() {
            return Self::Own;
        }
        if let Ok(owned) = fs::metadata(data)
            && owned.uid() != 0
        {
            return Self::Other { uid: owned.uid(), gid: owned.gid() };
        }
        let users = STAND_INS.iter().filter_map(|name| User::from_name(name).ok().flatten());
        let ids = users.map(|user| Self::Other { uid: user.uid.as_raw(), gid: user.gid.as_raw() });
        ids.into_iter().next().unwrap_or(Self::Own)
    }

    /// Makes `command` run as this account.
    pub(crate) fn run(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Makes the account own `path`.
    pub(crate) fn own(self, path: &Path) -> Result<(), ServerError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .map_err(ServerError::file("give to the database's user", path)),
        }
    }

    /// The directory above or at `dir` that keeps the account from reaching it, if any.
    pub(crate) fn barred_by(self, dir: &Path) -> Option<PathBuf> {
        let Self::Other { uid, gid } = self else {
            return None;
        };
        let enters = |path: &&Path| {
            fs::metadata(path).is_ok_and(|found| {
                let mode = found.permissions().mode();
                let bit = if found.uid() == uid {
                    0o100
                } else if found.gid() == gid {
                    0o010
                } else {
                    0o001
                };
                mode & bit != 0
            })
        };
        dir.ancestors().find(|path| !enters(path)).map(Path::to_path_buf)
    }
}
