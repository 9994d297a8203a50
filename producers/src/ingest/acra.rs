//! The registry's published files into `companies`.
//!
//! One transaction from the first line to the last company: the files are streamed into an unlogged staging table by a thread that
//! parses while Postgres stores, then set statements bring `companies` up to date, one row per UEN, touching only what changed.

mod layout;
mod merge;
mod row;
mod staging;

use std::path::PathBuf;

use presdr_events::TenantId;
use presdr_store::Database;
use sqlx::Connection;

use super::{
    IngestError, Phase, Progress, Source, Summary,
    loads::{self, Load},
};

/// Takes in the registry's files, in the order given: of two lines with the same UEN the later one counts.
///
/// Companies that the files do not mention stay as they are, so the files may be taken in together or one by one.
///
/// # Errors
/// [`IngestError::Header`] before anything is stored when a file lacks a column; otherwise what reading or storing came to, and then
/// the companies are as they were before.
pub async fn acra(
    database: &Database,
    files: &[PathBuf],
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Summary, IngestError> {
    let opened = staging::open(files)?;
    let names = files.iter().map(|file| file.display().to_string()).collect();
    let Load { mut connection, ticket } = loads::begin(database, &TenantId::platform(), Source::Acra, names).await?;
    let mut tx = connection.begin().await?;
    let staged = staging::fill(&mut tx, opened, progress).await?;
    progress(Progress { phase: Phase::Merging, ..staged.progress });
    let merged = merge::merge(&mut tx).await?;
    loads::clear_quarantine(&mut tx, &ticket).await?;
    if staged.quarantined > 0 {
        loads::quarantine_staged(&mut tx, &ticket).await?;
    }
    let summary = Summary {
        source: Source::Acra,
        files: u32::try_from(files.len()).unwrap_or(u32::MAX),
        rows: staged.progress.rows,
        quarantined: staged.quarantined,
        inserted: merged.inserted,
        updated: merged.updated,
        content_hash: staged.content_hash,
    };
    loads::finish(&mut tx, &ticket, &summary).await?;
    tx.commit().await?;
    connection.close().await?;
    tracing::info!(rows = summary.rows, quarantined = summary.quarantined, "took in {} registry rows", summary.rows);
    Ok(summary)
}
