//! `presdr icp`: a tenant's ideal customer profile.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use presdr_events::TenantId;
use presdr_producers::icp;
use serde_json::json;

use crate::{config::Config, output::Output, session::Session};

/// `presdr icp set --tenant acme icp.json`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check a profile and set it; runs that start from now on use it
    Set {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// A JSON document; "-" is standard input
        file: PathBuf,
    },
    /// Print the newest profile
    Show {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
}

/// Does what was asked.
///
/// # Errors
/// When the document is refused, which names every offending key, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    match &command.what {
        What::Set { tenant, file } => {
            let document = read(file)?;
            let session = Session::open(config).await?;
            let set = icp::set(&session.desk, tenant, &document).await?;
            let answer =
                json!({ "tenant": tenant, "rule": set.rule, "version": set.version, "sequence": set.sequence });
            output.answer(&answer, |_| format!("{tenant} has version {} of its profile", set.version))?;
            session.end().await;
        }
        What::Show { tenant } => {
            let session = Session::open(config).await?;
            let Some((version, document)) = icp::show(&session.desk, tenant).await? else {
                bail!("tenant {tenant} has no profile: `presdr icp set --tenant {tenant} icp.json` sets one");
            };
            let text = serde_json::to_string_pretty(&document)?;
            output.answer(&json!({ "tenant": tenant, "version": version, "document": document }), |_| text)?;
            session.end().await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let what = || format!("reading the profile {}", file.display());
    if file == Path::new("-") {
        return io::read_to_string(io::stdin().lock().by_ref()).with_context(what);
    }
    fs::read_to_string(file).with_context(what)
}
