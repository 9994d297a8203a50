//! Registered names and the domains that their owners, and others, happen to have taken.
//!
//! Written from how people name companies and choose domains, not from how a resolver would guess them.

use crate::company::{company, domain_label};
use crate::random::Random;

/// A company as the registry has it, and what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The invented first word.
    pub word: String,
    /// What people call it, such as `Kelmora Marine Engineering`.
    pub brand: String,
    /// The registered name, in capitals.
    pub registered: String,
    /// The registered name as its own letterhead has it.
    pub letterhead: String,
    /// Registered number.
    pub uen: String,
    /// Six digits.
    pub postal_code: String,
    /// Telephone number in E.164.
    pub phone: String,
    /// What it does, in a few words.
    pub trade: &'static str,
    /// What it does, after its name.
    pub pitch: &'static str,
}

const SECOND: &[&str] = &["Asia", "International", "Global", "Pacific", "Bros", "& Sons", "Group", "Marine", "Twin"];

/// Labelled company number `index` of `seed`.
pub fn named(seed: u64, index: usize) -> Named {
    let random = &mut Random::new(seed, "labelled name", index);
    let base = company(seed, index);
    let brand = brand(&base.word, base.trade.names, random);
    let upper = brand.to_uppercase();
    let registered = match random.below(20) {
        0..11 => format!("{upper} PTE. LTD."),
        11..14 => format!("{upper} PTE LTD"),
        14..16 => format!("{upper} (SINGAPORE) PTE. LTD."),
        16 => format!("{upper} (S) PTE LTD"),
        17 => format!("{upper} PRIVATE LIMITED"),
        18 => format!("THE {upper} COMPANY PTE. LTD."),
        _ => format!("{upper} LLP"),
    };
    let letterhead = letterhead(&brand, &registered, random);
    Named {
        letterhead,
        registered,
        uen: base.uen,
        postal_code: base.address.postal_code,
        phone: base.phone,
        trade: base.trade.title,
        pitch: base.trade.pitch,
        word: base.word,
        brand,
    }
}

/// Another company under a similar name: the same brand in another legal form, or the same first word in another trade.
pub fn same_name_other(seed: u64, index: usize, of: &Named) -> Named {
    let random = &mut Random::new(seed, "same name", index);
    // Far beyond the labelled companies, so that number and address are its own.
    let other = company(seed, index + 3_000);
    let (brand, registered, letterhead) = match random.below(4) {
        0 if !of.registered.ends_with("LLP") => {
            (of.brand.clone(), format!("{} LLP", of.brand.to_uppercase()), format!("{} LLP", of.brand))
        }
        1 => {
            let name = format!("{} {}", of.brand, random.pick(&["Services", "Holdings", "Trading", "Supplies"]));
            (name.clone(), format!("{} PTE. LTD.", name.to_uppercase()), format!("{name} Pte Ltd"))
        }
        _ => {
            let name = format!("{} {}", of.word, random.pick(other.trade.names));
            (name.clone(), format!("{} PTE. LTD.", name.to_uppercase()), format!("{name} Pte. Ltd."))
        }
    };
    Named {
        word: of.word.clone(),
        brand,
        registered,
        letterhead,
        uen: other.uen,
        postal_code: other.address.postal_code,
        phone: other.phone,
        trade: other.trade.title,
        pitch: other.trade.pitch,
    }
}

fn brand(word: &str, trades: &[&str], random: &mut Random) -> String {
    let trade = random.pick(trades);
    match random.below(20) {
        0..10 => format!("{word} {trade}"),
        10..14 => format!("{word} {} {trade}", random.pick(SECOND)),
        14 | 15 => word.to_owned(),
        16 => format!("{} {word} {trade}", random.pick(&["New", "Prime", "Sin", "Royal"])),
        17 => format!("{}.{}. {word} {trade}", random.pick(&["K", "T", "A"]), random.pick(&["L", "S", "H"])),
        18 => format!("{word} {trade} {}", random.pick(&["International", "Asia", "Group"])),
        _ => format!("{word} and {} {trade}", random.pick(&["Partners", "Associates", "Tanoh"])),
    }
}

fn letterhead(brand: &str, registered: &str, random: &mut Random) -> String {
    if registered.ends_with("LLP") {
        return format!("{brand} LLP");
    }
    let middle = match () {
        () if registered.contains("(SINGAPORE)") => " (Singapore)",
        () if registered.contains("(S)") => " (S)",
        () => "",
    };
    let brand = if registered.starts_with("THE ") { format!("The {brand} Company") } else { brand.to_owned() };
    let ending = random.pick(&["Pte Ltd", "Pte. Ltd.", "Pte.Ltd.", "PTE LTD", "Private Limited"]);
    format!("{brand}{middle} {ending}")
}

/// Top levels that firms in Singapore use, with how many of a hundred do.
const TOP_LEVELS: [(&str, usize); 9] =
    [("com.sg", 45), ("com", 28), ("sg", 16), ("net", 3), ("asia", 2), ("co", 2), ("org", 2), ("biz", 1), ("io", 1)];

/// A domain that a company of this name would take for itself.
pub fn own_domain(of: &Named, random: &mut Random) -> String {
    let words: Vec<&str> = of.brand.split(' ').collect();
    let joined = domain_label(&of.brand);
    let word = domain_label(&of.word);
    let trade = words.last().copied().unwrap_or_default();
    let label = match random.below(100) {
        0..32 => joined,
        32..58 => word,
        58..66 => {
            words.iter().map(|word| domain_label(word)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
        }
        66..72 => format!("{word}sg"),
        72..80 => format!("{word}{}", short(trade)),
        80..85 if words.len() > 2 => words.iter().filter_map(|word| word.chars().next()).collect::<String>(),
        85..90 => format!("{word}{}", random.pick(&["group", "corp", "asia", "online"])),
        // What the owners thought up: nothing in the name tells.
        _ => {
            format!("{}{}", random.pick(&["go", "my", "hello", "team", "the"]), domain_label(trade))
                + &word[..3.min(word.len())]
        }
    };
    format!("{}.{}", domain_label_keeping_hyphens(&label), random.weighted(&TOP_LEVELS))
}

/// A domain that looks as though it were the company's, whoever took it.
pub fn obvious_domain(of: &Named, random: &mut Random) -> String {
    let label = if random.chance(55) { domain_label(&of.brand) } else { domain_label(&of.word) };
    format!("{label}.{}", random.weighted(&TOP_LEVELS[..4]))
}

fn short(trade: &str) -> String {
    let trade = domain_label(trade);
    trade[..4.min(trade.len())].to_owned()
}

fn domain_label_keeping_hyphens(label: &str) -> String {
    let kept: String =
        label.to_lowercase().chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    kept.trim_matches('-').to_owned()
}
