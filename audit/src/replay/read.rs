//! Reading what a filter asks for: by places that the audit log knows, or by a scan of the tenant's events.

use futures::{StreamExt, TryStreamExt};
use presdr_events::{Envelope, EventId, Subject, TenantId, chain};
use sqlx::{AssertSqlSafe, Row};

use super::Filter;
use crate::{
    error::AuditError,
    firsts::Firsts,
    log::Message,
    verify::{STRETCH, Stores},
};

/// An event that was read again.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Its id.
    pub id: EventId,
    /// As it stands in the log.
    pub message: Message,
    /// What it says, or why it cannot be read here.
    pub read: Result<Envelope, String>,
}

impl Stores<'_> {
    /// Hands the events that pass the filter to `take`, each once, in the order of the log.
    ///
    /// A run's or a company's events are read by their places in the audit log; what that has not read yet, and everything when it knows
    /// none of them or `scan` asks for it, by a scan of the tenant's events.
    ///
    /// # Errors
    /// What the stores say, and what `take` says.
    pub async fn replay<E: From<AuditError>>(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        scan: bool,
        mut take: impl FnMut(Replayed) -> Result<(), E>,
    ) -> Result<(), E> {
        let last = self.log.last_sequence().await.map_err(AuditError::from)?;
        let mut after = 0;
        if !scan && (filter.run.is_some() || filter.company.is_some()) {
            let (places, read_to) = self.places(tenant, filter).await?;
            // None known: retention may have taken the rows, or nothing was projected yet.
            if !places.is_empty() {
                after = read_to;
            }
            let mut messages = std::pin::pin!(self.log.at(places));
            while let Some(message) = messages.try_next().await.map_err(AuditError::from)? {
                offer(filter, message, &mut take)?;
            }
        }
        self.scan(tenant, filter, (after, last), &mut take).await
    }

    async fn scan<E: From<AuditError>>(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        (after, last): (u64, u64),
        take: &mut impl FnMut(Replayed) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut firsts = Firsts::new(*self, tenant, after);
        let messages = self.log.of_tenant(tenant, after, last).await.map_err(AuditError::from)?;
        let mut stretches = std::pin::pin!(messages.try_chunks(STRETCH));
        while let Some(stretch) = stretches.next().await {
            let stretch = stretch.map_err(|error| AuditError::from(error.1))?;
            for (_, message) in firsts.keep(stretch).await? {
                offer(filter, message, take)?;
            }
        }
        Ok(())
    }

    /// The places of a run's or a company's events, in order, as far as the audit log has read, and how far that is.
    async fn places(&self, tenant: &TenantId, filter: &Filter) -> Result<(Vec<u64>, u64), AuditError> {
        let mut tx = self.database.enter(tenant).await?;
        // One statement, so that both are of one moment.
        let about = match (filter.run, filter.company) {
            (Some(_), Some(_)) => "a.run_id = $2 and a.company_id = $3",
            (Some(_), None) => "a.run_id = $2 and $3::bigint is null",
            _ => "a.company_id = $3 and $2::bigint is null",
        };
        let statement = format!(
            "select a.sequence, c.sequence as read_to from projection_checkpoints c left join audit_log a on a.tenant_id = $1 and {about}
             where c.name = $4 and c.schema = 'live' order by a.sequence"
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(tenant.as_str())
            .bind(filter.run.map(i64::from))
            .bind(filter.company.map(i64::from))
            .bind(presdr_projections::CHECKPOINT)
            .fetch_all(&mut *tx)
            .await?;
        let read_to = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("read_to"))?;
        let places: Vec<Option<i64>> = rows.iter().map(|row| row.try_get("sequence")).collect::<Result<_, _>>()?;
        Ok((places.into_iter().flatten().map(i64::unsigned_abs).collect(), read_to.unsigned_abs()))
    }
}

fn offer<E>(filter: &Filter, message: Message, take: &mut impl FnMut(Replayed) -> Result<(), E>) -> Result<(), E> {
    let id = chain::identify(&message.subject, &message.body, message.sequence);
    let read = Envelope::decode(&message.subject, &message.body).map_err(|error| error.to_string());
    let passes = match &read {
        Ok(envelope) => filter.passes(envelope),
        Err(_) => {
            let name =
                Subject::parse(&message.subject).map_or_else(|_| message.subject.clone(), |subject| subject.name);
            filter.may_mean_unreadable(&name, message.stored_at)
        }
    };
    if passes { take(Replayed { id, message, read }) } else { Ok(()) }
}
