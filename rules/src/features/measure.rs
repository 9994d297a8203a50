//! From facts and findings to features.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ContactLookup, Evidence, Feature, Features};
use crate::icp::{Bounds, CompanyFacts, IcpDocument};
use crate::similarity::Similarity;

/// What the search for a company's domain came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainFinding {
    /// A domain, and how sure it is (0 to 1) that it is this company's.
    Resolved {
        /// 0 to 1.
        confidence: f64,
    },
    /// It was looked for and not found.
    NotFound,
    /// It could not be looked for.
    #[default]
    Unknown,
}

/// What was read from a company's site. Text itself is not part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SiteFindings {
    /// Pages read.
    pub pages: u32,
    /// Characters of readable text on them.
    pub text_characters: u32,
    /// How many of the profile's keywords occur.
    pub keywords_found: u32,
    /// Technologies recognised.
    pub technologies: u32,
    /// Social profiles linked.
    pub social_profiles: u32,
    /// Pages about careers.
    pub careers_pages: u32,
    /// Open jobs listed.
    pub open_jobs: u32,
}

/// How many addresses the policy kept, by what verification said of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EmailFindings {
    /// Reachable.
    pub valid: u32,
    /// The domain takes mail for any name.
    pub catch_all: u32,
    /// Not reachable, or not to be written to.
    pub refused: u32,
    /// Not verified, or without a clear answer.
    pub unknown: u32,
}

impl EmailFindings {
    fn usable(self) -> u32 {
        self.valid.saturating_add(self.catch_all).saturating_add(self.unknown)
    }
}

/// Everything a lead's features are made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LeadFacts {
    /// Registry and tenant's own list.
    pub company: CompanyFacts,
    /// The search for its domain.
    pub domain: DomainFinding,
    /// Its site; `None` when it could not be read.
    pub site: Option<SiteFindings>,
    /// Its addresses; `None` when neither site nor vendor could be asked.
    pub emails: Option<EmailFindings>,
    /// Its people.
    pub contacts: ContactLookup,
    /// How like the tenant's sample customers it describes itself.
    #[serde(default)]
    pub similarity: Similarity,
}

/// What a lead is known to be, measured against the profile.
pub fn features(icp: &IcpDocument, facts: &LeadFacts) -> Features {
    let company = &facts.company;
    let site = facts.site.as_ref();
    Features::default()
        .with(Feature::IndustryFit, industry(icp, company))
        .with(Feature::EmployeeFit, bounds(icp.employee_range, company.employees, by_ratio))
        .with(Feature::AgeFit, bounds(icp.incorporation_year, company.incorporation_year, by_decade))
        .with(Feature::RevenueFit, asked(icp.revenue_bucket.is_some(), icp.revenue_matches(company).map(yes)))
        .with(Feature::GeographyFit, asked(!icp.geography.is_empty(), icp.geography_matches(company).map(yes)))
        .with(Feature::KeywordFit, keywords(icp, site))
        .with(Feature::HasSite, has_site(facts))
        .with(Feature::DomainConfidence, domain_confidence(facts.domain))
        .with(Feature::SiteQuality, found(site, site_quality))
        .with(Feature::BusinessEmail, found(facts.emails.as_ref(), |emails| yes(emails.usable() > 0)))
        .with(Feature::VerifiedEmail, verified(facts.emails))
        .with(Feature::Contacts, facts.contacts.evidence())
        .with(Feature::Hiring, found(site, hiring))
        .with(Feature::Technologies, found(site, |site| share(site.technologies, 5)))
        .with(Feature::SocialPresence, found(site, |site| share(site.social_profiles, 3)))
        .with(Feature::Similarity, facts.similarity.evidence())
}

/// What is known of people: those named on the site or by a vendor. A site that names nobody is no evidence that there is
/// nobody, so only a vendor's answer makes it [`ContactLookup::None`].
pub fn contact_lookup(on_site: u32, from_vendor: Option<u32>) -> ContactLookup {
    match (on_site.saturating_add(from_vendor.unwrap_or(0)), from_vendor) {
        (found @ 1.., _) => ContactLookup::Found(found),
        (0, Some(_)) => ContactLookup::None,
        (0, None) => ContactLookup::Unavailable,
    }
}

/// A wanted industry is 1: by the codes that it means, which `icp` has, or by its words in what the company is called. A code that shares
/// group or division with a wanted one is near.
fn industry(icp: &IcpDocument, company: &CompanyFacts) -> Evidence {
    if !icp.asks_for_industry() {
        return Evidence::NotAsked;
    }
    if icp.industry_matches(company) || icp.label_matches(company) {
        return Evidence::Known(1.0);
    }
    let code = company.ssic_code.as_deref().unwrap_or_default().as_bytes();
    let shared = |wanted: &String| wanted.bytes().zip(code).take_while(|(wanted, own)| wanted == *own).count();
    match icp.ssic_codes.iter().map(shared).max().unwrap_or(0) {
        _ if company.industry.is_none() && code.is_empty() => Evidence::Missing,
        0 | 1 => Evidence::Known(0.0),
        2 => Evidence::Known(0.4),
        _ => Evidence::Known(0.6),
    }
}

fn bounds(bounds: Option<Bounds>, number: Option<u32>, nearness: fn(u32, u32) -> f64) -> Evidence {
    let fit = bounds.zip(number).map(|(bounds, number)| nearness(number, bounds.nearest(number)));
    asked(bounds.is_some(), fit)
}

/// Half as many or twice as many employees as wanted is half a fit.
fn by_ratio(number: u32, nearest: u32) -> f64 {
    if number == nearest { 1.0 } else { f64::from(number.min(nearest)) / f64::from(number.max(nearest)) }
}

/// Each year outside the range costs a tenth.
fn by_decade(year: u32, nearest: u32) -> f64 {
    1.0 - f64::from(year.abs_diff(nearest)) / 10.0
}

/// Three keywords, or all of them when the profile has fewer, are a full fit.
fn keywords(icp: &IcpDocument, site: Option<&SiteFindings>) -> Evidence {
    let enough = icp.keywords.len().min(3) as u32;
    asked(enough > 0, site.map(|site| share(site.keywords_found, enough)))
}

fn has_site(facts: &LeadFacts) -> Evidence {
    match (&facts.site, facts.domain) {
        (Some(_), _) | (None, DomainFinding::Resolved { .. }) => Evidence::Known(1.0),
        (None, DomainFinding::NotFound) => Evidence::Known(0.0),
        (None, DomainFinding::Unknown) => Evidence::Missing,
    }
}

/// Counts only for a company that has a domain: without one, [`Feature::HasSite`] has said all there is to say.
fn domain_confidence(domain: DomainFinding) -> Evidence {
    match domain {
        DomainFinding::Resolved { confidence } => Evidence::Known(confidence),
        DomainFinding::NotFound => Evidence::NotAsked,
        DomainFinding::Unknown => Evidence::Missing,
    }
}

fn site_quality(site: &SiteFindings) -> f64 {
    f64::midpoint(share(site.pages, 4), share(site.text_characters, 4_000))
}

/// The best address decides. None that answers clearly is missing evidence; no address at all is no evidence either way,
/// since [`Feature::BusinessEmail`] has counted it already.
fn verified(emails: Option<EmailFindings>) -> Evidence {
    match emails {
        Some(EmailFindings { valid: 1.., .. }) => Evidence::Known(1.0),
        Some(EmailFindings { catch_all: 1.., .. }) => Evidence::Known(0.6),
        Some(EmailFindings { unknown: 1.., .. }) | None => Evidence::Missing,
        Some(EmailFindings { refused: 1.., .. }) => Evidence::Known(0.0),
        Some(_) => Evidence::NotAsked,
    }
}

fn hiring(site: &SiteFindings) -> f64 {
    match (site.open_jobs, site.careers_pages) {
        (1.., _) => 1.0,
        (0, 1..) => 0.5,
        (0, 0) => 0.0,
    }
}

fn asked(is_asked: bool, fit: Option<f64>) -> Evidence {
    match fit {
        _ if !is_asked => Evidence::NotAsked,
        Some(fit) => Evidence::Known(fit),
        None => Evidence::Missing,
    }
}

fn found<T>(findings: Option<&T>, measure: impl Fn(&T) -> f64) -> Evidence {
    findings.map_or(Evidence::Missing, |findings| Evidence::Known(measure(findings)))
}

fn yes(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

fn share(count: u32, enough: u32) -> f64 {
    f64::from(count.min(enough)) / f64::from(enough)
}

#[cfg(test)]
mod tests;
