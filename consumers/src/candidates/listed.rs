//! The companies that a tenant lists itself, judged by the rules one by one: there are thousands, not millions.

use presdr_rules::icp::{Bounds, CompanyFacts, IcpDocument};
use sqlx::{FromRow, PgConnection};

use super::{classification::Classification, registry::REGISTRY_PLACE};

/// A company of the tenant's list as the tenant sees it.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Listed {
    pub(super) company_id: i64,
    in_registry: bool,
    live: bool,
    sg_registered: bool,
    uen: Option<String>,
    name: Option<String>,
    industry_norm: Option<String>,
    industry_code: Option<String>,
    employees_est: Option<i32>,
    revenue_bucket: Option<String>,
    incorporation_year: Option<i32>,
    website_domain: Option<String>,
    place: Option<String>,
}

/// Reads the tenant's list.
pub(super) async fn load(tx: &mut PgConnection) -> Result<Vec<Listed>, sqlx::Error> {
    sqlx::query_as(
        "select company_id, in_registry, live, sg_registered, uen, name, industry_norm, industry_code, employees_est, revenue_bucket,
             incorporation_year, website_domain, place
         from tenant_company where listed",
    )
    .fetch_all(tx)
    .await
}

/// What a profile asks of listed companies.
pub(super) struct Judge<'a> {
    pub(super) document: &'a IcpDocument,
    /// The profile with its industries as codes, too.
    pub(super) with_codes: &'a IcpDocument,
    pub(super) classification: &'a Classification,
}

/// Which filters a company passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) industry: bool,
    pub(super) incorporation_year: bool,
    pub(super) employees: bool,
    pub(super) revenue: bool,
    pub(super) geography: bool,
    pub(super) not_excluded: bool,
}

impl Judge<'_> {
    pub(super) fn judge(&self, company: &Listed) -> Verdict {
        let facts = self.facts(company);
        let inside = |bounds: Option<Bounds>, number: Option<u32>| match (bounds, number) {
            (Some(bounds), Some(number)) => bounds.contains(number),
            _ => true,
        };
        Verdict {
            industry: !self.document.asks_for_industry() || self.industry_matches(&facts),
            incorporation_year: inside(self.document.incorporation_year, facts.incorporation_year),
            employees: inside(self.document.employee_range, facts.employees),
            revenue: self.document.revenue_matches(&facts) != Some(false),
            geography: self.document.geography_matches(&facts) != Some(false),
            not_excluded: !self.document.excludes(&facts),
        }
    }

    /// By code as in the registry, or by the tenant's own label.
    fn industry_matches(&self, facts: &CompanyFacts) -> bool {
        self.with_codes.industry_matches(facts) || self.document.label_matches(facts)
    }

    fn facts(&self, company: &Listed) -> CompanyFacts {
        let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        let section = company.industry_code.as_deref().and_then(|code| self.classification.section_of(code));
        let registered = company.sg_registered.then(|| REGISTRY_PLACE.to_owned());
        CompanyFacts {
            name: company.name.clone().unwrap_or_default(),
            uen: company.uen.clone(),
            industry: company.industry_norm.clone(),
            ssic_code: company.industry_code.clone(),
            ssic_section: section.map(str::to_owned),
            employees: number(company.employees_est),
            revenue_bucket: company.revenue_bucket.clone(),
            incorporation_year: number(company.incorporation_year),
            places: registered.into_iter().chain(company.place.clone()).collect(),
            domain: company.website_domain.clone(),
        }
    }
}

impl Listed {
    /// Whether it counts at all: in business, as far as the registry knows of it.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// Whether the registry counts it among its live companies, too.
    pub(super) fn is_live_in_registry(&self) -> bool {
        self.in_registry && self.live
    }
}
