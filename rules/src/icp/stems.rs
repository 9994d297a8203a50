//! How an industry in a tenant's words is compared with what others call industries: the classification's titles, labels of lists.

/// The words of a text by their stems. What a title says it leaves out (`(except insurance)`, `n.e.c.`) is no word of it, and
/// `non-hydroponic` is one word.
#[must_use]
pub fn stems(text: &str) -> Vec<String> {
    let text = without_exceptions(&text.to_lowercase()).replace("non-", "non");
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| word.chars().count() > 1);
    words.map(stem).collect()
}

/// Whether every word of `wanted` is among `words`. Nothing is wanted by no words.
#[must_use]
pub fn has_all(words: &[String], wanted: &[String]) -> bool {
    !wanted.is_empty() && wanted.iter().all(|word| words.contains(word))
}

/// Whether a lower-case text could have all the words, quickly: each begins like its stem, but for the stem's last letter.
#[must_use]
pub fn may_have_all(text: &str, wanted: &[String]) -> bool {
    let beginning = |stem: &String| stem.char_indices().next_back().map_or(0, |(last, _)| last);
    wanted.iter().all(|stem| stem.starts_with("non") || text.contains(&stem[..beginning(stem)]))
}

/// A plural's singular, near enough: both sides are treated alike.
fn stem(word: &str) -> String {
    let singular = match word {
        _ if word.len() < 4 || word.ends_with("ss") => return word.to_owned(),
        _ if word.ends_with("ies") => return format!("{}y", &word[..word.len() - 3]),
        _ if ["ches", "shes", "sses", "xes"].iter().any(|ending| word.ends_with(ending)) => word.strip_suffix("es"),
        _ => word.strip_suffix('s'),
    };
    singular.unwrap_or(word).to_owned()
}

fn without_exceptions(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = ["(except", "(excluding"].iter().filter_map(|word| rest.find(word)).min() {
        kept.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        rest = rest.find(')').map_or("", |end| &rest[end + 1..]);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(title: &str, term: &str) -> bool {
        let found = has_all(&stems(title), &stems(term));
        assert!(!found || may_have_all(&title.to_lowercase(), &stems(term)), "{term} is in {title}");
        found
    }

    #[test]
    fn all_words_must_occur_in_singular_or_plural() {
        assert!(found("Development of computer games and software applications", "software application"));
        assert!(found("Freight forwarding, packing and logistics services", "logistics"));
        assert!(found("TRAVEL AGENCIES AND TOUR OPERATORS", "travel agency"));
        assert!(found("Growing of mushrooms (non-hydroponic) in factories", "non-hydroponic factory"));
        assert!(!found("Wholesale of computer hardware", "computer software"));
        assert!(!found("RETAIL TRADE", ""));
    }

    #[test]
    fn what_a_title_leaves_out_is_not_in_it() {
        assert!(!found("FINANCIAL SERVICE ACTIVITIES (EXCEPT INSURANCE AND PENSION FUNDING)", "insurance"));
        assert!(found("FINANCIAL SERVICE (EXCEPT INSURANCE) AND LEASING", "leasing"));
        assert!(!found("Growing of food crops (non-hydroponics)", "hydroponics"));
        assert!(!found("A title (except one that never ends", "end"));
    }
}
