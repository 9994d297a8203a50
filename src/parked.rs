//! `presdr parked`: work that could not be done and waits for a person.

use std::{process::ExitCode, str::FromStr};

use clap::{Args, Subcommand};
use presdr_events::TenantId;
use presdr_producers::parked;
use presdr_store::parked::Parked;
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{Align, Output, Table},
    session::Session,
};

/// `presdr parked list --tenant acme`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what waits, newest first
    List {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        top: u32,
    },
    /// Show one, with its error
    Show {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Its number in the list
        id: i64,
    },
    /// Put one back as a new attempt, once its cause is cured
    Retry {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Its number in the list
        id: i64,
    },
}

/// Does what was asked.
///
/// # Errors
/// When it is refused, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let session = Session::open(config).await?;
    let desk = &session.desk;
    match &command.what {
        What::List { tenant, top } => {
            let waiting = parked::list(desk, tenant, i64::from(*top)).await?;
            output.answer(&waiting.iter().map(object).collect::<Vec<_>>(), |_| table(&waiting))?;
        }
        What::Show { tenant, id } => {
            let one = parked::show(desk, tenant, *id).await?;
            output.answer(&object(&one), |_| told(&one))?;
        }
        What::Retry { tenant, id } => {
            let sequence = parked::retry(desk, tenant, *id).await?;
            output.answer(&json!({ "retried": id, "sequence": sequence }), |_| {
                format!("{id} is put back as a new attempt")
            })?;
        }
    }
    session.end().await;
    Ok(ExitCode::SUCCESS)
}

fn object(one: &Parked) -> Value {
    json!({
        "id": one.id, "consumer": one.consumer, "event_id": one.event_id, "subject": one.subject,
        "stream_sequence": one.stream_sequence, "deliveries": one.deliveries, "run_id": one.run,
        "company_id": one.company, "error": one.error, "parked_at": one.parked_at, "retried_at": one.retried_at,
    })
}

fn table(waiting: &[Parked]) -> String {
    let mut table = Table::new([
        ("id", Align::Right),
        ("parked", Align::Left),
        ("worker", Align::Left),
        ("run", Align::Right),
        ("company", Align::Right),
        ("tried", Align::Right),
        ("error", Align::Left),
    ]);
    for one in waiting {
        let number = |id: Option<i64>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        table.row([
            one.id.to_string(),
            one.parked_at.format("%F %T").to_string(),
            one.consumer.clone(),
            number(one.run),
            number(one.company),
            one.deliveries.to_string(),
            one.error.clone(),
        ]);
    }
    table.render("nothing is parked")
}

fn told(one: &Parked) -> String {
    let put_back = one.retried_at.map_or_else(|| "not yet".to_owned(), |time| time.format("%F %T").to_string());
    format!(
        "parked message {} of worker {}\n  subject    {}\n  sequence   {}\n  tried      {} times, parked {}\n  put back   {put_back}\n  error      {}",
        one.id,
        one.consumer,
        one.subject,
        one.stream_sequence,
        one.deliveries,
        one.parked_at.format("%F %T"),
        one.error
    )
}
