//! Waiting for a run, with its progress for whoever watches a terminal.

use std::time::Duration;

use presdr_events::{RunId, TenantId};
use presdr_nats::topology::{self, User};
use presdr_store::{Database, runs};

use crate::{output::progress, session::Session};

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Returns when the run is over and its outcome can be read.
///
/// # Errors
/// When the database cannot be asked.
pub async fn until_over(session: &Session, tenant: &TenantId, run: RunId) -> anyhow::Result<()> {
    if !workers_are_there(session).await {
        eprintln!(
            "presdr: no worker is running, so run {run} waits: start `presdr up` or `presdr work` in another terminal"
        );
    }
    let bar = progress::bar(0, "leads");
    let mut beat = tokio::time::interval(LOOK_EVERY);
    loop {
        beat.tick().await;
        let now = look(session.desk.database(), tenant, run).await?;
        bar.set_length(now.leads.unsigned_abs());
        bar.set_position(now.terminal.unsigned_abs());
        bar.set_message(now.status);
        if now.readable {
            bar.finish_and_clear();
            return Ok(());
        }
    }
}

/// Whether somebody asks the broker for work: without anybody the run does not move.
async fn workers_are_there(session: &Session) -> bool {
    let asked = async {
        let broker = session.broker.connect(User::Producer).await?;
        let run = topology::DURABLES.first().map_or("run", |durable| durable.name);
        let info = topology::events(&broker).await?.consumer_info(run).await?;
        broker.close().await;
        anyhow::Ok(info.num_waiting > 0)
    };
    asked.await.unwrap_or(true) // who may not ask says nothing
}

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
