//! Whether a home page is a company's own: evidence, weighed.
//!
//! Each piece of evidence shifts the odds; a wrong domain is worse than none, so what speaks against weighs more than
//! what merely fits. The weights are logarithms of odds; together they become a confidence between 0 and 1.

use serde::{Deserialize, Serialize};

use super::name::{CompanyName, LegalForm, Relation};
use super::page::HomePage;
use crate::extract::NameSource;

/// From this confidence on a domain is taken to be the company's.
pub const ACCEPT_CONFIDENCE: f64 = 0.85;

/// The company whose domain is sought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompanyIdentity {
    /// The registered name.
    pub name: String,
    /// Names it was registered under before.
    pub former_names: Vec<String>,
    /// Its registered number.
    pub uen: Option<String>,
}

/// What a home page says, and how sure that makes us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Between 0 (certainly not) and 1 (certainly).
    pub confidence: f64,
    /// What it rests on, in the order of weighing.
    pub evidence: Vec<Evidence>,
}

/// One thing that speaks for or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nobody uses the domain for a business of its own.
    Parked,
    /// The company's own registration number is on the page.
    OwnUen,
    /// The company's number is on the page among those of several others, as in a directory.
    OwnUenAmongOthers,
    /// Only other companies' numbers are on the page.
    OtherUen,
    /// The full registered name, legal form included, names the owner of the page.
    LegalNameOfOwner,
    /// The full registered name stands in the text of a page that goes by the same name.
    LegalNameInText,
    /// The full registered name stands in the text of a page that goes by another name.
    LegalNameMentioned,
    /// The name without its legal form names the owner, and is not made of common words alone.
    BrandOfOwner,
    /// The name without its legal form names the owner, but it is a single word or common words alone.
    CommonBrandOfOwner,
    /// The name occurs somewhere in the text.
    NameInText,
    /// A former name of the company is on the page.
    FormerName,
    /// The page says that its owner was formerly called by the company's name.
    SaysRenamed,
    /// The same name with another legal form.
    OtherLegalForm,
    /// A longer name that contains the company's: a sister or a stranger.
    LongerName,
    /// The page says that it belongs to somebody else.
    OtherOwner,
    /// Several other companies are named with their legal form.
    OtherCompanies,
    /// The domain is the whole name.
    DomainIsWholeName,
    /// The domain is the part of the name that tells it from others.
    DomainIsDistinctivePart,
    /// The domain has nothing of the name.
    DomainUnlike,
    /// The page is about Singapore.
    InSingapore,
    /// The page is about somewhere else.
    Elsewhere,
    /// The domain asked for led to another one, which is unlike the name and does not name the company in full.
    RedirectedAway,
}

impl Evidence {
    /// How far it shifts the odds (natural logarithm).
    fn weight(self) -> f64 {
        match self {
            Self::OwnUen => 7.0,
            Self::OwnUenAmongOthers => -1.0,
            Self::LegalNameOfOwner => 5.0,
            Self::LegalNameInText => 3.8,
            Self::LegalNameMentioned => 1.6,
            Self::BrandOfOwner => 2.3,
            Self::CommonBrandOfOwner => 1.0,
            Self::NameInText => 0.4,
            Self::FormerName => 2.5,
            Self::SaysRenamed => 3.0,
            Self::DomainIsWholeName => 0.8,
            Self::DomainIsDistinctivePart => 0.2,
            Self::DomainUnlike => -0.5,
            Self::InSingapore => 1.2,
            Self::Elsewhere => -2.5,
            Self::RedirectedAway => -1.5,
            Self::OtherCompanies => -2.5,
            Self::LongerName => -3.0,
            Self::OtherLegalForm | Self::OtherOwner => -4.5,
            Self::OtherUen => -5.5,
            Self::Parked => f64::NEG_INFINITY,
        }
    }
}

/// The odds before any evidence: most domains that look right belong to somebody else or to nobody.
const PRIOR_LOG_ODDS: f64 = -2.2;
/// A page that names this many other companies is a list, not a company's own page.
const OTHER_COMPANIES_MIN: usize = 3;

/// How sure the page makes us that its domain is the company's.
pub fn judge(company: &CompanyIdentity, page: &HomePage) -> Judgement {
    let own = CompanyName::parse(&company.name);
    let mut evidence = Vec::new();
    if !page.parked.is_empty() {
        evidence.push(Evidence::Parked);
    }
    evidence.extend(numbers(company, page));
    evidence.extend(names(&own, page));
    if company.former_names.iter().any(|former| names_it(&CompanyName::parse(former), page)) {
        evidence.push(Evidence::FormerName);
    }
    if says_renamed(&own, &page.text) {
        evidence.push(Evidence::SaysRenamed);
    }
    evidence.extend(domain(&own, page, &evidence));
    if page.in_singapore {
        evidence.push(Evidence::InSingapore);
    } else if page.elsewhere {
        evidence.push(Evidence::Elsewhere);
    }
    let log_odds: f64 = PRIOR_LOG_ODDS + evidence.iter().map(|evidence| evidence.weight()).sum::<f64>();
    Judgement { confidence: 1.0 / (1.0 + (-log_odds).exp()), evidence }
}

fn numbers(company: &CompanyIdentity, page: &HomePage) -> Option<Evidence> {
    let is_own = |uen: &String| company.uen.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(uen));
    let others = page.uens.iter().filter(|uen| !is_own(uen)).count();
    match (page.uens.iter().any(is_own), others) {
        (true, 0..OTHER_COMPANIES_MIN) => Some(Evidence::OwnUen),
        (true, _) => Some(Evidence::OwnUenAmongOthers),
        // Without knowing the company's own number nothing follows from another.
        (false, 1..) if company.uen.is_some() => Some(Evidence::OtherUen),
        (false, _) => None,
    }
}

/// What the names on the page say; at most one piece for and one of each kind against.
fn names(own: &CompanyName, page: &HomePage) -> Vec<Evidence> {
    let mut evidence: Vec<Evidence> =
        page.names.iter().filter_map(|(source, name)| name_evidence(own, *source, name)).collect();
    let goes_by_it = evidence.iter().any(|one| matches!(one, Evidence::BrandOfOwner | Evidence::CommonBrandOfOwner));
    if !goes_by_it {
        evidence
            .iter_mut()
            .filter(|one| **one == Evidence::LegalNameInText)
            .for_each(|one| *one = Evidence::LegalNameMentioned);
    }
    let other_companies = page.names.iter().filter(|(source, name)| {
        *source == NameSource::LegalForm && name.relation_to(own) == Relation::Other && name.form != LegalForm::None
    });
    if other_companies.count() >= OTHER_COMPANIES_MIN {
        evidence.push(Evidence::OtherCompanies);
    }
    if evidence.is_empty() && in_running_text(own, &page.text) {
        evidence.push(Evidence::NameInText);
    }
    strongest(evidence)
}

fn name_evidence(own: &CompanyName, source: NameSource, name: &CompanyName) -> Option<Evidence> {
    // A copyright line and structured data name the owner of the site; other places may name anybody.
    let names_owner = matches!(source, NameSource::Copyright | NameSource::JsonLd);
    match (name.relation_to(own), name.form) {
        (Relation::Same, LegalForm::None) if source == NameSource::LegalForm => None,
        (Relation::Same, LegalForm::None) if is_common(own) => Some(Evidence::CommonBrandOfOwner),
        (Relation::Same, LegalForm::None) => Some(Evidence::BrandOfOwner),
        (Relation::Same, form) if form != own.form => Some(Evidence::OtherLegalForm),
        (Relation::Same, _) if names_owner || source == NameSource::Title => Some(Evidence::LegalNameOfOwner),
        (Relation::Same, _) => Some(Evidence::LegalNameInText),
        (Relation::Extended, LegalForm::None) if !names_owner => None,
        (Relation::Extended, _) => Some(Evidence::LongerName),
        (Relation::Other, form) if names_owner && form != LegalForm::None => Some(Evidence::OtherOwner),
        (Relation::Other, _) => None,
    }
}

/// Names of one word, or of common words alone, are shared by many.
fn is_common(name: &CompanyName) -> bool {
    name.words.len() < 2 || name.distinctive().is_empty()
}

fn names_it(name: &CompanyName, page: &HomePage) -> bool {
    !name.distinctive().is_empty()
        && (page.names.iter().any(|(_, found)| found.relation_to(name) == Relation::Same)
            || in_running_text(name, &page.text))
}

/// True when the words of the name stand in the text one after the other.
fn in_running_text(name: &CompanyName, text: &str) -> bool {
    if name.words.is_empty() {
        return false;
    }
    let words: Vec<&str> =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let own: Vec<&str> = name.words.iter().map(String::as_str).filter(|word| *word != "and").collect();
    words.windows(own.len()).any(|window| window == own)
}

/// True when the name follows words such as "formerly" in the text.
fn says_renamed(name: &CompanyName, text: &str) -> bool {
    const INTRODUCTIONS: [&str; 5] = ["formerly", "previously", "known as", "used to be", "new name of"];
    INTRODUCTIONS.iter().any(|introduction| {
        text.match_indices(introduction).any(|(at, found)| {
            let after: String = text[at + found.len()..].chars().take(100).collect();
            in_running_text(name, &after)
        })
    })
}

fn domain(own: &CompanyName, page: &HomePage, so_far: &[Evidence]) -> Vec<Evidence> {
    let relation = domain_relation(own, &page.final_domain);
    let mut evidence = vec![relation];
    let in_full =
        [Evidence::OwnUen, Evidence::LegalNameOfOwner, Evidence::LegalNameInText, Evidence::LegalNameMentioned];
    let redirected = relation == Evidence::DomainUnlike && page.final_domain != page.asked_domain;
    if redirected && !so_far.iter().any(|one| in_full.contains(one)) {
        evidence.push(Evidence::RedirectedAway);
    }
    evidence
}

fn domain_relation(own: &CompanyName, domain: &str) -> Evidence {
    let label: String =
        domain.split('.').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    let without_and: String = own.words.iter().filter(|word| *word != "and").map(String::as_str).collect();
    let distinctive = own.distinctive();
    if label == own.words.concat() || label == without_and {
        Evidence::DomainIsWholeName
    } else if distinctive.iter().any(|word| word.len() > 2 && label.contains(word)) {
        Evidence::DomainIsDistinctivePart
    } else {
        Evidence::DomainUnlike
    }
}

/// Keeps one piece that speaks for the company, the strongest, and each kind that speaks against it once.
fn strongest(evidence: Vec<Evidence>) -> Vec<Evidence> {
    let mut kept: Vec<Evidence> = Vec::new();
    let supporting = evidence.iter().filter(|evidence| evidence.weight() > 0.0);
    kept.extend(supporting.max_by(|one, other| one.weight().total_cmp(&other.weight())));
    for against in evidence.iter().filter(|evidence| evidence.weight() < 0.0) {
        if !kept.contains(against) {
            kept.push(*against);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
