//! The imitated web of the pipeline bench, in a process of its own so that its work is not counted as the pipeline's.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use presdr_sandbox::{Sandbox, SandboxConfig, WebKind};
use serde::{Deserialize, Serialize};

use crate::output::Output;

/// Which web.
#[derive(Debug, Args)]
pub struct Command {
    #[arg(long)]
    sites: usize,
    #[arg(long)]
    pages: usize,
    #[arg(long)]
    delay_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Ready {
    address: SocketAddr,
    hosts: Vec<String>,
}

/// Serves until standard input ends, then says how many requests came.
///
/// # Errors
/// When the web cannot be started.
pub async fn serve(command: &Command, output: &Output) -> anyhow::Result<ExitCode> {
    let web = WebKind::Uniform { sites: command.sites, pages: command.pages };
    let delay = Duration::from_millis(command.delay_ms);
    let sandbox = Sandbox::start(SandboxConfig { web, delay, ..SandboxConfig::default() }).await?;
    output.json_line(&Ready { address: sandbox.address, hosts: sandbox.hosts() })?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    output.json_line(&sandbox.requests().count())?;
    Ok(ExitCode::SUCCESS)
}

/// The web as the bench holds it.
pub struct Outside {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its sites.
    pub hosts: Vec<String>,
    child: Child,
    lives: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Outside {
    /// Starts it. It ends with this process, whose end closes its standard input.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(sites: usize, pages: usize, delay: Duration) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut child = std::process::Command::new(program)
            .args(["bench", "web", "--sites", &sites.to_string(), "--pages", &pages.to_string()])
            .args(["--delay-ms", &delay.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the imitated web")?;
        let lives = child.stdin.take().context("the imitated web has no standard input")?;
        let mut says = BufReader::new(child.stdout.take().context("the imitated web has no standard output")?);
        let mut line = String::new();
        says.read_line(&mut line).context("listening to the imitated web")?;
        let Ready { address, hosts } = serde_json::from_str(&line).context("the imitated web did not start")?;
        Ok(Self { address, hosts, child, lives, says })
    }

    /// Ends it; tells how many requests came.
    ///
    /// # Errors
    /// When it does not say.
    pub fn stop(mut self) -> anyhow::Result<u64> {
        drop(self.lives);
        let mut line = String::new();
        self.says.read_line(&mut line).context("listening to the imitated web")?;
        self.child.wait().context("ending the imitated web")?;
        Ok(serde_json::from_str(&line)?)
    }
}
