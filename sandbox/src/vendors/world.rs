//! What the vendors know: the companies of the sandbox, their sites, and some people who work there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::company::{Person, domain_label, person, title_case};
use crate::random::Random;
use crate::vendors::pages::{self, Page};
use crate::web::profile::Condition;
use crate::web::server::Web;
use crate::web::{FolderError, Running, WebKind};

/// Words of names that tell no company from another.
const COMMON: [&str; 18] = [
    "pte",
    "ltd",
    "llp",
    "private",
    "limited",
    "the",
    "and",
    "company",
    "co",
    "singapore",
    "s",
    "asia",
    "group",
    "international",
    "of",
    "sg",
    "global",
    "sdn",
];

/// A company as the vendors know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number within the world.
    pub place: usize,
    /// The registered name; the name of the site where nothing else is known.
    pub name: String,
    /// What people call it.
    pub brand: String,
    /// Registered number.
    pub uen: Option<String>,
    /// The domain that it has or had.
    pub domain: Option<String>,
    /// Whether its site can be read.
    pub has_site: bool,
    /// What it does, in a few words.
    pub trade: Option<&'static str>,
    /// What it does, after its name.
    pub pitch: Option<&'static str>,
    /// How many people work there.
    pub employees: Option<u32>,
    /// Year of registration.
    pub year: Option<u32>,
    /// Main telephone number in E.164.
    pub phone: Option<String>,
    /// Who works there, as far as the company itself tells.
    pub people: Vec<Person>,
}

/// The sandbox's companies and sites as vendors see them. The web itself is never asked: vendors read what is in memory.
#[derive(Debug)]
pub struct World {
    seed: u64,
    web: Arc<Web>,
    known: Vec<Known>,
    by_word: HashMap<String, Vec<usize>>,
    by_domain: HashMap<String, usize>,
}

impl World {
    /// The world around the web that is being served.
    pub fn of(web: &Running) -> Self {
        Self::around(web.seed(), web.web())
    }

    /// The world around a web that nobody serves.
    ///
    /// # Errors
    /// When a folder of sites cannot be read.
    pub fn new(seed: u64, kind: &WebKind) -> Result<Self, FolderError> {
        Ok(Self::around(seed, Arc::new(Web::of(seed, kind)?)))
    }

    fn around(seed: u64, web: Arc<Web>) -> Self {
        let known = everyone(seed, &web);
        let mut by_word: HashMap<String, Vec<usize>> = HashMap::new();
        let mut by_domain = HashMap::new();
        for company in &known {
            for word in words(&company.name).union(&words(&company.brand)) {
                by_word.entry(word.clone()).or_default().push(company.place);
            }
            if let Some(domain) = &company.domain {
                by_domain.insert(domain.clone(), company.place);
            }
        }
        Self { seed, web, known, by_word, by_domain }
    }

    /// What all invention derives from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The web behind the sites.
    pub(crate) fn web(&self) -> &Web {
        &self.web
    }

    /// Every company, in order.
    pub fn companies(&self) -> &[Known] {
        &self.known
    }

    /// The company that has `domain`.
    pub fn by_domain(&self, domain: &str) -> Option<&Known> {
        let domain = domain.trim().to_lowercase();
        let domain = domain.strip_prefix("www.").unwrap_or(&domain);
        self.by_domain.get(domain).map(|place| &self.known[*place])
    }

    /// The company of this name; legal endings and case do not matter.
    pub fn by_name(&self, name: &str) -> Option<&Known> {
        let wanted = words(name);
        let (company, matched) = self.matches(&wanted).into_iter().next()?;
        let whole = words(&company.name) == wanted || words(&company.brand) == wanted;
        (whole && matched == wanted.len()).then_some(company)
    }

    /// Companies whose names share rare words with `text`, the best first, with how many words they share.
    pub fn matches(&self, wanted: &BTreeSet<String>) -> Vec<(&Known, usize)> {
        /// A word of more companies than this tells nothing by itself.
        const COMPANIES_MAX: usize = 40;
        let rare = |word: &&String| self.by_word.get(*word).is_some_and(|places| places.len() <= COMPANIES_MAX);
        let places: BTreeSet<usize> =
            wanted.iter().filter(rare).flat_map(|word| self.by_word.get(word).into_iter().flatten().copied()).collect();
        let shared = |company: &Known| {
            words(&company.name).union(&words(&company.brand)).filter(|word| wanted.contains(*word)).count()
        };
        let mut found: Vec<(&Known, usize)> =
            places.into_iter().map(|place| (&self.known[place], shared(&self.known[place]))).collect();
        found.sort_by_key(|(company, shared)| (usize::MAX - shared, company.place));
        found
    }

    /// What a page says to whoever can render it and gets past guards; the reason when it cannot be had.
    ///
    /// # Errors
    /// The reason, in the words of a vendor.
    pub fn page(&self, url: &str, patience: Patience) -> Result<Page, String> {
        pages::read(self, url, patience)
    }

    /// A stream of choices about one thing of this world.
    pub(crate) fn random(&self, label: &str, index: usize) -> Random {
        Random::new(self.seed, label, index)
    }
}

/// How hard a vendor tries to read a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Some sites with a guard stay closed.
    Basic,
    /// Gets past every guard.
    Advanced,
}

/// The words of a name by which it is found.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty() && !COMMON.contains(word))
        .map(str::to_owned)
        .collect()
}

fn everyone(seed: u64, web: &Web) -> Vec<Known> {
    match web {
        Web::Generated(web) => {
            let of = |(place, profile): (usize, &crate::web::profile::Profile)| {
                let company = &profile.company;
                Known {
                    place,
                    name: company.name.clone(),
                    brand: company.brand.clone(),
                    uen: Some(company.uen.clone()),
                    domain: Some(company.domain.clone()),
                    has_site: !matches!(profile.condition, Condition::Unresolvable | Condition::SendsElsewhere),
                    trade: Some(company.trade.title),
                    pitch: Some(company.trade.pitch),
                    employees: Some(company.employees),
                    year: Some(company.registered.0),
                    phone: Some(company.phone.clone()),
                    people: company.people.clone(),
                }
            };
            web.profiles().iter().enumerate().map(of).collect()
        }
        Web::Labelled(web) => {
            let of = |(place, labelled): (usize, &crate::domains::Labelled)| {
                let company = &labelled.company;
                Known {
                    place,
                    name: company.registered.clone(),
                    brand: company.brand.clone(),
                    uen: Some(company.uen.clone()),
                    domain: labelled.domain.clone(),
                    has_site: labelled.domain.is_some(),
                    trade: Some(company.trade),
                    pitch: Some(company.pitch),
                    employees: None,
                    year: None,
                    phone: Some(company.phone.clone()),
                    people: invented(seed, place, labelled.domain.as_deref()),
                }
            };
            web.companies().iter().enumerate().map(of).collect()
        }
        Web::Folder(web) => {
            let of = |(place, (domain, name)): (usize, &(String, String))| Known {
                place,
                name: name.to_uppercase(),
                brand: name.clone(),
                uen: None,
                domain: Some(domain.clone()),
                has_site: true,
                trade: None,
                pitch: None,
                employees: None,
                year: None,
                phone: None,
                people: invented(seed, place, Some(domain)),
            };
            web.names().iter().enumerate().map(of).collect()
        }
    }
}

/// People of a company of whom nobody tells.
fn invented(seed: u64, place: usize, domain: Option<&str>) -> Vec<Person> {
    let Some(domain) = domain else { return vec![] };
    let random = &mut Random::new(seed, "people of a vendor", place);
    (0..random.between(1, 3)).map(|_| person(domain, random)).collect()
}

impl Known {
    /// The name as directories write it.
    pub fn letterhead(&self) -> String {
        title_case(&self.name)
    }

    /// Its name in the path of a directory's page.
    pub fn slug(&self) -> String {
        domain_label(&self.brand)
    }
}
