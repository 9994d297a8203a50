//! What a strict JSON schema must look like before anything is written by it.

use serde_json::Value;

use crate::vendors::openai::{error, wrong};
use crate::vendors::reply::Reply;

/// Keywords that strict schemas do not have.
const NOT_PERMITTED: [&str; 7] = ["allOf", "oneOf", "not", "if", "then", "else", "dependentRequired"];
/// How long a schema's name may be.
const NAME_CHARACTERS_MAX: usize = 64;

/// Refuses a schema that the vendor refuses. `format` holds `name`, `schema` and `strict`.
pub(super) fn check(format: &Value, param: &str) -> Result<(), Reply> {
    let name = format["name"].as_str().unwrap_or_default();
    let fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if name.is_empty() {
        return Err(wrong(&format!("Missing required parameter: '{param}.name'."), &format!("{param}.name")));
    }
    if name.len() > NAME_CHARACTERS_MAX || !name.chars().all(fine) {
        let message = format!(
            "Invalid '{param}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        );
        return Err(wrong(&message, &format!("{param}.name")));
    }
    let schema = &format["schema"];
    if !schema.is_object() {
        return Err(wrong(&format!("Missing required parameter: '{param}.schema'."), &format!("{param}.schema")));
    }
    if format["strict"] != true {
        return Ok(());
    }
    let problem = if schema["type"] == "object" {
        problem_of(schema, "")
    } else {
        Some(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: {}'.", schema["type"]))
    };
    let problem = problem.or_else(|| {
        let definitions = schema.get("$defs").and_then(Value::as_object)?;
        definitions.iter().find_map(|(name, schema)| problem_of(schema, &format!("'$defs', '{name}'")))
    });
    match problem {
        None => Ok(()),
        Some(problem) => {
            let message = format!("Invalid schema for response_format '{name}': {problem}");
            let code = (param == "text.format").then_some("invalid_json_schema");
            let param = if param == "text.format" { "text.format.schema" } else { param };
            Err(error(400, "invalid_request_error", &message, Some(param), code))
        }
    }
}

/// What is wrong with a schema at a place in the whole.
fn problem_of(schema: &Value, at: &str) -> Option<String> {
    let here = format!("In context=({at}), ");
    if let Some(keyword) = NOT_PERMITTED.iter().find(|keyword| schema.get(**keyword).is_some()) {
        return Some(format!("{here}'{keyword}' is not permitted."));
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices
            .iter()
            .enumerate()
            .find_map(|(place, one)| problem_of(one, &inside(at, &format!("'anyOf', '{place}'"))));
    }
    if schema.get("$ref").is_some() {
        return None;
    }
    if schema.get("type").is_none() && schema.get("enum").is_none() && schema.get("const").is_none() {
        return Some(format!("{here}schema must have a 'type' key."));
    }
    if has_type(schema, "array") {
        if schema.get("items").is_none() {
            return Some(format!("{here}array schema missing items."));
        }
        return problem_of(&schema["items"], &inside(at, "'items'"));
    }
    if !has_type(schema, "object") {
        return None;
    }
    if schema["additionalProperties"] != false {
        return Some(format!("{here}'additionalProperties' is required to be supplied and to be false."));
    }
    let properties = schema["properties"].as_object()?;
    let required: Vec<&str> =
        schema["required"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    if let Some(missing) = properties.keys().find(|name| !required.contains(&name.as_str())) {
        return Some(format!(
            "{here}'required' is required to be supplied and to be an array including every key in properties. Missing '{missing}'."
        ));
    }
    properties.iter().find_map(|(name, one)| problem_of(one, &inside(at, &format!("'properties', '{name}'"))))
}

/// Whether a schema takes values of that type.
pub(super) fn has_type(schema: &Value, wanted: &str) -> bool {
    match &schema["type"] {
        Value::String(one) => one == wanted,
        Value::Array(some) => some.iter().any(|one| one == wanted),
        _ => false,
    }
}

fn inside(at: &str, next: &str) -> String {
    if at.is_empty() { next.to_owned() } else { format!("{at}, {next}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: &Value) -> Option<String> {
        let format = json!({ "name": "facts", "strict": true, "schema": schema });
        check(&format, "response_format").err().map(|reply| reply.body)
    }

    #[test]
    fn a_strict_schema_closes_its_objects_and_requires_all_of_them() {
        let inner = json!({ "type": "object", "properties": { "a": { "type": ["string", "null"] } }, "required": ["a"], "additionalProperties": false });
        let good = json!({ "type": "object", "properties": { "list": { "type": "array", "items": inner } }, "required": ["list"], "additionalProperties": false });
        assert_eq!(refused(&good), None);
        for (path, value, said) in [
            ("/additionalProperties", json!(true), "additionalProperties"),
            ("/required", json!([]), "Missing 'list'"),
            ("/properties/list/items/additionalProperties", json!(null), "'properties', 'list', 'items'"),
            ("/properties/list/items/properties/a", json!({}), "must have a 'type' key"),
            ("/type", json!("array"), "'type: \\\"object\\\"'"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            let told = refused(&bad).unwrap_or_default();
            assert!(told.contains(said), "{path}: {told}");
        }
    }
}
