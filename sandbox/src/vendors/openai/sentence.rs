//! A sentence about features: every number and every word of substance in it stands in the question.

use serde_json::Value;

/// What is said instead of an answer.
pub(super) const REFUSAL: &str = "I'm sorry, but I can't help with that request.";
/// How many features a sentence names.
const FEATURES_MAX: usize = 3;
/// The longest name and value that read well.
const CHARACTERS_MAX: usize = 48;

/// A sentence about the features in `text`: fields of JSON, or lines of `name: value`.
pub(super) fn about(text: &str) -> String {
    let features = features(text);
    let said: Vec<String> = features.iter().take(FEATURES_MAX).map(|(name, value)| told(name, value)).collect();
    match said.split_last() {
        None => "There is too little to go by.".to_owned(),
        Some((only, [])) => format!("This lead stands out: {only}."),
        Some((last, others)) => format!("This lead stands out: {} and {last}.", others.join(", ")),
    }
}

fn told(name: &str, value: &str) -> String {
    let words = name.replace(['_', '.'], " ");
    // `3 of 4, in a wanted industry` says it in words.
    if let Some((level, said)) = value.split_once(", ")
        && level.contains(" of ")
    {
        return said.to_owned();
    }
    match value {
        "true" => words,
        "false" => format!("no {words}"),
        value => format!("{words} {value}"),
    }
}

/// How much a value speaks for whatever it is about: `3 of 4` as 3, what is not there as 0, anything else as 4.
fn strength(value: &str) -> u32 {
    if matches!(value, "false" | "0" | "0.0" | "0.00") {
        return 0;
    }
    value.split_once(" of ").and_then(|(level, _)| level.parse().ok()).unwrap_or(4)
}

fn features(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some(value) = json(text) {
        flatten("", &value, &mut found);
    } else {
        found.extend(text.lines().filter_map(pair));
    }
    let fits = |(name, value): &(String, String)| {
        let short = |text: &str| !text.is_empty() && text.chars().count() <= CHARACTERS_MAX;
        short(name) && short(value) && name.split([' ', '_']).count() <= 5
    };
    found.retain(fits);
    // What is there counts for more than what is not.
    found.sort_by_key(|(_, value)| std::cmp::Reverse(strength(value)));
    found
}

/// A line that gives something a value: `name: value`, `name = value`, `- name (remark): value`.
fn pair(line: &str) -> Option<(String, String)> {
    let line = line.trim().trim_start_matches(['-', '*', ' ']);
    let (name, value) = line.split_once(": ").or_else(|| line.split_once(" = "))?;
    let name = name.split_once(" (").map_or(name, |(name, _)| name);
    Some((name.to_owned(), value.trim().trim_end_matches([',', '.']).to_owned()))
}

/// The JSON object in `text`, whatever stands around it.
fn json(text: &str) -> Option<Value> {
    let (start, end) = (text.find('{')?, text.rfind('}')?);
    serde_json::from_str(text.get(start..=end)?).ok()
}

fn flatten(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            if let (Some(Value::String(of)), Some(value)) = (fields.get("name"), fields.get("value")) {
                return flatten(of, value, found);
            }
            for (field, value) in fields {
                flatten(field, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flatten(name, item, found)),
        Value::Null => {}
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        other => found.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_holds_features_and_nothing_else() {
        let told = about("Features:\n{\"industry_match\": true, \"employees\": 84, \"jobs\": 0, \"bucket\": \"High\"}");
        assert_eq!(told, "This lead stands out: bucket High, employees 84 and industry match.");
        let told = about("score: 0.81\nwanted contacts = 2\n");
        assert_eq!(told, "This lead stands out: score 0.81 and wanted contacts 2.");
        let told = about(
            "Score: High\n- jobs (weight 10 of 100): 0 of 4, no open jobs\n- industry (weight 30 of 100): 4 of 4, in a wanted industry\n",
        );
        assert_eq!(told, "This lead stands out: Score High, in a wanted industry and no open jobs.");
        assert_eq!(about("hello"), "There is too little to go by.");
    }
}
