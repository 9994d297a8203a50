//! Overwriting what deleted rows leave in the database's files.
//!
//! A deleted row stays in its page until something is written over it, and an ordinary VACUUM frees the room without doing so. Here the tables
//! that hold people in a readable form are written anew. Each is locked while that takes its time: for an hour in which nobody works.

use std::collections::BTreeSet;

use presdr_store::{Database, Role};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::{ComplianceError, PLACES};

/// Writes the tables anew, and tells which. `owner` is a pool of [`Role::Owner`]: nobody else may.
///
/// # Errors
/// [`ComplianceError::Refused`] for another role; otherwise what the database says: call again.
pub async fn scrub(owner: &Database, mut tell: impl FnMut(&'static str)) -> Result<Vec<&'static str>, ComplianceError> {
    if owner.role() != Role::Owner {
        return Err(ComplianceError::Refused("only the owner of the tables writes them anew".to_owned()));
    }
    let tables: BTreeSet<&'static str> =
        PLACES.iter().filter(|place| place.path.is_readable()).map(|place| place.table).collect();
    let mut connection = owner.dedicated().await?;
    for table in &tables {
        connection.execute(AssertSqlSafe(format!("vacuum full {table}"))).await?;
        tell(table);
    }
    connection.close().await?;
    Ok(tables.into_iter().collect())
}
