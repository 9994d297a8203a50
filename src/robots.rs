//! `presdr robots`: what a robots.txt says about one URL.

use std::{
    io::{self, Read},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use presdr_sites::robots::{ROBOTS_BYTES_MAX, check};
use url::Url;

use crate::output::{Output, printable};

/// `presdr robots --agent presdr --url https://acme.example/team < robots.txt`
#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 when the URL may be fetched and 1 when it may not (RFC 9309).")]
pub struct Command {
    /// Who wants to fetch: a product name, or a whole User-Agent header
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// What they want to fetch
    #[arg(long)]
    url: Url,
}

/// Answers, and exits with the answer.
///
/// # Errors
/// When standard input cannot be read.
pub fn run(command: &Command, output: &Output) -> anyhow::Result<ExitCode> {
    let mut robots_txt = Vec::new();
    let most = u64::try_from(ROBOTS_BYTES_MAX).unwrap_or(u64::MAX);
    io::stdin().take(most).read_to_end(&mut robots_txt).context("reading robots.txt from standard input")?;
    let answer = check(&robots_txt, &command.agent, &command.url);
    output.answer(&answer, |answer| {
        let verdict = if answer.allowed { "allowed" } else { "not allowed" };
        let rule = answer.rule.as_deref().map_or("no rule matches".to_owned(), printable);
        format!("{verdict}: {rule}")
    })?;
    Ok(if answer.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
