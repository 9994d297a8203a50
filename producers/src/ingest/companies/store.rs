//! A tenant's companies into its table, each under its lasting id.

use presdr_events::TenantId;
use sqlx::PgConnection;

use super::row::Listed;

/// Rows that go to Postgres in one statement.
const ROWS_MAX: usize = 5_000;

/// Stores what is new or changed; says how many were new, and how many changed.
pub(super) async fn store(
    tx: &mut PgConnection,
    tenant: &TenantId,
    listed: &[Listed],
) -> Result<(u64, u64), sqlx::Error> {
    let (mut inserted, mut updated) = (0, 0);
    for rows in listed.chunks(ROWS_MAX) {
        allot_ids(tx, rows).await?;
        for new in upsert(tx, tenant, rows).await? {
            if new { inserted += 1 } else { updated += 1 }
        }
    }
    Ok((inserted, updated))
}

/// Allots ids to UENs that nobody named before. The registry takes them over when it brings the UEN.
async fn allot_ids(tx: &mut PgConnection, rows: &[Listed]) -> Result<(), sqlx::Error> {
    let uens: Vec<&str> = rows.iter().filter_map(|row| row.uen.as_deref()).collect();
    sqlx::query(
        "insert into company_uens (uen)
         select uen from unnest($1::text[]) as named(uen)
         where not exists (select from companies c where c.uen = named.uen)
           and not exists (select from company_uens u where u.uen = named.uen)
         on conflict (uen) do nothing",
    )
    .bind(uens)
    .execute(tx)
    .await?;
    Ok(())
}

async fn upsert(tx: &mut PgConnection, tenant: &TenantId, rows: &[Listed]) -> Result<Vec<bool>, sqlx::Error> {
    let text = |field: fn(&Listed) -> Option<&str>| {
        rows.iter().map(field).map(|text| text.map(str::to_owned)).collect::<Vec<_>>()
    };
    let number = |field: fn(&Listed) -> Option<i32>| rows.iter().map(field).collect::<Vec<_>>();
    sqlx::query_scalar(
        "insert into tenant_companies as old (tenant_id, company_id, identity, uen, name, website_domain, industry_norm, industry_code,
             employees_est, revenue_bucket, incorporation_year, place)
         select $1, coalesce(c.company_id, u.company_id, t.company_id, nextval('company_id_seq')), l.identity, l.uen, l.name, l.domain,
             coalesce(l.industry, d.label), l.industry_code, l.employees, l.revenue, l.year, l.place
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[], $10::int[], $11::text[])
             as l(identity, uen, name, domain, industry, industry_code, employees, revenue, year, place)
         left join companies c on c.uen = l.uen
         left join company_uens u on u.uen = l.uen
         left join tenant_companies t on t.tenant_id = $1 and t.identity = l.identity
         left join ssic_ref d on d.level = 'division' and d.code = left(l.industry_code, 2)
         on conflict (tenant_id, company_id) do update
         set uen = excluded.uen, name = excluded.name, website_domain = excluded.website_domain, industry_norm = excluded.industry_norm,
             industry_code = excluded.industry_code, employees_est = excluded.employees_est, revenue_bucket = excluded.revenue_bucket,
             incorporation_year = excluded.incorporation_year, place = excluded.place, updated_at = now()
         where (old.uen, old.name, old.website_domain, old.industry_norm, old.industry_code, old.employees_est, old.revenue_bucket,
                old.incorporation_year, old.place)
             is distinct from (excluded.uen, excluded.name, excluded.website_domain, excluded.industry_norm, excluded.industry_code,
                excluded.employees_est, excluded.revenue_bucket, excluded.incorporation_year, excluded.place)
         returning xmax = 0",
    )
    .bind(tenant.as_str())
    .bind(text(|row| Some(&row.identity)))
    .bind(text(|row| row.uen.as_deref()))
    .bind(text(|row| row.name.as_deref()))
    .bind(text(|row| row.domain.as_deref()))
    .bind(text(|row| row.industry.as_deref()))
    .bind(text(|row| row.industry_code.as_deref()))
    .bind(number(|row| row.employees))
    .bind(text(|row| row.revenue.as_deref()))
    .bind(number(|row| row.year))
    .bind(text(|row| row.place.as_deref()))
    .fetch_all(tx)
    .await
}
