//! `run_stage_stats`: how each stage of a run went, counted from `run_event_logs`.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use crate::Projection;

/// The read model.
pub(crate) struct Stages;

impl Projection for Stages {
    fn name(&self) -> &'static str {
        "run_stage_stats"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["run_stage_stats"]
    }

    fn reads(&self) -> &'static [&'static str] {
        &["run_event_logs"]
    }

    fn settle<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: &'a TenantId,
        runs: &'a [i64],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            sqlx::query(
                "insert into run_stage_stats as kept
                     (tenant_id, run_id, stage, count_total, count_success, count_degraded, count_error, count_skipped, p50_ms, p95_ms, p99_ms)
                 select $1, run_id, stage, total, success, degraded, error, skipped, quantiles[1], quantiles[2], quantiles[3]
                 from (
                     select run_id, stage, count(*) as total, count(*) filter (where status in ('ok', 'degraded')) as success,
                         count(*) filter (where status = 'degraded') as degraded, count(*) filter (where status = 'failed') as error,
                         count(*) filter (where status = 'skipped') as skipped,
                         percentile_disc(array[0.5, 0.95, 0.99]) within group (order by duration_ms) as quantiles
                     from run_event_logs where tenant_id = $1 and run_id = any($2) group by run_id, stage
                 ) as counted
                 on conflict (tenant_id, run_id, stage) do update set
                     count_total = excluded.count_total, count_success = excluded.count_success, count_degraded = excluded.count_degraded,
                     count_error = excluded.count_error, count_skipped = excluded.count_skipped,
                     p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms, p99_ms = excluded.p99_ms",
            )
            .bind(tenant.as_str())
            .bind(runs)
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}
