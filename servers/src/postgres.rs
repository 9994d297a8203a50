//! A PostgreSQL server with everything in one directory.

mod data;
mod settings;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::account::Account;
use crate::home::Home;
use crate::ports;
use crate::process::{Ending, POLL, Process, bound_command, end_orphan};
use crate::program::Program;
use crate::{ServerError, find_postgres};

/// The database that [`Postgres::url`] names.
const DATABASE: &str = "presdr";
/// The database every server has, for statements about databases.
const MAINTENANCE_DATABASE: &str = "postgres";
/// The server's superuser.
const SUPERUSER: &str = "postgres";
/// How long a start may take: recovery after a crash reads back the write-ahead log.
const START_SECONDS_MAX: u64 = 120;
/// How long a port or what a killed server left in memory is waited for.
const RETRY: Duration = Duration::from_secs(20);

/// Fast shutdown, which ends sessions and writes everything out; then what a crash would do.
const END_FAST: Ending = &[
    (Signal::SIGINT, Duration::from_secs(60)),
    (Signal::SIGQUIT, Duration::from_secs(10)),
    (Signal::SIGKILL, Duration::from_secs(10)),
];
/// Data nobody will read again need not be written out.
const END_AT_ONCE: Ending = &[(Signal::SIGQUIT, Duration::from_secs(10)), (Signal::SIGKILL, Duration::from_secs(10))];

/// How much the data is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The product: what is committed is on disk, and a password guards the server.
    Full,
    /// Tests: nothing is synced, and everybody on this machine is let in.
    Test,
}

/// What becomes of data that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    Keep,
    Remove,
}

/// A running server. Dropping it stops it and waits for that; [`Postgres::stop`] does so without blocking the runtime.
pub struct Postgres {
    process: Option<Process>, // before home: the directory is let go when the server has ended
    home: Home,
    data: PathBuf,
    program: Program,
    account: Account,
    durability: Durability,
    password: Option<String>,
    port: u16,
}

impl Postgres {
    /// Starts a server with its data, password, port and log in `dir`, which is made and filled when it is new. What an earlier
    /// process left behind there, running or crashed, is taken over.
    ///
    /// As root the server runs as user `postgres` or `nobody`; when that user cannot reach `dir`, the data alone goes below
    /// `/var/lib/presdr` and `dir` has a link to it.
    ///
    /// # Errors
    /// When no server is installed, another living process uses `dir`, or the server does not start.
    pub async fn start(dir: &Path, durability: Durability) -> Result<Self, ServerError> {
        Self::start_on(Home::open(dir)?, durability, Earlier::Keep).await
    }

    /// Like [`Postgres::start`], after removing what is in `dir` already.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_anew(dir: &Path, durability: Durability) -> Result<Self, ServerError> {
        Self::start_on(Home::open(dir)?, durability, Earlier::Remove).await
    }

    async fn start_on(home: Home, durability: Durability, earlier: Earlier) -> Result<Self, ServerError> {
        let _ = std::fs::remove_file(home.join("url")); // of an earlier run
        let place = data::Place::choose(&home)?;
        end_orphan(&place.data().join("postmaster.pid"), &place.data(), END_FAST);
        if earlier == Earlier::Remove {
            place.clear()?;
        }
        let program = find_postgres(place.major_version())
            .map_err(|error| place.major_version().map_or(error, |version| place.written_by_other(version)))?;
        place.fill(&program, durability).await?;
        let password = if durability == Durability::Full { Some(place.password()?) } else { None };
        let port = ports::free(home.read("port").and_then(|port| port.trim().parse().ok()));
        let (data, account) = (place.data(), place.account());
        let mut server = Self { process: None, home, data, program, account, durability, password, port };
        server.launch_on_any_port().await?;
        server.make_database().await?;
        server.home.write("port", &server.port.to_string())?;
        server.home.write("url", &server.url())?;
        tracing::info!(
            server.port = server.port,
            "PostgreSQL {} is ready on port {}",
            server.program.version_text(),
            server.port
        );
        Ok(server)
    }

    /// The URL of the server that a living process runs on `dir`, if one does. It holds the password.
    #[must_use]
    pub fn url_of_running(dir: &Path) -> Option<String> {
        Home::read_of_running(dir, "url")
    }

    /// The URL of the database `presdr`, as superuser. It holds the password: never log it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// The URL of a database on this server, as superuser.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}")).unwrap_or_default();
        format!("postgres://{SUPERUSER}{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// The port on loopback. A restart keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id, if it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().filter(|process| process.ended().is_none()).map(Process::id)
    }

    /// Where its log, password and port are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.home.dir()
    }

    /// Where its data files are.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// Ends the server as a crash would, with `kill -9`. For tests; [`Postgres::restart`] brings it back.
    pub fn kill_hard(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops the server if it still runs, and starts it again on the same port and data.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        let running = self.process.take();
        let _ = tokio::task::spawn_blocking(move || drop(running)).await; // it does not panic
        self.launch().await
    }

    /// Stops the server: sessions are ended, everything is written out.
    pub async fn stop(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await; // it does not panic
    }

    async fn launch_on_any_port(&mut self) -> Result<(), ServerError> {
        loop {
            match self.launch().await {
                Err(ServerError::Ended { said, .. }) if is_port_taken(&said) => self.port = ports::free(None),
                result => return result,
            }
        }
    }

    /// Starts the server on its port. What passes by itself is waited for: backends of a killed server that have not noticed yet.
    async fn launch(&mut self) -> Result<(), ServerError> {
        let deadline = Instant::now() + RETRY;
        loop {
            match self.try_launch().await {
                Err(ServerError::Ended { said, .. })
                    if said.contains("shared memory block") && Instant::now() < deadline =>
                {
                    tokio::time::sleep(POLL * 10).await;
                }
                result => return result,
            }
        }
    }

    async fn try_launch(&mut self) -> Result<(), ServerError> {
        let log_start = self.home.log_bytes();
        let process = self.process.insert(self.spawn()?);
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !is_ready(&self.data, process.id()) {
            let ended = process.ended();
            if ended.is_some() || Instant::now() > deadline {
                self.process = None;
                let said = self.home.said_after(log_start);
                return Err(match ended {
                    Some(status) => ServerError::Ended { program: "postgres", status, said },
                    None => ServerError::NotReady { program: "postgres", seconds: START_SECONDS_MAX, said },
                });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Process, ServerError> {
        let (ending, on_parent_death) = match self.durability {
            Durability::Full => (END_FAST, Signal::SIGINT),
            Durability::Test => (END_AT_ONCE, Signal::SIGQUIT),
        };
        let mut command: Command = bound_command(&self.program.path.join("postgres"), on_parent_death);
        command.arg("-D").arg(&self.data).args(settings::arguments(self.port, self.durability));
        command.env("LC_ALL", settings::LOCALE).current_dir(&self.data);
        self.program.set_libraries(&mut command);
        self.account.run(&mut command);
        let (output, errors) = self.home.log()?;
        command.stdout(output).stderr(errors);
        Process::spawn(command, ending)
    }

    async fn make_database(&self) -> Result<(), ServerError> {
        let failed = |source| ServerError::Database { action: format!("make database {DATABASE}"), source };
        let mut connection = PgConnection::connect(&self.url_of(MAINTENANCE_DATABASE)).await.map_err(failed)?;
        let found =
            sqlx::query("select from pg_database where datname = $1").bind(DATABASE).fetch_optional(&mut connection);
        if found.await.map_err(failed)?.is_none() {
            sqlx::query(AssertSqlSafe(format!("create database {DATABASE}")))
                .execute(&mut connection)
                .await
                .map_err(failed)?;
        }
        connection.close().await.map_err(failed)
    }
}

impl fmt::Debug for Postgres {
    /// Without the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Postgres").field("data", &self.data).field("port", &self.port).finish_non_exhaustive()
    }
}

/// The server writes its process id on the first line of this file, and its state on the eighth (`pg_ctl -w` looks there too).
fn is_ready(data: &Path, process_id: u32) -> bool {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    let is_ours = lines.next().is_some_and(|line| line.trim() == process_id.to_string());
    is_ours && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

fn is_port_taken(said: &str) -> bool {
    said.contains("could not create any TCP/IP sockets") || said.contains("Address already in use")
}
