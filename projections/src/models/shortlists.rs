//! `shortlists` (with `suppressed_companies`, which they leave out): a run's ranking, joined from its manifest and its leads' scores, whichever was read first. A company that is suppressed
//! later leaves its place empty: the others keep their ranks.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use super::suppressed::Work;
use crate::{Projection, TenantBatch};

/// The read model.
pub(crate) struct Shortlists;

impl Projection for Shortlists {
    fn name(&self) -> &'static str {
        "shortlists"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["shortlists", "suppressed_companies"]
    }

    fn reads(&self) -> &'static [&'static str] {
        &["run_manifests", "lead_scores", "company_enrichment_runs"]
    }

    fn follow<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let Some(mut work) = Work::of(connection, batch) else { return Ok(()) };
            let changed = work.companies(batch).await?;
            if changed.is_empty() {
                return Ok(());
            }
            let runs: Vec<i64> =
                sqlx::query_scalar("select run_id from run_manifests where tenant_id = $1 and shortlisted_ids && $2")
                    .bind(batch.tenant.as_str())
                    .bind(changed)
                    .fetch_all(&mut *connection)
                    .await?;
            self.settle(connection, &batch.tenant, &runs).await
        })
    }

    fn settle<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: &'a TenantId,
        runs: &'a [i64],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            sqlx::query("delete from shortlists where tenant_id = $1 and run_id = any($2)")
                .bind(tenant.as_str())
                .bind(runs)
                .execute(&mut *connection)
                .await?;
            sqlx::query(
                "insert into shortlists (tenant_id, run_id, rank, company_id, score, bucket, confidence, domain, rationale)
                 select $1, manifest.run_id, listed.rank, listed.company_id, scored.score, scored.bucket, scored.confidence, lead.domain, scored.rationale
                 from run_manifests as manifest
                 cross join unnest(manifest.shortlisted_ids) with ordinality as listed (company_id, rank)
                 left join lead_scores as scored
                     on scored.tenant_id = $1 and scored.run_id = manifest.run_id and scored.company_id = listed.company_id
                 left join company_enrichment_runs as lead
                     on lead.tenant_id = $1 and lead.run_id = manifest.run_id and lead.company_id = listed.company_id
                 where manifest.tenant_id = $1 and manifest.run_id = any($2)
                     and not exists (select from suppressed_companies as gone
                         where gone.tenant_id = $1 and gone.company_id = listed.company_id)",
            )
            .bind(tenant.as_str())
            .bind(runs)
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}
