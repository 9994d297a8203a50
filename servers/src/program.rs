//! Finding the server programs that are installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ServerError;

/// The oldest PostgreSQL that will do.
pub const POSTGRES_VERSION_MIN: &str = "15";
/// The oldest NATS server that will do: before it a membership change could lose acknowledged messages.
pub const NATS_VERSION_MIN: &str = "2.12.3";

const POSTGRES_CURE: &str = "run `make install`, or install your system's PostgreSQL server package \
    (Debian and Ubuntu: postgresql), or set PRESDR_POSTGRES_BIN to the directory that holds `postgres` and `initdb`";
const NATS_CURE: &str = "run `make install`, or install nats-server from your system or https://nats.io, or set PRESDR_NATS_SERVER to its path";

/// An installed program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `nats-server`, or the directory that holds `postgres` and `initdb`.
    pub path: PathBuf,
    /// Its version, each number on its own: `[15, 13]`.
    pub version: Vec<u32>,
    /// Where its shared libraries are, if not where the system looks.
    pub libraries: Vec<PathBuf>,
}

impl Program {
    /// The first number of the version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.version.first().copied().unwrap_or_default()
    }

    /// The version as people write it.
    #[must_use]
    pub fn version_text(&self) -> String {
        self.version.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }

    /// Makes `command` find the program's libraries.
    pub(crate) fn set_libraries(&self, command: &mut Command) {
        if let Ok(path) = env::join_paths(&self.libraries)
            && !path.is_empty()
        {
            command.env("LD_LIBRARY_PATH", path);
        }
    }
}

/// The newest installed PostgreSQL server, or the one of `major` version if that is given.
///
/// # Errors
/// When none is installed that is new enough.
pub fn find_postgres(major: Option<u32>) -> Result<Program, ServerError> {
    let mut found: Vec<Program> = postgres_directories().into_iter().filter_map(postgres_in).collect();
    found.sort_by(|a, b| b.version.cmp(&a.version)); // stable: of equals, the one asked for first
    choose("PostgreSQL server", POSTGRES_VERSION_MIN, POSTGRES_CURE, found, |program| {
        major.is_none_or(|major| program.major() == major)
    })
}

/// The NATS server to use: the one asked for, else ours, else the system's.
///
/// # Errors
/// When none is installed that is new enough.
pub fn find_nats() -> Result<Program, ServerError> {
    let mut paths: Vec<PathBuf> = env::var_os("PRESDR_NATS_SERVER").map(PathBuf::from).into_iter().collect();
    paths.extend(tools().map(|tools| tools.join("bin/nats-server")));
    paths.extend(directories_of_path().map(|dir| dir.join("nats-server")));
    paths.extend(["/usr/sbin/nats-server", "/usr/local/bin/nats-server"].map(PathBuf::from));
    let programs = paths.into_iter().filter(|path| path.is_file());
    let found = programs
        .filter_map(|path| Some(Program { version: version_of(&path, &[])?, path, libraries: vec![] }))
        .collect();
    choose("nats-server", NATS_VERSION_MIN, NATS_CURE, found, |_| true)
}

fn choose(
    program: &'static str,
    version_min: &'static str,
    cure: &'static str,
    found: Vec<Program>,
    accept: impl Fn(&Program) -> bool,
) -> Result<Program, ServerError> {
    let oldest = numbers(version_min);
    let seen: Vec<String> =
        found.iter().map(|program| format!("{} in {}", program.version_text(), program.path.display())).collect();
    let seen = if seen.is_empty() { String::new() } else { format!(" (only {})", seen.join(", ")) };
    let chosen = found.into_iter().find(|program| program.version >= oldest && accept(program));
    chosen.ok_or(ServerError::NotInstalled { program, version_min, seen, cure })
}

/// Where a PostgreSQL server may be. Debian and Ubuntu keep each major version in a directory of its own, outside of PATH.
fn postgres_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = env::var_os("PRESDR_POSTGRES_BIN").map(PathBuf::from).into_iter().collect();
    if !directories.is_empty() {
        return directories;
    }
    let private = tools().map(|tools| tools.join("postgresql/usr/lib/postgresql"));
    let brewed = ["/opt/homebrew/opt", "/usr/local/opt"].map(PathBuf::from);
    for versions in private.into_iter().chain([PathBuf::from("/usr/lib/postgresql")]).chain(brewed) {
        let entries = fs::read_dir(versions).into_iter().flatten().flatten();
        directories.extend(entries.map(|entry| entry.path().join("bin")));
    }
    directories.extend(directories_of_path());
    directories
}

fn postgres_in(directory: PathBuf) -> Option<Program> {
    let postgres = directory.join("postgres");
    if !(postgres.is_file() && directory.join("initdb").is_file()) {
        return None;
    }
    let libraries = libraries_beside(&directory);
    Some(Program { version: version_of(&postgres, &libraries)?, path: directory, libraries })
}

/// The library directories of a tree that a package was unpacked into: `TREE/usr/lib/<architecture>-linux-gnu`.
fn libraries_beside(bin: &Path) -> Vec<PathBuf> {
    let Some(tree) = tools().map(|tools| tools.join("postgresql/usr/lib")).filter(|tree| bin.starts_with(tree)) else {
        return vec![];
    };
    let entries = fs::read_dir(tree).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.to_string_lossy().ends_with("-linux-gnu")).collect()
}

fn directories_of_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// The directory `.tools` that `make install` fills: the nearest one above the current directory or above this program.
fn tools() -> Option<PathBuf> {
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    let mut above = starts.iter().flatten().flat_map(|start| start.ancestors());
    above.find_map(|dir| Some(dir.join(".tools")).filter(|tools| tools.is_dir()))
}

fn version_of(program: &Path, libraries: &[PathBuf]) -> Option<Vec<u32>> {
    let mut command = Command::new(program);
    Program { path: program.into(), version: vec![], libraries: libraries.into() }.set_libraries(&mut command);
    let output = command.arg("--version").output().ok()?;
    let version = numbers(&String::from_utf8_lossy(&output.stdout));
    Some(version).filter(|version| !version.is_empty())
}

/// The first dotted number in a text: `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` has 15 and 13.
fn numbers(text: &str) -> Vec<u32> {
    let starts = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let dotted = text[starts..].split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    dotted.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        assert_eq!(numbers("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"), [15, 13]);
        assert_eq!(numbers("nats-server: v2.15.1\n"), [2, 15, 1]);
        assert_eq!(numbers("postgres (PostgreSQL) 19beta1"), [19]);
        assert_eq!(numbers("no version"), [0u32; 0]);
    }

    #[test]
    fn an_old_program_is_named_with_the_cure() {
        let old = Program { path: "/old/nats-server".into(), version: vec![2, 9, 25], libraries: vec![] };
        let error = choose("nats-server", NATS_VERSION_MIN, NATS_CURE, vec![old], |_| true).unwrap_err().to_string();
        assert!(
            error.contains("2.12.3")
                && error.contains("only 2.9.25 in /old/nats-server")
                && error.contains("make install"),
            "{error}"
        );
    }
}
