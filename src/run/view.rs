//! A run as people read it.

use std::fmt::Write;

use presdr_events::TenantId;
use presdr_store::{Database, runs::Run};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::output::{Align, Table, printable};

/// A run with what came of it so far.
#[derive(Serialize)]
pub struct View {
    tenant: TenantId,
    #[serde(flatten)]
    run: Value,
    /// Where its leads are, from the records.
    leads: Vec<Leads>,
    /// How its stages went, from the read models.
    stages: Vec<Stage>,
    /// Its degraded reasons and how many leads have each, from the read models.
    degraded_leads: Value,
    /// What an operator should look at, from the read models.
    alerts: Vec<Alert>,
}

#[derive(Serialize, FromRow)]
struct Leads {
    state: String,
    leads: i64,
}

#[derive(Serialize, FromRow)]
struct Stage {
    stage: String,
    count_total: i64,
    count_success: i64,
    count_degraded: i64,
    count_error: i64,
    count_skipped: i64,
    p50_ms: i64,
    p95_ms: i64,
}

#[derive(Serialize, FromRow)]
struct Alert {
    alert: String,
    message: String,
}

impl View {
    /// Reads everything about a run.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn read(database: &Database, tenant: &TenantId, run: Run) -> anyhow::Result<Self> {
        let mut tx = database.enter(tenant).await?;
        let id = run.id.get();
        let leads = sqlx::query_as(
            "select coalesce(outcome, state) as state, count(*) as leads from admissions
             where tenant_id = $1 and run_id = $2 group by 1 order by 1",
        );
        let stages = sqlx::query_as(
            "select stage, count_total, count_success, count_degraded, count_error, count_skipped, p50_ms, p95_ms
             from run_stage_stats where tenant_id = $1 and run_id = $2 order by stage",
        );
        let alerts = sqlx::query_as(
            "select alert, message from alerts where tenant_id = $1 and run_id = $2 order by raised_at, event_id",
        );
        let degraded = sqlx::query_scalar("select degraded from run_summaries where tenant_id = $1 and run_id = $2");
        let degraded: Option<Value> = degraded.bind(tenant.as_str()).bind(id).fetch_optional(&mut *tx).await?;
        Ok(Self {
            run: object(&run),
            leads: leads.bind(tenant.as_str()).bind(id).fetch_all(&mut *tx).await?,
            stages: stages.bind(tenant.as_str()).bind(id).fetch_all(&mut *tx).await?,
            degraded_leads: degraded.unwrap_or_else(|| json!({})),
            alerts: alerts.bind(tenant.as_str()).bind(id).fetch_all(&mut *tx).await?,
            tenant: tenant.clone(),
        })
    }

    /// The same in words.
    pub fn told(&self) -> String {
        let mut text = String::new();
        let field = |name: &str| match &self.run[name] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        // writing to a String cannot fail
        let _ = writeln!(text, "run {} of {} is {}", field("run_id"), self.tenant, field("status"));
        let lines = [
            ("kind", field("kind")),
            ("cap", field("cap")),
            ("candidates", field("candidates")),
            ("started", field("created_at")),
            ("ended", field("finished_at")),
            (
                "leads",
                self.leads.iter().map(|one| format!("{} {}", one.leads, one.state)).collect::<Vec<_>>().join(", "),
            ),
            ("degraded", self.degraded()),
        ];
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "  {name:10}  {value}");
        }
        for alert in &self.alerts {
            let _ = writeln!(text, "  alert       {}: {}", alert.alert, printable(&alert.message));
        }
        let _ = write!(text, "\n{}", self.stages());
        text
    }

    /// The run's own reasons, and those of its leads with their number.
    fn degraded(&self) -> String {
        let leads = self.degraded_leads.as_object().into_iter().flatten();
        let leads: Vec<String> = leads.map(|(reason, count)| format!("{reason} ({count})")).collect();
        let run = self.run["degraded"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let run = run.filter(|reason| self.degraded_leads.get(reason).is_none()).map(str::to_owned);
        run.chain(leads).collect::<Vec<_>>().join(", ")
    }

    fn stages(&self) -> String {
        let mut table = Table::new([
            ("stage", Align::Left),
            ("steps", Align::Right),
            ("ok", Align::Right),
            ("degraded", Align::Right),
            ("failed", Align::Right),
            ("skipped", Align::Right),
            ("p50 ms", Align::Right),
            ("p95 ms", Align::Right),
        ]);
        for stage in &self.stages {
            let plain = stage.count_success - stage.count_degraded;
            let numbers = [
                stage.count_total,
                plain,
                stage.count_degraded,
                stage.count_error,
                stage.count_skipped,
                stage.p50_ms,
                stage.p95_ms,
            ];
            let [total, plain, degraded, error, skipped, p50, p95] = numbers.map(|number| number.to_string());
            table.row([stage.stage.clone(), total, plain, degraded, error, skipped, p50, p95]);
        }
        table.render("no stage is counted yet")
    }
}

/// A run as an object.
pub fn object(run: &Run) -> Value {
    json!({
        "run_id": run.id, "kind": run.kind, "status": run.status, "attempt": run.attempt, "cap": run.cap,
        "icp_rule": run.icp_rule, "icp_version": run.icp_version, "candidates": run.candidates,
        "degraded": run.degraded, "created_at": run.created_at, "targeted_at": run.targeted_at,
        "finished_at": run.finished_at,
    })
}

/// Runs as a table.
pub fn table(runs: &[Run], tenant: &TenantId) -> String {
    let mut table = Table::new([
        ("run", Align::Right),
        ("kind", Align::Left),
        ("status", Align::Left),
        ("started", Align::Left),
        ("ended", Align::Left),
        ("cap", Align::Right),
        ("candidates", Align::Right),
        ("degraded", Align::Left),
    ]);
    for run in runs {
        table.row([
            run.id.to_string(),
            run.kind.clone(),
            run.status.clone(),
            run.created_at.format("%F %T").to_string(),
            run.finished_at.map_or_else(|| "-".to_owned(), |time| time.format("%F %T").to_string()),
            run.cap.to_string(),
            run.candidates.map_or_else(|| "-".to_owned(), |candidates| candidates.to_string()),
            run.degraded.join(", "),
        ]);
    }
    table.render(&format!("{tenant} has no run yet: `presdr run start --tenant {tenant}` starts one"))
}
