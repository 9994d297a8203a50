//! A NATS server with JetStream and everything in one directory.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::home::{Home, write_private};
use crate::ports;
use crate::process::{Ending, POLL, Process, bound_command, end_orphan};
use crate::program::Program;
use crate::{ServerError, find_nats};

/// The configuration file, as it is given to people too.
const CONFIGURATION: &str = include_str!("../../nats/conf/single.conf");
/// On loopback nobody listens in.
const WEBSOCKET: &str = "websocket {\n  listen: $PRESDR_NATS_WEBSOCKET\n  no_tls: true\n}\n";
/// How long a start may take: a large store is looked through first.
const START_SECONDS_MAX: u64 = 120;
/// How long a restart waits for its port.
const RETRY: Duration = Duration::from_secs(20);
/// How long the server may take to greet.
const GREETING_PATIENCE: Duration = Duration::from_secs(2);
/// At what use of memory the server's garbage collector works harder.
const MEMORY_SOFT_MAX: &str = "512MiB";

const END: Ending = &[(Signal::SIGTERM, Duration::from_secs(15)), (Signal::SIGKILL, Duration::from_secs(10))];

/// What a NATS server is to be like. The default is for tests: nobody is asked who they are, and nothing is synced.
#[derive(Debug, Clone, Default)]
pub struct NatsConfig {
    /// The server's name; `presdr` if empty. JetStream remembers it.
    pub name: String,
    /// Sync every message to disk before it is acknowledged (`sync_interval: always`), as the product does.
    pub sync_always: bool,
    /// `accounts` and `authorization` blocks in the server's own language, with users and their permissions.
    pub access: String,
    /// Listen for WebSockets, too, on another port of loopback.
    pub websocket: bool,
    /// A port on loopback that is wanted; without it the one of the last start on this directory, or any.
    pub port: Option<u16>,
}

/// A running server. Dropping it stops it and waits for that; [`Nats::stop`] does so without blocking the runtime.
pub struct Nats {
    process: Option<Process>, // before home: the directory is let go when the server has ended
    home: Home,
    config: NatsConfig,
    program: Program,
    port: u16,
    websocket_port: Option<u16>,
}

impl Nats {
    /// Starts a server with its streams, configuration and log in `dir`, which is made when it is new. What an earlier process
    /// left behind there, running or crashed, is taken over.
    ///
    /// # Errors
    /// When no server is installed, another living process uses `dir`, or the server does not start.
    pub async fn start(dir: &Path, config: NatsConfig) -> Result<Self, ServerError> {
        let program = find_nats()?;
        let home = Home::open(dir)?;
        let _ = std::fs::remove_file(home.join("url")); // of an earlier run
        end_orphan(&home.join("pid"), &home.join("nats.conf"), END);
        let websocket = if config.websocket { WEBSOCKET } else { "" };
        write_private(&home.join("access.conf"), &format!("{}{websocket}", config.access))?;
        home.write("nats.conf", CONFIGURATION)?;
        let port = ports::free(config.port.or_else(|| home.read("port").and_then(|port| port.trim().parse().ok())));
        let kept = home.read("websocket-port").and_then(|port| port.trim().parse().ok());
        let websocket_port = config.websocket.then(|| ports::free(kept));
        let mut server = Self { process: None, home, config, program, port, websocket_port };
        server.launch_on_any_port().await?;
        server.home.write("port", &server.port.to_string())?;
        if let Some(port) = server.websocket_port {
            server.home.write("websocket-port", &port.to_string())?;
        }
        server.home.write("url", &server.url())?;
        tracing::info!(
            server.port = server.port,
            "NATS {} is ready on port {}",
            server.program.version_text(),
            server.port
        );
        Ok(server)
    }

    /// The URL of the server that a living process runs on `dir`, if one does.
    #[must_use]
    pub fn url_of_running(dir: &Path) -> Option<String> {
        Home::read_of_running(dir, "url")
    }

    /// Where a living process that runs a server on `dir` listens for WebSockets, if it does.
    #[must_use]
    pub fn websocket_of_running(dir: &Path) -> Option<String> {
        Some(websocket_url(Home::read_of_running(dir, "websocket-port")?.trim().parse().ok()?))
    }

    /// Where it listens for WebSockets, if it does.
    #[must_use]
    pub fn websocket_url(&self) -> Option<String> {
        self.websocket_port.map(websocket_url)
    }

    /// The server's URL, without a user.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
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

    /// Ends the server as a crash would, with `kill -9`. For tests; [`Nats::restart`] brings it back.
    pub fn kill_hard(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Where everything of the server is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.home.dir()
    }

    /// Stops the server and leaves its files. For tests that look at them; [`Nats::restart`] brings it back.
    pub async fn halt(&mut self) {
        let running = self.process.take();
        let _ = tokio::task::spawn_blocking(move || drop(running)).await; // it does not panic
    }

    /// Stops the server if it still runs, and starts it again on the same port and store.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.halt().await;
        let deadline = Instant::now() + RETRY;
        loop {
            match self.launch().await {
                Err(ServerError::Ended { said, .. }) if is_port_taken(&said) && Instant::now() < deadline => {
                    tokio::time::sleep(POLL * 10).await;
                }
                result => return result,
            }
        }
    }

    /// Stops the server: what is in memory is written out.
    pub async fn stop(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await; // it does not panic
    }

    async fn launch_on_any_port(&mut self) -> Result<(), ServerError> {
        loop {
            match self.launch().await {
                Err(ServerError::Ended { said, .. }) if is_port_taken(&said) => {
                    self.port = ports::free(None);
                    self.websocket_port = self.websocket_port.map(|_| ports::free(None));
                }
                result => return result,
            }
        }
    }

    async fn launch(&mut self) -> Result<(), ServerError> {
        let log_start = self.home.log_bytes();
        let process = self.process.insert(self.spawn()?);
        self.home.write("pid", &process.id().to_string())?;
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        // Another server may sit on our port and greet: ours then ends, which is looked at after the greeting.
        while !greets(self.port).await || process.ended().is_some() {
            let ended = process.ended();
            if ended.is_some() || Instant::now() > deadline {
                self.process = None;
                let said = self.home.said_after(log_start);
                return Err(match ended {
                    Some(status) => ServerError::Ended { program: "nats-server", status, said },
                    None => ServerError::NotReady { program: "nats-server", seconds: START_SECONDS_MAX, said },
                });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Process, ServerError> {
        let mut command = bound_command(&self.program.path, Signal::SIGTERM);
        command.arg("-c").arg(self.home.join("nats.conf")).current_dir(self.home.dir());
        let name = if self.config.name.is_empty() { "presdr" } else { &self.config.name };
        command.env("PRESDR_NATS_NAME", quoted(name));
        command.env("PRESDR_NATS_LISTEN", quoted(&format!("127.0.0.1:{}", self.port)));
        if let Some(port) = self.websocket_port {
            command.env("PRESDR_NATS_WEBSOCKET", quoted(&format!("127.0.0.1:{port}")));
        }
        command.env("PRESDR_NATS_STORE", quoted(&self.home.join("store").to_string_lossy()));
        command.env("PRESDR_NATS_SYNC", if self.config.sync_always { "always" } else { "2m" });
        command.env("GOMEMLIMIT", MEMORY_SOFT_MAX);
        let (output, errors) = self.home.log()?;
        command.stdout(output).stderr(errors);
        Process::spawn(command, END)
    }
}

impl fmt::Debug for Nats {
    /// Without the access file's passwords.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Nats").field("dir", &self.home.dir()).field("port", &self.port).finish_non_exhaustive()
    }
}

fn websocket_url(port: u16) -> String {
    format!("ws://127.0.0.1:{port}")
}

/// A text as the server's configuration language writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether a NATS server says hello on the port. It does so only when its streams are ready.
async fn greets(port: u16) -> bool {
    let hello = tokio::task::spawn_blocking(move || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, GREETING_PATIENCE)?;
        stream.set_read_timeout(Some(GREETING_PATIENCE))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok::<_, std::io::Error>(line.starts_with("INFO "))
    });
    matches!(hello.await, Ok(Ok(true)))
}

fn is_port_taken(said: &str) -> bool {
    said.contains("address already in use")
}
