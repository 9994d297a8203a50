//! The roles as commands: `presdr up`, `work`, `project`, `schedule`.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use presdr_consumers::WorkConfig;
use presdr_sites::CrawlPolicy;
use presdr_vendors::VendorConfig;
use serde_json::json;

use crate::{
    audit,
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    output::Output,
    roles::{Roles, asked_to_end},
    serve,
    web::WebOptions,
};

/// `presdr up`
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    web: WebOptions,
    #[command(flatten)]
    gateway: serve::Options,
}

/// `presdr work`
#[derive(Debug, Args)]
pub struct Work {
    /// Only these workers, of run, resolve, search, crawl, vendor_read, extract, contacts, verify, score, sync
    #[arg(long, value_name = "WORKER,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Sites visited at the same time
    #[arg(long, value_name = "N", default_value_t = WorkConfig::default().crawl_slots)]
    crawl_slots: usize,
    /// Between two requests to one site, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500)]
    min_interval: u64,
    /// Park what was delivered more often than this without an answer
    #[arg(long, value_name = "N", default_value_t = WorkConfig::default().deliveries_max)]
    deliveries_max: i64,
    #[command(flatten)]
    web: WebOptions,
}

/// Runs everything in this process until it is asked to end.
///
/// # Errors
/// When a server cannot be started or reached, or a role ends with a fault.
pub async fn up(command: &Up, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let web = command.web.open(config.mode)?;
    let callout = command.gateway.callout()?;
    let gateway = command.gateway.clone().told(config.mode)?;
    let (database, broker) = open(config).await?;
    let mut roles = Roles::new();
    roles.work(&database, &broker, web, WorkConfig::default(), Some(vendors()?), Vec::new()).await?;
    roles.project(&database, &broker).await?;
    roles.schedule(&database, &broker, audit::key_or_make(config)?).await?;
    let serving = match gateway {
        Some(gateway) => Some(roles.serve(&database, &broker, gateway, callout, vendors()?).await?),
        None => None,
    };
    let (listen, info) = serving.unzip();
    let warning = info.and_then(|info| info.warning);
    let asked = asked_to_end();
    output.answer(&json!({ "state": "up", "data": config.data, "listen": listen }), |_| {
        let serves = listen.map(|address| format!("; it serves on {address}")).unwrap_or_default();
        let warning = warning.map(|warning| format!("\n{warning}")).unwrap_or_default();
        format!("presdr is up; its data is under {}{serves}; Ctrl-C ends it{warning}", config.data.display())
    })?;
    run(roles, asked, database, broker).await
}

/// Runs workers until the process is asked to end.
///
/// # Errors
/// As [`up`].
pub async fn work(command: Work, config: &Config) -> anyhow::Result<ExitCode> {
    let web = command.web.open(config.mode)?;
    let (database, broker) = open(config).await?;
    let mut roles = Roles::new();
    let crawl = CrawlPolicy { min_interval: Duration::from_millis(command.min_interval), ..CrawlPolicy::default() };
    let work = WorkConfig {
        crawl,
        crawl_slots: command.crawl_slots,
        deliveries_max: command.deliveries_max,
        ..WorkConfig::default()
    };
    roles.work(&database, &broker, web, work, Some(vendors()?), command.only).await?;
    run(roles, asked_to_end(), database, broker).await
}

/// Runs a projector until the process is asked to end.
///
/// # Errors
/// As [`up`].
pub async fn project(config: &Config) -> anyhow::Result<ExitCode> {
    let (database, broker) = open(config).await?;
    let mut roles = Roles::new();
    roles.project(&database, &broker).await?;
    run(roles, asked_to_end(), database, broker).await
}

/// Runs a scheduler until the process is asked to end.
///
/// # Errors
/// As [`up`], and when there is no key that signs checkpoints: two schedulers must not make two.
pub async fn schedule(config: &Config) -> anyhow::Result<ExitCode> {
    let key = audit::key(config)?;
    let (database, broker) = open(config).await?;
    let mut roles = Roles::new();
    roles.schedule(&database, &broker, key).await?;
    run(roles, asked_to_end(), database, broker).await
}

async fn open(config: &Config) -> anyhow::Result<(DatabaseServer, BrokerServer)> {
    let database = DatabaseServer::open(config).await?;
    let broker = BrokerServer::open(config).await?;
    Ok((database, broker))
}

/// Runs the roles until `asked` to end, then stops the servers.
///
/// # Errors
/// When a role ends with a fault.
pub async fn run(
    roles: Roles,
    asked: impl Future<Output = ()>,
    database: DatabaseServer,
    broker: BrokerServer,
) -> anyhow::Result<ExitCode> {
    let ended = roles.until(asked).await;
    broker.stop().await;
    database.stop().await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// The vendors of this process's environment: those with a key are asked where tenants allow it.
///
/// # Errors
/// What cannot be used of it.
pub fn vendors() -> anyhow::Result<VendorConfig> {
    VendorConfig::from_env().context("the paid vendors' configuration cannot be used")
}
