//! Which of many companies a person means, by a name written in whatever way.

use crate::icp::Words;

/// Which company is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which<T> {
    /// This one.
    One(T),
    /// It cannot be told which of these, the likest first.
    Several(Vec<T>),
    /// None is like it.
    None,
}

/// Names less like than this are other companies.
pub const LIKENESS_MIN: f64 = 0.35;
/// One that is so much likelier than the next is meant.
const AHEAD: f64 = 0.2;
/// So many are asked about.
const ASKED_MAX: usize = 5;

/// Longer is no company's name.
pub const NAME_CHARACTERS_MAX: usize = 120;

/// Which of the companies `written` means. A name that is the same but for case, punctuation and legal form wins over all others; a name that
/// contains the written words comes before one that is spelled alike.
pub fn which<T>(written: &str, companies: impl IntoIterator<Item = (T, String)>) -> Which<T> {
    let wanted = Wanted::of(written);
    let ranked = companies.into_iter().map(|(company, name)| (wanted.closeness(&core(&name)), company));
    let mut ranked: Vec<(f64, T)> = ranked.filter(|(closeness, _)| *closeness >= LIKENESS_MIN).collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    let best = ranked.first().map_or(0.0, |(closeness, _)| *closeness);
    ranked.retain(|(closeness, _)| best - closeness < AHEAD && (best < SAME || *closeness >= SAME));
    let mut meant: Vec<T> = ranked.into_iter().take(ASKED_MAX).map(|(_, company)| company).collect();
    match meant.len() {
        0 => Which::None,
        1 => Which::One(meant.remove(0)),
        _ => Which::Several(meant),
    }
}

const SAME: f64 = 1.0;
const CONTAINED: f64 = 0.9;

/// What was written, made ready once for all the names that it is held against.
struct Wanted {
    words: String,
    joined: String,
    trigrams: Vec<[char; 3]>,
}

impl Wanted {
    fn of(written: &str) -> Self {
        let start: String = written.chars().take(NAME_CHARACTERS_MAX).collect();
        let words = core(&start);
        Self { joined: words.replace(' ', ""), trigrams: trigrams(&words), words }
    }

    fn closeness(&self, name: &str) -> f64 {
        if self.words.is_empty() || name.is_empty() {
            return 0.0;
        }
        if self.words == name || self.joined == name.replace(' ', "") {
            return SAME;
        }
        match Words::of(name).contain(&self.words) {
            true => CONTAINED,
            false => shared(&self.trigrams, &trigrams(name)).min(CONTAINED),
        }
    }
}

const LEGAL_FORMS: [&str; 14] = [
    "pte",
    "ltd",
    "private",
    "limited",
    "llp",
    "llc",
    "lp",
    "inc",
    "plc",
    "sdn",
    "bhd",
    "co",
    "company",
    "corporation",
];

/// The telling words of a company's name.
fn core(name: &str) -> String {
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let telling: Vec<&str> = words.iter().copied().filter(|word| !LEGAL_FORMS.contains(word)).collect();
    if telling.is_empty() { words.join(" ") } else { telling.join(" ") }
}

/// How alike two texts are, 0 to 1: the share of their trigrams that both have, words padded as PostgreSQL's `pg_trgm` does.
#[must_use]
pub fn likeness(one: &str, other: &str) -> f64 {
    shared(&trigrams(one), &trigrams(other))
}

/// The share of trigrams, in order and each once, that both have.
fn shared(one: &[[char; 3]], other: &[[char; 3]]) -> f64 {
    let both = one.iter().filter(|three| other.binary_search(three).is_ok()).count();
    let all = one.len() + other.len() - both;
    if all == 0 { 0.0 } else { both as f64 / all as f64 }
}

/// In order, each once.
fn trigrams(text: &str) -> Vec<[char; 3]> {
    let lower = text.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let padded = words.map(|word| [' ', ' '].into_iter().chain(word.chars()).chain([' ']).collect::<Vec<char>>());
    let mut threes: Vec<[char; 3]> = padded
        .flat_map(|word| word.windows(3).map(|three| [three[0], three[1], three[2]]).collect::<Vec<_>>())
        .collect();
    threes.sort_unstable();
    threes.dedup();
    threes
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPANIES: [&str; 6] = [
        "CODIGO PTE. LTD.",
        "Codigo Studios Pte Ltd",
        "Acme Logistics (S) Pte Ltd",
        "Acme Marine Pte Ltd",
        "Tan & Sons Trading",
        "2C2P PTE LTD",
    ];

    fn which_of(written: &str) -> Which<&'static str> {
        which(written, COMPANIES.map(|name| (name, name.to_owned())))
    }

    #[test]
    fn the_same_name_wins_whatever_its_legal_form_case_and_spaces() {
        for written in ["Codigo", "codigo pte ltd", "CODIGO, Pte. Ltd.", "Codi go"] {
            assert_eq!(which_of(written), Which::One("CODIGO PTE. LTD."), "{written}");
        }
        assert_eq!(which_of("2c2p"), Which::One("2C2P PTE LTD"));
    }

    #[test]
    fn a_slip_of_the_pen_still_finds_it() {
        assert_eq!(which_of("Tann and Sons Tradng"), Which::One("Tan & Sons Trading"));
        assert_eq!(which_of("acme marin"), Which::One("Acme Marine Pte Ltd"));
    }

    #[test]
    fn when_several_fit_all_are_told() {
        let Which::Several(several) = which_of("Acme") else { panic!("one Acme") };
        assert_eq!(several, ["Acme Logistics (S) Pte Ltd", "Acme Marine Pte Ltd"]);
    }

    #[test]
    fn what_is_like_none_finds_none() {
        for written in ["Zebra", "", "!!", "Pte"] {
            assert_eq!(which_of(written), Which::None, "{written}");
        }
    }
}
