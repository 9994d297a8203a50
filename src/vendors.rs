//! `presdr vendors`: whether paid vendors can be asked for a tenant.

use std::{process::ExitCode, str::FromStr};

use clap::{Args, Subcommand};
use presdr_events::TenantId;
use presdr_store::tenants;
use presdr_vendors::check::{self, Checked, KeyKind, Reach, Report};
use rust_decimal::Decimal;

use crate::{
    config::Config,
    output::{Align, Output, Table},
    roles,
    session::Session,
};

/// `presdr vendors check --tenant acme`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ask each vendor, free of charge, whether it can be reached and what is left; tell today's use against its cap
    Check {
        /// Whose
        #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
}

/// Does what was asked.
///
/// # Errors
/// When there is no such tenant, or the database cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let session = Session::open(config).await?;
    let code = match &command.what {
        What::Check { tenant } => {
            tenants::enter_active(session.desk.database(), tenant).await?;
            let report = check::check(&roles::vendor_desk(&session.desk)?, tenant).await?;
            output.answer(&report, text)?;
            if report.vendors.iter().all(usable) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    };
    session.end().await;
    Ok(code)
}

/// A vendor without a key is a choice; one that has a key and cannot be asked is a fault.
fn usable(checked: &Checked) -> bool {
    matches!(checked.reach, Reach::NotAsked | Reach::Reached { .. })
}

fn text(report: &Report) -> String {
    let mut table = Table::new([
        ("vendor", Align::Left),
        ("key", Align::Left),
        ("reachable", Align::Left),
        ("credits left", Align::Right),
        ("today", Align::Right),
        ("cap", Align::Right),
        ("of", Align::Left),
        ("breaker", Align::Left),
        ("switched off", Align::Left),
    ]);
    let amount = |value: &Option<Decimal>| value.map_or_else(|| "-".to_owned(), |value| value.normalize().to_string());
    for checked in &report.vendors {
        table.row([
            checked.vendor.to_owned(),
            key(checked.key).to_owned(),
            reach(&checked.reach),
            amount(&checked.credits_left),
            checked.used_today.normalize().to_string(),
            amount(&checked.cap_today),
            checked.meter.to_owned(),
            checked
                .breaker_reason
                .map_or_else(|| checked.breaker.to_owned(), |why| format!("{} ({why})", checked.breaker)),
            checked.switched_off.join(", "),
        ]);
    }
    format!(
        "{}\n\ntoday: US$ {} of at most {}",
        table.render("there is no vendor"),
        report.usd_today.normalize(),
        amount(&report.usd_cap_today)
    )
}

fn key(key: KeyKind) -> &'static str {
    match key {
        KeyKind::Missing => "none",
        KeyKind::Shared => "shared",
        KeyKind::Own => "its own",
    }
}

fn reach(reach: &Reach) -> String {
    match reach {
        Reach::NotAsked => "not asked".to_owned(),
        Reach::Reached { latency_ms } => format!("in {latency_ms} ms"),
        Reach::KeyRefused => "refuses the key: set another".to_owned(),
        Reach::Quota => "credits are gone: buy more".to_owned(),
        Reach::Failed { what } => format!("no: {what}"),
    }
}
