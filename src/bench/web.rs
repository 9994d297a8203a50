//! The imitated web of the pipeline bench, and its vendors, in a process of their own so that their work is not counted as the pipeline's.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use presdr_sandbox::{
    Running, Sandbox, SandboxConfig, WebKind,
    vendors::{Limits, Vendor, VendorConfig, VendorSandbox, World},
};
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
    /// With vendors that take so long, and sites of every kind, so that there is something for vendors to do
    #[arg(long)]
    vendor_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Ready {
    address: SocketAddr,
    companies: Vec<(String, String)>,
    vendors: BTreeMap<String, String>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Served {
    /// Requests to sites.
    pub requests: u64,
    /// Requests to vendors.
    pub vendor_requests: u64,
    /// Requests that vendors had answered, and been paid for, before.
    pub paid_again: u64,
}

/// Serves until standard input ends, then says what was asked for.
///
/// # Errors
/// When the web cannot be started.
pub async fn serve(command: &Command, output: &Output) -> anyhow::Result<ExitCode> {
    let web = match command.vendor_ms {
        None => WebKind::Uniform { sites: command.sites, pages: command.pages },
        Some(_) => WebKind::Varied { sites: command.sites },
    };
    let delay = Duration::from_millis(command.delay_ms);
    let sandbox = Sandbox::start(SandboxConfig { web, delay, ..SandboxConfig::default() }).await?;
    let vendors = match command.vendor_ms {
        None => None,
        Some(latency) => {
            let (latency, limits) = (Duration::from_millis(latency), Limits::none());
            let credits = Vendor::ALL.map(|vendor| (vendor, u64::from(u32::MAX))).to_vec();
            let config = VendorConfig { latency, limits, credits, ..VendorConfig::default() };
            Some(VendorSandbox::start(config, World::of(&sandbox)).await?)
        }
    };
    let environment = vendors.iter().flat_map(VendorSandbox::environment).collect();
    output.json_line(&Ready { address: sandbox.address, companies: companies(&sandbox), vendors: environment })?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    let sum = |of: fn(&VendorSandbox, Vendor) -> u64| {
        vendors.iter().flat_map(|vendors| Vendor::ALL.map(|vendor| of(vendors, vendor))).sum()
    };
    output.json_line(&Served {
        requests: u64::try_from(sandbox.requests().count())?,
        vendor_requests: sum(|vendors, vendor| vendors.calls().totals(vendor).requests),
        paid_again: sum(|vendors, vendor| u64::from(vendors.calls().paid_again(vendor))),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Each company with its domain; none where it is on no list, and is to be found.
fn companies(sandbox: &Running) -> Vec<(String, String)> {
    let domain =
        |company: &presdr_sandbox::Company| if company.domain_listed { company.domain.clone() } else { String::new() };
    let companies = sandbox.profiles().iter().map(|profile| &profile.company);
    companies.map(|company| (company.name.clone(), domain(company))).collect()
}

/// The web as the bench holds it.
pub struct Outside {
    /// Where it listens.
    pub address: SocketAddr,
    /// The companies with their domains, where they are known.
    pub companies: Vec<(String, String)>,
    /// What points presdr at the vendors; nothing when there are none.
    pub vendors: BTreeMap<String, String>,
    child: Child,
    lives: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Outside {
    /// Starts it. It ends with this process, whose end closes its standard input.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(sites: usize, pages: usize, delay: Duration, vendor: Option<Duration>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut child = std::process::Command::new(program)
            .args(["bench", "web", "--sites", &sites.to_string(), "--pages", &pages.to_string()])
            .args(["--delay-ms", &delay.as_millis().to_string()])
            .args(vendor.iter().flat_map(|latency| ["--vendor-ms".to_owned(), latency.as_millis().to_string()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the imitated web")?;
        let lives = child.stdin.take().context("the imitated web has no standard input")?;
        let mut says = BufReader::new(child.stdout.take().context("the imitated web has no standard output")?);
        let mut line = String::new();
        says.read_line(&mut line).context("listening to the imitated web")?;
        let Ready { address, companies, vendors } =
            serde_json::from_str(&line).context("the imitated web did not start")?;
        Ok(Self { address, companies, vendors, child, lives, says })
    }

    /// Ends it; tells what was asked for.
    ///
    /// # Errors
    /// When it does not say.
    pub fn stop(mut self) -> anyhow::Result<Served> {
        drop(self.lives);
        let mut line = String::new();
        self.says.read_line(&mut line).context("listening to the imitated web")?;
        self.child.wait().context("ending the imitated web")?;
        Ok(serde_json::from_str(&line)?)
    }
}
