//! How labels, phrases and job titles are compared.

/// The form in which labels are compared: lower case, one space between words, none around.
pub fn normalise_label(text: &str) -> String {
    text.to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether `phrase` occurs in `text` as whole words, in order and side by side, whatever the case and punctuation.
pub fn contains_phrase(text: &str, phrase: &str) -> bool {
    let wanted = words(phrase);
    if wanted.is_empty() {
        return false;
    }
    words(text)
        .windows(wanted.len())
        .any(|window| window == wanted)
}

/// Whether a person's title is one of the wanted ones: all its telling words occur, in any order ("Sales Director" is a
/// "director of sales"). Those who assist the wanted person are not that person.
pub fn title_is_wanted(title: &str, wanted: &[&str]) -> bool {
    let title = title_words(title);
    wanted.iter().any(|wanted| {
        let wanted = title_words(wanted);
        let assists = title
            .iter()
            .any(|word| ASSISTING.contains(&word.as_str()) && !wanted.contains(word));
        !wanted.is_empty() && !assists && wanted.iter().all(|word| title.contains(word))
    })
}

/// Words that turn a title into the title of someone else.
const ASSISTING: [&str; 7] = [
    "assistant",
    "secretary",
    "pa",
    "intern",
    "trainee",
    "former",
    "product",
];
const LINKING: [&str; 6] = ["of", "the", "and", "for", "to", "in"];
const ABBREVIATED: [(&str, &str); 5] = [
    ("chief executive officer", "ceo"),
    ("chief executive", "ceo"),
    ("managing director", "md"),
    ("general manager", "gm"),
    ("vice president", "vp"),
];

fn title_words(title: &str) -> Vec<String> {
    let mut text = format!(" {} ", words(title).join(" "));
    for (long, short) in ABBREVIATED {
        text = text.replace(&format!(" {long} "), &format!(" {short} "));
    }
    text.split_whitespace()
        .filter(|word| !LINKING.contains(word))
        .map(str::to_owned)
        .collect()
}

fn words(text: &str) -> Vec<String> {
    let split = text.split(|character: char| !character.is_alphanumeric());
    split
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
