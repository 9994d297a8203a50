//! Where the read models stand in the log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use presdr_store::Database;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

use crate::ProjectError;

/// The permanent name of the one set of read models: all are filled in one pass.
pub const CHECKPOINT: &str = "read-models";

/// Which set of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// What people read.
    Live,
    /// What a rebuild fills.
    Rebuild,
}

impl Schema {
    /// The checkpoint's key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Rebuild => "rebuild",
        }
    }

    /// The database schema, and nothing else: a table that is missing there is an error, never the other schema's table.
    pub(crate) fn search_path(self) -> &'static str {
        match self {
            Self::Live => "public",
            Self::Rebuild => "rebuild",
        }
    }
}

/// A stream as told apart from another that has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogIdentity {
    pub stream: String,
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.stream, self.created_at.to_rfc3339())
    }
}

/// Runs whose counts are behind their rows, by tenant.
pub(crate) type Unsettled = BTreeMap<TenantId, BTreeSet<i64>>;

/// A checkpoint as its writer holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Position {
    pub schema: Schema,
    pub log: LogIdentity,
    pub sequence: i64,
    pub settled: i64,
    pub unsettled: Unsettled,
}

impl Position {
    /// The position of `schema`; at the beginning of `log` when there is none yet.
    pub(crate) async fn load(
        connection: &mut PgConnection,
        schema: Schema,
        log: &LogIdentity,
    ) -> Result<Self, ProjectError> {
        sqlx::query(
            "insert into public.projection_checkpoints (name, schema, stream, stream_created_at, sequence, settled_sequence)
             values ($1, $2, $3, $4, 0, 0) on conflict do nothing",
        )
        .bind(CHECKPOINT)
        .bind(schema.key())
        .bind(&log.stream)
        .bind(log.created_at)
        .execute(&mut *connection)
        .await?;
        let row = sqlx::query(
            "select stream, stream_created_at, sequence, settled_sequence, unsettled from public.projection_checkpoints
             where name = $1 and schema = $2",
        )
        .bind(CHECKPOINT)
        .bind(schema.key())
        .fetch_one(connection)
        .await?;
        let Json(unsettled) = row.try_get("unsettled")?;
        Ok(Self {
            schema,
            log: LogIdentity { stream: row.try_get("stream")?, created_at: row.try_get("stream_created_at")? },
            sequence: row.try_get("sequence")?,
            settled: row.try_get("settled_sequence")?,
            unsettled,
        })
    }

    /// Locks the checkpoint for this transaction, and makes sure that nobody moved it.
    pub(crate) async fn lock(&self, connection: &mut PgConnection) -> Result<(), ProjectError> {
        let sequence: Option<i64> = sqlx::query_scalar(
            "select sequence from public.projection_checkpoints
             where name = $1 and schema = $2 and stream = $3 and stream_created_at = $4 for update",
        )
        .bind(CHECKPOINT)
        .bind(self.schema.key())
        .bind(&self.log.stream)
        .bind(self.log.created_at)
        .fetch_optional(connection)
        .await?;
        if sequence == Some(self.sequence) { Ok(()) } else { Err(ProjectError::Moved) }
    }

    pub(crate) async fn save(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update public.projection_checkpoints set sequence = $3, settled_sequence = $4, unsettled = $5, updated_at = now()
             where name = $1 and schema = $2",
        )
        .bind(CHECKPOINT)
        .bind(self.schema.key())
        .bind(self.sequence)
        .bind(self.settled)
        .bind(Json(&self.unsettled))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// How far the live read models have read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Every event up to here is in the tables.
    pub sequence: i64,
    /// And up to here it is counted in summaries and statistics, too.
    pub settled_sequence: i64,
    /// When it moved last.
    pub updated_at: DateTime<Utc>,
}

/// How far the live read models have read; nothing when no projector ever ran.
///
/// # Errors
/// What the database says.
pub async fn checkpoint(database: &Database) -> Result<Option<Checkpoint>, ProjectError> {
    let mut tx = database.shared().await?;
    let row: Option<(i64, i64, DateTime<Utc>)> = sqlx::query_as(
        "select sequence, settled_sequence, updated_at from projection_checkpoints where name = $1 and schema = 'live'",
    )
    .bind(CHECKPOINT)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.map(|(sequence, settled_sequence, updated_at)| Checkpoint { sequence, settled_sequence, updated_at }))
}
