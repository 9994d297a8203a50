//! `run_summaries`: what a run came to, counted from its leads.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use crate::Projection;

/// The read model.
pub(crate) struct Summaries;

impl Projection for Summaries {
    fn name(&self) -> &'static str {
        "run_summaries"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["run_summaries"]
    }

    fn reads(&self) -> &'static [&'static str] {
        &["enrichment_runs", "run_manifests", "company_enrichment_runs"]
    }

    fn settle<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: &'a TenantId,
        runs: &'a [i64],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            sqlx::query(
                "insert into run_summaries as kept
                     (tenant_id, run_id, candidates, selected, admitted, processed, scored, dropped, parked, timed_out, shortlisted, degraded)
                 select $1, run.run_id, coalesce(manifest.candidates, run.candidates), coalesce(cardinality(manifest.selected_ids), 0),
                     leads.admitted, leads.processed, leads.scored, leads.dropped, leads.parked, leads.timed_out,
                     coalesce(cardinality(manifest.shortlisted_ids), 0), coalesce(missing.degraded, '{}')
                 from enrichment_runs as run
                 left join run_manifests as manifest on manifest.tenant_id = $1 and manifest.run_id = run.run_id
                 cross join lateral (
                     select count(*) filter (where admitted_version > 0) as admitted, count(outcome) as processed,
                         count(*) filter (where outcome = 'scored') as scored, count(*) filter (where outcome = 'dropped') as dropped,
                         count(*) filter (where outcome = 'parked') as parked, count(*) filter (where outcome = 'timed_out') as timed_out
                     from company_enrichment_runs where tenant_id = $1 and run_id = run.run_id
                 ) as leads
                 cross join lateral (
                     select jsonb_object_agg(reason, lost) as degraded
                     from (
                         select reason, count(*) as lost from company_enrichment_runs, unnest(degraded_reasons) as reason
                         where tenant_id = $1 and run_id = run.run_id group by reason
                     ) as counted
                 ) as missing
                 where run.tenant_id = $1 and run.run_id = any($2)
                 on conflict (tenant_id, run_id) do update set
                     candidates = excluded.candidates, selected = excluded.selected, admitted = excluded.admitted,
                     processed = excluded.processed, scored = excluded.scored, dropped = excluded.dropped, parked = excluded.parked,
                     timed_out = excluded.timed_out, shortlisted = excluded.shortlisted, degraded = excluded.degraded",
            )
            .bind(tenant.as_str())
            .bind(runs)
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}
