//! Domains that a company of a given name may well have taken, likeliest first.

use std::collections::HashMap;

use super::name::CompanyName;

/// A domain worth a look.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The registrable domain.
    pub domain: String,
    /// How likely it is compared with the others, above 0, at most 1. It says where to look first, no more.
    pub prior: f64,
}

/// Top levels that Singapore companies use, with how common each is beside the first.
const TOP_LEVELS: [(&str, f64); 9] = [
    ("com.sg", 1.0),
    ("com", 0.7),
    ("sg", 0.5),
    ("net", 0.09),
    ("asia", 0.06),
    ("co", 0.05),
    ("org", 0.04),
    ("biz", 0.03),
    ("io", 0.03),
];

/// Words that firms shorten when they choose a domain.
const SHORTENED: [(&str, &str); 10] = [
    ("engineering", "eng"),
    ("technologies", "tech"),
    ("technology", "tech"),
    ("international", "intl"),
    ("construction", "cons"),
    ("consulting", "consult"),
    ("logistics", "log"),
    ("electrical", "elect"),
    ("management", "mgmt"),
    ("manufacturing", "mfg"),
];

/// Shorter labels belong to whoever came first.
const LABEL_CHARACTERS_MIN: usize = 3;
/// RFC 1035, section 2.3.4.
const LABEL_CHARACTERS_MAX: usize = 63;
const CANDIDATES_MAX: usize = 60;
/// A former name's domain is often kept, but less likely than the present name's.
const FORMER_NAME_WEIGHT: f64 = 0.3;

/// The candidates for a registered name and the names the company had before, likeliest first; equals by name.
pub fn candidates(registered_name: &str, former_names: &[String]) -> Vec<Candidate> {
    let mut priors: HashMap<String, f64> = HashMap::new();
    let former = former_names.iter().map(|name| (name.as_str(), FORMER_NAME_WEIGHT));
    for (name, of_name) in std::iter::once((registered_name, 1.0)).chain(former) {
        for (label, of_label) in labels(&CompanyName::parse(name)) {
            for (top_level, of_top_level) in TOP_LEVELS {
                let prior = of_name * of_label * of_top_level;
                let known = priors.entry(format!("{label}.{top_level}")).or_insert(0.0);
                *known = known.max(prior);
            }
        }
    }
    let mut candidates: Vec<Candidate> =
        priors.into_iter().map(|(domain, prior)| Candidate { domain, prior }).collect();
    candidates.sort_by(|one, other| other.prior.total_cmp(&one.prior).then_with(|| one.domain.cmp(&other.domain)));
    candidates.truncate(CANDIDATES_MAX);
    candidates
}

/// Labels that a company might choose, with how likely each is beside the whole name written together.
fn labels(name: &CompanyName) -> Vec<(String, f64)> {
    let plain: Vec<&str> = name.words.iter().map(String::as_str).filter(|word| *word != "and").collect();
    let distinctive = name.distinctive();
    let mut labels = vec![
        (name.words.concat(), 1.0),
        (plain.concat(), 1.0),
        (name.words.iter().map(|word| if word == "and" { "n" } else { word.as_str() }).collect(), 0.5),
        (plain.join("-"), 0.35),
        (distinctive.concat(), 0.85),
        (format!("{}sg", distinctive.concat()), 0.25),
        (format!("{}group", distinctive.concat()), 0.1),
        (shortened(&plain), 0.25),
    ];
    if let Some(first) = distinctive.first() {
        labels.push(((*first).to_owned(), 0.6));
    }
    if plain.len() > 2 {
        let initials = plain.iter().filter_map(|word| word.chars().next());
        labels.push((initials.collect(), 0.2));
        // "Kelmora Marine Engineering" is known as "Kelmora Marine".
        labels.push((plain[..plain.len() - 1].concat(), 0.4));
    }
    labels.retain(|(label, _)| is_label(label));
    labels
}

fn shortened(words: &[&str]) -> String {
    let short =
        |word: &&str| SHORTENED.iter().find(|(long, _)| long == word).map_or(*word, |(_, short)| *short).to_owned();
    words.iter().map(short).collect()
}

fn is_label(label: &str) -> bool {
    let long_enough = (LABEL_CHARACTERS_MIN..=LABEL_CHARACTERS_MAX).contains(&label.len());
    // "sg" and "group" are what is left of a name without distinctive words.
    let says_something = !matches!(label, "sg" | "group");
    long_enough
        && says_something
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(name: &str) -> Vec<String> {
        candidates(name, &[]).into_iter().map(|candidate| candidate.domain).collect()
    }

    #[test]
    fn the_whole_name_under_com_sg_comes_first() {
        let domains = domains("KELMORA ENGINEERING (SINGAPORE) PTE. LTD.");
        assert_eq!(domains[0], "kelmoraengineering.com.sg");
        for expected in
            ["kelmora.com.sg", "kelmora.com", "kelmora-engineering.com", "kelmoraeng.com.sg", "kelmorasg.com"]
        {
            assert!(domains.iter().any(|domain| domain == expected), "{expected} is not among the candidates");
        }
    }

    #[test]
    fn an_ampersand_is_written_drawn_or_dropped() {
        let domains = domains("TANOH & SONS PTE LTD");
        for expected in ["tanohandsons.com.sg", "tanohsons.com.sg", "tanohnsons.com.sg"] {
            assert!(domains.iter().any(|domain| domain == expected), "{expected} is not among the candidates");
        }
    }

    #[test]
    fn names_of_common_words_alone_are_only_tried_whole() {
        let domains = domains("GOLDEN TRADING PTE LTD");
        assert!(
            domains.iter().all(|domain| domain.starts_with("goldentrading") || domain.starts_with("golden-trading"))
        );
    }

    #[test]
    fn former_names_come_after_the_present_one() {
        let all = candidates("KELMORA PTE LTD", &["TAMVANE PTE LTD".to_owned()]);
        let place = |domain: &str| all.iter().position(|candidate| candidate.domain == domain);
        assert!(place("kelmora.com.sg") < place("tamvane.com.sg"));
        assert!(place("tamvane.com.sg").is_some());
    }

    #[test]
    fn a_name_without_usable_letters_has_no_candidates() {
        assert!(domains("進出口 PTE. LTD.").is_empty());
        assert!(domains("").is_empty());
    }
}
