//! `presdr doctor`: what is reachable, which versions, what is misconfigured or stale, each with its cure.
//!
//! It starts nothing and changes nothing.

mod broker;
mod database;
mod gateway;
mod machine;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::{
    config::Config,
    output::{Align, Output, Table},
    serve,
};

/// `presdr doctor`
#[derive(Debug, Args)]
#[command(after_help = "Exits with 1 when something is wrong; what is only worth knowing does not count.")]
pub struct Command {
    /// Where the owner of a site reaches you, a page or mailto:
    #[arg(long, env = "PRESDR_CONTACT", hide_env_values = true, value_name = "URL")]
    contact: Option<url::Url>,
    #[command(flatten)]
    gateway: serve::Options,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// As it should be.
    Ok,
    /// Works, and will not for long, or not for everything.
    Note,
    /// Does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Check {
    what: &'static str,
    status: Status,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

impl Check {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, status: Status::Ok, found: found.into(), cure: None }
    }

    fn note(what: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what, status: Status::Note, found: found.into(), cure: Some(cure.into()) }
    }

    fn wrong(what: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what, status: Status::Wrong, found: found.into(), cure: Some(cure.into()) }
    }
}

/// Looks at everything, and exits with 1 when something is wrong.
///
/// # Errors
/// When nobody takes the answer.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let mut checks = machine::checks(config, command.contact.as_ref());
    let log = broker::check(config, &mut checks).await;
    database::check(config, log.as_ref(), &mut checks).await;
    gateway::check(&command.gateway, config, &mut checks).await;
    output.answer(&checks, |checks| table(checks))?;
    let wrong = checks.iter().any(|check| check.status == Status::Wrong);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn table(checks: &[Check]) -> String {
    let mut table = Table::new([("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for check in checks {
        let mark = match check.status {
            Status::Ok => "ok",
            Status::Note => "note",
            Status::Wrong => "WRONG",
        };
        table.row([mark.to_owned(), check.what.to_owned(), check.found.clone()]);
        if let Some(cure) = &check.cure {
            table.row([String::new(), String::new(), format!("-> {cure}")]);
        }
    }
    table.render("nothing was looked at").trim_start().to_owned()
}
