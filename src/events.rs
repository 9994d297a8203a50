//! `presdr events`: the events written out for other programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use presdr_events::schema::documents;
use serde_json::Value;

use crate::output::Output;

/// What to write out.
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the JSON Schema of each event type and an AsyncAPI 3 document of all, by file name
    Schema {
        /// Write them as files into this folder instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Prints or writes the documents.
///
/// # Errors
/// When a file cannot be written.
pub fn run(command: &Command, output: &Output) -> anyhow::Result<ExitCode> {
    let What::Schema { out } = &command.what;
    let documents = documents();
    match out {
        None => output.line(&serde_json::to_string_pretty(&documents)?)?,
        Some(folder) => {
            for (name, document) in &documents {
                write(&folder.join(name), document)?;
            }
            let names: Vec<&String> = documents.keys().collect();
            output.answer(&names, |names| format!("wrote {} files to {}", names.len(), folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, document: &Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(document)? + "\n";
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making folder {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
