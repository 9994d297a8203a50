//! One batch, its rows and the checkpoint behind them: one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use presdr_events::{Event, Subject, TenantId};
use presdr_store::{erasures, keys::Keyring};
use sqlx::{Connection, PgConnection};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::batch::{Batch, Entry, storable, subjects_of};
use crate::checkpoint::{Position, Schema, Unsettled};
use crate::models::audit;
use crate::suppressed::{self, Suppressed};
use crate::{ApplyError, ProjectError, Projection, Recorded, Statement, TenantBatch};

/// Read models whose statements wait while the database is busy: they are held in memory.
const AHEAD: usize = 2;

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
    models: &[&'static dyn Projection],
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
    let erased = erased(&mut tx).await?;
    moved.unsettled.retain(|tenant, _| !erased.contains(tenant));
    for (tenant, entries) in batch.by_tenant() {
        if erased.contains(&tenant) {
            continue;
        }
        let schema = position.schema;
        let mut work = TenantWork { connection: &mut tx, keyring, tenant: &tenant, schema, models };
        let runs = work.apply(&entries).await?;
        if !runs.is_empty() {
            moved.unsettled.entry(tenant).or_default().extend(runs);
        }
    }
    if settle == Settle::Now {
        settle_all(&mut tx, position.schema, models, &moved.unsettled).await?;
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

/// The tenants that are being erased or were: of their events, which may still be on their way, nothing is written.
async fn erased(connection: &mut PgConnection) -> Result<HashSet<TenantId>, ProjectError> {
    let slugs: Vec<String> =
        sqlx::query_scalar("select tenant_id from public.tenants where status in ('purging', 'purged')")
            .fetch_all(connection)
            .await?;
    Ok(slugs.into_iter().filter_map(|slug| TenantId::new(slug).ok()).collect())
}

async fn settle_all(
    connection: &mut PgConnection,
    schema: Schema,
    models: &[&'static dyn Projection],
    unsettled: &Unsettled,
) -> Result<(), ProjectError> {
    for (tenant, runs) in unsettled {
        enter(connection, tenant, schema).await?;
        let runs: Vec<i64> = runs.iter().copied().collect();
        for projection in models {
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

/// A read model's name and its statements.
type Made = (&'static str, Result<Vec<Statement>, ApplyError>);

/// Makes each read model's statements, a little ahead of the database, until nobody wants them any more.
fn make_statements(models: &[&'static dyn Projection], batch: &TenantBatch, made: &mpsc::Sender<Made>) {
    for projection in models {
        if made.blocking_send((projection.name(), projection.statements(batch))).is_err() {
            return;
        }
    }
}

/// One tenant's share of a batch.
struct TenantWork<'a> {
    connection: &'a mut PgConnection,
    keyring: &'a Keyring,
    tenant: &'a TenantId,
    schema: Schema,
    models: &'a [&'static dyn Projection],
}

impl TenantWork<'_> {
    /// Links and applies everything that can be, parks the rest, and tells whose counts are behind now.
    async fn apply(&mut self, entries: &[Entry]) -> Result<Vec<i64>, ProjectError> {
        enter(self.connection, self.tenant, self.schema).await?;
        let news = audit::record(self.connection, self.tenant, entries).await?;
        let mut events = Vec::with_capacity(news.len());
        for entry in news {
            match &entry.read {
                Ok(event) => events.push(Arc::clone(event)),
                Err(unreadable) => self.park(entry.sequence, &unreadable.subject, &unreadable.error).await?,
            }
        }
        // The platform's own events concern nobody's read models.
        if self.tenant.as_str() == TenantId::PLATFORM {
            return Ok(vec![]);
        }
        let mut runs = Vec::new();
        // Halves of what failed are tried in the log's order until the events at fault stand alone.
        let mut open: Vec<&[Arc<Recorded>]> = vec![&events];
        while let Some(slice) = open.pop() {
            match (self.apply_slice(slice).await?, slice) {
                (Ok(()), _) => runs.extend(slice.iter().filter_map(|event| event.run())),
                (Err(error), [event]) => {
                    let name = event.envelope.event.event_type().name;
                    self.park(event.sequence, &Subject::of(self.tenant, name).to_string(), &error).await?;
                }
                (Err(_), _) => {
                    let (first, second) = slice.split_at(slice.len() / 2);
                    open.extend([second, first]);
                }
            }
        }
        Ok(runs)
    }

    /// All of the events or none. The inner error is one that the events are to blame for.
    async fn apply_slice(&mut self, events: &[Arc<Recorded>]) -> Result<Result<(), String>, ProjectError> {
        if events.is_empty() {
            return Ok(Ok(()));
        }
        let mut savepoint = self.connection.begin().await?;
        let mut work = TenantWork { connection: &mut savepoint, ..*self };
        match work.write(events).await {
            Ok(()) => {
                savepoint.commit().await?;
                Ok(Ok(()))
            }
            Err((name, error)) if error.is_of_the_events() => {
                savepoint.rollback().await?;
                Ok(Err(error.described(name, self.tenant)))
            }
            Err((_, error)) => Err(error.into()),
        }
    }

    /// Writes the events' rows; an error comes with the read model's name.
    async fn write(&mut self, events: &[Arc<Recorded>]) -> Result<(), (&'static str, ApplyError)> {
        let subjects = self.subjects(events).await.map_err(|error| ("keys", error))?;
        let tenant = self.tenant.clone();
        let mut batch = TenantBatch { tenant, events: events.to_vec(), subjects, suppressed: Suppressed::default() };
        batch.suppressed = self.suppressed(&batch).await.map_err(|error| ("suppressions", error))?;
        let batch = Arc::new(batch);
        let (made, mut ready) = mpsc::channel(AHEAD);
        let (models, told) = (self.models.to_vec(), Arc::clone(&batch));
        let making = spawn_blocking(move || make_statements(&models, &told, &made));
        while let Some((name, statements)) = ready.recv().await {
            for statement in statements.map_err(|error| (name, error))? {
                statement.execute(self.connection).await.map_err(|error| (name, error.into()))?;
            }
        }
        // Without this a thread that died would look like one that is done.
        making.await.map_err(|error| ("statements", ApplyError::Database(sqlx::Error::Io(error.into()))))?;
        for model in self.models {
            model.follow(self.connection, &batch).await.map_err(|error| (model.name(), error.into()))?;
        }
        Ok(())
    }

    /// Everyone whom the events name and who was not erased. From here to the commit nobody is erased.
    async fn subjects(
        &mut self,
        events: &[Arc<Recorded>],
    ) -> Result<HashMap<presdr_events::SubjectId, presdr_store::keys::DataSubject>, ApplyError> {
        let subjects = subjects_of(events);
        // A text may name somebody though the event does not.
        let has_text = events.iter().any(|event| matches!(event.envelope.event, Event::LeadExtracted(_)));
        if subjects.is_empty() && !has_text {
            return Ok(HashMap::new());
        }
        erasures::hold_off_on(self.connection, self.tenant).await?;
        enter(self.connection, self.tenant, Schema::Live).await?; // keys are records
        let found = self.keyring.subjects(self.connection, self.tenant, &subjects).await;
        let found = found.map_err(ApplyError::of_keys)?;
        enter(self.connection, self.tenant, self.schema).await?;
        Ok(found)
    }

    /// What the tenant suppresses of what the events tell.
    async fn suppressed(&mut self, batch: &TenantBatch) -> Result<Suppressed, ApplyError> {
        // Whoever minds suppressions reads leads for their domains: where leads are not filled, nobody minds them.
        let minded = self.models.iter().any(|model| suppressed::READS.contains(&model.name()));
        if !minded || !Suppressed::any(self.connection, self.tenant).await? {
            return Ok(Suppressed::default());
        }
        enter(self.connection, self.tenant, Schema::Live).await?; // keys are records
        let keys = self.keyring.tenant(self.connection, self.tenant).await.map_err(ApplyError::of_keys)?;
        enter(self.connection, self.tenant, self.schema).await?;
        let domains = suppressed::domains_of(self.connection, batch).await?;
        let found = suppressed::Found::of(batch)?;
        let looked_up = Suppressed::look_up(self.connection, self.tenant, &keys.index, domains, |suppressed| {
            found.ask(suppressed);
        });
        Ok(looked_up.await?)
    }

    /// Keeps an event that cannot be read or applied, and why; it is in the audit log all the same.
    async fn park(&mut self, sequence: i64, subject: &str, error: &str) -> Result<(), ProjectError> {
        tracing::error!(
            tenant.id = %self.tenant,
            event.sequence = sequence,
            event.subject = subject,
            "event {sequence} could not be applied, and the read models of tenant {} are stale: {error}",
            self.tenant
        );
        sqlx::query("insert into projection_parked (tenant_id, sequence, subject, error) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(self.tenant.as_str())
            .bind(sequence)
            .bind(storable(subject))
            .bind(storable(error))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}
