//! `run_vendor_usage`: what a run used of each vendor, counted from `vendor_calls`.

use futures::future::BoxFuture;
use presdr_events::TenantId;
use sqlx::PgConnection;

use crate::Projection;

/// The read model.
pub(crate) struct VendorUsage;

impl Projection for VendorUsage {
    fn name(&self) -> &'static str {
        "run_vendor_usage"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["run_vendor_usage"]
    }

    fn reads(&self) -> &'static [&'static str] {
        &["vendor_calls"]
    }

    fn settle<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        tenant: &'a TenantId,
        runs: &'a [i64],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            sqlx::query(
                "insert into run_vendor_usage as kept
                     (tenant_id, run_id, vendor, calls, errors, cache_hits, refused, requests, units, tokens_input, tokens_output, cost_usd,
                      rate_limit_hits, quota_exhausted)
                 select $1, run_id, vendor, count(*) filter (where asked), count(*) filter (where asked and status <> 'answered'),
                     count(*) filter (where status = 'cached'), count(*) filter (where status in ('refused_cap', 'breaker_open')),
                     sum(requests), sum(units), sum(tokens_input), sum(tokens_output), sum(cost_usd), sum(rate_limit_hits),
                     bool_or(quota_exhausted)
                 from (
                     select *, status not in ('cached', 'refused_cap', 'breaker_open') as asked
                     from vendor_calls where tenant_id = $1 and run_id = any($2)
                 ) as called
                 group by run_id, vendor
                 on conflict (tenant_id, run_id, vendor) do update set
                     calls = excluded.calls, errors = excluded.errors, cache_hits = excluded.cache_hits, refused = excluded.refused,
                     requests = excluded.requests, units = excluded.units, tokens_input = excluded.tokens_input,
                     tokens_output = excluded.tokens_output, cost_usd = excluded.cost_usd,
                     rate_limit_hits = excluded.rate_limit_hits, quota_exhausted = excluded.quota_exhausted",
            )
            .bind(tenant.as_str())
            .bind(runs)
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}
