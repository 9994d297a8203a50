//! Which companies must not be contacted: by themselves, or by a domain that any of their leads had.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use presdr_events::Event;

use super::Work;
use crate::TenantBatch;

impl Work<'_> {
    /// Brings `suppressed_companies` up to date: for all when lists changed, else for those whose domain was found. Tells whose standing
    /// changed.
    pub(crate) async fn companies(&mut self, batch: &TenantBatch) -> Result<Vec<i64>, sqlx::Error> {
        if self.lists_changed {
            return self.companies_among(None).await;
        }
        let resolved = batch.events.iter().filter(|event| matches!(event.envelope.event, Event::LeadDomainResolved(_)));
        let resolved: BTreeSet<i64> = resolved.filter_map(|event| Some(event.lead()?.1)).collect();
        match resolved.is_empty() {
            true => Ok(vec![]),
            false => self.companies_among(Some(resolved.into_iter().collect())).await,
        }
    }

    async fn companies_among(&mut self, among: Option<Vec<i64>>) -> Result<Vec<i64>, sqlx::Error> {
        let domains = self.domains(among.as_deref()).await?;
        let suppressed = self.look_up(domains.clone(), |_| {}).await?;
        let now = DateTime::<Utc>::MAX_UTC; // what is found from now on: only what nobody lifted holds for that
        let by_domain: Vec<i64> = domains.keys().copied().filter(|company| suppressed.company(*company, now)).collect();
        sqlx::query_scalar(
            "with held as (
                 select company_id from public.suppressions
                 where tenant_id = $1 and company_id is not null and kind = 'company' and lifted_at is null
                     and ($2::bigint[] is null or company_id = any($2))
                 union select unnest($3::bigint[])),
             freed as (delete from suppressed_companies kept where tenant_id = $1 and ($2::bigint[] is null or company_id = any($2))
                     and not exists (select from held where held.company_id = kept.company_id) returning company_id),
             taken as (insert into suppressed_companies (tenant_id, company_id) select $1, company_id from held
                     on conflict do nothing returning company_id)
             select company_id from freed union all select company_id from taken",
        )
        .bind(self.tenant.as_str())
        .bind(among)
        .bind(by_domain)
        .fetch_all(&mut *self.connection)
        .await
    }
}
