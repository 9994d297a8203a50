//! `presdr ingest`: taking companies in.

use std::{path::PathBuf, process::ExitCode, str::FromStr, time::Instant};

use clap::{Args, Subcommand};
use indicatif::HumanCount;
use presdr_events::TenantId;
use presdr_producers::{
    ingest::{self, Phase, Progress, Summary},
    ingested,
};
use presdr_store::tenants;
use serde_json::json;

use crate::{
    config::Config,
    output::{Output, progress},
    session::Session,
};

/// `presdr ingest acra FILE...`
#[derive(Debug, Args)]
#[command(
    after_help = "A load happens whole or not at all. Lines that cannot be used are counted, and kept with file, line and reason \
    in the table ingest_quarantine."
)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take in the company registry's published files, for all tenants
    Acra {
        /// CSV files in the registry's layout, in any number
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Take in the industry classification (SSIC)
    Ssic {
        /// A CSV file
        file: PathBuf,
    },
    /// Take in a tenant's own list: name, domain, uen, industry, employees, ... with the columns in any order
    Companies {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// A CSV file
        file: PathBuf,
    },
}

/// Takes the files in, and tells so in an event.
///
/// # Errors
/// When a file is refused, or a server cannot be reached; then the companies are as they were.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let session = Session::open(config).await?;
    let database = session.desk.database();
    let started = Instant::now();
    let (tenant, summary) = match &command.what {
        What::Acra { files } => (TenantId::platform(), acra(&session, files).await?),
        What::Ssic { file } => (TenantId::platform(), ingest::ssic(database, file).await?),
        What::Companies { tenant, file } => {
            tenants::enter_active(database, tenant).await?.commit().await?;
            (tenant.clone(), ingest::companies(database, tenant, file).await?)
        }
    };
    let took = started.elapsed();
    let sequence = ingested::tell(&session.desk, &tenant, summary.clone(), took).await?;
    let answer = json!({
        "tenant": tenant, "source": summary.source.name(), "files": summary.files, "rows": summary.rows,
        "quarantined": summary.quarantined, "inserted": summary.inserted, "updated": summary.updated,
        "content_hash": summary.content_hash, "seconds": took.as_secs_f64(), "sequence": sequence,
    });
    output.answer(&answer, |_| format!("{} in {:.1} s", told(&summary), took.as_secs_f64()))?;
    session.end().await;
    Ok(ExitCode::SUCCESS)
}

async fn acra(session: &Session, files: &[PathBuf]) -> anyhow::Result<Summary> {
    let bar = progress::bytes();
    let tell = |progress: Progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_read);
        let doing = match progress.phase {
            Phase::Reading => "read",
            Phase::Merging => "read, bringing the companies up to date",
        };
        bar.set_message(format!("{} rows {doing}", HumanCount(progress.rows)));
    };
    let summary = ingest::acra(session.desk.database(), files, &tell).await;
    bar.finish_and_clear();
    Ok(summary?)
}

fn told(summary: &Summary) -> String {
    let files = if summary.files == 1 { "file" } else { "files" };
    format!(
        "{} rows of {} {files}: {} new, {} changed, {} quarantined",
        HumanCount(summary.rows),
        summary.files,
        HumanCount(summary.inserted),
        HumanCount(summary.updated),
        HumanCount(summary.quarantined)
    )
}
