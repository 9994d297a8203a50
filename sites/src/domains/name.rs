//! Registered names taken apart: the words that tell companies apart, and the legal form.

use unicode_normalization::UnicodeNormalization;

/// The legal form at the end of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegalForm {
    /// No form is named.
    None,
    /// `Pte Ltd`, `Private Limited`.
    PrivateLimited,
    /// `Ltd`, `Limited` without `Private`.
    Limited,
    /// `LLP`, `LP`.
    Partnership,
    /// A form of another country: `Sdn Bhd`, `GmbH`, `Inc`, `Pty Ltd` and the like.
    Foreign,
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CompanyName {
    /// The words of the name in lower case, without legal form, country in brackets and leading article.
    pub words: Vec<String>,
    /// What it ends in.
    pub form: LegalForm,
}

/// How a name on a page relates to the company's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same words.
    Same,
    /// The same words and more: a sister, a branch or a stranger.
    Extended,
    /// Something else.
    Other,
}

/// Endings in words, longest first, with the form each means.
const ENDINGS: &[(&[&str], LegalForm)] = &[
    (&["limited", "liability", "partnership"], LegalForm::Partnership),
    (&["pte", "ltd"], LegalForm::PrivateLimited),
    (&["pte", "limited"], LegalForm::PrivateLimited),
    (&["private", "limited"], LegalForm::PrivateLimited),
    (&["private", "ltd"], LegalForm::PrivateLimited),
    (&["p", "l"], LegalForm::PrivateLimited),
    (&["sdn", "bhd"], LegalForm::Foreign),
    (&["pty", "ltd"], LegalForm::Foreign),
    (&["pty", "limited"], LegalForm::Foreign),
    (&["pvt", "ltd"], LegalForm::Foreign),
    (&["pvt", "limited"], LegalForm::Foreign),
    (&["co", "ltd"], LegalForm::Foreign),
    (&["company", "limited"], LegalForm::Limited),
    (&["pte"], LegalForm::PrivateLimited),
    (&["ltd"], LegalForm::Limited),
    (&["limited"], LegalForm::Limited),
    (&["llp"], LegalForm::Partnership),
    (&["lp"], LegalForm::Partnership),
    (&["berhad"], LegalForm::Foreign),
    (&["bhd"], LegalForm::Foreign),
    (&["gmbh"], LegalForm::Foreign),
    (&["llc"], LegalForm::Foreign),
    (&["inc"], LegalForm::Foreign),
    (&["incorporated"], LegalForm::Foreign),
    (&["corp"], LegalForm::Foreign),
    (&["plc"], LegalForm::Foreign),
    (&["bv"], LegalForm::Foreign),
    (&["srl"], LegalForm::Foreign),
    (&["sarl"], LegalForm::Foreign),
    (&["ag"], LegalForm::Foreign),
    (&["oy"], LegalForm::Foreign),
    (&["fze"], LegalForm::Foreign),
    (&["tbk"], LegalForm::Foreign),
];

/// Words that say where or introduce, and tell no two companies apart at the edge of a name.
const EDGE_WORDS: &[&str] = &[
    "the",
    "welcome",
    "to",
    "copyright",
    "by",
    "of",
    "at",
    "about",
    "home",
    "singapore",
    "sg",
    "s",
    "official",
    "website",
    "site",
    "company",
    "co",
];

/// Words of a company's name that many companies share.
const COMMON_WORDS: &str = "
    academy accounting advisory agency and apps asia asian associates audit auto bakery beauty best bros
    brothers builders building business capital catering centre center city cleaning clinic co company
    construction consultancy consultants consulting contractor contractors contracts corporate corporation
    creative dental design development digital dining eastern education electrical electronics energy
    engineering enterprise enterprises equipment estates export fabrication facilities far first fashion finance
    financial food foods forwarding freight general global golden great group haulage health healthcare holding
    holdings holidays home hygiene import industrial industries infotech interior interiors international intl
    investment investments it kitchen labs law learning logistics machine machinery management manufacturing
    marine marketing media medical metal micro motor motors national new online pacific partners power precision
    prime properties property realty renovation resources restaurant retail royal sales school secure security
    service services shipping shop sin singapore software solution solutions sons star steel strategy structures
    studio supplies supply surgery switchgear system systems team tech technologies technology tours trade
    trading training transport travel trucking twin united venture ventures wealth wholesale works world";

impl CompanyName {
    /// Takes `name` apart. A name of nothing but legal form and edge words keeps no words.
    pub fn parse(name: &str) -> Self {
        let mut words = words_of(&without_brackets(name));
        let mut form = LegalForm::None;
        while let Some((ending, of)) = ENDINGS.iter().find(|(ending, _)| ends_with(&words, ending)) {
            words.truncate(words.len() - ending.len());
            // "Co. Ltd" after "Pte": the form nearest to the name's end counts.
            if form == LegalForm::None {
                form = *of;
            }
        }
        while words.len() > 1 && words.first().is_some_and(|word| is_edge(word)) {
            words.remove(0);
        }
        while words.len() > 1 && words.last().is_some_and(|word| is_edge(word)) {
            words.pop();
        }
        Self { words, form }
    }

    /// How this name, found somewhere, relates to `company`.
    pub fn relation_to(&self, company: &Self) -> Relation {
        let (found, own) = (comparable(&self.words), comparable(&company.words));
        if own.is_empty() || found.is_empty() {
            Relation::Other
        } else if found == own || found.concat() == own.concat() {
            Relation::Same
        } else if found.len() > own.len() && (found.starts_with(&own) || found.ends_with(&own)) {
            Relation::Extended
        } else {
            Relation::Other
        }
    }

    /// The words that few other companies have in their names.
    pub fn distinctive(&self) -> Vec<&str> {
        let distinctive = self.words.iter().map(String::as_str);
        distinctive.filter(|word| word.len() > 1 && !is_common(word)).collect()
    }
}

/// `and` is written, dropped or drawn as people please.
fn comparable(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).filter(|word| *word != "and").collect()
}

fn is_common(word: &str) -> bool {
    COMMON_WORDS.split_ascii_whitespace().any(|common| common == word)
}

fn is_edge(word: &str) -> bool {
    EDGE_WORDS.contains(&word)
        || (word.len() == 4
            && (word.starts_with("19") || word.starts_with("20"))
            && word.bytes().all(|byte| byte.is_ascii_digit()))
}

fn ends_with(words: &[String], ending: &[&str]) -> bool {
    // Never the whole name: a company may be called "Limited".
    words.len() > ending.len() && words[words.len() - ending.len()..].iter().zip(ending).all(|(word, end)| word == end)
}

/// `name` without what stands in brackets, such as `(SINGAPORE)` or `(S.E.A.)`.
fn without_brackets(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut depth = 0_usize;
    for letter in name.chars() {
        match letter {
            '(' | '（' => depth += 1,
            ')' | '）' => {
                depth = depth.saturating_sub(1);
                kept.push(' ');
            }
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}

/// Words of letters and digits in lower case, without accents. `&` is `and`, an apostrophe joins, `K.L.` is one word.
fn words_of(name: &str) -> Vec<String> {
    let mut text = String::with_capacity(name.len());
    for letter in name.nfkd() {
        match letter {
            '&' | '+' => text.push_str(" and "),
            '\'' | '’' | '`' => {}
            letter if unicode_normalization::char::is_combining_mark(letter) => {}
            letter if letter.is_alphanumeric() || letter == '.' => text.extend(letter.to_lowercase()),
            _ => text.push(' '),
        }
    }
    text.split_whitespace().flat_map(split_at_stops).collect()
}

/// `k.l.` is the word `kl`; `pte.ltd.` is two words.
fn split_at_stops(piece: &str) -> Vec<String> {
    let parts: Vec<&str> = piece.split('.').filter(|part| !part.is_empty()).collect();
    if parts.len() > 1 && parts.iter().all(|part| part.chars().count() == 1) {
        return vec![parts.concat()];
    }
    parts.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> String {
        CompanyName::parse(name).words.join(" ")
    }

    #[test]
    fn forms_brackets_and_articles_are_taken_off() {
        assert_eq!(words("THE KELMORA MARINE COMPANY PTE. LTD."), "kelmora marine");
        assert_eq!(words("KELMORA ENGINEERING (SINGAPORE) PTE.LTD."), "kelmora engineering");
        assert_eq!(words("K.L. TANOH & SONS PRIVATE LIMITED"), "kl tanoh and sons");
        assert_eq!(words("© 2026 Kelmora’s Café Pte Ltd"), "kelmoras cafe");
        assert_eq!(words("LIMITED PTE. LTD."), "limited");
        assert_eq!(words(""), "");
    }

    #[test]
    fn the_form_is_recognised_however_it_is_written() {
        let form = |name| CompanyName::parse(name).form;
        assert_eq!(form("KELMORA PTE LTD"), LegalForm::PrivateLimited);
        assert_eq!(form("Kelmora (S) Pte. Ltd."), LegalForm::PrivateLimited);
        assert_eq!(form("Kelmora L.L.P."), LegalForm::Partnership);
        assert_eq!(form("Kelmora Sdn. Bhd."), LegalForm::Foreign);
        assert_eq!(form("Kelmora Limited"), LegalForm::Limited);
        assert_eq!(form("Kelmora"), LegalForm::None);
    }

    #[test]
    fn names_with_more_words_are_not_the_same() {
        let own = CompanyName::parse("KELMORA ENGINEERING PTE. LTD.");
        let relation = |name| CompanyName::parse(name).relation_to(&own);
        assert_eq!(relation("Kelmora Engineering"), Relation::Same);
        assert_eq!(relation("KelmoraEngineering Singapore"), Relation::Same);
        assert_eq!(relation("Kelmora Engineering Services Pte Ltd"), Relation::Extended);
        assert_eq!(relation("Kelmora Marine Pte Ltd"), Relation::Other);
    }
}
