//! The command `servers`, which `make test` runs everything under: whatever happens to it, nothing stays behind.

#![allow(clippy::unwrap_used, reason = "what a test expects and does not get is its failure")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use presdr_servers::{Durability, Postgres};

/// Far more than any of it takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn servers(dir: &Path, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_servers"));
    command.arg("--dir").arg(dir).args(["--", "/bin/sh", "-c", script]);
    // A group of its own, as a shell gives a command. Its input stays open until it is waited for.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Runs the command until its script says something, and returns what that is.
fn start(command: &mut Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

/// The database server's process, which its directory names.
fn database_process(dir: &Path) -> u32 {
    let text = std::fs::read_to_string(dir.join("postgres/data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

/// Whether the process is more than an entry waiting for its parent.
fn lives(process_id: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process_id}/stat")).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn assert_ends(process_id: u32) {
    let deadline = Instant::now() + PATIENCE;
    while lives(process_id) {
        assert!(Instant::now() < deadline, "process {process_id} still runs");
        std::thread::yield_now();
    }
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[test]
fn the_command_finds_the_database_and_its_exit_code_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, line) = start(&mut servers(dir.path(), "echo $PRESDR_TEST_DATABASE_URL; exit 7"));
    assert!(line.starts_with("postgres://postgres@127.0.0.1:"), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn sigterm_ends_the_command_and_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, line) = start(&mut servers(dir.path(), "echo $$; exec sleep 600"));
    let processes = [line.trim().parse().unwrap(), database_process(dir.path())];
    send(&child, Signal::SIGTERM);
    assert!(!child.wait().unwrap().success());
    processes.into_iter().for_each(assert_ends);
}

#[test]
fn ctrl_c_ends_the_command_and_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, line) = start(&mut servers(dir.path(), "echo $$; read _"));
    let processes = [line.trim().parse().unwrap(), database_process(dir.path())];
    killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert!(!child.wait().unwrap().success());
    processes.into_iter().for_each(assert_ends);
}

#[test]
fn the_database_ends_when_the_command_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, line) = start(&mut servers(dir.path(), "echo $$; read _"));
    let database = database_process(dir.path());
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    assert_ends(database);
    assert_ends(line.trim().parse().unwrap()); // its input has ended
}

#[tokio::test]
async fn a_database_that_outlived_its_owner_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    // Without a PATH there is no setpriv, so nothing ends the database with its owner.
    let (mut child, line) = start(servers(dir.path(), "echo $$; read _").env("PATH", "/nowhere"));
    let orphan = database_process(dir.path());
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    assert_ends(line.trim().parse().unwrap()); // its input has ended
    assert!(lives(orphan));

    let server = Postgres::start(&dir.path().join("postgres"), Durability::Test).await.unwrap();
    assert!(!lives(orphan));
    assert!(server.process_id().is_some_and(|id| id != orphan && lives(id)));
}
