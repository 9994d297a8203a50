//! What a read model is.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use crate::{ApplyError, TenantBatch};

/// A read model: turns events into rows. One file in `models/`, one line in `models::ALL`.
///
/// Statements use the table's bare name (a rebuild runs the same ones in another schema) and name records as `public.x`. They see
/// one tenant. Rows are keyed by what they are about, and newer wins by [`version`](crate::version), never by arrival.
pub trait Projection: Send + Sync {
    /// Its permanent name, for messages.
    fn name(&self) -> &'static str;

    /// The tables that it alone writes.
    fn tables(&self) -> &'static [&'static str];

    /// The read models whose tables it reads: where it is filled, these are, too.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }

    /// Writes what the events say, with as many statements as there are tables: none of them was ever applied before.
    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Counts anew, from rows, what these runs came to. Called after their rows were written, not for every batch.
    fn settle<'a>(
        &'a self,
        _connection: &'a mut PgConnection,
        _tenant: &'a TenantId,
        _runs: &'a [i64],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async { Ok(()) })
    }
}
