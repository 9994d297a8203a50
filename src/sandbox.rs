//! `presdr sandbox`: the imitated vendors and company sites on loopback, until it is asked to end.

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use presdr_sandbox::{
    Running, Sandbox, SandboxConfig, WebKind,
    vendors::{Fault, Limits, Totals, Vendor, VendorConfig, VendorSandbox, World},
};
use serde::Serialize;

use crate::{output::Output, roles::asked_to_end};

/// `presdr sandbox`
#[derive(Debug, Args)]
pub struct Command {
    /// Serve this folder of sites (index.csv and a folder per site) instead of made-up ones
    #[arg(long, value_name = "DIR")]
    sites: Option<PathBuf>,
    /// How many companies with their sites to make up
    #[arg(long, value_name = "N", default_value_t = 300)]
    companies: usize,
    /// What all invention derives from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Port of the vendors; the sites take the next one. 0 takes any that are free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// How much later every answer of a vendor comes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Let a vendor fail: VENDOR/OPERATION:KIND:TIMES (operation and times may be left out), such as tavily/search:rate_limit=5:3; repeat for more
    ///
    /// Kinds: rate_limit[=SECONDS], server_error[=STATUS], html_403, quota, key_refused, timeout, half, invalid_json,
    /// slow[=MILLISECONDS]; of openai also refusal, length, hallucinate. Without TIMES it stays so.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// What an account holds, VENDOR=CREDITS (tokens of openai); repeat for more
    #[arg(long = "credits", value_name = "CREDITS", value_parser = credits)]
    credits: Vec<(Vendor, u64)>,
    /// Let the vendors be asked as often as one likes
    #[arg(long)]
    no_limits: bool,
}

/// Where everything is.
#[derive(Debug, Serialize)]
struct Ready {
    /// Answers for every site, told apart by the Host header.
    sites: SocketAddr,
    /// Where the vendors are steered and their counts read.
    admin: String,
    vendors: BTreeMap<Vendor, Place>,
    /// Points presdr at all of it.
    environment: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Place {
    url: String,
    key: String,
}

/// Serves until the process is asked to end, then tells what was asked and charged.
///
/// # Errors
/// When a port cannot be had, or a folder of sites cannot be read.
pub async fn run(command: &Command, output: &Output) -> anyhow::Result<ExitCode> {
    let asked = asked_to_end();
    let (sites, vendors) = start(command).await?;
    tell(output, &ready(&sites, &vendors), text)?;
    asked.await;
    let totals: BTreeMap<Vendor, Totals> =
        Vendor::ALL.into_iter().map(|vendor| (vendor, vendors.calls().totals(vendor))).collect();
    tell(output, &totals, charged)?;
    vendors.stop().await;
    sites.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// One line of JSON each time, or words.
fn tell<T: Serialize>(output: &Output, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
    if output.is_json() { output.json_line(value) } else { output.line(&text(value)) }
}

async fn start(command: &Command) -> anyhow::Result<(Running, VendorSandbox)> {
    let web = match &command.sites {
        Some(folder) => WebKind::Folder(folder.clone()),
        None => WebKind::Varied { sites: command.companies },
    };
    let next =
        if command.port == 0 { 0 } else { command.port.checked_add(1).context("there is no port after 65535")? };
    let address = SocketAddr::from(([127, 0, 0, 1], next));
    let sites = Sandbox::start(SandboxConfig { address, seed: command.seed, web, delay: Duration::ZERO }).await?;
    let config = VendorConfig {
        address: SocketAddr::from(([127, 0, 0, 1], command.port)),
        latency: Duration::from_millis(command.latency_ms),
        limits: if command.no_limits { Limits::none() } else { Limits::default() },
        faults: command.faults.clone(),
        credits: command.credits.clone(),
    };
    let vendors = VendorSandbox::start(config, World::of(&sites)).await?;
    Ok((sites, vendors))
}

fn ready(sites: &Running, vendors: &VendorSandbox) -> Ready {
    let place = |vendor| Place { url: vendors.base(vendor), key: vendors.key(vendor).to_owned() };
    let mut environment: BTreeMap<String, String> = vendors.environment().into_iter().collect();
    environment.insert("PRESDR_MODE".into(), "development".into());
    environment.insert("PRESDR_RESOLVE_TO".into(), sites.address.to_string());
    Ready {
        sites: sites.address,
        admin: vendors.admin(),
        vendors: Vendor::ALL.into_iter().map(|vendor| (vendor, place(vendor))).collect(),
        environment,
    }
}

fn text(ready: &Ready) -> String {
    let mut text = String::new();
    for (vendor, Place { url, key }) in &ready.vendors {
        let _ = writeln!(text, "{vendor:<11} {url}  key {key}"); // writing to a String cannot fail
    }
    let _ = writeln!(text, "{:<11} http://{} for every host name", "sites", ready.sites);
    let _ = writeln!(text, "{:<11} {}/{{faults,calls,latency,credits,reset}}\n", "steering", ready.admin);
    for (name, value) in &ready.environment {
        let _ = writeln!(text, "export {name}={value}");
    }
    text.push_str("\nCtrl-C ends it");
    text
}

fn charged(totals: &BTreeMap<Vendor, Totals>) -> String {
    let line = |(vendor, totals): (&Vendor, &Totals)| {
        let unit = if *vendor == Vendor::OpenAi { "tokens" } else { "credits" };
        format!("{vendor}: {} requests, {} {unit} charged", totals.requests, totals.credits)
    };
    totals.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn credits(text: &str) -> Result<(Vendor, u64), String> {
    let wrong = || format!("{text:?} is no balance: write VENDOR=CREDITS, such as lusha=50");
    let (vendor, credits) = text.split_once('=').ok_or_else(wrong)?;
    Ok((vendor.parse().map_err(|_| wrong())?, credits.parse().map_err(|_| wrong())?))
}
