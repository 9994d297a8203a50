//! What can be seen without asking a server.

use std::{fs, os::unix::fs::PermissionsExt};

use presdr_servers::{NATS_VERSION_MIN, POSTGRES_VERSION_MIN, Program, ServerError, find_nats, find_postgres};
use presdr_sites::UserAgent;
use presdr_store::keys::Keyring;
use url::Url;

use super::Check;
use crate::config::Config;

/// Programs, files, and what sites are told about us.
pub fn checks(config: &Config, contact: Option<&Url>) -> Vec<Check> {
    let mut checks = Vec::new();
    if config.database_url.is_none() {
        checks.push(program("PostgreSQL", POSTGRES_VERSION_MIN, find_postgres(None)));
    }
    if config.nats_url.is_none() {
        checks.push(program("NATS server", NATS_VERSION_MIN, find_nats()));
    }
    checks.push(data(config));
    checks.push(master_key(config));
    checks.push(sites(contact));
    checks
}

fn program(what: &'static str, oldest: &str, found: Result<Program, ServerError>) -> Check {
    match found {
        Ok(program) => Check::ok(what, format!("{} at {}", program.version_text(), program.path.display())),
        Err(error) => {
            Check::wrong(what, error.to_string(), format!("install version {oldest} or newer: `make install`"))
        }
    }
}

fn data(config: &Config) -> Check {
    let place = config.data.display();
    match fs::metadata(&config.data) {
        Ok(found) if !found.is_dir() => {
            Check::wrong("data folder", format!("{place} is no folder"), "give another one with --data")
        }
        Ok(found) if found.permissions().readonly() => {
            Check::wrong("data folder", format!("{place} cannot be written to"), format!("chmod u+w {place}"))
        }
        Ok(_) => Check::ok("data folder", place.to_string()),
        Err(_) => Check::note("data folder", format!("{place} is not there yet"), "`presdr up` makes it"),
    }
}

fn master_key(config: &Config) -> Check {
    let (what, path) = ("master key", config.master_key_file());
    let Ok(found) = fs::metadata(&path) else {
        return Check::note(
            what,
            format!("{} is not there", path.display()),
            "`presdr up` makes one for a new database; for an old one bring the old key, nothing else opens it",
        );
    };
    let mode = found.permissions().mode() & 0o777;
    match Keyring::from_file(&path) {
        Err(error) => Check::wrong(what, error.to_string(), "bring the file back from its backup"),
        Ok(_) if mode & 0o077 != 0 => Check::wrong(
            what,
            format!("{} can be read by others (mode {mode:o})", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
        Ok(_) => Check::ok(what, format!("{}; keep a copy apart from the database's backups", path.display())),
    }
}

fn sites(contact: Option<&Url>) -> Check {
    let agent = contact.cloned().map_or_else(UserAgent::default, UserAgent::with_contact);
    match agent.is_placeholder() {
        false => Check::ok("User-Agent", agent.header()),
        true => Check::note(
            "User-Agent",
            format!("{} reaches nobody", agent.header()),
            "set PRESDR_CONTACT to a page or mailto: address of yours before reading other people's sites",
        ),
    }
}
