//! Matching a line from its front, word by word, in whatever case.

/// Words that say nothing where a phrase is looked for.
const FILLERS: [&str; 10] = ["the", "my", "our", "a", "an", "me", "us", "new", "current", "latest"];

/// What is behind `phrase`, if the line starts with it as whole words. The rest starts with no space or comma.
pub(super) fn strip<'l>(line: &'l str, phrase: &str) -> Option<&'l str> {
    let start = line.get(..phrase.len())?;
    let rest = &line[phrase.len()..];
    let ends_word = rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '-' && next != '\'');
    (start.eq_ignore_ascii_case(phrase) && ends_word).then(|| rest.trim_start_matches([' ', ',', ':']))
}

/// What is behind the longest of the phrases that the line starts with.
pub(super) fn strip_any<'l>(line: &'l str, phrases: &[&str]) -> Option<&'l str> {
    phrases.iter().filter_map(|phrase| strip(line, phrase)).min_by_key(|rest| rest.len())
}

/// The line without fillers in front.
pub(super) fn skip_fillers(mut line: &str) -> &str {
    while let Some(rest) = strip_any(line, &FILLERS) {
        line = rest;
    }
    line
}

/// What is behind one phrase of each list, in order, fillers between them left out.
pub(super) fn strip_all<'l>(line: &'l str, lists: &[&[&str]]) -> Option<&'l str> {
    lists
        .iter()
        .try_fold(line, |line, phrases| strip_any(line, phrases).or_else(|| strip_any(skip_fillers(line), phrases)))
}

/// Whether the phrase stands anywhere in the line as whole words.
pub(super) fn contains(line: &str, phrase: &str) -> bool {
    crate::icp::Words::of(line).contain(phrase)
}
