//! `POST /v1/embeddings`: texts that share words get vectors that are near each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::random::Random;
use crate::vendors::openai::models::{self, Kind};
use crate::vendors::openai::{error, tokens, wrong};
use crate::vendors::reply::{Receipt, Reply};

/// How many texts one request may hold, and how many tokens each and all may have.
const INPUTS_MAX: usize = 2_048;
const TOKENS_EACH_MAX: u64 = 8_192;
const TOKENS_ALL_MAX: u64 = 300_000;
/// In how many dimensions a word shows.
const DIMENSIONS_OF_A_WORD: usize = 12;

/// The answer, or what is wrong with the question.
pub(super) fn answer(body: &Value) -> Result<Reply, Reply> {
    let model = models::named(body)?;
    let Kind::Embedding { dimensions, shortens } = model.kind else {
        let message = "You are not allowed to generate embeddings from this model";
        return Err(error(403, "invalid_request_error", message, None, None));
    };
    let dimensions = match &body["dimensions"] {
        Value::Null => dimensions,
        _ if !shortens => return Err(wrong("This model does not support specifying dimensions.", "dimensions")),
        given => {
            let wanted = given.as_u64().filter(|wanted| (1..=dimensions as u64).contains(wanted));
            wanted.ok_or_else(|| wrong("Invalid value for 'dimensions'.", "dimensions"))? as usize
        }
    };
    let inputs = inputs(&body["input"])?;
    let sizes: Vec<u64> = inputs.iter().map(Input::tokens).collect();
    if let Some(size) = sizes.iter().find(|size| **size > TOKENS_EACH_MAX) {
        let message = format!(
            "This model's maximum context length is {TOKENS_EACH_MAX} tokens, however you requested {size} tokens ({size} in your prompt; 0 for the completion)."
        );
        return Err(wrong(&message, "input"));
    }
    let read: u64 = sizes.iter().sum();
    if read > TOKENS_ALL_MAX {
        let message = format!("Requested {read} tokens, max {TOKENS_ALL_MAX} tokens per request");
        return Err(error(400, "max_tokens_per_request", &message, None, Some("max_tokens_per_request")));
    }
    let encoded = match body["encoding_format"].as_str() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(wrong("Invalid value for 'encoding_format'.", "encoding_format")),
    };
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(input, dimensions);
            json!({ "object": "embedding", "index": index, "embedding": written(&vector, encoded) })
        })
        .collect();
    let usage = json!({ "prompt_tokens": read, "total_tokens": read });
    let answer = json!({ "object": "list", "data": data, "model": model.snapshot, "usage": usage });
    Ok(Reply::json(200, &answer).receipt(Receipt { credits: read, tokens_input: read, ..Receipt::default() }))
}

/// One text, as letters or as tokens.
enum Input<'a> {
    Text(&'a str),
    Tokens(Vec<u64>),
}

impl Input<'_> {
    fn tokens(&self) -> u64 {
        match self {
            Self::Text(text) => tokens::count(text),
            Self::Tokens(tokens) => tokens.len() as u64,
        }
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::Text(text) => {
                let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
                words.map(str::to_lowercase).collect()
            }
            Self::Tokens(tokens) => tokens.iter().map(u64::to_string).collect(),
        }
    }
}

fn inputs(input: &Value) -> Result<Vec<Input<'_>>, Reply> {
    let wrong = || {
        wrong(
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
            "input",
        )
    };
    match input {
        Value::String(_) => Ok(vec![one(input).ok_or_else(wrong)?]),
        Value::Array(list) if list.first().is_some_and(Value::is_u64) => Ok(vec![one(input).ok_or_else(wrong)?]),
        Value::Array(list) if (1..=INPUTS_MAX).contains(&list.len()) => {
            list.iter().map(|value| one(value).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

fn one(value: &Value) -> Option<Input<'_>> {
    match value {
        Value::String(text) if !text.is_empty() => Some(Input::Text(text)),
        Value::Array(list) if !list.is_empty() => {
            list.iter().map(Value::as_u64).collect::<Option<_>>().map(Input::Tokens)
        }
        _ => None,
    }
}

/// The vector of unit length: each word adds its own few dimensions.
fn vector(input: &Input<'_>, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    for word in input.words() {
        let random = &mut Random::new(0, &word, 0);
        for _ in 0..DIMENSIONS_OF_A_WORD {
            let place = random.below(dimensions);
            vector[place] += if random.chance(50) { 1.0 } else { -1.0 };
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length == 0.0 {
        vector[0] = 1.0; // a text without words points somewhere, too
        return vector;
    }
    vector.iter().map(|value| value / length).collect()
}

fn written(vector: &[f32], encoded: bool) -> Value {
    if !encoded {
        return json!(vector);
    }
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    json!(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: &str, other: &str) -> f32 {
        let (one, other) = (vector(&Input::Text(one), 1_536), vector(&Input::Text(other), 1_536));
        one.iter().zip(&other).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn vectors_have_unit_length_and_texts_that_share_words_are_near() {
        let about = "Kelmora Marine builds and repairs ships in Singapore";
        assert!((near(about, about) - 1.0).abs() < 1e-5);
        assert!(near(about, "Tamtira repairs and builds ships in Johor") > 0.5);
        assert!(near(about, "cakes for every festive table").abs() < 0.2);
    }
}
