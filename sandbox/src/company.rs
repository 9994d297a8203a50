//! Made-up Singapore companies: company number `index` of a seed is always the same company.

use std::fmt::Write as _;

use crate::random::Random;
use crate::trades::{TRADES, Trade};
use crate::uen;

/// A made-up person who works for a made-up company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Given name and family name.
    pub name: String,
    /// What their job is called.
    pub role: &'static str,
    /// Their own business address.
    pub email: String,
}

/// Where a company is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// House number.
    pub block: String,
    /// Street, in capitals as the registry writes it.
    pub street: &'static str,
    /// Floor and unit, when it has one.
    pub unit: Option<(String, String)>,
    /// Six digits.
    pub postal_code: String,
}

impl Address {
    /// The address on one line, as a web site would write it.
    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.block, title_case(self.street));
        if let Some((level, unit)) = &self.unit {
            let _ = write!(line, " #{level}-{unit}");
        }
        let _ = write!(line, ", Singapore {}", self.postal_code);
        line
    }
}

/// The legal form, which decides the ending of the name and the layout of the UEN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A private company limited by shares.
    PrivateLimited,
    /// A sole proprietorship.
    Business,
    /// A limited liability partnership.
    Partnership,
}

/// One made-up company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its number within the seed.
    pub index: usize,
    /// Brand and what follows it, such as `Kelmora Engineering`.
    pub brand: String,
    /// The invented first word of the brand.
    pub word: String,
    /// The registered name, in capitals.
    pub name: String,
    /// The legal form.
    pub form: Form,
    /// The registered number.
    pub uen: String,
    /// True while the company is on the register.
    pub live: bool,
    /// Year, month, day of registration.
    pub registered: (u32, u32, u32),
    /// What it does.
    pub trade: &'static Trade,
    /// How many people work there.
    pub employees: u32,
    /// Where it is registered.
    pub address: Address,
    /// The domain its web site would have.
    pub domain: String,
    /// True when a tenant's own list knows the domain; otherwise it can only be found.
    pub domain_listed: bool,
    /// Main telephone number in E.164.
    pub phone: String,
    /// General business address.
    pub email: String,
    /// Who works there.
    pub people: Vec<Person>,
}

const FIRST: &[&str] = &[
    "Kel", "Tam", "Bri", "Sol", "Ven", "Mar", "Zan", "Quo", "Fen", "Lor", "Dar", "Vis", "Hal", "Pra", "Nim", "Cor",
    "Tre", "Ost", "Gal", "Yar", "Rin", "Wex", "Jor", "Pel", "Umb", "Sta", "Cle", "Bar", "Dov", "Ike", "Gri", "Hol",
];
const MIDDLE: &[&str] = &["mo", "ti", "va", "ru", "la", "ne", "do", "ki", "sa", "be", "go", "fi"];
const LAST: &[&str] = &[
    "ra", "lux", "dane", "wick", "mont", "via", "tek", "nor", "quay", "field", "ster", "bury", "lin", "dor", "vane",
    "moss",
];
const GIVEN: &[&str] = &[
    "Aldren", "Bexly", "Corwen", "Daphira", "Elstan", "Fionet", "Garrow", "Helmina", "Idris", "Jovanne", "Kestra",
    "Lorimel", "Marenka", "Nuriel", "Orsola", "Pelham", "Quennie", "Rowella", "Sanjiro", "Tamsine",
];
const FAMILY: &[&str] = &[
    "Abernoth",
    "Binsuko",
    "Chandrel",
    "Dorvath",
    "Elmsworn",
    "Farouzi",
    "Goheng",
    "Harkonly",
    "Ibranto",
    "Jalanso",
    "Kwekliang",
    "Limbery",
    "Mohanesh",
    "Ngatoro",
    "Ongwell",
    "Pillairo",
    "Quekson",
    "Rajanuth",
    "Seetohan",
    "Tanowick",
];
const ROLES: &[&str] = &[
    "Managing Director",
    "Founder",
    "General Manager",
    "Head of Sales",
    "Marketing Director",
    "Operations Manager",
    "Finance Manager",
    "Project Lead",
];
const STREETS: &[&str] = &[
    "SANDGLASS ROAD",
    "LANTERN AVENUE 3",
    "COPPER LANE",
    "HARBOUR LINK 2",
    "OLD QUARRY STREET",
    "NUTMEG DRIVE",
    "TIDEWATER CRESCENT",
    "ORCHARDIST WALK",
    "KITE HILL ROAD",
    "JALAN SELUNTA",
    "MILLWRIGHT STREET 11",
    "PEPPER CLOSE",
];

/// Company number `index` of `seed`.
pub fn company(seed: u64, index: usize) -> Company {
    let random = &mut Random::new(seed, "company", index);
    let word = word(seed, index);
    let trade = &TRADES[random.below(TRADES.len())];
    let brand = format!("{word} {}", random.pick(trade.names));
    let form = form(index, random);
    let registered = (registration_year(seed, index, form), random.between(1, 12), random.between(1, 28));
    let domain_listed = random.chance(65);
    let domain = domain(&word, &brand, domain_listed, random);
    let people = (0..random.between(2, 6)).map(|_| person(&domain, random)).collect();
    Company {
        index,
        name: registered_name(&brand, form, random),
        form,
        uen: number(seed, index, form, registered.0),
        live: random.chance(93),
        registered,
        trade,
        employees: random.weighted(&[(6, 20), (14, 25), (35, 25), (80, 15), (180, 10), (600, 5)])
            + random.between(0, 9),
        address: address(random),
        domain_listed,
        phone: phone(random),
        email: format!("{}@{domain}", random.pick(&["info", "sales", "hello", "enquiry", "contact", "admin"])),
        domain,
        people,
        brand,
        word,
    }
}

/// The invented word that company `index` is known by; words repeat only after several thousand companies.
fn word(seed: u64, index: usize) -> String {
    let total = FIRST.len() * MIDDLE.len() * LAST.len();
    // 2,311 shares no factor with the number of words, so stepping by it visits each word once.
    let place = (index % total * 2311 + (seed % 1_000) as usize * 7) % total;
    let (first, rest) = (place % FIRST.len(), place / FIRST.len());
    format!("{}{}{}", FIRST[first], MIDDLE[rest % MIDDLE.len()], LAST[rest / MIDDLE.len()])
}

fn form(index: usize, random: &mut Random) -> Form {
    match random.below(100) {
        0..88 => Form::PrivateLimited,
        88..95 => Form::Business,
        // Partnership numbers hold a four-digit serial a year: beyond this they would repeat.
        _ if index < 200_000 => Form::Partnership,
        _ => Form::PrivateLimited,
    }
}

fn registered_name(brand: &str, form: Form, random: &mut Random) -> String {
    let ending = match form {
        Form::PrivateLimited => random.weighted(&[
            (" PTE. LTD.", 70),
            (" PTE LTD", 15),
            (" PRIVATE LIMITED", 8),
            (" (SINGAPORE) PTE. LTD.", 7),
        ]),
        Form::Business => "",
        Form::Partnership => " LLP",
    };
    format!("{}{ending}", brand.to_uppercase())
}

/// Goes round the years as the index grows, so that year and serial together are unique.
fn registration_year(seed: u64, index: usize, form: Form) -> u32 {
    match form {
        Form::Partnership => 2005 + (index % 20) as u32,
        Form::PrivateLimited | Form::Business => 1970 + ((index as u64 + seed) % 56) as u32,
    }
}

fn number(seed: u64, index: usize, form: Form, year: u32) -> String {
    let index = index as u32;
    let offset = (seed % 997) as u32;
    match form {
        Form::PrivateLimited => uen::local_company(year, 1 + offset + index / 56),
        Form::Business => uen::business(40_000_000 + offset * 10_000 + index),
        Form::Partnership => uen::partnership(year, index / 20),
    }
}

fn domain(word: &str, brand: &str, listed: bool, random: &mut Random) -> String {
    let word = word.to_lowercase();
    let brand = domain_label(brand);
    if listed {
        return format!("{}.example", random.pick(&[&word, &brand]));
    }
    // Found by looking: the sandbox alone answers for these names, whatever the top level.
    let label = random.weighted(&[(&brand, 60), (&word, 40)]);
    format!("{label}.{}", random.weighted(&[("com.sg", 55), ("sg", 20), ("com", 25)]))
}

/// Letters and digits of `text` in lower case, as people make a domain of a name.
pub(crate) fn domain_label(text: &str) -> String {
    text.to_lowercase().replace('&', "n").chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Somebody with an address at `domain`.
pub(crate) fn person(domain: &str, random: &mut Random) -> Person {
    let (given, family) = (random.pick(GIVEN), random.pick(FAMILY));
    Person {
        name: format!("{given} {family}"),
        role: random.pick(ROLES),
        email: format!("{}.{}@{domain}", given.to_lowercase(), family.to_lowercase()),
    }
}

fn address(random: &mut Random) -> Address {
    Address {
        block: random.between(1, 990).to_string(),
        street: random.pick(STREETS),
        unit: random
            .chance(75)
            .then(|| (format!("{:02}", random.between(1, 25)), format!("{:02}", random.between(1, 40)))),
        postal_code: format!("{:02}{:04}", random.between(1, 82), random.between(0, 9_999)),
    }
}

/// An invented number of the right shape: 6 starts a fixed line, 9 a mobile.
fn phone(random: &mut Random) -> String {
    let first = random.weighted(&[(6, 75), (9, 25)]);
    format!("+65{first}{:03}{:04}", random.between(200, 899), random.between(0, 9_999))
}

/// `text` with a capital at the start of each word and small letters after it.
pub(crate) fn title_case(text: &str) -> String {
    text.split(' ')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
            })
        })
        .collect::<Vec<String>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_company_is_the_same_every_time() {
        assert_eq!(company(7, 12), company(7, 12));
        assert_ne!(company(7, 12), company(8, 12));
    }

    #[test]
    fn numbers_words_and_domains_do_not_repeat() {
        let companies: Vec<Company> = (0..3_000).map(|index| company(1, index)).collect();
        let unique = |of: fn(&Company) -> &str| companies.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(unique(|company| &company.uen), companies.len());
        assert_eq!(unique(|company| &company.word), companies.len());
        assert_eq!(unique(|company| &company.domain), companies.len());
    }
}
