//! What a home page says about who owns it.

use crate::extract::{NameSource, PageFindings, Region};

use super::name::CompanyName;

/// A home page as the judge sees it: public facts about its owner, no personal data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HomePage {
    /// The registrable domain that the page came from in the end.
    pub final_domain: String,
    /// The registrable domain that was asked first.
    pub asked_domain: String,
    /// Names found on the page, taken apart, with where each stands.
    pub names: Vec<(NameSource, CompanyName)>,
    /// Singapore registration numbers on the page.
    pub uens: Vec<String>,
    /// The page names Singapore, or a telephone number there.
    pub in_singapore: bool,
    /// The page names another country, or telephone numbers in others only.
    pub elsewhere: bool,
    /// Signs that nobody uses the domain for a business of its own.
    pub parked: Vec<ParkedSign>,
    /// Title and readable text in lower case, for names in running text.
    pub text: String,
}

/// A sign that a domain is for sale, unused or taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedSign {
    /// The domain is offered for sale.
    ForSale,
    /// A parking company shows advertisements.
    Parking,
    /// What a web server, a hosting company or a fresh installation shows by itself.
    DefaultPage,
    /// The site was switched off.
    Suspended,
    /// An expired domain taken over for its links.
    TakenOver,
}

/// Phrases that give a page away, in lower case.
const PARKED_PHRASES: &[(&str, ParkedSign)] = &[
    ("domain is for sale", ParkedSign::ForSale),
    ("domain name is for sale", ParkedSign::ForSale),
    ("domain may be for sale", ParkedSign::ForSale),
    ("buy this domain", ParkedSign::ForSale),
    ("get this domain", ParkedSign::ForSale),
    ("this domain is available", ParkedSign::ForSale),
    ("inquire about this domain", ParkedSign::ForSale),
    ("is parked free", ParkedSign::Parking),
    ("domain parking", ParkedSign::Parking),
    ("parked domain", ParkedSign::Parking),
    ("domain is parked", ParkedSign::Parking),
    ("related searches", ParkedSign::Parking),
    ("sponsored listings", ParkedSign::Parking),
    ("domain has been registered", ParkedSign::Parking),
    ("has been registered by a customer", ParkedSign::Parking),
    ("recently been registered", ParkedSign::Parking),
    ("welcome to nginx", ParkedSign::DefaultPage),
    ("apache2 ubuntu default page", ParkedSign::DefaultPage),
    ("apache2 debian default page", ParkedSign::DefaultPage),
    ("web server is successfully installed", ParkedSign::DefaultPage),
    ("iis windows server", ParkedSign::DefaultPage),
    ("default web site page", ParkedSign::DefaultPage),
    ("default page", ParkedSign::DefaultPage),
    ("index of /", ParkedSign::DefaultPage),
    ("just another wordpress site", ParkedSign::DefaultPage),
    ("hello world! welcome to wordpress", ParkedSign::DefaultPage),
    ("this is your first post", ParkedSign::DefaultPage),
    ("future home of", ParkedSign::DefaultPage),
    ("if you are the site owner", ParkedSign::DefaultPage),
    ("if you are the owner of this website", ParkedSign::DefaultPage),
    ("account has been suspended", ParkedSign::Suspended),
    ("account suspended", ParkedSign::Suspended),
    ("site has been suspended", ParkedSign::Suspended),
    ("domain has expired", ParkedSign::Suspended),
];

/// Two of these on a short page of a company that does something else: an expired name that gamblers took over.
const TAKEN_OVER_WORDS: &[&str] =
    &["slot", "casino", "judi", "gacor", "togel", "jackpot", "sportsbook", "betting", "poker online", "situs"];

/// Pages longer than this are no parked pages, whatever phrase stands on them.
const PARKED_WORDS_MAX: u32 = 200;

impl HomePage {
    /// What `findings` of the page at `final_domain` say about its owner, when `asked_domain` was asked.
    pub fn from_findings(asked_domain: &str, final_domain: &str, findings: &PageFindings) -> Self {
        let title = findings.title.as_deref().unwrap_or_default();
        let text = format!("{title}\n{}", findings.text).to_lowercase();
        let in_singapore_by_phone = findings.phones.iter().filter_map(|phone| phone.e164.as_deref());
        let (here, abroad): (Vec<&str>, Vec<&str>) =
            in_singapore_by_phone.partition(|number| number.starts_with("+65"));
        let country = findings.organisation.as_ref().and_then(|organisation| organisation.country.as_deref());
        let foreign_region = findings.region.is_some_and(|region| region != Region::SINGAPORE);
        // "Offices in Dubai, London and Singapore" is no evidence of a Singapore company.
        let in_singapore = !here.is_empty()
            || (text.contains("singapore") && !foreign_region)
            || country
                .is_some_and(|country| country.eq_ignore_ascii_case("sg") || country.eq_ignore_ascii_case("singapore"));
        Self {
            final_domain: final_domain.to_owned(),
            asked_domain: asked_domain.to_owned(),
            names: names(findings),
            uens: findings.uens.clone(),
            in_singapore,
            elsewhere: here.is_empty() && (!abroad.is_empty() || foreign_region),
            parked: parked(&text, findings.word_count),
            text,
        }
    }
}

fn names(findings: &PageFindings) -> Vec<(NameSource, CompanyName)> {
    findings
        .name_candidates
        .iter()
        .map(|candidate| (candidate.source, CompanyName::parse(&candidate.name)))
        .filter(|(_, name)| !name.words.is_empty())
        .collect()
}

fn parked(text: &str, word_count: u32) -> Vec<ParkedSign> {
    if word_count > PARKED_WORDS_MAX {
        return vec![];
    }
    let mut signs: Vec<ParkedSign> = Vec::new();
    for (phrase, sign) in PARKED_PHRASES {
        if text.contains(phrase) && !signs.contains(sign) {
            signs.push(*sign);
        }
    }
    if TAKEN_OVER_WORDS.iter().filter(|word| text.contains(*word)).count() >= 2 {
        signs.push(ParkedSign::TakenOver);
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosting_companies_and_brokers_show_is_recognised() {
        let signs = |text: &str| parked(&text.to_lowercase(), 20);
        assert_eq!(signs("kelmora.com is for sale. Buy this domain today"), [ParkedSign::ForSale]);
        assert_eq!(signs("Welcome to nginx!"), [ParkedSign::DefaultPage]);
        assert_eq!(signs("Kelmora slot gacor, casino online"), [ParkedSign::TakenOver]);
        assert!(signs("Kelmora Engineering, pumps and valves").is_empty());
    }

    #[test]
    fn a_long_page_that_mentions_a_sale_is_not_parked() {
        assert!(parked("we advise on buying: buy this domain", 900).is_empty());
    }
}
