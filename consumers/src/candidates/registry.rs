//! The registry's companies that a profile admits, by one pass over an index.

use std::collections::BTreeSet;

use presdr_rules::icp::{Bounds, IcpDocument};
use sqlx::{FromRow, PgConnection};

/// What both statements do with the companies that pass by industry.
macro_rules! filters {
    () => {
        "judged as (
             select company_id,
                 (incorporation_year >= $3 or incorporation_year is null or $3 is null)
                     and (incorporation_year <= $4 or incorporation_year is null or $4 is null) as year_fits,
                 (employees_est >= $5 or employees_est is null or $5 is null)
                     and (employees_est <= $6 or employees_est is null or $6 is null) as employees_fit,
                 (lower(revenue_bucket) = $7 or revenue_bucket is null or $7 is null) as revenue_fits
             from passing where not (company_id = any($9::bigint[]))
         )
         select coalesce(array_agg(company_id) filter (where year_fits and employees_fit and revenue_fits and $8), '{}') as ids,
             count(*) as industry,
             count(*) filter (where year_fits) as incorporation_year,
             count(*) filter (where year_fits and employees_fit) as employees,
             count(*) filter (where year_fits and employees_fit and revenue_fits) as revenue,
             count(*) filter (where year_fits and employees_fit and revenue_fits and $8) as geography
         from judged"
    };
}
/// What is asked of the registry's companies: a profile with its industries as codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Codes of which one must be the beginning of the company's; `None` when any industry will do.
    pub(super) codes: Option<BTreeSet<String>>,
    pub(super) years: Bounds,
    pub(super) employees: Bounds,
    pub(super) revenue: Option<String>,
    /// Whether the places asked for leave out all companies of this registry.
    pub(super) elsewhere: bool,
}

/// The place where every company of this registry is.
pub(super) const REGISTRY_PLACE: &str = "singapore";

impl Asked {
    /// Everything that the profile asks for.
    pub(super) fn all(document: &IcpDocument, codes: Option<BTreeSet<String>>) -> Self {
        let place_is_asked = |place: &String| place == REGISTRY_PLACE;
        Self {
            codes,
            years: document.incorporation_year.unwrap_or_default(),
            employees: document.employee_range.unwrap_or_default(),
            revenue: document.revenue_bucket.clone(),
            elsewhere: !document.geography.is_empty() && !document.geography.iter().any(place_is_asked),
        }
    }

    /// The industries alone.
    pub(super) fn industries(codes: BTreeSet<String>) -> Self {
        Self { codes: Some(codes), ..Self::default() }
    }
}

/// Which companies passed every filter, and how many were left after each: as one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub(super) struct Found {
    pub(super) ids: Vec<i64>,
    pub(super) industry: i64,
    pub(super) incorporation_year: i64,
    pub(super) employees: i64,
    pub(super) revenue: i64,
    pub(super) geography: i64,
}

/// Finds them among the live companies, leaving out those in `listed`: of these the tenant knows better.
///
/// Each code becomes a range of the index; what is not known of a company passes. The statement is planned for its values every time.
pub(super) async fn find(tx: &mut PgConnection, asked: &Asked, listed: &[i64]) -> Result<Found, sqlx::Error> {
    let found = match &asked.codes {
        Some(codes) => {
            let (low, high): (Vec<&str>, Vec<String>) = codes.iter().map(|code| (code.as_str(), after(code))).unzip();
            sqlx::query_as(IN_INDUSTRIES).bind(low).bind(high)
        }
        None => sqlx::query_as(IN_ALL).bind(None::<Vec<String>>).bind(None::<Vec<String>>),
    };
    found
        .bind(bound(asked.years.min))
        .bind(bound(asked.years.max))
        .bind(bound(asked.employees.min))
        .bind(bound(asked.employees.max))
        .bind(asked.revenue.as_deref())
        .bind(!asked.elsewhere)
        .bind(listed)
        .persistent(false)
        .fetch_one(tx)
        .await
}

/// How many live companies the registry has: as the last load counted, or counted now if there was none.
pub(super) async fn live(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((select live_companies from registry_state), (select count(*) from companies where live))",
    )
    .fetch_one(tx)
    .await
}

/// The first text after all that begin with `code`, which is of ASCII digits.
fn after(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bound(number: Option<u32>) -> Option<i32> {
    number.map(|number| i32::try_from(number).unwrap_or(i32::MAX))
}

/// `$1` and `$2` are the ranges of codes. The lateral join keeps the plan one index scan per range, whatever the statistics say.
const IN_INDUSTRIES: &str = concat!(
    "with passing as (
         select c.company_id, c.incorporation_year, c.employees_est, c.revenue_bucket
         from unnest($1::text[], $2::text[]) as range(low, high)
         cross join lateral (
             select * from companies c where c.live and c.industry_code >= range.low and c.industry_code < range.high offset 0
         ) c
     ), ",
    filters!()
);

const IN_ALL: &str = concat!(
    "with passing as (
         select company_id, incorporation_year, employees_est, revenue_bucket from companies
         where live and $1::text[] is null and $2::text[] is null
     ), ",
    filters!()
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_covers_what_begins_with_it() {
        assert_eq!((after("62"), after("629"), after("99")), ("63".into(), "62:".into(), "9:".into()));
    }
}
