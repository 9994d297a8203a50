//! All workers, or some, in one process.

use std::sync::Arc;

use presdr_nats::{BrokerError, Consumer, consume};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{Services, contacts, crawl, extract, resolve, run, score, search, sweep, sync, vendor_read, verify};

/// The workers by name, in the order of a lead's way: what `--only` takes.
pub const WORKERS: &[&str] =
    &["run", "resolve", "search", "crawl", "vendor_read", "extract", "contacts", "verify", "score", "sync"];

/// Tenants that wait to be looked at by whoever writes to their Odoo; what does not fit in is found at the next beat.
const ASKED_MAX: usize = 1_024;

/// Runs the named workers, and the sweep, until `stopping` is cancelled; then finishes what is in hand.
///
/// # Errors
/// [`BrokerError`] when a durable is missing.
pub async fn work(services: &Services, only: &[String], stopping: CancellationToken) -> Result<(), BrokerError> {
    let mut workers = JoinSet::new();
    let config = &services.config;
    // With a model to ask, extracting and scoring are waiting, too.
    let thinking = if services.vendors.is_some() { config.vendor_slots } else { config.compute_slots };
    let wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    if wanted("run") {
        start(&mut workers, services, run::worker(services), config.compute_slots, &stopping);
    }
    if wanted("resolve") {
        start(&mut workers, services, resolve::worker(services), config.resolve_slots, &stopping);
    }
    if wanted("search") {
        start(&mut workers, services, search::worker(services), config.vendor_slots, &stopping);
    }
    if wanted("crawl") {
        start(&mut workers, services, crawl::worker(services), config.crawl_slots, &stopping);
    }
    if wanted("vendor_read") {
        start(&mut workers, services, vendor_read::worker(services), config.vendor_slots, &stopping);
    }
    if wanted("extract") {
        start(&mut workers, services, extract::worker(services), thinking, &stopping);
    }
    if wanted("contacts") {
        start(&mut workers, services, contacts::worker(services), config.vendor_slots, &stopping);
    }
    if wanted("verify") {
        start(&mut workers, services, verify::worker(services), config.vendor_slots, &stopping);
    }
    if wanted("score") {
        // Leads end in groups: most of a scoring is waiting for its group's commit.
        let gathering = config.compute_slots * 4;
        start(&mut workers, services, score::worker(services), gathering.max(thinking), &stopping);
    }
    if wanted("sync") {
        let (ask, asked) = mpsc::channel(ASKED_MAX);
        start(&mut workers, services, sync::worker(services, ask), config.compute_slots, &stopping);
        let (writing, until) = (services.clone(), stopping.clone());
        workers.spawn(async move {
            sync::keep_up(&writing, asked, until).await;
            Ok(())
        });
    }
    let (sweeping, until) = (services.clone(), stopping.clone());
    workers.spawn(async move {
        sweep::sweep(&sweeping, until).await;
        Ok(())
    });
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                stopping.cancel();
                return Err(error);
            }
            // The error itself would quote what a panic said, which may be of a page or a person.
            Err(error) => {
                stopping.cancel();
                let how = if error.is_panic() { "is broken: the log says where" } else { "was cut off" };
                return Err(BrokerError::Topology(format!("a worker {how}")));
            }
        }
    }
    Ok(())
}

fn start<C: Consumer>(
    workers: &mut JoinSet<Result<(), BrokerError>>,
    services: &Services,
    consumer: Arc<C>,
    slots: usize,
    stopping: &CancellationToken,
) {
    let (broker, config, stopping) = (services.broker.clone(), services.config.consume(slots), stopping.clone());
    workers.spawn(async move { consume(&broker, consumer, config, stopping).await });
}
