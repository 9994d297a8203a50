//! Projecting measured beside a plain `COPY` of the same rows, and beside a plain reading of the log.
//!
//! Projecting and copying both end with the same rows in tables of the same shape, indexes included. Projecting reads and decodes the log, opens personal
//! data, works as a role under row level security and counts; `COPY` only loads, into tables without policies.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
};
use futures::TryStreamExt;
use presdr_store::{Database, keys::Keyring, tenants};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
};

use crate::ProjectError;
use crate::checkpoint::{Position, Schema};
use crate::projector::{LEADER_LOCK, ProjectorConfig, Writer, try_lock};
use crate::reader::{Batches, check, look};

/// What the tables that rows are copied into begin with. They stand where nobody but the owner reads, and are removed again.
const COPIES: &str = "rebuild.copy_of_";

/// What projecting and copying took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Events that were projected.
    pub events: i64,
    /// Rows that they made.
    pub rows: u64,
    /// Those rows' bytes as `COPY` sends them.
    pub bytes: u64,
    /// From the first read of the log to the last count.
    pub project: Duration,
    /// The same rows by `COPY FROM STDIN`, one transaction.
    pub copy: Duration,
}

impl Measured {
    /// Projecting's speed as a share of `COPY`'s: 1 is as fast, 0.5 takes twice as long.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.copy.as_secs_f64() / self.project.as_secs_f64().max(f64::EPSILON)
    }
}

/// Rows that were copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many.
    pub rows: u64,
    /// Their bytes as `COPY` sends them.
    pub bytes: u64,
    /// `COPY FROM STDIN`, one transaction, from files that were just written.
    pub took: Duration,
}

/// Projects the log into an empty database, then copies the same rows beside. No projector may run meanwhile. `scratch` is a folder for
/// the rows on their way.
///
/// # Errors
/// [`ProjectError::Moved`] when a projector leads already; otherwise what the database or the broker say.
pub async fn project_beside_copy(
    owner: &Database,
    projector: &Database,
    context: &jetstream::Context,
    keyring: &Keyring,
    config: &ProjectorConfig,
    scratch: &Path,
) -> Result<Measured, ProjectError> {
    let (events, project) = project(projector, context, keyring, config).await?;
    let Copied { rows, bytes, took: copy } = copy_rows(owner, projector, scratch).await?;
    Ok(Measured { events, rows, bytes, project, copy })
}

/// Copies every row of the read models into tables of the same shape, and drops them again. `scratch` is a folder for the rows on their
/// way: there may be more than memory holds.
///
/// # Errors
/// What the database or the folder says.
pub async fn copy_rows(owner: &Database, projector: &Database, scratch: &Path) -> Result<Copied, ProjectError> {
    let loads = rows(projector, scratch).await?;
    let bytes = loads.iter().map(|load| load.bytes).sum();
    let (rows, took) = copy(owner, &loads).await?;
    for load in &loads {
        tokio::fs::remove_file(&load.file).await.map_err(sqlx::Error::Io)?;
    }
    Ok(Copied { rows, bytes, took })
}

/// Reads the whole log with a plain ordered consumer, looking into nothing. Tells how many events there were, and how long it took.
///
/// # Errors
/// What the broker says.
pub async fn read_plainly(context: &jetstream::Context, stream: &str) -> Result<(u64, Duration), ProjectError> {
    let log_error = |error: String| ProjectError::Log(error);
    let log = context.get_stream(stream).await.map_err(|error| log_error(error.to_string()))?;
    let last = log.cached_info().state.last_sequence;
    let started = Instant::now();
    // Named here: whoever lets the broker choose names needs the right to make durables, too.
    let name = Some(format!("plain-{}", uuid::Uuid::new_v4().simple()));
    let config = pull::OrderedConfig { name, deliver_policy: DeliverPolicy::All, ..pull::OrderedConfig::default() };
    let consumer = log.create_consumer(config).await.map_err(|error| log_error(error.to_string()))?;
    let mut messages = consumer.messages().await.map_err(|error| log_error(error.to_string()))?;
    let mut events = 0;
    while let Some(message) = messages.try_next().await.map_err(|error| log_error(error.to_string()))? {
        events += 1;
        if message.info().map_err(|error| log_error(error.to_string()))?.stream_sequence >= last {
            break;
        }
    }
    Ok((events, started.elapsed()))
}

async fn project(
    projector: &Database,
    context: &jetstream::Context,
    keyring: &Keyring,
    config: &ProjectorConfig,
) -> Result<(i64, Duration), ProjectError> {
    let mut connection = projector.dedicated().await?;
    if !try_lock(&mut connection, LEADER_LOCK).await? {
        return Err(ProjectError::Moved);
    }
    let started = Instant::now();
    let log = look(context, &config.stream).await?;
    let position = Position::load(&mut connection, Schema::Live, &log.identity).await?;
    check(&log, &position.log, position.sequence)?;
    let from = position.sequence;
    let mut batches = Batches::read(context.clone(), log.identity, from, config.limits());
    let mut writer = Writer::new(connection, keyring, position);
    while writer.position().sequence < log.last_sequence {
        writer.write(batches.next().await?).await?;
    }
    writer.count().await?;
    Ok((writer.position().sequence - from, started.elapsed()))
}

/// The rows of one table as `COPY` sends them.
struct Load {
    table: String,
    file: PathBuf,
    bytes: u64,
}

async fn rows(projector: &Database, scratch: &Path) -> Result<Vec<Load>, ProjectError> {
    let mut tx = projector.shared().await?;
    let tables: Vec<String> =
        sqlx::query_scalar("select t::text from projection_tables('public') as t").fetch_all(&mut *tx).await?;
    tx.commit().await?;
    let tenants = tenants::with_events(projector).await?;
    let mut loads = Vec::new();
    for table in tables {
        let file = scratch.join(format!("{table}.copy"));
        let mut out = BufWriter::new(File::create(&file).await.map_err(sqlx::Error::Io)?);
        let mut bytes = 0;
        for tenant in &tenants {
            let mut tx = projector.enter(tenant).await?;
            {
                let statement = format!("copy (select * from {table}) to stdout");
                let mut chunks = tx.copy_out_raw(&statement).await?;
                while let Some(chunk) = chunks.try_next().await? {
                    out.write_all(&chunk).await.map_err(sqlx::Error::Io)?;
                    bytes += chunk.len() as u64;
                }
            }
            tx.commit().await?;
        }
        out.flush().await.map_err(sqlx::Error::Io)?;
        loads.push(Load { table, file, bytes });
    }
    Ok(loads)
}

async fn copy(owner: &Database, loads: &[Load]) -> Result<(u64, Duration), ProjectError> {
    let mut connection = owner.dedicated().await?;
    for Load { table, .. } in loads {
        execute(&mut connection, format!("drop table if exists {COPIES}{table}")).await?;
        execute(&mut connection, format!("create table {COPIES}{table} (like public.{table} including all)")).await?;
    }
    let started = Instant::now();
    execute(&mut connection, "begin".to_owned()).await?;
    let mut rows = 0;
    for Load { table, file, .. } in loads {
        let from = File::open(file).await.map_err(sqlx::Error::Io)?;
        let mut sink = connection.copy_in_raw(&format!("copy {COPIES}{table} from stdin")).await?;
        sink.read_from(from).await?;
        rows += sink.finish().await?;
    }
    execute(&mut connection, "commit".to_owned()).await?;
    let took = started.elapsed();
    for Load { table, .. } in loads {
        execute(&mut connection, format!("drop table {COPIES}{table}")).await?;
    }
    Ok((rows, took))
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
