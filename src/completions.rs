//! `presdr completions`: what a shell needs to complete presdr's commands.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{arguments::Arguments, output::Output};

/// `presdr completions bash > /etc/bash_completion.d/presdr`
#[derive(Debug, Args)]
pub struct Command {
    /// Which shell
    shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// When nobody takes them.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "presdr", &mut script);
    Output::new(false).bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
