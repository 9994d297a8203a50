//! Work that one process of the fleet may do at a time.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::sleep;

use crate::{Database, StoreError};

/// The server takes a moment to notice that a holder has gone: its lock is asked for so often, with a pause between, before it counts as held.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// An advisory lock of a session: held until this is dropped, or its process dies.
#[derive(Debug)]
pub(crate) struct Exclusive(pub(crate) PgConnection);

impl Exclusive {
    /// Takes the lock; `None` when somebody else holds it.
    pub(crate) async fn take(database: &Database, lock: i64) -> Result<Option<Self>, StoreError> {
        let mut connection = database.dedicated().await?;
        for again in 0..TRIES {
            if again > 0 {
                sleep(PAUSE).await;
            }
            let asked = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(lock);
            if asked.fetch_one(&mut connection).await? {
                return Ok(Some(Self(connection)));
            }
        }
        Ok(None)
    }
}
