//! What a read model is.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use crate::{ApplyError, TenantBatch, statement::Statement};

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

    /// What writes what the events say, as many statements as there are tables: none of the events was ever applied before.
    ///
    /// Made without the database, on a thread of its own, while the statements before these are carried out.
    ///
    /// # Errors
    /// [`ApplyError`] when a sealed value does not open, or a value has no form on the wire.
    fn statements(&self, _batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        Ok(vec![])
    }

    /// Corrects rows that are there already by what the events say. Called for every batch, after all statements of all read models.
    ///
    /// # Errors
    /// What the database says.
    fn follow<'a>(
        &'a self,
        _connection: &'a mut PgConnection,
        _batch: &'a TenantBatch,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async { Ok(()) })
    }

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
