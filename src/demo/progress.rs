//! What the demonstration shows while it runs: a bar per tenant and stage.

use std::{collections::HashMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use presdr_events::{RunId, TenantId};
use presdr_store::{Database, runs};

/// The stages of a lead's way: the step's stored name, and what people call it.
const STAGES: [(&str, &str); 5] = [
    ("admit", "admitted"),
    ("resolve", "domains"),
    ("crawl", "sites read"),
    ("extract", "extracted"),
    ("score", "scored"),
];
/// How often the bars move.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Speaks on standard error; bars only where a terminal shows them.
pub struct Talk {
    bars: MultiProgress,
}

/// The bars of one run.
struct Watched {
    tenant: TenantId,
    run: RunId,
    bars: Vec<(&'static str, ProgressBar)>,
}

impl Talk {
    /// Nothing said yet.
    pub fn new() -> Self {
        Self { bars: MultiProgress::new() }
    }

    /// Says what happens now.
    pub fn say(&self, what: &str) {
        eprintln!("{what}");
    }

    /// Shows the runs' progress until all are over and people can read what came of them.
    pub async fn watch(&self, database: &Database, running: &[(TenantId, RunId)]) -> anyhow::Result<()> {
        let watched: Vec<Watched> = running.iter().map(|(tenant, run)| self.watched(tenant, *run)).collect();
        let mut beat = tokio::time::interval(LOOK_EVERY);
        loop {
            beat.tick().await;
            let mut over = true;
            for one in &watched {
                over &= one.look(database).await?;
            }
            if over {
                break;
            }
        }
        for (_, bar) in watched.iter().flat_map(|one| &one.bars) {
            bar.abandon();
        }
        Ok(())
    }

    fn watched(&self, tenant: &TenantId, run: RunId) -> Watched {
        let style = ProgressStyle::with_template("{prefix:22} {bar:30} {pos:>4}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |label: &str| {
            let bar = self.bars.add(ProgressBar::new(0)).with_style(style.clone());
            bar.with_prefix(format!("{tenant} {label}"))
        };
        let bars = STAGES.iter().map(|(step, label)| (*step, bar(label))).collect();
        Watched { tenant: tenant.clone(), run, bars }
    }
}

impl Watched {
    /// Moves the bars; tells whether the run is over and its shortlist can be read.
    async fn look(&self, database: &Database) -> anyhow::Result<bool> {
        let mut tx = database.enter(&self.tenant).await?;
        let done: HashMap<String, i64> = sqlx::query_as::<_, (String, i64)>(
            "select step, count(*) from lead_steps where tenant_id = $1 and run_id = $2 and company_id > 0 group by step",
        )
        .bind(self.tenant.as_str())
        .bind(self.run.get())
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .collect();
        let selected: i64 = sqlx::query_scalar("select count(*) from admissions where tenant_id = $1 and run_id = $2")
            .bind(self.tenant.as_str())
            .bind(self.run.get())
            .fetch_one(&mut *tx)
            .await?;
        for (step, bar) in &self.bars {
            bar.set_length(selected.unsigned_abs());
            bar.set_position(done.get(*step).copied().unwrap_or(0).unsigned_abs());
        }
        let over = runs::get(&mut tx, self.run).await?.is_some_and(|run| run.finished_at.is_some());
        let readable: bool = sqlx::query_scalar(
            "select exists (select 1 from enrichment_runs where tenant_id = $1 and run_id = $2 and ended_at is not null)",
        )
        .bind(self.tenant.as_str())
        .bind(self.run.get())
        .fetch_one(&mut *tx)
        .await?;
        Ok(over && readable)
    }
}
