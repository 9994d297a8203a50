//! Calling tools: the one whose name and description share most words with the question, its arguments from what stands in the question.

use serde_json::{Map, Value, json};

use crate::vendors::openai::strict::{self, has_type};
use crate::vendors::openai::{tokens, wrong};
use crate::vendors::reply::Reply;

/// How many tools there may be.
const TOOLS_MAX: usize = 128;
/// Words shorter than this tell no tool from another.
const WORD_CHARACTERS_MIN: usize = 4;

/// The functions that a question offers, and whether one must be called; `None` when it offers none.
pub(super) fn offered(body: &Value) -> Result<Option<Offer<'_>>, Reply> {
    let Some(tools) = body["tools"].as_array() else { return Ok(None) };
    if tools.is_empty() || tools.len() > TOOLS_MAX {
        return Err(wrong("Invalid 'tools': expected an array of 1 to 128 tools.", "tools"));
    }
    let mut functions = Vec::with_capacity(tools.len());
    for (place, tool) in tools.iter().enumerate() {
        let (function, param) = (&tool["function"], format!("tools[{place}].function"));
        if tool["type"] != "function" {
            return Err(wrong("The sandbox knows tools of type 'function'.", &format!("tools[{place}].type")));
        }
        let format =
            json!({ "name": function["name"], "schema": function["parameters"], "strict": function["strict"] });
        strict::check(&format, &param)?;
        functions.push(function);
    }
    let required = match &body["tool_choice"] {
        Value::String(choice) if choice == "required" => true,
        Value::Null => false,
        Value::String(choice) if choice == "auto" => false,
        _ => return Err(wrong("The sandbox knows 'auto' and 'required'.", "tool_choice")),
    };
    Ok(Some(Offer { functions, required, read: tokens::count(&body["tools"].to_string()) }))
}

/// What may be called.
pub(super) struct Offer<'a> {
    functions: Vec<&'a Value>,
    required: bool,
    /// Tokens that reading them takes.
    pub read: u64,
}

impl Offer<'_> {
    /// The name and the arguments of what is called; `None` when nothing fits and nothing must be.
    pub fn called(&self, text: &str) -> Option<(String, String)> {
        let said = words(text);
        let fits = |function: &Value| {
            let about = format!("{} {}", function["name"], function["description"]).replace('_', " ");
            words(&about).iter().filter(|word| said.contains(word)).count()
        };
        // The first of those that fit as well as any.
        let best = self.functions.iter().rev().max_by_key(|function| fits(function)).filter(|best| fits(best) > 0);
        let shy = || {
            self.functions
                .iter()
                .find(|function| function["name"].as_str().is_some_and(|name| name.starts_with("none")))
        };
        let function = match best {
            Some(best) => best,
            None if self.required => shy().or(self.functions.first())?,
            None => return None,
        };
        let arguments = filled(&function["parameters"], text);
        Some((function["name"].as_str()?.to_owned(), arguments.to_string()))
    }
}

/// The telling words, in small letters, each once.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    let mut words: Vec<String> =
        words.filter(|word| word.chars().count() >= WORD_CHARACTERS_MIN).map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

fn filled(schema: &Value, text: &str) -> Value {
    let properties = schema["properties"].as_object();
    let filled = properties.into_iter().flatten().map(|(name, one)| (name.clone(), value(one, text)));
    Value::Object(filled.collect::<Map<String, Value>>())
}

fn value(schema: &Value, text: &str) -> Value {
    let (lower, nullable) = (text.to_lowercase(), has_type(schema, "null"));
    if let Some(choices) = schema["enum"].as_array() {
        let named = choices.iter().find(|choice| is_named(choice, &lower));
        let null = || nullable.then_some(&Value::Null);
        return named.or_else(null).or(choices.first()).cloned().unwrap_or_default();
    }
    match () {
        () if has_type(schema, "array") && schema["items"]["enum"].is_array() => {
            let choices = schema["items"]["enum"].as_array();
            choices.into_iter().flatten().filter(|choice| is_named(choice, &lower)).cloned().collect()
        }
        () if has_type(schema, "array") => {
            if nullable {
                Value::Null
            } else {
                json!([])
            }
        }
        () if has_type(schema, "integer") => {
            let number = lower.split(|letter: char| !letter.is_ascii_digit()).find_map(|word| word.parse::<u64>().ok());
            number.map_or(if nullable { Value::Null } else { json!(0) }, |number| json!(number))
        }
        () => json!(name(text)),
    }
}

fn is_named(choice: &Value, lower: &str) -> bool {
    choice.as_str().is_some_and(|choice| lower.contains(&choice.to_lowercase().replace('_', " ")))
}

/// What is between quotes; else what looks like a domain; else words with capitals, the first of the text left out.
fn name(text: &str) -> String {
    if let Some(quoted) = text.split('"').nth(1) {
        return quoted.to_owned();
    }
    let plain = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
    let words: Vec<String> = text.split_whitespace().map(plain).collect();
    if let Some(domain) = words.iter().find(|word| word.contains('.')) {
        return domain.clone();
    }
    let capital = |word: &&String| word.chars().next().is_some_and(char::is_uppercase);
    let named: Vec<&String> = words.iter().skip(1).skip_while(|word| !capital(word)).take_while(capital).collect();
    named.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(choice: &str) -> Value {
        let function = |name: &str, description: &str, properties: Value| {
            let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
            let parameters = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
            json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters, "strict": true } })
        };
        let pages = json!({ "type": "array", "items": { "type": "string", "enum": ["careers", "team"] } });
        json!({ "tool_choice": choice, "tools": [
            function("visit_again", "Visit the website of a company", json!({ "company": { "type": "string" }, "pages": pages })),
            function("start_run", "Look for leads", json!({ "leads_max": { "type": ["integer", "null"] } })),
            function("none_of_these", "Nothing fits", json!({})),
        ] })
    }

    fn called(choice: &str, text: &str) -> Option<(String, Value)> {
        let body = body(choice);
        let (name, arguments) = offered(&body).ok()??.called(text)?;
        Some((name, serde_json::from_str(&arguments).unwrap()))
    }

    #[test]
    fn the_tool_that_shares_most_words_is_called_with_what_the_text_says() {
        let (name, arguments) =
            called("required", "Could you visit the site of Kelmora Marine and its careers page").unwrap();
        assert_eq!(
            (name.as_str(), arguments),
            ("visit_again", json!({ "company": "Kelmora Marine", "pages": ["careers"] }))
        );
        assert_eq!(called("auto", "find 30 leads").unwrap(), ("start_run".to_owned(), json!({ "leads_max": 30 })));
        assert_eq!(called("required", "hm").unwrap(), ("none_of_these".to_owned(), json!({})));
        assert_eq!(called("auto", "hm"), None);
    }

    #[test]
    fn a_function_whose_shape_is_not_strict_is_refused() {
        let mut body = body("auto");
        body["tools"][1]["function"]["parameters"]["additionalProperties"] = json!(true);
        assert!(offered(&body).is_err());
    }
}
