//! Runs a command with a PostgreSQL server at hand that ends with it: `servers --dir .presdr/test -- cargo nextest run`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use presdr_servers::testing::DATABASE_VARIABLE;
use presdr_servers::{Durability, Postgres};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Starts a PostgreSQL server for tests, runs a command with its URL in PRESDR_TEST_DATABASE_URL, and stops it.
#[derive(Parser)]
struct Arguments {
    /// Where the server keeps its data. What an earlier run left there is removed.
    #[arg(long)]
    dir: PathBuf,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { dir, command } = Arguments::parse();
    let mut interrupted = signal(SignalKind::interrupt()).context("could not listen for Ctrl-C")?;
    let mut terminated = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let dir = dir.join("postgres");
    let server = tokio::select! {
        started = Postgres::start_anew(&dir, Durability::Test) => started?,
        _ = interrupted.recv() => return Ok(ExitCode::FAILURE),
        _ = terminated.recv() => return Ok(ExitCode::FAILURE),
    };
    let (program, arguments) = command.split_first().context("no command given")?;
    let mut child = Command::new(program);
    child.args(arguments).env(DATABASE_VARIABLE, server.url()).kill_on_drop(true);
    let mut child = child.spawn().with_context(|| format!("could not run {program}"))?;
    let status = tokio::select! {
        status = child.wait() => status,
        // Ctrl-C reaches the command too, which ends in its own way.
        _ = interrupted.recv() => child.wait().await,
        _ = terminated.recv() => {
            pass_on_termination(&child);
            child.wait().await
        }
    };
    server.stop().await;
    let code = status.context("could not wait for the command")?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A test runner ends the tests it started only when it is asked to end, not when it is killed.
fn pass_on_termination(child: &Child) {
    if let Some(id) = child.id() {
        let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM); // it may have ended just now
    }
}
