//! What the benches ask of the server they run on.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{Executor, PgConnection};

/// Settings that say how much a commit is worth and how much memory there is.
const SHOWN: [&str; 9] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "max_wal_size",
];
/// Without one of these a commit may be lost.
const DURABLE: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];

/// The server's settings, and whether what it commits is durable.
pub(super) async fn settings(connection: &mut PgConnection) -> Result<(BTreeMap<String, Value>, bool), sqlx::Error> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select name, current_setting(name) from pg_settings where name = any($1)")
            .bind(SHOWN.map(str::to_owned).to_vec())
            .fetch_all(connection)
            .await?;
    let durable = rows.iter().filter(|(name, _)| DURABLE.contains(&name.as_str())).all(|(_, value)| value == "on");
    let settings = rows.into_iter().map(|(name, value)| (format!("postgres {name}"), Value::from(value))).collect();
    Ok((settings, durable))
}

/// What was written before is on disk: one measurement does not pay for another's. The connection's user must be superuser.
pub(super) async fn write_out(owner: &mut PgConnection) -> Result<(), sqlx::Error> {
    owner.execute("reset role").await?;
    owner.execute("checkpoint").await?;
    owner.execute("set role presdr_owner").await?;
    Ok(())
}
