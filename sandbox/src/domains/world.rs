//! Who owns which domain in the labelled web.

use std::collections::HashMap;

use crate::domains::names::{Named, named, obvious_domain, own_domain, same_name_other};
use crate::domains::pages;
use crate::random::Random;
use crate::web::answer::{Answer, Request};

/// The situation that a labelled company is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// It has a site of its own, and perhaps others hold similar names.
    Own,
    /// It has a site, and other domains of its own redirect to it.
    OwnWithRedirects,
    /// It has no site at all.
    NoSite,
    /// The obvious domains are for sale, parked or taken over.
    Parked,
    /// A firm abroad of the same name holds the obvious domain.
    ForeignNamesake,
    /// Another Singapore company of a similar name, with its own number, holds the obvious domain.
    SameNameOther,
    /// The obvious domain redirects to somebody else.
    RedirectsToOther,
    /// Somebody else's page at the obvious domain names the company.
    Mentioned,
    /// Its old domain redirects to the one of its new brand.
    Rebranded,
}

/// A company with the domain that is truly its own, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The company as the registry has it.
    pub company: Named,
    /// What it is up against.
    pub situation: Situation,
    /// The right answer.
    pub domain: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Page(String),
    RedirectTo(String),
    /// Disallows everything in robots.txt.
    Closed(String),
    Status(u16),
}

/// The web around the labelled companies.
#[derive(Debug)]
pub struct LabelledWeb {
    hosts: HashMap<String, Host>,
    companies: Vec<Labelled>,
}

impl LabelledWeb {
    /// The web around the first `companies` labelled companies of `seed`.
    pub fn new(seed: u64, companies: usize) -> Self {
        let mut web = Self { hosts: HashMap::new(), companies: Vec::new() };
        for index in 0..companies {
            let labelled = web.add(seed, index);
            web.companies.push(labelled);
        }
        web
    }

    /// The companies with their labels, in order.
    pub fn companies(&self) -> &[Labelled] {
        &self.companies
    }

    /// Every host name that has an address.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.keys().map(String::as_str)
    }

    /// The answer to `request`; none for a host that does not exist.
    pub fn answer(&self, request: &Request<'_>) -> Option<Answer> {
        let name = request.host.strip_prefix("www.").unwrap_or(request.host);
        let host = self.hosts.get(name)?;
        Some(match (host, request.path) {
            (Host::RedirectTo(to), path) => Answer::redirect(301, &format!("http://{to}{path}")),
            (Host::Closed(_), "/robots.txt") => Answer::text("User-agent: *\nDisallow: /\n"),
            (Host::Status(_) | Host::Page(_), "/robots.txt") => Answer::not_found(),
            (Host::Page(page) | Host::Closed(page), "/") => Answer::html(200, page.clone()),
            (Host::Status(status), "/") => Answer::html(*status, "<html><body>not today</body></html>"),
            (Host::Page(_) | Host::Closed(_) | Host::Status(_), _) => Answer::not_found(),
        })
    }

    fn add(&mut self, seed: u64, index: usize) -> Labelled {
        let company = named(seed, index);
        let random = &mut Random::new(seed, "labelled situation", index);
        let situation = random.weighted(&[
            (Situation::Own, 34),
            (Situation::OwnWithRedirects, 8),
            (Situation::NoSite, 9),
            (Situation::Parked, 10),
            (Situation::ForeignNamesake, 11),
            (Situation::SameNameOther, 12),
            (Situation::RedirectsToOther, 6),
            (Situation::Mentioned, 5),
            (Situation::Rebranded, 5),
        ]);
        let domain = self.settle(seed, index, &company, situation, random);
        Labelled { company, situation, domain }
    }

    /// Puts up the sites of one company's situation and returns the domain that is truly its own.
    fn settle(
        &mut self,
        seed: u64,
        index: usize,
        company: &Named,
        situation: Situation,
        random: &mut Random,
    ) -> Option<String> {
        match situation {
            Situation::NoSite => None,
            Situation::Own => {
                let own = self.own_site(company, random);
                if random.chance(30) {
                    self.obvious(company, random, |domain, random| Host::Page(pages::parked(domain, company, random)));
                }
                own
            }
            Situation::OwnWithRedirects => {
                let own = self.own_site(company, random)?;
                for _ in 0..2 {
                    self.obvious(company, random, |_, _| Host::RedirectTo(own.clone()));
                }
                Some(own)
            }
            Situation::Parked => {
                for _ in 0..random.between(1, 3) {
                    self.obvious(company, random, |domain, random| Host::Page(pages::parked(domain, company, random)));
                }
                None
            }
            Situation::ForeignNamesake => {
                self.obvious(company, random, |_, random| Host::Page(pages::foreign(company, random)));
                self.own_site_sometimes(company, random)
            }
            Situation::SameNameOther => {
                let other = same_name_other(seed, index, company);
                self.obvious(&other, random, |_, random| Host::Page(pages::same_name(&other, random)));
                self.own_site_sometimes(company, random)
            }
            Situation::RedirectsToOther => {
                let owner = format!("{}-{index}.com", random.pick(&["domainmarket", "veltoragroup", "bazaro"]));
                self.put(owner.clone(), Host::Page(pages::other_owner(random)));
                self.obvious(company, random, |_, _| Host::RedirectTo(owner.clone()));
                None
            }
            Situation::Mentioned => {
                self.obvious(company, random, |_, random| Host::Page(pages::mention(company, random)));
                self.own_site_sometimes(company, random)
            }
            Situation::Rebranded => Some(self.rebranded(seed, index, company, random)),
        }
    }

    fn rebranded(&mut self, seed: u64, index: usize, company: &Named, random: &mut Random) -> String {
        let brand = named(seed, index + 2_000).word;
        let new = format!("{}.{}", brand.to_lowercase(), random.pick(&["com", "com.sg", "sg"]));
        self.put(new.clone(), Host::Page(pages::rebranded(company, &brand, random)));
        self.obvious(company, random, |_, _| Host::RedirectTo(new.clone()));
        new
    }

    fn own_site_sometimes(&mut self, company: &Named, random: &mut Random) -> Option<String> {
        if random.chance(40) { self.own_site(company, random) } else { None }
    }

    /// The company's own site; a few cannot be read. None when somebody already has the domain.
    fn own_site(&mut self, company: &Named, random: &mut Random) -> Option<String> {
        let domain = own_domain(company, random);
        let page = pages::own(company, random);
        let host = match random.below(100) {
            0..3 => Host::Closed(page),
            3..6 => Host::Status(403),
            6..8 => Host::Status(500),
            _ => Host::Page(page),
        };
        self.put(domain.clone(), host).then_some(domain)
    }

    fn obvious(&mut self, of: &Named, random: &mut Random, host: impl Fn(&str, &mut Random) -> Host) {
        let domain = obvious_domain(of, random);
        let host = host(&domain, random);
        self.put(domain, host);
    }

    /// First come, first served: true when the domain was free.
    fn put(&mut self, domain: String, host: Host) -> bool {
        if self.hosts.contains_key(&domain) {
            return false;
        }
        self.hosts.insert(domain, host);
        true
    }
}
