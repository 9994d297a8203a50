//! `shortlists`: a run's ranking, joined from its manifest and its leads' scores, whichever was read first.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use crate::Projection;

/// The read model.
pub(crate) struct Shortlists;

impl Projection for Shortlists {
    fn name(&self) -> &'static str {
        "shortlists"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["shortlists"]
    }

    fn reads(&self) -> &'static [&'static str] {
        &["run_manifests", "lead_scores", "company_enrichment_runs"]
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
                 where manifest.tenant_id = $1 and manifest.run_id = any($2)",
            )
            .bind(tenant.as_str())
            .bind(runs)
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}
