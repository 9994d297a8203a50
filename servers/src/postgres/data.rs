//! Where the data lies, whose it is, and how it comes to be.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::Uid;

use super::{Durability, SUPERUSER, settings};
use crate::ServerError;
use crate::account::Account;
use crate::home::{Home, write_private};
use crate::process::bound_command;
use crate::program::Program;

/// Where root's data goes when the server's user cannot reach root's own directory.
const REACHABLE_BY_ALL: &str = "/var/lib/presdr";
/// Bytes of randomness in the superuser's password.
const PASSWORD_BYTES: usize = 24;

/// A directory for the data and the password, and the account they belong to.
pub(super) struct Place {
    dir: PathBuf,
    account: Account,
}

impl Place {
    /// `home` itself, unless its path bars the server's user: then a directory that does not, with a link to the data in `home`.
    pub(super) fn choose(home: &Home) -> Result<Self, ServerError> {
        let linked = fs::canonicalize(home.join("data")).unwrap_or_else(|_| home.join("data"));
        let account = Account::for_database(&linked);
        if account != Account::Own {
            home.let_through()?;
        }
        let Some(barrier) = account.barred_by(home.dir()) else {
            return Ok(Self { dir: home.dir().into(), account });
        };
        let name = home.dir().to_string_lossy().trim_matches('/').replace('/', "-");
        let dir = Path::new(REACHABLE_BY_ALL).join(name);
        fs::create_dir_all(&dir).map_err(ServerError::file("make directory", &dir))?;
        let link = home.join("data");
        if fs::symlink_metadata(&link).is_err() {
            std::os::unix::fs::symlink(dir.join("data"), &link).map_err(ServerError::file("link", &link))?;
            let (barrier, dir) = (barrier.display(), dir.display());
            tracing::warn!(
                "the database does not run as root, and its user may not enter {barrier}: its data is in {dir}"
            );
        }
        Ok(Self { dir, account })
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(super) fn account(&self) -> Account {
        self.account
    }

    /// The major version of the server that wrote the data, if there is any.
    pub(super) fn major_version(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    pub(super) fn written_by_other(&self, version: u32) -> ServerError {
        ServerError::OtherVersion { dir: self.data(), version: version.to_string() }
    }

    /// Removes the data.
    pub(super) fn clear(&self) -> Result<(), ServerError> {
        remove(&self.data())
    }

    /// The superuser's password, made with the data.
    pub(super) fn password(&self) -> Result<String, ServerError> {
        let path = self.dir.join("password");
        fs::read_to_string(&path).map_err(ServerError::file("read", &path))
    }

    /// Makes the data if there is none. It appears whole or not at all, so a crash half-way is simply begun again.
    pub(super) async fn fill(&self, program: &Program, durability: Durability) -> Result<(), ServerError> {
        if self.major_version().is_some() {
            return Ok(());
        }
        let unfinished = self.dir.join("data.new");
        remove(&unfinished)?;
        match durability {
            Durability::Full => self.make(program, &unfinished, durability).await?,
            Durability::Test => self.copy_or_make(program, &unfinished).await?,
        }
        let data = self.data();
        remove(&data)?;
        fs::rename(&unfinished, &data).map_err(ServerError::file("put in place", &data))
    }

    /// initdb takes a second or two, and each test process may want a server: the first leaves a copy for the others.
    async fn copy_or_make(&self, program: &Program, unfinished: &Path) -> Result<(), ServerError> {
        let Some(store) = private_store() else {
            return self.make(program, unfinished, Durability::Test).await;
        };
        let owner = if let Account::Other { uid, .. } = self.account { uid } else { Uid::effective().as_raw() };
        let kept = store.join(format!("initdb-{}-{owner}", program.version_text()));
        if kept.is_dir() && copy(&kept, unfinished).await.is_ok() {
            return Ok(());
        }
        remove(unfinished)?;
        self.make(program, unfinished, Durability::Test).await?;
        let arriving = store.join(format!("arriving-{:x}", rand::random::<u64>()));
        // Another process may have put its own there meanwhile: either will do.
        if copy(unfinished, &arriving).await.is_err() || fs::rename(&arriving, &kept).is_err() {
            remove(&arriving)?;
        }
        Ok(())
    }

    async fn make(&self, program: &Program, data: &Path, durability: Durability) -> Result<(), ServerError> {
        fs::create_dir(data).map_err(ServerError::file("make directory", data))?;
        self.account.own(data)?;
        let initdb = program.path.join("initdb");
        let mut command = bound_command(&initdb, Signal::SIGKILL);
        command.arg("-D").arg(data).args(["--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--username={SUPERUSER}")).arg(format!("--locale={}", settings::LOCALE));
        match durability {
            Durability::Full => {
                let password = self.dir.join("password");
                write_private(&password, &new_password())?;
                self.account.own(&password)?;
                command.args(["--auth=scram-sha-256", "--data-checksums"]).arg("--pwfile").arg(&password);
            }
            Durability::Test => {
                command.args(["--auth=trust", "--no-sync"]);
            }
        }
        command.current_dir(data);
        program.set_libraries(&mut command);
        self.account.run(&mut command);
        run("initdb", command).await
    }
}

fn new_password() -> String {
    rand::random::<[u8; PASSWORD_BYTES]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Copies a data directory with its owners and permissions.
async fn copy(from: &Path, to: &Path) -> Result<(), ServerError> {
    let mut command = bound_command(Path::new("cp"), Signal::SIGKILL);
    command.arg("-Rp").arg(from).arg(to);
    run("cp", command).await
}

async fn run(program: &'static str, command: Command) -> Result<(), ServerError> {
    let path = PathBuf::from(command.get_program());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await;
    let output = output.map_err(|source| ServerError::Run { program: path, source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(ServerError::Ended { program, status: output.status, said: String::from_utf8_lossy(&said).trim().to_owned() })
}

/// A directory of this user alone among the temporary ones, or none if somebody else has taken its name.
fn private_store() -> Option<PathBuf> {
    let own = Uid::effective().as_raw();
    let store = env::temp_dir().join(format!("presdr-store-{own}"));
    fs::create_dir_all(&store).ok()?;
    let found = fs::symlink_metadata(&store).ok()?;
    let is_ours = found.is_dir() && found.uid() == own;
    (is_ours && fs::set_permissions(&store, fs::Permissions::from_mode(0o700)).is_ok()).then_some(store)
}

fn remove(dir: &Path) -> Result<(), ServerError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(ServerError::file("remove", dir)),
    }
}
