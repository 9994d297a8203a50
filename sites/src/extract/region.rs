//! Which country a page's own evidence points at.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::findings::Region;

/// The country that an address, a top-level domain or the language of a page points at, strongest evidence first.
pub(super) fn of_page(structured: Option<&str>, host: &str, text: &str, language: Option<&str>) -> Option<Region> {
    structured
        .and_then(of_country)
        .or_else(|| of_host(host))
        .or_else(|| of_text(text))
        .or_else(|| of_language(language?))
}

/// A country by its code or its English name.
fn of_country(country: &str) -> Option<Region> {
    let country = country.trim();
    Region::new(country).or_else(|| {
        COUNTRIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(country)).and_then(|(_, code)| Region::new(code))
    })
}

/// A country's top-level domain, other than those that the whole world uses.
fn of_host(host: &str) -> Option<Region> {
    const GENERIC: [&str; 12] = ["ai", "cc", "co", "fm", "gg", "io", "is", "la", "me", "to", "tv", "ws"];
    match host.rsplit('.').next()? {
        "uk" => Region::new("GB"),
        domain if domain.len() == 2 && !GENERIC.contains(&domain) => Region::new(domain),
        _ => None,
    }
}

/// The country that the text names most often; of equals, the one named first.
fn of_text(text: &str) -> Option<Region> {
    static NAMES: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let names = COUNTRIES.iter().map(|(name, _)| name);
        match AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(names) {
            Ok(names) => names,
            Err(error) => unreachable!("a few dozen short names always compile: {error}"),
        }
    });
    let mut counts: Vec<(&str, u32)> = Vec::new();
    for found in NAMES.find_iter(text).filter(|found| is_whole_word(text, found.start(), found.end())) {
        let (_, code) = COUNTRIES[found.pattern().as_usize()];
        match counts.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => counts.push((code, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.iter().find(|(_, count)| *count == most).and_then(|(code, _)| Region::new(code))
}

fn is_whole_word(text: &str, start: usize, end: usize) -> bool {
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    !is_letter(text.as_bytes()[..start].last()) && !is_letter(text.as_bytes().get(end))
}

/// Languages that are written in one country above all.
fn of_language(language: &str) -> Option<Region> {
    let region = match language {
        "id" => "ID",
        "ms" => "MY",
        "vi" => "VN",
        "th" => "TH",
        "ja" => "JP",
        "ko" => "KR",
        "de" => "DE",
        "fr" => "FR",
        "it" => "IT",
        "nl" => "NL",
        "pl" => "PL",
        "tr" => "TR",
        "fa" => "IR",
        "he" => "IL",
        "tl" => "PH",
        "bn" => "BD",
        "hi" => "IN",
        "ne" => "NP",
        "si" => "LK",
        "km" => "KH",
        "my" => "MM",
        "el" => "GR",
        "uk" => "UA",
        "sv" => "SE",
        "da" => "DK",
        "fi" => "FI",
        "nb" | "no" => "NO",
        "cs" => "CZ",
        "hu" => "HU",
        "ro" => "RO",
        _ => return None,
    };
    Region::new(region)
}

/// Names of countries and of a few great cities that addresses end in, with their code.
#[rustfmt::skip]
const COUNTRIES: [(&str, &str); 84] = [
    ("Singapore", "SG"), ("SINGAPORE", "SG"), ("新加坡", "SG"), ("Malaysia", "MY"), ("MALAYSIA", "MY"),
    ("Kuala Lumpur", "MY"), ("Selangor", "MY"), ("Johor", "MY"), ("Sabah", "MY"), ("Sarawak", "MY"), ("Penang", "MY"),
    ("马来西亚", "MY"), ("Indonesia", "ID"), ("INDONESIA", "ID"), ("Jakarta", "ID"), ("Việt Nam", "VN"), ("Vietnam", "VN"),
    ("Viet Nam", "VN"), ("Hà Nội", "VN"), ("Hanoi", "VN"), ("Thailand", "TH"), ("Bangkok", "TH"), ("ประเทศไทย", "TH"),
    ("Philippines", "PH"), ("Manila", "PH"), ("India", "IN"), ("INDIA", "IN"), ("Mumbai", "IN"), ("Delhi", "IN"),
    ("Bangalore", "IN"), ("Bengaluru", "IN"), ("Chennai", "IN"), ("Hyderabad", "IN"), ("Haryana", "IN"), ("Kerala", "IN"),
    ("Bangladesh", "BD"), ("Dhaka", "BD"), ("Pakistan", "PK"), ("Karachi", "PK"), ("Sri Lanka", "LK"), ("Nepal", "NP"),
    ("Kathmandu", "NP"), ("Myanmar", "MM"), ("Cambodia", "KH"), ("Hong Kong", "HK"), ("香港", "HK"), ("Taiwan", "TW"),
    ("China", "CN"), ("中国", "CN"), ("Shenzhen", "CN"), ("Japan", "JP"), ("日本", "JP"), ("Korea", "KR"),
    ("Australia", "AU"), ("New Zealand", "NZ"), ("United Arab Emirates", "AE"), ("UAE", "AE"), ("Dubai", "AE"),
    ("Saudi Arabia", "SA"), ("Qatar", "QA"), ("Oman", "OM"), ("Kuwait", "KW"), ("Iran", "IR"), ("Egypt", "EG"),
    ("Lebanon", "LB"), ("Nigeria", "NG"), ("Lagos", "NG"), ("Kenya", "KE"), ("Nairobi", "KE"), ("Ghana", "GH"),
    ("South Africa", "ZA"), ("United Kingdom", "GB"), ("London", "GB"), ("Germany", "DE"), ("Deutschland", "DE"),
    ("Switzerland", "CH"), ("France", "FR"), ("Mexico", "MX"), ("México", "MX"), ("Canada", "CA"),
    ("United States", "US"), ("USA", "US"), ("New York", "US"), ("California", "US"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn code(region: Option<Region>) -> Option<String> {
        region.map(String::from)
    }

    #[test]
    fn the_strongest_evidence_wins() {
        assert_eq!(code(of_page(Some("Malaysia"), "kopi.com.sg", "Vietnam", Some("id"))).as_deref(), Some("MY"));
        assert_eq!(code(of_page(None, "kopi.com.sg", "Vietnam", Some("id"))).as_deref(), Some("SG"));
        assert_eq!(code(of_page(None, "kopi.io", "In Vietnam", Some("id"))).as_deref(), Some("VN"));
        assert_eq!(code(of_page(None, "kopi.com", "Indiana", Some("id"))).as_deref(), Some("ID"));
        assert_eq!(code(of_page(None, "kopi.com", "", Some("en"))), None);
    }
}
