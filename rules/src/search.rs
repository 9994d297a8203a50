//! Searching the web for a company's site: what is asked, and which results may be the site. Whether one is, the judge of home
//! pages decides (`sites/src/domains`).

use crate::email_policy::{is_free_mail, registrable};

/// The search vendor takes no more.
const QUERY_CHARACTERS_MAX: usize = 400;
/// Further down the list nobody's site is found.
const CANDIDATES_MAX: usize = 4;

/// What to search for.
#[must_use]
pub fn query(name: &str) -> String {
    const REST: &str = " Singapore official website";
    let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name: String = name.chars().take(QUERY_CHARACTERS_MAX - REST.len()).collect();
    format!("{}{REST}", name.trim())
}

/// The registrable domains among the addresses of results that may be a company's own, likeliest first, each once. Directories,
/// social networks, markets, news and public bodies are nobody's own site.
#[must_use]
pub fn candidates<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut candidates: Vec<String> = Vec::new();
    for domain in addresses.into_iter().filter_map(host).filter_map(registrable) {
        if candidates.len() < CANDIDATES_MAX && !is_nobodys_own(&domain) && !candidates.contains(&domain) {
            candidates.push(domain);
        }
    }
    candidates
}

/// The host of an http address.
fn host(address: &str) -> Option<&str> {
    let address = address.trim();
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty()).then_some(host)
}

fn is_nobodys_own(domain: &str) -> bool {
    let name = domain.split('.').next().unwrap_or(domain);
    OTHERS.contains(&domain)
        || OTHERS_UNDER_ANY_ENDING.contains(&name)
        || is_free_mail(domain)
        || domain.ends_with("gov.sg")
}

/// Under whatever ending: they have one per country.
const OTHERS_UNDER_ANY_ENDING: [&str; 40] = [
    "alibaba",
    "amazon",
    "apollo",
    "bloomberg",
    "carousell",
    "companieshouse",
    "crunchbase",
    "dnb",
    "facebook",
    "foursquare",
    "glassdoor",
    "google",
    "indeed",
    "instagram",
    "jobsdb",
    "jobstreet",
    "kompass",
    "lazada",
    "linkedin",
    "lusha",
    "made-in-china",
    "medium",
    "opencorporates",
    "pinterest",
    "qoo10",
    "quora",
    "reddit",
    "rocketreach",
    "shopee",
    "signalhire",
    "similarweb",
    "tiktok",
    "tracxn",
    "tripadvisor",
    "twitter",
    "wikipedia",
    "yahoo",
    "yelp",
    "youtube",
    "zoominfo",
];

const OTHERS: [&str; 24] = [
    "99.co",
    "businesslist.sg",
    "businesstimes.com.sg",
    "channelnewsasia.com",
    "companies.sg",
    "companydirectory.sg",
    "cylex.sg",
    "greenbook.sg",
    "mycareersfuture.sg",
    "onemap.sg",
    "opengovsg.com",
    "propertyguru.com.sg",
    "recordowl.com",
    "sgpbusiness.com",
    "sgpgrid.com",
    "sginnovate.com",
    "streetdirectory.com",
    "straitstimes.com",
    "thegrid.sg",
    "theyellowpages.sg",
    "timesbusinessdirectory.com",
    "x.com",
    "yellowpages.com.sg",
    "ltddir.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_name_is_searched_for() {
        assert_eq!(query("ACME  FREIGHT PTE. LTD."), "ACME FREIGHT PTE. LTD. Singapore official website");
        assert!(query(&"x".repeat(500)).chars().count() <= 400);
        assert!(query(&"冷".repeat(500)).chars().count() <= 400);
    }

    #[test]
    fn results_that_may_be_a_companys_own_are_candidates_in_their_order() {
        let results = [
            "https://www.linkedin.com/company/acme",
            "https://sg.linkedin.com/company/acme",
            "https://www.sgpbusiness.com/company/Acme",
            "https://www.acme-freight.com.sg/about?x=1",
            "http://shop.acme.example:8080/",
            "https://acme-freight.com.sg",
            "https://www.bizfile.gov.sg/",
            "https://www.amazon.sg/acme",
            "not an address",
            "ftp://acme.example",
            "https://",
        ];
        assert_eq!(candidates(results), ["acme-freight.com.sg", "acme.example"]);
    }

    #[test]
    fn no_more_than_a_few_are_asked() {
        let many: Vec<String> = (0..20).map(|number| format!("https://company{number}.example/")).collect();
        assert_eq!(candidates(many.iter().map(String::as_str)).len(), CANDIDATES_MAX);
    }
}
