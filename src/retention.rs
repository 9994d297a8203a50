//! `presdr retention`: what is removed because it was kept long enough.

use std::{collections::BTreeMap, process::ExitCode, str::FromStr};

use clap::{Args, Subcommand};
use presdr_compliance::{Office, retention};
use presdr_events::TenantId;
use presdr_store::{retention::Pass, tenants};
use serde_json::json;

use crate::{
    config::Config,
    output::{Align, Output, Table},
    session::Session,
};

/// `presdr retention plan`
#[derive(Debug, Args)]
#[command(
    after_help = "How long each kind is kept is the tenant's setting (`presdr tenant settings`, section `retention`). A scheduler does it \
    every night; `plan` shows what it would remove now."
)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what would go now, and remove nothing
    Plan {
        /// Only of this tenant
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: Option<TenantId>,
    },
    /// Remove now, for every tenant, what the next night would
    Enforce {
        /// Really remove it: it does not come back
        #[arg(long)]
        confirm: bool,
    },
    /// List a tenant's passes: what was to go, and what went
    List {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// How many, from the newest
        #[arg(long, value_name = "N", default_value_t = 30)]
        top: u32,
    },
}

/// Does what was asked.
///
/// # Errors
/// When a server cannot be reached, or a tenant's pass was cut off.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    Session::at_office(config, async |office| answer(command, office, output).await).await
}

async fn answer(command: &Command, office: &Office, output: &Output) -> anyhow::Result<ExitCode> {
    match &command.what {
        What::Plan { tenant } => {
            let plans = plans(office, tenant.clone()).await?;
            output.answer(&plans, planned)?;
        }
        What::Enforce { confirm: false } => {
            let plans = plans(office, None).await?;
            output.answer(&plans, |plans| format!("{}\nNothing was removed: --confirm does", planned(plans)))?;
            return Ok(ExitCode::FAILURE);
        }
        What::Enforce { confirm: true } => return enforce(office, output).await,
        What::List { tenant, top } => {
            let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
            let passes = presdr_store::retention::list(&mut tx, i64::from(*top)).await?;
            tx.commit().await?;
            output.answer(&passes, |passes| listed(passes))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn plans(office: &Office, tenant: Option<TenantId>) -> anyhow::Result<BTreeMap<TenantId, Pass>> {
    let whose = match tenant {
        Some(tenant) => vec![tenant],
        None => tenants::active(office.desk.database()).await?.into_iter().map(|tenant| tenant.id).collect(),
    };
    let mut plans = BTreeMap::new();
    for tenant in whose {
        plans.insert(tenant.clone(), retention::plan(office, &tenant).await?);
    }
    Ok(plans)
}

async fn enforce(office: &Office, output: &Output) -> anyhow::Result<ExitCode> {
    let Some(told) = retention::pass(office, None).await? else {
        anyhow::bail!("another process removes what was kept long enough just now: `presdr retention list` shows it");
    };
    let mut removed = BTreeMap::new();
    for (tenant, passes) in told {
        match passes {
            Ok(passes) => {
                let passes: Vec<_> = passes.iter().map(|pass| json!(pass)).collect();
                removed.insert(tenant, json!(passes));
            }
            Err(error) => anyhow::bail!("tenant {tenant}: {error}: the same command goes on with it"),
        }
    }
    output.answer(&removed, |removed| {
        let rows = removed.iter().flat_map(|(tenant, passes)| {
            let passes = passes.as_array().cloned().unwrap_or_default();
            passes.into_iter().flat_map(move |pass| {
                let rows = pass["removed"].as_object().cloned().unwrap_or_default();
                rows.into_iter().map(move |(table, rows)| (tenant.to_string(), table, rows.as_u64().unwrap_or(0)))
            })
        });
        table(rows.collect())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn planned(plans: &BTreeMap<TenantId, Pass>) -> String {
    let rows = plans.iter().flat_map(|(tenant, plan)| {
        plan.planned.iter().map(move |(table, rows)| (tenant.to_string(), table.clone(), *rows))
    });
    let unsigned: Vec<&str> =
        plans.iter().filter(|(_, plan)| plan.log_number.is_none()).map(|(tenant, _)| tenant.as_str()).collect();
    let told = table(rows.collect());
    match unsigned.is_empty() {
        true => told,
        false => format!(
            "{told}\nThe audit log stays whole until a signed checkpoint is old enough to begin at: {}",
            unsigned.join(", ")
        ),
    }
}

fn table(rows: Vec<(String, String, u64)>) -> String {
    let mut table = Table::new([("tenant", Align::Left), ("what", Align::Left), ("rows", Align::Right)]);
    for (tenant, what, rows) in rows {
        table.row([tenant, what, rows.to_string()]);
    }
    table.render("nothing was kept long enough to go")
}

fn listed(passes: &[Pass]) -> String {
    let columns = [
        ("number", Align::Right),
        ("day", Align::Left),
        ("finished", Align::Left),
        ("to go", Align::Right),
        ("gone", Align::Right),
    ];
    let mut table = Table::new(columns);
    for pass in passes {
        let finished = pass
            .finished_at
            .map_or_else(|| "cut off: it goes on by itself".to_owned(), |time| time.format("%F %T").to_string());
        let rows = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>().to_string();
        let (to_go, gone) = (rows(&pass.planned), rows(&pass.removed));
        table.row([pass.number.to_string(), pass.day.to_string(), finished, to_go, gone]);
    }
    table.render("there was no pass yet")
}
