//! `presdr icp`: a tenant's ideal customer profile, and the customers that are samples of it.

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
use presdr_producers::{icp, samples};
use presdr_store::similarity::Sample;
use serde_json::json;

use crate::{
    config::Config,
    output::{Align, Output, Table, printable},
    session::Session,
};

/// Characters of a text that a table shows.
const SHOWN: usize = 60;

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
    /// Print the sample customers that leads are compared with, or set them
    Samples {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// A CSV file with the columns name and about, at most 20 customers; "-" is standard input
        file: Option<PathBuf>,
    },
}

/// Does what was asked.
///
/// # Errors
/// When the document or file is refused, which names every offending key or line, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    match &command.what {
        What::Set { tenant, file } => {
            let document = String::from_utf8(read(file)?).with_context(|| format!("reading {}", file.display()))?;
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
        What::Samples { tenant, file: Some(file) } => {
            let list = read(file)?;
            let session = Session::open(config).await?;
            let set = samples::set(&session.desk, tenant, &list).await?;
            let answer = json!({ "tenant": tenant, "version": set.version, "samples": set.samples, "changed": set.changed, "removed": set.removed, "sequence": set.sequence });
            output.answer(&answer, |_| {
                let (samples, changed, removed) = (set.samples, set.changed, set.removed);
                format!("{tenant} has {samples} sample customers: {changed} new or changed, {removed} removed")
            })?;
            session.end().await;
        }
        What::Samples { tenant, file: None } => {
            let session = Session::open(config).await?;
            let samples = samples::show(&session.desk, tenant).await?;
            let rows: Vec<_> = samples
                .iter()
                .map(|one| json!({ "name": one.sample, "about": one.description, "embedded": one.vector.is_some() }))
                .collect();
            output.answer(&rows, |_| table(tenant, &samples))?;
            session.end().await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(tenant: &TenantId, samples: &[Sample]) -> String {
    let mut table = Table::new([("name", Align::Left), ("about", Align::Left), ("embedded", Align::Left)]);
    for one in samples {
        let about: String = one.description.chars().take(SHOWN).collect();
        let embedded = if one.vector.is_some() { "yes" } else { "with the next lead" };
        table.row([printable(&one.sample), printable(&about), embedded.to_owned()]);
    }
    table.render(&format!("{tenant} has no sample customers: `presdr icp samples --tenant {tenant} FILE` sets some"))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("reading {}", file.display());
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).with_context(what)?;
        return Ok(bytes);
    }
    fs::read(file).with_context(what)
}
