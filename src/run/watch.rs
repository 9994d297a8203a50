//! Waiting for a run, with its progress for whoever watches a terminal.

use std::time::{Duration, Instant};

use anyhow::bail;
use presdr_events::{RunId, TenantId};
use presdr_nats::{
    Broker,
    topology::{self, User},
};
use presdr_store::{Database, runs};

use crate::{output::progress, session::Session};

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often, while the run stands still, the broker is asked who works.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Where to find workers.
const CURE: &str = "start `presdr up` or `presdr work` in another terminal";

/// Returns when the run is over and its outcome can be read.
///
/// # Errors
/// When the database cannot be asked, or the run stands still for `patience` and nobody works. The run stays as it is.
pub async fn until_over(session: &Session, tenant: &TenantId, run: RunId, patience: Duration) -> anyhow::Result<()> {
    let broker = session.broker.connect(User::Producer).await?;
    if is_idle(&broker).await {
        eprintln!("presdr: no worker is running, so run {run} waits: {CURE}");
    }
    let over = watch(session.desk.database(), &broker, tenant, run, patience).await;
    broker.close().await;
    over
}

async fn watch(
    database: &Database,
    broker: &Broker,
    tenant: &TenantId,
    run: RunId,
    patience: Duration,
) -> anyhow::Result<()> {
    let bar = progress::bar(0, "leads");
    let mut beat = tokio::time::interval(LOOK_EVERY);
    let (mut before, mut moved, mut asked) = (None, Instant::now(), Instant::now());
    loop {
        beat.tick().await;
        let now = look(database, tenant, run).await?;
        bar.set_length(now.leads.unsigned_abs());
        bar.set_position(now.terminal.unsigned_abs());
        bar.set_message(now.status.clone());
        if now.readable {
            bar.finish_and_clear();
            return Ok(());
        }
        if before.as_ref() != Some(&now) {
            (before, moved) = (Some(now), Instant::now());
        } else if asked.elapsed() >= ASK_EVERY {
            asked = Instant::now();
            // Somebody at work counts as movement: a visit may take a while.
            moved = if is_idle(broker).await { moved } else { Instant::now() };
        }
        if moved.elapsed() >= patience {
            bar.finish_and_clear();
            bail!("run {run} stands still and no worker is running: {CURE}; the run stays and goes on then");
        }
    }
}

/// Whether nobody asks the broker for any kind of work: then no run moves.
async fn is_idle(broker: &Broker) -> bool {
    let asked = async {
        let events = topology::events(broker).await?;
        for durable in topology::DURABLES {
            if events.consumer_info(durable.name).await?.num_waiting > 0 {
                return Ok(false);
            }
        }
        anyhow::Ok(true)
    };
    asked.await.unwrap_or(false) // who may not ask says nothing
}

#[derive(PartialEq)]
struct Now {
    status: String,
    leads: i64,
    terminal: i64,
    readable: bool,
}

async fn look(database: &Database, tenant: &TenantId, run: RunId) -> anyhow::Result<Now> {
    let mut tx = database.enter(tenant).await?;
    let (leads, terminal): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where state = 'terminal') from admissions where tenant_id = $1 and run_id = $2",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_one(&mut *tx)
    .await?;
    let readable: bool = sqlx::query_scalar(
        "select exists (select 1 from enrichment_runs where tenant_id = $1 and run_id = $2 and ended_at is not null)",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_one(&mut *tx)
    .await?;
    let held = runs::get(&mut tx, run).await?;
    let over = held.as_ref().is_some_and(|run| run.finished_at.is_some());
    Ok(Now { status: held.map_or_else(String::new, |run| run.status), leads, terminal, readable: readable && over })
}
