//! Which companies a profile admits as candidates: what the candidate query must equal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IcpDocument, Words, has_all, normalise_label, stems};

/// What the registry and the tenant's own list know of a company. A fact that is not known is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CompanyFacts {
    /// Registered name.
    pub name: String,
    /// Unique entity number of the registry.
    pub uen: Option<String>,
    /// Industry label.
    pub industry: Option<String>,
    /// SSIC code, usually of five digits.
    pub ssic_code: Option<String>,
    /// Letter of the SSIC section that the code belongs to.
    pub ssic_section: Option<String>,
    /// Estimated number of employees.
    pub employees: Option<u32>,
    /// Revenue label of the tenant's own list.
    pub revenue_bucket: Option<String>,
    /// Year of incorporation.
    pub incorporation_year: Option<u32>,
    /// Countries and towns the company is known to be in; `singapore` when it is registered there.
    pub places: Vec<String>,
    /// Web domain.
    pub domain: Option<String>,
}

/// Why a profile does not admit a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// An `exclude` entry names it.
    Excluded,
    /// Its industry is another one, or not known.
    Industry,
    /// It has too few or too many employees.
    Employees,
    /// It was incorporated too early or too late.
    IncorporationYear,
    /// Its revenue label is another one.
    Revenue,
    /// It is somewhere else.
    Geography,
}

impl IcpDocument {
    /// Admits a company as a candidate, or says the first thing that speaks against it.
    pub fn admits(&self, company: &CompanyFacts) -> Result<(), Refusal> {
        let outside = |bounds: Option<super::Bounds>, number: Option<u32>| matches!((bounds, number), (Some(bounds), Some(number)) if !bounds.contains(number));
        let checks = [
            (self.excludes(company), Refusal::Excluded),
            (self.asks_for_industry() && !self.industry_matches(company), Refusal::Industry),
            (outside(self.employee_range, company.employees), Refusal::Employees),
            (outside(self.incorporation_year, company.incorporation_year), Refusal::IncorporationYear),
            (self.revenue_matches(company) == Some(false), Refusal::Revenue),
            (self.geography_matches(company) == Some(false), Refusal::Geography),
        ];
        let refused = checks.into_iter().find(|(refused, _)| *refused);
        refused.map_or(Ok(()), |(_, refusal)| Err(refusal))
    }

    /// Whether the profile asks for industries at all, by label or by code.
    pub fn asks_for_industry(&self) -> bool {
        !self.industries.is_empty() || !self.ssic_codes.is_empty()
    }

    /// Whether the company's label or code is among the wanted ones.
    pub fn industry_matches(&self, company: &CompanyFacts) -> bool {
        let label = company.industry.as_deref().map(normalise_label);
        let by_label = label.is_some_and(|label| self.industries.contains(&label));
        by_label || self.ssic_codes.iter().any(|wanted| covers(wanted, company))
    }

    /// Whether all words of a wanted industry occur in the company's own label: lists of tenants call industries what they like.
    pub fn label_matches(&self, company: &CompanyFacts) -> bool {
        let label = stems(company.industry.as_deref().unwrap_or_default());
        self.industries.iter().any(|industry| has_all(&label, &stems(industry)))
    }

    /// Whether the company has the wanted revenue label; `None` when nothing is asked or known.
    pub fn revenue_matches(&self, company: &CompanyFacts) -> Option<bool> {
        let (wanted, label) = (self.revenue_bucket.as_ref()?, company.revenue_bucket.as_deref()?);
        Some(*wanted == normalise_label(label))
    }

    /// Whether the company is in a wanted place; `None` when nothing is asked or known.
    pub fn geography_matches(&self, company: &CompanyFacts) -> Option<bool> {
        if self.geography.is_empty() || company.places.is_empty() {
            return None;
        }
        Some(company.places.iter().any(|place| self.geography.contains(&normalise_label(place))))
    }

    /// Whether an `exclude` entry names the company: by words in its name or industry, by its UEN, or by its domain.
    pub fn excludes(&self, company: &CompanyFacts) -> bool {
        let words = [Some(&company.name), company.industry.as_ref()].map(|text| text.map(|text| Words::of(text)));
        self.exclude.iter().any(|entry| {
            let is_uen = company.uen.as_ref().is_some_and(|uen| uen.eq_ignore_ascii_case(entry));
            let is_domain = company.domain.as_ref().is_some_and(|domain| is_within(domain, entry));
            is_uen || is_domain || words.iter().flatten().any(|words| words.contain(entry))
        })
    }
}

fn covers(wanted: &str, company: &CompanyFacts) -> bool {
    let by_section = company.ssic_section.as_deref() == Some(wanted);
    by_section || company.ssic_code.as_ref().is_some_and(|code| code.starts_with(wanted))
}

/// Whether a domain is `parent` or below it. A single word such as `sg` is no parent: it would name half the web.
fn is_within(domain: &str, parent: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let rest = domain.strip_suffix(parent).filter(|_| parent.contains('.'));
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
