//! Projecting measured beside a plain `COPY` of the same rows.
//!
//! Both end with the same rows in tables of the same shape, indexes included. Projecting reads and decodes the log, opens personal
//! data, works as a role under row level security and counts; `COPY` only loads, into tables without policies.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures::TryStreamExt;
use presdr_events::TenantId;
use presdr_store::{Database, StoreError, keys::Keyring};
use sqlx::{AssertSqlSafe, PgConnection};

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
    pub bytes: usize,
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

/// Projects the log into an empty database, then copies the same rows beside. No projector may run meanwhile.
///
/// # Errors
/// [`ProjectError::Moved`] when a projector leads already; otherwise what the database or the broker say.
pub async fn project_beside_copy(
    owner: &Database,
    projector: &Database,
    context: &jetstream::Context,
    keyring: &Keyring,
    config: &ProjectorConfig,
) -> Result<Measured, ProjectError> {
    let (events, project) = project(projector, context, keyring, config).await?;
    let loads = rows(projector).await?;
    let (rows, copy) = copy(owner, &loads).await?;
    let bytes = loads.iter().map(|load| load.data.len()).sum();
    Ok(Measured { events, rows, bytes, project, copy })
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
    data: Vec<u8>,
}

async fn rows(projector: &Database) -> Result<Vec<Load>, ProjectError> {
    let mut tx = projector.shared().await?;
    let tenants: Vec<String> =
        sqlx::query_scalar("select tenant_id from tenants order by 1").fetch_all(&mut *tx).await?;
    let tables: Vec<String> =
        sqlx::query_scalar("select t::text from projection_tables('public') as t").fetch_all(&mut *tx).await?;
    tx.commit().await?;
    let mut loads: Vec<Load> = tables.into_iter().map(|table| Load { table, data: Vec::new() }).collect();
    for tenant in tenants {
        let tenant = TenantId::new(tenant).map_err(|error| StoreError::Refused(error.to_string()))?;
        let mut tx = projector.enter(&tenant).await?;
        for load in &mut loads {
            let statement = format!("copy (select * from {}) to stdout", load.table);
            let mut chunks = tx.copy_out_raw(&statement).await?;
            while let Some(chunk) = chunks.try_next().await? {
                load.data.extend_from_slice(&chunk);
            }
        }
        tx.commit().await?;
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
    for load in loads {
        let mut sink = connection.copy_in_raw(&format!("copy {COPIES}{} from stdin", load.table)).await?;
        sink.send(load.data.as_slice()).await?;
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
