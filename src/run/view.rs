//! A run as people read it.

use std::fmt::Write;

use presdr_events::TenantId;
use presdr_projections::read::run::{self, Facts};
use presdr_store::{Database, runs::Run};
use serde::Serialize;
use serde_json::{Value, json};

use crate::output::{Align, Table, printable};

/// A run with what came of it so far, and whose it is.
#[derive(Serialize)]
pub struct View {
    tenant: TenantId,
    #[serde(flatten)]
    of: run::View,
}

impl View {
    /// Reads everything about a run.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn read(database: &Database, tenant: &TenantId, run: Run) -> anyhow::Result<Self> {
        let mut tx = database.enter(tenant).await?;
        Ok(Self { tenant: tenant.clone(), of: run::view(&mut tx, &run).await? })
    }

    /// The same in words.
    pub fn told(&self) -> String {
        let mut text = String::new();
        let run = object(&self.of.run);
        let field = |name: &str| match &run[name] {
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
                self.of.leads.iter().map(|one| format!("{} {}", one.leads, one.state)).collect::<Vec<_>>().join(", "),
            ),
            ("degraded", self.degraded()),
        ];
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "  {name:10}  {value}");
        }
        for alert in &self.of.alerts {
            let _ = writeln!(text, "  alert       {}: {}", alert.alert, printable(&alert.message));
        }
        let _ = write!(text, "\n{}", self.stages());
        text
    }

    /// The run's own reasons, and those of its leads with their number.
    fn degraded(&self) -> String {
        let leads = self.of.degraded_leads.as_object().into_iter().flatten();
        let leads: Vec<String> = leads.map(|(reason, count)| format!("{reason} ({count})")).collect();
        let run = self.of.run.degraded.iter();
        let run = run.filter(|reason| self.of.degraded_leads.get(reason.as_str()).is_none()).cloned();
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
        for stage in &self.of.stages {
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
pub fn object(run: &Facts) -> Value {
    json!(run)
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
