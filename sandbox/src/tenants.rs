//! What the two tenants of the demonstration bring along: their own company lists and their customer profiles.

use std::path::Path;

use serde_json::{Value, json};

use crate::company::{Company, company};
use crate::random::Random;
use crate::registry::WriteError;

/// The two tenants of the demonstration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoTenant {
    /// Sells to software, advisory and service firms.
    Acme,
    /// Sells to builders, makers and movers of things.
    Globex,
}

impl DemoTenant {
    /// Both tenants.
    pub const ALL: [Self; 2] = [Self::Acme, Self::Globex];

    /// The tenant's slug.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Acme => "acme",
            Self::Globex => "globex",
        }
    }

    /// The tenant's display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acme => "Acme Workspace Software",
            Self::Globex => "Globex Site Equipment",
        }
    }

    /// The codes of the lines of business that the tenant sells to; one code is on both lists.
    fn ssic_codes(self) -> &'static [&'static str] {
        match self {
            Self::Acme => {
                &["62011", "62021", "62013", "70201", "73100", "69201", "85509", "79101", "68201", "86203", "71121"]
            }
            Self::Globex => {
                &["71121", "43301", "41001", "43210", "52292", "49231", "46599", "28299", "25119", "26119", "81211"]
            }
        }
    }

    /// The tenant's ICP document.
    pub fn icp(self) -> Value {
        match self {
            Self::Acme => json!({
                "ssic_codes": self.ssic_codes(),
                "employee_range": { "min": 8, "max": 400 },
                "geography": ["Singapore"],
                "keywords": ["cloud", "support", "training", "consultation", "dashboards"],
                "exclude": ["gambling"],
                "titles": ["founder", "managing director", "head of sales", "marketing director"]
            }),
            Self::Globex => json!({
                "ssic_codes": self.ssic_codes(),
                "employee_range": { "min": 10, "max": 1000 },
                "incorporation_year": { "min": 1975, "max": 2023 },
                "geography": ["Singapore"],
                "keywords": ["maintenance", "installation", "warehousing", "fabrication", "commissioning"],
                "titles": ["general manager", "operations manager", "managing director"]
            }),
        }
    }

    /// The columns of the tenant's list, in the order it happens to keep them.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Acme => &["name", "domain", "uen", "industry", "employees"],
            Self::Globex => &["uen", "employees", "industry", "name", "revenue_bucket", "domain"],
        }
    }
}

/// Writes `tenant`'s own list of companies to `path`: those of the first `companies` of `seed` that it sells to, with
/// their employees, and with their domain where the tenant knows it.
pub fn write_tenant_list(path: &Path, seed: u64, companies: usize, tenant: DemoTenant) -> Result<(), WriteError> {
    let failed = |source: csv::Error| WriteError::new(path, source);
    let mut out = csv::Writer::from_path(path).map_err(failed)?;
    out.write_record(tenant.columns()).map_err(failed)?;
    for company in (0..companies).map(|index| company(seed, index)) {
        // A list that people keep by hand misses some.
        let known = !Random::new(seed, tenant.slug(), company.index).chance(8);
        if known && tenant.ssic_codes().contains(&company.trade.code) {
            out.write_record(tenant.columns().iter().map(|column| value(&company, column))).map_err(failed)?;
        }
    }
    out.flush().map_err(|source| WriteError::new(path, source.into()))
}

fn value(company: &Company, column: &str) -> String {
    match column {
        "name" => company.name.clone(),
        "domain" if company.domain_listed => company.domain.clone(),
        "uen" => company.uen.clone(),
        "industry" => company.trade.title.to_owned(),
        "employees" => company.employees.to_string(),
        "revenue_bucket" => revenue_bucket(company.employees).to_owned(),
        _ => String::new(),
    }
}

fn revenue_bucket(employees: u32) -> &'static str {
    match employees {
        0..10 => "micro",
        10..50 => "small",
        50..200 => "medium",
        _ => "large",
    }
}

#[cfg(test)]
mod tests {
    use presdr_rules::icp::IcpDocument;

    use super::*;
    use crate::trades::TRADES;

    #[test]
    fn the_profiles_are_accepted_as_they_are() {
        let known = |code: &str| TRADES.iter().any(|trade| trade.code == code);
        for tenant in DemoTenant::ALL {
            let icp = IcpDocument::parse_with(&tenant.icp().to_string(), &known).unwrap();
            assert_eq!(icp.ssic_codes.len(), 11);
        }
    }

    #[test]
    fn the_tenants_want_different_companies_that_exist() {
        let [acme, globex] = DemoTenant::ALL;
        let all = [acme.ssic_codes(), globex.ssic_codes()].concat();
        assert!(all.iter().all(|code| TRADES.iter().any(|trade| trade.code == *code)));
        let shared = acme.ssic_codes().iter().filter(|code| globex.ssic_codes().contains(code)).count();
        assert_eq!(shared, 1);
    }
}
