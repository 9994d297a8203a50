//! A sentence about features: every number and every word of substance in it stands in the question.

use serde_json::Value;

/// What is said instead of an answer.
pub(super) const REFUSAL: &str = "I'm sorry, but I can't help with that request.";
/// How many features a sentence names.
const FEATURES_MAX: usize = 3;
/// The longest name and value that read well.
const CHARACTERS_MAX: usize = 48;

/// The least of `N of 4` that speaks for a lead.
const STRONG_FROM: u32 = 2;

/// A sentence or two about the features in `text`: graded lines, fields of JSON, or lines of `name: value`.
pub(super) fn about(text: &str) -> String {
    if let Some(said) = graded(text) {
        return said;
    }
    let features = features(text);
    let said: Vec<String> = features.iter().take(FEATURES_MAX).map(|(name, value)| told(name, value)).collect();
    match said.split_last() {
        None => "There is too little to go by.".to_owned(),
        Some((only, [])) => format!("This lead stands out: {only}."),
        Some((last, others)) => format!("This lead stands out: {} and {last}.", others.join(", ")),
    }
}

/// About a line `Score: High` and lines like `- industry (weight 30 of 100): 4 of 4, in a wanted industry`: the strongest points, then the
/// first that is weak or has no grade.
fn graded(text: &str) -> Option<String> {
    let verdict = text.lines().find_map(|line| line.strip_prefix("Score: "))?;
    let points: Vec<(u32, &str)> = text.lines().filter_map(grade).collect();
    let mut strong: Vec<_> = points.iter().filter(|(level, _)| *level >= STRONG_FROM).collect();
    strong.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let strong: Vec<&str> = strong.into_iter().take(FEATURES_MAX).map(|(_, words)| *words).collect();
    let first = match strong.split_last() {
        None if points.is_empty() => return None,
        None => format!("{verdict} overall, with no strong point."),
        Some((only, [])) => format!("{verdict} overall: {only}."),
        Some((last, others)) => format!("{verdict} overall: {} and {last}.", others.join(", ")),
    };
    let gap = points.iter().find(|(level, _)| *level < STRONG_FROM);
    Some(gap.map_or_else(|| first.clone(), |(_, words)| format!("{first} The main gap: {words}.")))
}

fn grade(line: &str) -> Option<(u32, &str)> {
    let (_, said) = line.strip_prefix("- ")?.split_once("): ")?;
    Some(said.split_once(" of 4, ").map_or((0, said), |(level, words)| (level.parse().unwrap_or(0), words)))
}

fn told(name: &str, value: &str) -> String {
    let words = name.replace(['_', '.'], " ");
    match value {
        "true" => words,
        "false" => format!("no {words}"),
        value => format!("{words} {value}"),
    }
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
    found.sort_by_key(|(_, value)| matches!(value.as_str(), "false" | "0" | "0.0" | "0.00"));
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
        assert_eq!(about("hello"), "There is too little to go by.");
    }

    #[test]
    fn graded_features_are_told_as_strong_points_and_the_main_gap() {
        let told = about(
            "Score: High\n- verified email (weight 30 of 100): e-mails not verified\n- hiring (weight 20 of 100): 2 of 4, hiring\n\
             - industry fit (weight 30 of 100): 4 of 4, in a wanted industry\n- has site (weight 20 of 100): 0 of 4, no web site found\n",
        );
        assert_eq!(told, "High overall: in a wanted industry and hiring. The main gap: e-mails not verified.");
        let told = about("Score: Low\n- hiring (weight 100 of 100): 1 of 4, no sign of hiring\n");
        assert_eq!(told, "Low overall, with no strong point. The main gap: no sign of hiring.");
        let told = about("Score: High\n- hiring (weight 100 of 100): 4 of 4, hiring\n");
        assert_eq!(told, "High overall: hiring.");
    }
}
