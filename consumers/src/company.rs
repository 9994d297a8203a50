//! A company as its tenant sees it.

use presdr_events::CompanyId;
use presdr_rules::icp::CompanyFacts;
use presdr_store::{StoreError, TenantTx};
use sqlx::Row;

use crate::lead::WorkError;

/// A company and where its domain was learnt.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    pub facts: CompanyFacts,
    /// Whether the domain comes from the tenant's own list.
    pub domain_is_tenants: bool,
}

/// Reads a company through the tenant's eyes: the registry's facts under the tenant's own.
pub(crate) async fn read(tx: &mut TenantTx, company: CompanyId) -> Result<Company, WorkError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query(
        "select c.name, c.uen, c.industry_norm, c.industry_code, c.employees_est, c.revenue_bucket, c.incorporation_year, c.sg_registered,
                c.website_domain, s.section as ssic_section, t.website_domain as own_domain
         from tenant_company c
         left join ssic_ref s on s.code = c.industry_code
         left join tenant_companies t on t.tenant_id = $2 and t.company_id = c.company_id
         where c.company_id = $1",
    )
    .bind(company.get())
    .bind(tenant.as_str())
    .fetch_optional(&mut **tx)
    .await
    .map_err(StoreError::from)?
    .ok_or_else(|| WorkError::Unfit(format!("company {company} is in no list of tenant {tenant}")))?;
    let number = |column: &str| row.get::<Option<i32>, _>(column).and_then(|value| u32::try_from(value).ok());
    let registered: Option<bool> = row.get("sg_registered");
    let facts = CompanyFacts {
        name: row.get("name"),
        uen: row.get("uen"),
        industry: row.get("industry_norm"),
        ssic_code: row.get("industry_code"),
        ssic_section: row.get("ssic_section"),
        employees: number("employees_est"),
        revenue_bucket: row.get("revenue_bucket"),
        incorporation_year: number("incorporation_year"),
        places: if registered == Some(true) { vec!["singapore".to_owned()] } else { Vec::new() },
        domain: row.get("website_domain"),
    };
    Ok(Company { facts, domain_is_tenants: row.get::<Option<String>, _>("own_domain").is_some() })
}
