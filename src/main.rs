//! presdr's command line: parse, wire, run.
//!
//! What the commands do lives in the other crates; here is one file per group of commands, which reads the arguments, calls, and
//! prints the answer.

mod acceptance;
mod arguments;
mod audit;
mod backup;
mod bench;
mod broker;
mod completions;
mod config;
mod consent;
mod costs;
mod crawl;
mod database;
mod demo;
mod doctor;
mod dsar;
mod events;
mod evidence;
mod help;
mod icp;
mod ingest;
mod key_file;
mod keys;
mod odoo;
mod output;
mod panics;
mod parked;
mod purge;
mod rebuild;
mod replay;
mod retention;
mod robots;
mod roles;
mod run;
mod sandbox;
mod schema;
mod serve;
mod session;
mod shortlist;
mod suppress;
mod tenant;
mod up;
mod vendors;
mod web;

use std::process::ExitCode;

use arguments::{Arguments, Command, Instead, Project};
use clap::{CommandFactory, FromArgMatches};

#[tokio::main]
async fn main() -> ExitCode {
    // One provider of TLS, named here, whatever the libraries would choose. It is the first, so nothing can be in its way.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let matches = help::grouped(Arguments::command()).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match answer(arguments).await {
        Ok(code) => code,
        Err(error) if output::reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("presdr: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

async fn answer(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { config, command } = arguments;
    config.start_log()?;
    let output = output::Output::new(config.json);
    match command {
        Command::Up(command) => up::up(&command, &config, &output).await,
        Command::Demo(command) => demo::run(&command, &config, &output).await,
        Command::Doctor(command) => doctor::run(&command, &config, &output).await,
        Command::Tenant(command) => tenant::run(&command, &config, &output).await,
        Command::Backup(command) => backup::backup(&command, &config, &output).await,
        Command::Receipts(command) => backup::receipts(&command, &config, &output).await,
        Command::Restore(command) => backup::restore(&command, &config, &output).await,
        Command::Keys(command) => keys::run(&command, &config, &output).await,
        Command::Ingest(command) => ingest::run(&command, &config, &output).await,
        Command::Icp(command) => icp::run(&command, &config, &output).await,
        Command::Run(command) => run::run(command, &config, &output).await,
        Command::Parked(command) => parked::run(&command, &config, &output).await,
        Command::Shortlist(command) => shortlist::run(&command, &config, &output).await,
        Command::Dsar(command) => dsar::run(&command, &config, &output).await,
        Command::Consent(command) => consent::run(&command, &config, &output).await,
        Command::Suppress(command) => suppress::run(&command, &config, &output).await,
        Command::Retention(command) => retention::run(&command, &config, &output).await,
        Command::Odoo(command) => odoo::run(&command, &config, &output).await,
        Command::Vendors(command) => vendors::run(&command, &config, &output).await,
        Command::Costs(command) => costs::run(&command, &config, &output).await,
        Command::Acceptance(command) => acceptance::run(&command, &config, &output).await,
        Command::Replay(command) => replay::run(&command, &config, &output).await,
        Command::Audit(command) => audit::run(&command, &config, &output).await,
        Command::Work(command) => up::work(command, &config).await,
        Command::Project(Project { instead: None }) => up::project(&config).await,
        Command::Project(Project { instead: Some(Instead::Rebuild(names)) }) => {
            rebuild::rebuild(&names, &config, &output).await
        }
        Command::Project(Project { instead: Some(Instead::Verify(names)) }) => {
            rebuild::verify(&names, &config, &output).await
        }
        Command::Serve(command) => serve::run(command, &config, &output).await,
        Command::Schedule => up::schedule(&config).await,
        Command::Migrate => schema::migrate(&config, &output).await,
        Command::Topology(command) => schema::topology(&command, &config, &output).await,
        Command::Crawl(command) => crawl::run(&command, config.mode, &output).await,
        Command::Robots(command) => robots::run(&command, &output),
        Command::Sandbox(command) => sandbox::run(&command, &output).await,
        Command::Bench(command) => bench::run(command, &config, &output).await,
        Command::Events(command) => events::run(&command, &output),
        Command::Completions(command) => completions::run(&command),
    }
}

/// The error and its causes in one line, without a cause that its effect has told already.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::told;

    #[test]
    fn a_cause_is_told_once() {
        assert_eq!(
            told(&anyhow!("no route").context("reaching the database: no route")),
            "reaching the database: no route"
        );
        assert_eq!(told(&anyhow!("no route").context("reaching the database")), "reaching the database: no route");
    }
}
