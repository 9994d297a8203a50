//! A database written to a file and read back, by PostgreSQL's own programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use url::Url;

use crate::process::bound_command;
use crate::program::Program;
use crate::{ServerError, find_postgres};

/// What a program that was to start another exits with when there is none.
const NOT_FOUND: i32 = 127;
const CURE: &str = "install your system's PostgreSQL client package (Debian and Ubuntu: postgresql-client), or set PRESDR_POSTGRES_BIN to \
    the directory that holds it beside `postgres`";

/// Writes the database that `url` names to `file`, as of one moment, in the custom format of `pg_dump`. Tables that match one of
/// `without_rows` are written without their rows, those that match one of `without` not at all; both are patterns of `pg_dump`.
///
/// # Errors
/// When there is no `pg_dump`, or it fails: what it says names tables, never rows.
pub async fn dump(url: &str, file: &Path, without_rows: &[String], without: &[&str]) -> Result<(), ServerError> {
    let mut command = command("pg_dump", url)?;
    command.args(["--format=custom", "--no-password", "--lock-wait-timeout=60s"]).arg("--file").arg(file);
    command.args(without_rows.iter().map(|pattern| format!("--exclude-table-data={pattern}")));
    command.args(without.iter().map(|pattern| format!("--exclude-table={pattern}")));
    run("pg_dump", command).await
}

/// Reads what [`dump`] wrote into the empty database that `url` names: all of it or nothing.
///
/// # Errors
/// When there is no `pg_restore`, the database is not empty, or a role that owns something is missing.
pub async fn undump(url: &str, file: &Path) -> Result<(), ServerError> {
    let mut command = command("pg_restore", url)?;
    command.args(["--exit-on-error", "--single-transaction", "--no-password"]).arg(file);
    run("pg_restore", command).await
}

/// The program with the database it works on. The password goes through the environment: arguments can be read by everybody.
fn command(name: &'static str, url: &str) -> Result<Command, ServerError> {
    let Program { path, libraries, .. } = find_postgres(None)?;
    let beside = path.join(name);
    let program = if beside.is_file() { beside } else { PathBuf::from(name) };
    // One that outlived us would still be at it when the same is begun again.
    let mut command = bound_command(&program, Signal::SIGTERM);
    Program { path, version: vec![], libraries }.set_libraries(&mut command);
    let (url, password) = without_password(url);
    command.arg("--dbname").arg(url);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    Ok(command)
}

fn without_password(url: &str) -> (String, Option<String>) {
    let Ok(mut parsed) = Url::parse(url) else { return (url.to_owned(), None) };
    // As a form's field, percent-encoding is undone; there a plus would be a space.
    let field = |password: &str| format!("p={}", password.replace('+', "%2B"));
    let decoded =
        |field: String| url::form_urlencoded::parse(field.as_bytes()).next().map(|(_, value)| value.into_owned());
    let password = parsed.password().map(field).and_then(decoded);
    match parsed.set_password(None) {
        Ok(()) => (parsed.to_string(), password),
        Err(()) => (url.to_owned(), None),
    }
}

async fn run(name: &'static str, command: Command) -> Result<(), ServerError> {
    let program = PathBuf::from(command.get_program());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await;
    let missing = match &output {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(output) => output.status.code() == Some(NOT_FOUND),
    };
    if missing {
        let (version_min, seen) = (crate::POSTGRES_VERSION_MIN, String::new());
        return Err(ServerError::NotInstalled { program: name, version_min, seen, cure: CURE });
    }
    let output = output.map_err(|source| ServerError::Run { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ServerError::Ended { program: name, status: output.status, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_no_argument() {
        let (url, password) = without_password("postgres://me:a%2Fb+c@host:5432/presdr?sslmode=disable");
        assert_eq!(url, "postgres://me@host:5432/presdr?sslmode=disable");
        assert_eq!(password.as_deref(), Some("a/b+c"));
        assert_eq!(without_password("postgres://host/presdr"), ("postgres://host/presdr".to_owned(), None));
    }
}
