//! What the site calls the company, by the votes of all its pages.

use std::collections::{BTreeMap, HashMap};

use url::Url;

use super::{
    super::{
        findings::{NameSource, PageFindings},
        names::name_key,
    },
    depth,
};
use crate::web::registrable_domain;

/// Everything that speaks for one name.
#[derive(Default)]
struct Votes {
    /// On how many pages each source has it.
    pages: HashMap<NameSource, u32>,
    is_on_home: bool,
    /// The ways it is written, with the weight behind each.
    wordings: BTreeMap<String, f64>,
}

/// The name with most votes; of equals, the first in the alphabet.
pub(super) fn company_name(pages: &[&PageFindings]) -> Option<String> {
    let mut names: BTreeMap<String, Votes> = BTreeMap::new();
    // Most pages offer the same wordings.
    let mut keys: HashMap<&str, String> = HashMap::new();
    for page in pages {
        let mut voted = Vec::new();
        for candidate in &page.name_candidates {
            let key = keys.entry(&candidate.name).or_insert_with(|| name_key(&candidate.name)).clone();
            if key.is_empty() {
                continue;
            }
            let votes = names.entry(key.clone()).or_default();
            *votes.wordings.entry(candidate.name.clone()).or_default() += wording_weight(candidate.source);
            votes.is_on_home |= depth(&page.url) == 0;
            if !voted.contains(&(key.clone(), candidate.source)) {
                *votes.pages.entry(candidate.source).or_default() += 1;
                voted.push((key, candidate.source));
            }
        }
    }
    let domains = domains(pages);
    let score = |key: &str, votes: &Votes| score(key, votes, pages.len(), &domains);
    let best = names
        .iter()
        .map(|(key, votes)| (key, votes, score(key, votes)))
        .max_by(|a, b| a.2.total_cmp(&b.2).then_with(|| b.0.cmp(a.0)))?;
    let (_, votes, _) = best;
    let wording = votes.wordings.iter().max_by(|a, b| a.1.total_cmp(b.1).then_with(|| b.0.cmp(a.0)))?;
    Some(wording.0.clone())
}

/// How far a source is to be trusted, when it names the same company on every page.
fn weight(source: NameSource) -> f64 {
    match source {
        NameSource::JsonLd => 5.0,
        NameSource::SiteName => 4.0,
        NameSource::Copyright => 4.0,
        NameSource::Title => 3.5,
        NameSource::LegalForm => 2.5,
        NameSource::Logo => 2.0,
        NameSource::Heading => 1.0,
    }
}

/// Which way of writing a name is the fairest to show.
fn wording_weight(source: NameSource) -> f64 {
    match source {
        NameSource::JsonLd | NameSource::SiteName | NameSource::LegalForm => 2.0,
        NameSource::Copyright => 1.5,
        _ => 1.0,
    }
}

fn score(key: &str, votes: &Votes, pages: usize, domains: &[String]) -> f64 {
    let shares = votes.pages.iter().map(|(source, count)| {
        // A name on a quarter of the pages is half as sure as one on all.
        weight(*source) * (f64::from(*count) / pages.max(1) as f64).sqrt()
    });
    let home = if votes.is_on_home { 0.5 } else { 0.0 };
    shares.sum::<f64>() + home + domains.iter().map(|domain| likeness(key, domain)).fold(0.0, f64::max)
}

/// The names in the addresses of the site and its mail, without suffix and punctuation.
fn domains(pages: &[&PageFindings]) -> Vec<String> {
    let sites = pages.iter().filter_map(|page| Url::parse(&page.url).ok()?.host_str().map(registrable_domain));
    let mails = pages
        .iter()
        .flat_map(|page| &page.emails)
        .filter_map(|email| Some(registrable_domain(email.address.split_once('@')?.1)));
    let mut labels: Vec<String> =
        sites.chain(mails).map(|domain| label_key(&domain)).filter(|label| label.len() >= 3).collect();
    labels.sort();
    labels.dedup();
    labels
}

fn label_key(domain: &str) -> String {
    domain.split('.').next().unwrap_or_default().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// How much a domain speaks for a name: the same, one the beginning of the other, or within.
fn likeness(key: &str, domain: &str) -> f64 {
    let (short, long) = if key.len() <= domain.len() { (key, domain) } else { (domain, key) };
    if short == long {
        4.0
    } else if short.len() >= 4 && long.starts_with(short) {
        // "kopi" says less of "kopihouseroasters" than "kopihouse" does.
        3.0 * short.len() as f64 / long.len() as f64
    } else if short.len() >= 4 && long.contains(short) {
        2.0 * short.len() as f64 / long.len() as f64
    } else {
        0.0
    }
}
