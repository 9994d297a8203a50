//! `presdr crawl`: reads a list of sites as politely as a run would, and prints what they say.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use futures::StreamExt;
use presdr_sites::{CrawlPolicy, SiteReport, extract::merge};
use serde_json::Value;

use crate::{
    config::Mode,
    output::{Output, progress},
    web::WebOptions,
};

/// `presdr crawl acme.example`
#[derive(Debug, Args)]
#[command(after_help = "Prints one JSON object a site on a line of its own, as each is ready. \
    With --resolve-to the command runs in development mode by itself.")]
pub struct Command {
    /// Domains or URLs
    #[arg(value_name = "URL", required_unless_present = "urls")]
    sites: Vec<String>,

    /// More of them from a file, one a line; "-" is standard input
    #[arg(long, value_name = "FILE")]
    urls: Option<PathBuf>,

    /// How many domains are visited at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrency: usize,

    /// Pause between two requests to a domain in ms; its crawl-delay may make it longer
    #[arg(long, value_name = "MS", default_value_t = 500)]
    min_interval: u64,

    /// At most so many pages of a site
    #[arg(long, value_name = "N", default_value_t = CrawlPolicy::default().pages_max)]
    pages: usize,

    #[command(flatten)]
    web: WebOptions,
}

/// Visits all sites, printing each as it is done.
///
/// # Errors
/// When the list cannot be read or the web client cannot be set up. A site that fails is an answer, not an error.
pub async fn run(command: &Command, mode: Mode, output: &Output) -> anyhow::Result<ExitCode> {
    let mut sites = command.sites.clone();
    if let Some(file) = &command.urls {
        sites.extend(read_list(file)?);
    }
    if sites.is_empty() {
        bail!(
            "there is no site to crawl: {} is empty",
            command.urls.as_deref().unwrap_or(Path::new("the list")).display()
        );
    }
    // Whoever sends all sites to one local address says by that what this is.
    let mode = if command.web.resolve_to.is_some() { Mode::Development } else { mode };
    let policy = CrawlPolicy {
        min_interval: Duration::from_millis(command.min_interval),
        pages_max: command.pages,
        ..CrawlPolicy::default()
    };
    let bar = progress::bar(sites.len(), "sites");
    let mut reports = Box::pin(presdr_sites::crawl_list(command.web.open(mode)?, policy, sites, command.concurrency));
    while let Some(report) = reports.next().await {
        let site = site(&report)?;
        bar.suspend(|| output.json_line(&site))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(ExitCode::SUCCESS)
}

/// A report with one extraction for the site instead of one for each page.
fn site(report: &SiteReport) -> anyhow::Result<Value> {
    let mut site = serde_json::to_value(report)?;
    if let Some(pages) = site.get_mut("pages").and_then(Value::as_array_mut) {
        pages.iter_mut().filter_map(Value::as_object_mut).for_each(|page| _ = page.remove("findings"));
    }
    if let (Some(visit), Some(site)) = (&report.visit, site.as_object_mut()) {
        let findings: Vec<_> = visit.pages.iter().filter_map(|page| page.findings.clone()).collect();
        site.insert("extraction".to_owned(), serde_json::to_value(merge(&findings))?);
    }
    Ok(site)
}

fn read_list(file: &Path) -> anyhow::Result<Vec<String>> {
    let source: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(BufReader::new(io::stdin())),
        _ => Box::new(BufReader::new(
            fs::File::open(file).with_context(|| format!("reading the list {}", file.display()))?,
        )),
    };
    let lines: Vec<String> =
        source.lines().collect::<Result<_, _>>().with_context(|| format!("reading the list {}", file.display()))?;
    Ok(lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}
