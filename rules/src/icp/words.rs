//! How labels, phrases and job titles are compared.

/// The form in which labels are compared: lower case, one space between words, none around.
pub fn normalise_label(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text made ready for looking phrases up: lower case, its words with one space around each.
pub struct Words(String);

impl Words {
    /// Splits a text into words at whatever is neither letter nor digit.
    pub fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let words = lower.split(|character: char| !character.is_alphanumeric());
        let mut spaced = String::with_capacity(lower.len() + 2);
        for word in words.filter(|word| !word.is_empty()) {
            spaced.push(' ');
            spaced.push_str(word);
        }
        spaced.push(' ');
        Self(spaced)
    }

    /// Whether the phrase occurs as whole words, in order and side by side. In scripts that write no spaces between
    /// words, anywhere.
    pub fn contain(&self, phrase: &str) -> bool {
        let Self(spaced) = Self::of(phrase);
        let words = spaced.trim();
        let wanted = if words.chars().any(is_unspaced) { words } else { &spaced };
        !words.is_empty() && self.0.contains(wanted)
    }
}

/// Thai, Japanese and Chinese characters.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// Whether a person's title is one of the wanted ones: all its telling words occur, in any order ("Sales Director" is a
/// "director of sales"). Those who assist the wanted person are not that person.
pub fn title_is_wanted(title: &str, wanted: &[&str]) -> bool {
    let title = title_words(title);
    wanted.iter().any(|wanted| {
        let wanted = title_words(wanted);
        let assists = title.iter().any(|word| ASSISTING.contains(&word.as_str()) && !wanted.contains(word));
        !wanted.is_empty() && !assists && wanted.iter().all(|word| title.contains(word))
    })
}

/// Words that turn a title into the title of someone else.
const ASSISTING: [&str; 7] = ["assistant", "secretary", "pa", "intern", "trainee", "former", "product"];
const LINKING: [&str; 6] = ["of", "the", "and", "for", "to", "in"];
const ABBREVIATED: [(&str, &str); 5] = [
    ("chief executive officer", "ceo"),
    ("chief executive", "ceo"),
    ("managing director", "md"),
    ("general manager", "gm"),
    ("vice president", "vp"),
];

fn title_words(title: &str) -> Vec<String> {
    let Words(mut text) = Words::of(title);
    for (long, short) in ABBREVIATED {
        text = text.replace(&format!(" {long} "), &format!(" {short} "));
    }
    let telling = text.split_whitespace().filter(|word| !LINKING.contains(word));
    telling.map(str::to_owned).collect()
}
