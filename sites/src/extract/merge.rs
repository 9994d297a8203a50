//! The pages of a site put together.

mod emails;
mod name;
mod phones;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    findings::{Careers, EmailSource, FoundPerson, Organisation, PageFindings, PhoneSource, Social},
    readable,
};

/// What a whole site says. Made by [`merge`].
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteFindings {
    /// What the site calls the company, on the evidence of all its pages.
    pub company_name: Option<String>,
    /// The title of the home page.
    pub title: Option<String>,
    /// The description the home page gives of itself, or else the organisation's in structured data.
    pub description: Option<String>,
    /// The readable text that tells most about the company: the about page's, or else the home page's.
    pub about_text: String,
    /// The readable text of all pages, each paragraph once, in order of the pages' addresses.
    pub corpus: String,
    /// SHA-256 of `corpus`, lower-case hex.
    pub corpus_hash: String,
    /// Words of `corpus`, counted as in [`PageFindings::word_count`].
    pub word_count: u32,
    /// Structured data of the organisation, put together.
    pub organisation: Option<Organisation>,
    /// E-mail addresses, each once, best first.
    pub emails: Vec<SiteEmail>,
    /// Phone numbers, each once, those on most pages first, faxes last.
    pub phones: Vec<SitePhone>,
    /// People, each once.
    pub people: Vec<FoundPerson>,
    /// Social profiles, each once, sorted.
    pub socials: Vec<Social>,
    /// Products, each once, sorted.
    pub technologies: Vec<String>,
    /// Where jobs are offered: the careers page itself, if it was read.
    pub careers: Option<Careers>,
    /// Open jobs listed on the site.
    pub open_jobs: u32,
    /// The language of most of the text (ISO 639-1).
    pub language: Option<String>,
    /// Singapore's Unique Entity Numbers, sorted.
    pub uens: Vec<String>,
    /// How many pages this was put together from, bot checks left out.
    pub pages: u32,
    /// Pages were there, and all were bot checks or access walls.
    pub challenge: bool,
}

impl fmt::Debug for SiteFindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SiteFindings")
            .field("pages", &self.pages)
            .field("word_count", &self.word_count)
            .field("corpus_hash", &self.corpus_hash)
            .field("emails", &self.emails.len())
            .field("phones", &self.phones.len())
            .field("people", &self.people.len())
            .field("language", &self.language)
            .field("open_jobs", &self.open_jobs)
            .finish_non_exhaustive()
    }
}

/// An e-mail address of a site.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteEmail {
    /// The address, lower case.
    pub address: String,
    /// The clearest way it is written.
    pub how: EmailSource,
    /// The person it belongs to, when the site says so.
    pub name: Option<String>,
    /// That person's role.
    pub role_title: Option<String>,
    /// The pages it stands on, sorted.
    pub pages: Vec<String>,
}

impl fmt::Debug for SiteEmail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SiteEmail")
            .field("how", &self.how)
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

/// A phone number of a site.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePhone {
    /// The number in E.164, when it is a valid one of a known country.
    pub e164: Option<String>,
    /// The digits as written, with a leading `+` where the site has it.
    pub digits: String,
    /// The clearest way it is written.
    pub how: PhoneSource,
    /// The site calls it a fax number, and nothing else.
    #[serde(default)]
    pub is_fax: bool,
    /// The pages it stands on, sorted.
    pub pages: Vec<String>,
}

impl fmt::Debug for SitePhone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SitePhone")
            .field("how", &self.how)
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

/// Puts the pages of one site together. The order in which they were read makes no difference.
pub fn merge(pages: &[PageFindings]) -> SiteFindings {
    let mut read: Vec<&PageFindings> = pages.iter().filter(|page| !page.challenge).collect();
    read.sort_by(|a, b| (depth(&a.url), &a.url).cmp(&(depth(&b.url), &b.url)));
    let corpus = text::corpus(&read);
    let organisation = organisation(&read);
    let careers = careers(&read);
    let home = read.first().copied();
    let description = home.and_then(|home| home.description.clone());
    let stated = || organisation.as_ref().and_then(|organisation| organisation.description.clone());
    SiteFindings {
        company_name: name::company_name(&read),
        title: home.and_then(|home| home.title.clone()),
        description: description.or_else(stated),
        about_text: text::about_text(&read),
        corpus_hash: Sha256::digest(corpus.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
        word_count: readable::words(&corpus),
        corpus,
        emails: emails::emails(&read),
        phones: phones::phones(&read),
        people: people(&read),
        socials: sorted(read.iter().flat_map(|page| page.socials.iter().cloned())),
        technologies: technologies(&read),
        open_jobs: careers.as_ref().map_or(0, |careers| careers.open_jobs),
        careers,
        language: language(&read),
        uens: sorted(read.iter().flat_map(|page| page.uens.iter().cloned())),
        pages: read.len().try_into().unwrap_or(u32::MAX),
        challenge: read.is_empty() && !pages.is_empty(),
        organisation,
    }
}

/// How far below the home page an address is; index pages count as their directory.
fn depth(url: &str) -> usize {
    let Ok(url) = Url::parse(url) else {
        return usize::MAX;
    };
    let segments =
        url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty() && !is_index(segment));
    segments.count() + usize::from(url.query().is_some())
}

fn is_index(segment: &str) -> bool {
    let name = segment.split('.').next().unwrap_or(segment);
    name.eq_ignore_ascii_case("index") || name.eq_ignore_ascii_case("default") || name.eq_ignore_ascii_case("home")
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items.dedup();
    items
}

/// The products, sorted. Nobody builds one site with more of them than we list; whoever names more makes them up.
fn technologies(pages: &[&PageFindings]) -> Vec<String> {
    const TECHNOLOGIES_MAX: usize = 60;
    let mut found = sorted(pages.iter().flat_map(|page| page.technologies.iter().cloned()));
    found.truncate(TECHNOLOGIES_MAX);
    found
}

fn organisation(pages: &[&PageFindings]) -> Option<Organisation> {
    let mut found = pages.iter().filter_map(|page| page.organisation.as_ref());
    let mut whole = found.next()?.clone();
    for other in found.filter(|other| other.name == whole.name || other.name.is_none()) {
        whole.legal_name = whole.legal_name.or_else(|| other.legal_name.clone());
        whole.url = whole.url.or_else(|| other.url.clone());
        whole.founding_date = whole.founding_date.or_else(|| other.founding_date.clone());
        whole.employees = whole.employees.or(other.employees);
        whole.country = whole.country.or_else(|| other.country.clone());
        whole.description = whole.description.or_else(|| other.description.clone());
        whole.same_as.extend(other.same_as.iter().cloned());
    }
    whole.same_as = sorted(whole.same_as.into_iter());
    Some(whole)
}

fn people(pages: &[&PageFindings]) -> Vec<FoundPerson> {
    let mut people: Vec<FoundPerson> = Vec::new();
    for person in pages.iter().flat_map(|page| &page.people) {
        match people.iter_mut().find(|known| known.name == person.name) {
            Some(known) => {
                known.role_title = known.role_title.take().or_else(|| person.role_title.clone());
                known.profile_url = known.profile_url.take().or_else(|| person.profile_url.clone());
            }
            None => people.push(person.clone()),
        }
    }
    people
}

/// A careers page that was read beats one that is only linked to; of those, the one with most jobs.
fn careers(pages: &[&PageFindings]) -> Option<Careers> {
    let found = pages.iter().filter_map(|page| page.careers.as_ref());
    found
        .max_by_key(|careers| {
            (careers.on_this_page, careers.open_jobs, std::cmp::Reverse((careers.url.len(), careers.url.clone())))
        })
        .cloned()
}

/// The language in which most words are written; of equals, the first in the alphabet.
fn language(pages: &[&PageFindings]) -> Option<String> {
    let languages = sorted(pages.iter().filter_map(|page| page.language.as_deref()));
    let words = |language: &str| -> u64 {
        pages
            .iter()
            .filter(|page| page.language.as_deref() == Some(language))
            .map(|page| u64::from(page.word_count))
            .sum()
    };
    languages.into_iter().rev().max_by_key(|language| words(language)).map(str::to_owned)
}

#[cfg(test)]
mod tests;
