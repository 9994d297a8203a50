//! One line of a tenant's list as a company.

use csv::StringRecord;
use presdr_rules::icp::normalise_label;
use unicode_normalization::UnicodeNormalization;
use url::{Host, Url};

use super::columns::{Column, Columns};
use crate::ingest::repair;

/// A company as a tenant lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// What the tenant's lists know it by.
    pub(super) identity: String,
    pub(super) uen: Option<String>,
    pub(super) name: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) industry: Option<String>,
    pub(super) industry_code: Option<String>,
    pub(super) employees: Option<i32>,
    pub(super) revenue: Option<String>,
    pub(super) year: Option<i32>,
    pub(super) place: Option<String>,
}

/// Why a line cannot be used. Says nothing of what is in it, for that may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("there is neither a name nor a UEN")]
    NoIdentity,
    #[error("the UEN is not 9 or 10 letters and digits")]
    Uen,
    #[error("the website is no web address")]
    Domain,
    #[error("the SSIC code is no number of 2 to 5 digits")]
    IndustryCode,
    #[error("the employees are no number or range of numbers")]
    Employees,
    #[error("the year is no year or date such as 1981-04-23")]
    Year,
    #[error("a field is longer than {TEXT_CHARACTERS_MAX} characters")]
    TooLong,
}

const TEXT_CHARACTERS_MAX: usize = 300;

/// A page there is not the company's own site, and its domain would lead to someone else's.
const PLATFORMS: [&str; 8] = [
    "facebook.com",
    "linkedin.com",
    "instagram.com",
    "twitter.com",
    "x.com",
    "youtube.com",
    "tiktok.com",
    "sites.google.com",
];

/// Reads a line.
pub(super) fn listed(columns: &Columns, record: &StringRecord) -> Result<Listed, Problem> {
    let column = |column| columns.get(record, column);
    if record.iter().any(|field| field.len() > TEXT_CHARACTERS_MAX && field.chars().count() > TEXT_CHARACTERS_MAX) {
        return Err(Problem::TooLong);
    }
    let uen = column(Column::Uen).map(|uen| uen.replace(' ', "").to_ascii_uppercase());
    if uen.as_ref().is_some_and(|uen| !repair::is_uen(uen)) {
        return Err(Problem::Uen);
    }
    let (name, domain) = (column(Column::Name), column(Column::Domain).map(domain).transpose()?.flatten());
    Ok(Listed {
        identity: identity(uen.as_deref(), name, domain.as_deref())?,
        uen,
        name: name.map(str::to_owned),
        domain,
        industry: column(Column::Industry).map(normalise_label),
        industry_code: column(Column::IndustryCode).map(industry_code).transpose()?,
        employees: column(Column::Employees).map(|text| employees(text).ok_or(Problem::Employees)).transpose()?,
        revenue: column(Column::Revenue).map(normalise_label),
        year: column(Column::Year).map(|text| repair::year(text).ok_or(Problem::Year)).transpose()?,
        place: column(Column::Place).map(normalise_label),
    })
}

/// The UEN, or else the name and the domain: namesakes with sites of their own are two companies.
fn identity(uen: Option<&str>, name: Option<&str>, domain: Option<&str>) -> Result<String, Problem> {
    match (uen, name) {
        (Some(uen), _) => Ok(format!("uen:{uen}")),
        (None, Some(name)) => {
            let name = name.nfkc().collect::<String>().to_lowercase();
            let words: Vec<&str> =
                name.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            Ok(format!("name:{} {}", words.join(" "), domain.unwrap_or_default()))
        }
        (None, None) => Err(Problem::NoIdentity),
    }
}

/// The domain of a web address with or without scheme, path and `www.`; `None` for a page on a platform.
fn domain(text: &str) -> Result<Option<String>, Problem> {
    let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&address).map_err(|_| Problem::Domain)?;
    let Some(Host::Domain(host)) = url.host() else {
        return Err(Problem::Domain);
    };
    let host = host.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    // Whoever writes an e-mail address there does not name a site.
    if !host.contains('.') || !url.username().is_empty() || !matches!(url.scheme(), "http" | "https") {
        return Err(Problem::Domain);
    }
    let on_platform = PLATFORMS.iter().any(|platform| host == *platform || host.ends_with(&format!(".{platform}")));
    Ok((!on_platform).then(|| host.to_owned()))
}

/// A code of any level below the section; one digit less than five had a leading zero.
fn industry_code(text: &str) -> Result<String, Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        4 | 5 => repair::ssic_code(text).map(|code| code.to_string()).ok_or(Problem::IndustryCode),
        2 | 3 if digits => Ok(text.to_owned()),
        _ => Err(Problem::IndustryCode),
    }
}

/// A number such as `1,200`, `50.0` or `500+`; the middle of a range such as `11-50 employees`.
fn employees(text: &str) -> Option<i32> {
    let text = text.to_lowercase().replace([',', '\u{a0}'], "").replace(".0", " ");
    let allowed = |word: &&str| !["to", "employees", "employee", "staff", "people", "persons"].contains(word);
    let words: Vec<&str> =
        text.split(|character: char| " -–—+~<>≈".contains(character)).filter(|word| !word.is_empty()).collect();
    let numbers: Option<Vec<i32>> = words.into_iter().filter(allowed).map(|word| word.parse().ok()).collect();
    match numbers?.as_slice() {
        [number] => Some(*number),
        [low, high] if low <= high => Some(low + (high - low) / 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, line: &str) -> Result<Listed, Problem> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let record = StringRecord::from(line.split(',').collect::<Vec<_>>());
        listed(&Columns::of(&names).unwrap(), &record)
    }

    #[test]
    fn a_line_is_read_for_what_it_means() {
        let company = read(
            "name,website,uen,industry,employees",
            "Acme  Co, https://www.Acme.example/en?x ,2019 12345g,IT  Services,11-50",
        )
        .unwrap();
        assert_eq!(company.identity, "uen:201912345G");
        assert_eq!(company.domain.as_deref(), Some("acme.example"));
        assert_eq!(company.industry.as_deref(), Some("it services"));
        assert_eq!(company.employees, Some(30));
    }

    #[test]
    fn without_a_uen_name_and_domain_identify() {
        let identity = |name: &str, domain: &str| read("name,domain", &format!("{name},{domain}")).unwrap().identity;
        assert_eq!(identity("ACME Pte. Ltd.", "acme.example"), identity("acme pte ltd", "http://www.acme.example/"));
        assert_ne!(identity("Acme", "acme.example"), identity("Acme", "acme.example.org"));
    }

    #[test]
    fn domains_are_hosts_of_ones_own() {
        assert_eq!(domain("acme.example"), Ok(Some("acme.example".into())));
        assert_eq!(domain("bücher.example"), Ok(Some("xn--bcher-kva.example".into())));
        assert_eq!(domain("https://www.facebook.com/acme"), Ok(None));
        for wrong in ["acme", "jo@acme.example", "ftp://acme.example", "http://10.0.0.1/", "a b.example"] {
            assert_eq!(domain(wrong), Err(Problem::Domain), "{wrong}");
        }
    }

    #[test]
    fn employees_are_a_number_or_a_range() {
        assert_eq!(
            ["50", "1,200", "50.0", "500+", "11-50 employees", "51 to 200"].map(employees),
            [50, 1200, 50, 500, 30, 125].map(Some)
        );
        assert_eq!(["many", "50-11", "", "1-2-3", "99999999999"].map(employees), [None; 5]);
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        assert_eq!(read("name,uen", ",").unwrap_err(), Problem::NoIdentity);
        assert_eq!(read("name,uen", "A,12").unwrap_err(), Problem::Uen);
        assert_eq!(read("name,ssic", "A,6").unwrap_err(), Problem::IndustryCode);
        assert_eq!(read("name,year", "A,soon").unwrap_err(), Problem::Year);
        assert_eq!(read("name", &"x".repeat(301)).unwrap_err(), Problem::TooLong);
    }
}
