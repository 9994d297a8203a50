//! One batch, its rows and the checkpoint behind them: one transaction.

use std::collections::HashMap;

use presdr_events::TenantId;
use presdr_store::{StoreError, keys::Keyring};
use sqlx::{Connection, PgConnection};

use crate::batch::{Batch, Parked, subjects_of};
use crate::checkpoint::{Position, Schema, Unsettled};
use crate::models::{ALL, audit};
use crate::{ApplyError, ProjectError, Recorded, TenantBatch, erasure};

/// When to count anew what runs came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    Now,
    Later,
}

/// Applies `batch` and moves `position` behind it, both or neither.
///
/// An event that is at fault itself is parked, alone; any other failure leaves the tables as they were.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    keyring: &Keyring,
    position: &mut Position,
    batch: Batch,
    settle: Settle,
) -> Result<(), ProjectError> {
    let mut moved = position.clone();
    moved.sequence = moved.sequence.max(batch.last_sequence);
    let mut tx = connection.begin().await?;
    // What a crash of the database loses of this, it loses together with the checkpoint. Compiling a statement takes longer than
    // running it over one batch.
    sqlx::query("select set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true)")
        .execute(&mut *tx)
        .await?;
    position.lock(&mut tx).await?;
    for (tenant, (events, unreadable)) in batch.by_tenant() {
        let mut work = TenantWork { connection: &mut tx, keyring, tenant: &tenant, schema: position.schema };
        let runs = work.apply(&events, &unreadable).await?;
        if !runs.is_empty() {
            moved.unsettled.entry(tenant).or_default().extend(runs);
        }
    }
    if settle == Settle::Now {
        settle_all(&mut tx, position.schema, &moved.unsettled).await?;
        moved.unsettled.clear();
    }
    if moved.unsettled.is_empty() {
        moved.settled = moved.sequence;
    }
    moved.save(&mut tx).await?;
    tx.commit().await?;
    *position = moved;
    Ok(())
}

async fn settle_all(connection: &mut PgConnection, schema: Schema, unsettled: &Unsettled) -> Result<(), ProjectError> {
    for (tenant, runs) in unsettled {
        enter(connection, tenant, schema).await?;
        let runs: Vec<i64> = runs.iter().copied().collect();
        for projection in ALL {
            projection.settle(connection, tenant, &runs).await?;
        }
    }
    Ok(())
}

/// Lets the following statements see one tenant's rows in one schema.
async fn enter(connection: &mut PgConnection, tenant: &TenantId, schema: Schema) -> Result<(), sqlx::Error> {
    sqlx::query("select set_config('request.tenant_id', $1, true), set_config('search_path', $2, true)")
        .bind(tenant.as_str())
        .bind(schema.search_path())
        .execute(connection)
        .await?;
    Ok(())
}

/// One tenant's share of a batch.
struct TenantWork<'a> {
    connection: &'a mut PgConnection,
    keyring: &'a Keyring,
    tenant: &'a TenantId,
    schema: Schema,
}

impl TenantWork<'_> {
    /// Applies everything that can be, parks the rest, and tells whose counts are behind now.
    async fn apply(&mut self, events: &[Recorded], unreadable: &[Parked]) -> Result<Vec<i64>, ProjectError> {
        enter(self.connection, self.tenant, self.schema).await?;
        for parked in unreadable {
            self.park(parked).await?;
        }
        let events: Vec<&Recorded> = events.iter().collect();
        let mut runs = Vec::new();
        // Halves of what failed are tried in the log's order until the events at fault stand alone.
        let mut open: Vec<&[&Recorded]> = vec![&events];
        while let Some(slice) = open.pop() {
            match (self.apply_slice(slice).await?, slice) {
                (Ok(news), _) => runs.extend(news.iter().filter_map(|event| event.run())),
                (Err(error), [event]) => self.park_event(event, error).await?,
                (Err(_), _) => {
                    let (first, second) = slice.split_at(slice.len() / 2);
                    open.extend([second, first]);
                }
            }
        }
        Ok(runs)
    }

    /// All of the events or none. The inner error is one that the events are to blame for.
    async fn apply_slice<'e>(
        &mut self,
        events: &[&'e Recorded],
    ) -> Result<Result<Vec<&'e Recorded>, String>, ProjectError> {
        if events.is_empty() {
            return Ok(Ok(vec![]));
        }
        let mut savepoint = self.connection.begin().await?;
        let mut work =
            TenantWork { connection: &mut savepoint, keyring: self.keyring, tenant: self.tenant, schema: self.schema };
        match work.write(events).await {
            Ok(news) => {
                savepoint.commit().await?;
                Ok(Ok(news))
            }
            Err((name, error)) if error.is_of_the_events() => {
                savepoint.rollback().await?;
                Ok(Err(error.described(name, self.tenant)))
            }
            Err((_, error)) => Err(error.into()),
        }
    }

    /// Writes the rows of events that are news; an error comes with the read model's name.
    async fn write<'e>(&mut self, events: &[&'e Recorded]) -> Result<Vec<&'e Recorded>, (&'static str, ApplyError)> {
        let audited = audit::record(self.connection, self.tenant, events).await;
        let news = audited.map_err(|error| ("audit_log", error.into()))?;
        // The platform's own events concern nobody's read models.
        if self.tenant.as_str() == TenantId::PLATFORM || news.is_empty() {
            return Ok(news);
        }
        let subjects = self.subjects(&news).await.map_err(|error| ("keys", error))?;
        let batch = TenantBatch { tenant: self.tenant, events: &news, subjects };
        for projection in ALL {
            projection.apply(self.connection, &batch).await.map_err(|error| (projection.name(), error))?;
        }
        Ok(news)
    }

    /// Everyone whom the events name and who was not erased. From here to the commit nobody is erased.
    async fn subjects(
        &mut self,
        events: &[&Recorded],
    ) -> Result<HashMap<presdr_events::SubjectId, presdr_store::keys::DataSubject>, ApplyError> {
        let subjects = subjects_of(events);
        if subjects.is_empty() {
            return Ok(HashMap::new());
        }
        erasure::hold_off(self.connection, self.tenant).await?;
        enter(self.connection, self.tenant, Schema::Live).await?; // keys are records
        let found = self.keyring.subjects(self.connection, self.tenant, &subjects).await;
        let found = found.map_err(|error| match error {
            StoreError::Database(error) => ApplyError::Database(error),
            error => ApplyError::Sealed(error),
        })?;
        enter(self.connection, self.tenant, self.schema).await?;
        Ok(found)
    }

    /// Parks an event that was read but not applied. It stays in the audit log if it can be there at all.
    async fn park_event(&mut self, event: &Recorded, error: String) -> Result<(), ProjectError> {
        let mut savepoint = self.connection.begin().await?;
        match audit::record(&mut savepoint, self.tenant, &[event]).await {
            Ok(_) => savepoint.commit().await?,
            Err(refused) => match ApplyError::from(refused) {
                refused if refused.is_of_the_events() => savepoint.rollback().await?,
                failed => return Err(failed.into()),
            },
        }
        let subject = presdr_events::Subject::of(self.tenant, event.envelope.event.event_type().name).to_string();
        self.park(&Parked { tenant: self.tenant.clone(), sequence: event.sequence, subject, error }).await
    }

    async fn park(&mut self, parked: &Parked) -> Result<(), ProjectError> {
        tracing::error!(
            tenant.id = %parked.tenant,
            event.sequence = parked.sequence,
            event.subject = parked.subject,
            "event {} could not be applied, and the read models of tenant {} are stale: {}",
            parked.sequence,
            parked.tenant,
            parked.error
        );
        sqlx::query("insert into projection_parked (tenant_id, sequence, subject, error) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(self.tenant.as_str())
            .bind(parked.sequence)
            .bind(&parked.subject)
            .bind(&parked.error)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}
