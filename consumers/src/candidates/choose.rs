//! Which candidates a run takes.

use presdr_events::CompanyId;
use presdr_store::{StoreError, TenantTx};
use sqlx::{Row, postgres::PgRow};

/// What a run takes, and of how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The companies, in the order in which they are taken.
    pub targets: Vec<Target>,
    /// How many candidates there are.
    pub candidates: u64,
    /// How many of the chosen were never seen before.
    pub never_seen: u32,
}

/// A company that a run takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which company.
    pub company: CompanyId,
    /// Its UEN, where it has one.
    pub uen: Option<String>,
}

/// The first `cap` candidates of a rule: those never seen first, then the stalest, then the rest; equals by company id. Companies that the
/// tenant suppresses are none of them.
///
/// Equals [`presdr_rules::targets::choose`], for sets too large to be fetched.
///
/// # Errors
/// What the database says.
pub async fn choose(tx: &mut TenantTx, rule_id: i64, cap: u32) -> Result<Chosen, StoreError> {
    let tenant = tx.tenant().clone();
    let candidates: i64 =
        sqlx::query_scalar("select count(*) from icp_candidate_companies where tenant_id = $1 and rule_id = $2")
            .bind(tenant.as_str())
            .bind(rule_id)
            .fetch_one(&mut **tx)
            .await?;
    let rows =
        sqlx::query(CHOICE).bind(tenant.as_str()).bind(rule_id).bind(i64::from(cap)).fetch_all(&mut **tx).await?;
    chosen(candidates.unsigned_abs(), rows)
}

/// The companies of these ids that are known, in the order given.
///
/// # Errors
/// What the database says.
pub async fn named(tx: &mut TenantTx, companies: &[i64]) -> Result<Chosen, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select c.company_id, c.uen, seen.last_seen_at is null as never_seen
         from unnest($2::bigint[]) with ordinality as asked (company_id, position)
         join tenant_company c on c.company_id = asked.company_id
         left join seen_companies seen on seen.tenant_id = $1 and seen.company_id = asked.company_id
         order by asked.position",
    )
    .bind(tenant.as_str())
    .bind(companies)
    .fetch_all(&mut **tx)
    .await?;
    chosen(rows.len() as u64, rows)
}

fn chosen(candidates: u64, rows: Vec<PgRow>) -> Result<Chosen, StoreError> {
    let mut chosen = Chosen { targets: Vec::new(), candidates, never_seen: 0 };
    for row in rows {
        let company = CompanyId::new(row.try_get("company_id")?);
        let company = company.map_err(|error| sqlx::Error::Decode(error.into()))?;
        chosen.targets.push(Target { company, uen: row.try_get("uen")? });
        chosen.never_seen += u32::from(row.try_get::<bool, _>("never_seen")?);
    }
    Ok(chosen)
}

const CHOICE: &str = "
    select taken.company_id, coalesce(c.uen, t.uen) as uen, taken.last_seen_at is null as never_seen
    from (
        select candidate.company_id, seen.last_seen_at
        from icp_candidate_companies candidate
        left join seen_companies seen on seen.tenant_id = $1 and seen.company_id = candidate.company_id
        where candidate.tenant_id = $1 and candidate.rule_id = $2
          and not exists (select from suppressions s where s.tenant_id = $1 and s.company_id = candidate.company_id
                          and s.kind = 'company' and s.lifted_at is null)
        order by seen.last_seen_at nulls first, candidate.company_id
        limit $3
    ) taken
    left join companies c on c.company_id = taken.company_id
    left join tenant_companies t on t.tenant_id = $1 and t.company_id = taken.company_id
    order by taken.last_seen_at nulls first, taken.company_id";
