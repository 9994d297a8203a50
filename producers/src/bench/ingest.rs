//! `bench ingest`: taking in registry files, beside a plain COPY of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use presdr_store::{Database, Role};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::AsyncReadExt;

use super::{
    report::{Aim, Report},
    rows, server,
};
use crate::ingest;

/// At most so many times as long as a plain COPY.
const TIMES_COPY_MAX: f64 = 2.5;
const CHUNK_BYTES: usize = 512 * 1024;

/// Why a bench came to no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The database could not do it.
    #[error(transparent)]
    Store(#[from] presdr_store::StoreError),
    /// The database could not do it.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The load that was measured failed.
    #[error(transparent)]
    Ingest(#[from] ingest::IngestError),
    /// The file to be loaded could not be made or read.
    #[error("could not write or read {}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was measured did not do what it should: its time means nothing.
    #[error("{0}")]
    Wrong(String),
}

/// Measures it on the migrated, empty database at `url` (whose user may take the owner's and the producer's role), with a file of
/// `rows` invented companies written to `directory` and removed again.
///
/// Three times: a COPY of the file into a table with its 53 columns and no index, as durable as the companies are; the same into an
/// unlogged table, which survives no crash; the ingest from file to companies. Both COPYs get the bytes through the connection, as
/// the ingest does. Then the ingest of the same file once more, when nothing changed.
///
/// # Errors
/// [`BenchError`], also when the ingest did not store every row.
pub async fn ingest(url: &str, directory: &Path, rows: u64) -> Result<Report, BenchError> {
    let file = directory.join("bench-ingest.csv");
    let failed = |source| BenchError::File { file: file.clone(), source };
    rows::write(&file, rows).map_err(failed)?;
    let measured = measure(url, &file, rows).await;
    std::fs::remove_file(&file).map_err(failed)?;
    measured
}

async fn measure(url: &str, file: &Path, rows: u64) -> Result<Report, BenchError> {
    let mut owner = Database::connect(url, Role::Owner, 1).await?.dedicated().await?;
    let producer = Database::connect(url, Role::Producer, 2).await?;
    let (mut settings, defaults) = server::settings(&mut owner).await?;
    settings.extend(size(file, rows)?);
    make_tables(&mut owner, file).await?;

    server::write_out(&mut owner).await?;
    let logged = copy(&mut owner, "copy bench_logged from stdin (format csv, header)", file).await?;
    server::write_out(&mut owner).await?;
    let unlogged = copy(&mut owner, "copy bench_unlogged from stdin (format csv, header)", file).await?;
    owner.execute("drop table bench_logged, bench_unlogged").await?;

    server::write_out(&mut owner).await?;
    let first = load(&producer, file, rows).await?;
    server::write_out(&mut owner).await?;
    let again = load(&producer, file, 0).await?;
    owner.close().await?;

    let mut report = Report::new("ingest", settings, defaults);
    let aim = Some(Aim::AtMost(TIMES_COPY_MAX));
    report.times("ingest into companies", first, "COPY into a table without indexes", logged, aim);
    report.times("ingest into companies", first, "COPY into an unlogged table without indexes", unlogged, aim);
    report.times("the same file again, nothing changed", again, "COPY into a table without indexes", logged, None);
    report.value("rows ingested per second", rows as f64 / first.as_secs_f64(), "1/s", None);
    Ok(report)
}

fn size(file: &Path, rows: u64) -> Result<BTreeMap<String, Value>, BenchError> {
    let bytes = std::fs::metadata(file).map_err(|source| BenchError::File { file: file.to_owned(), source })?.len();
    Ok(BTreeMap::from([("rows".to_owned(), Value::from(rows)), ("file bytes".to_owned(), Value::from(bytes))]))
}

/// Two tables with the file's columns, as text.
async fn make_tables(owner: &mut PgConnection, file: &Path) -> Result<(), BenchError> {
    let mut reader = csv::Reader::from_path(file).map_err(|error| BenchError::Wrong(error.to_string()))?;
    let header = reader.headers().map_err(|error| BenchError::Wrong(error.to_string()))?;
    let columns: Vec<String> = header.iter().map(|name| format!("{name} text")).collect();
    let columns = columns.join(", ");
    let tables = format!("create table bench_logged ({columns}); create unlogged table bench_unlogged ({columns})");
    owner.execute(sqlx::AssertSqlSafe(tables)).await?;
    Ok(())
}

async fn copy(owner: &mut PgConnection, statement: &str, path: &Path) -> Result<Duration, BenchError> {
    let failed = |source| BenchError::File { file: path.to_owned(), source };
    let begun = Instant::now();
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.set_max_buf_size(CHUNK_BYTES);
    let mut sink = owner.copy_in_raw(statement).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk).await.map_err(failed)?;
        if read == 0 {
            break;
        }
        sink.send(&chunk[..read]).await?;
    }
    sink.finish().await?;
    Ok(begun.elapsed())
}

async fn load(producer: &Database, file: &Path, new: u64) -> Result<Duration, BenchError> {
    let begun = Instant::now();
    let summary = ingest::acra(producer, &[file.to_owned()], &|_| {}).await?;
    let elapsed = begun.elapsed();
    match (summary.inserted == new, summary.updated, summary.quarantined) {
        (true, 0, 0) => Ok(elapsed),
        _ => Err(BenchError::Wrong(format!("the ingest should have inserted {new} companies and came to {summary:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use presdr_store::testing::TestStore;

    use super::*;

    #[tokio::test]
    async fn the_ingest_takes_in_every_row_that_the_bench_makes() {
        let (store, folder) = (TestStore::new().await.unwrap(), tempfile::tempdir().unwrap());
        // As many as hold each oddity often: quoted names, other letters, short codes, missing ones.
        let report = ingest(store.url(), folder.path(), 5_000).await.unwrap();
        assert_eq!(report.settings["rows"], 5_000);
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the file goes with the bench");
    }
}
