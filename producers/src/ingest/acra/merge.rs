//! Staged lines into `companies`: one row per UEN, only what is new or changed.

use sqlx::PgConnection;

use crate::ingest::loads;

/// What changed.
pub(super) struct Merged {
    pub(super) inserted: u64,
    pub(super) updated: u64,
}

/// Brings `companies` up to date. New companies are numbered in the order of their UENs from the highest id on, so that a load that
/// was undone half-way and comes again gives the same ids.
pub(super) async fn merge(tx: &mut PgConnection) -> Result<Merged, sqlx::Error> {
    loads::lock_ids(tx).await?;
    let updated = if has_companies(tx).await? { update(tx).await? } else { 0 };
    let inserted = insert(tx).await?;
    sqlx::query(
        "insert into registry_state (live_companies) select count(*) from companies where live
         on conflict (only_row) do update set live_companies = excluded.live_companies, counted_at = now()",
    )
    .execute(tx)
    .await?;
    Ok(Merged { inserted, updated })
}

async fn has_companies(tx: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from companies)").fetch_one(tx).await
}

async fn update(tx: &mut PgConnection) -> Result<u64, sqlx::Error> {
    // With the memory of a first load; both last until the transaction ends.
    sqlx::query("select analyze_staged_companies(), set_config('work_mem', '64MB', true)").execute(&mut *tx).await?;
    let updated = sqlx::query(
        "update companies c
         set name = s.name, live = s.live, entity_type = s.entity_type, entity_status = s.entity_status,
             incorporation_year = s.incorporation_year, industry_code = s.industry_code, industry_norm = s.industry_norm,
             postal_code = s.postal_code, updated_at = now()
         from staged_companies s
         where c.uen = s.uen
           and (c.name, c.live, c.entity_type, c.entity_status, c.incorporation_year, c.industry_code, c.industry_norm, c.postal_code)
               is distinct from
               (s.name, s.live, s.entity_type, s.entity_status, s.incorporation_year, s.industry_code, s.industry_norm, s.postal_code)",
    )
    .execute(tx)
    .await?;
    Ok(updated.rows_affected())
}

async fn insert(tx: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let last: i64 =
        sqlx::query_scalar("select case when is_called then last_value else last_value - 1 end from company_id_seq")
            .fetch_one(&mut *tx)
            .await?;
    let inserted: i64 = sqlx::query_scalar("select insert_staged_companies($1)").bind(last).fetch_one(&mut *tx).await?;
    if inserted > 0 {
        sqlx::query("select setval('company_id_seq', $1)").bind(last + inserted).execute(tx).await?;
    }
    Ok(inserted.unsigned_abs())
}
