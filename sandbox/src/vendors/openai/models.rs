//! Which models there are and what they take.

use serde_json::{Value, json};

use crate::vendors::openai::error;
use crate::vendors::reply::Reply;

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    /// The name that is asked for.
    pub name: &'static str,
    /// The name that answers give.
    pub snapshot: &'static str,
    /// What it is for.
    pub kind: Kind,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Writes.
    Writing,
    /// Thinks before it writes, and takes no temperature.
    Reasoning,
    /// Makes vectors of so many dimensions, fewer when told so.
    Embedding { dimensions: usize, shortens: bool },
}

const fn model(name: &'static str, snapshot: &'static str, kind: Kind) -> Model {
    Model { name, snapshot, kind }
}

const MODELS: [Model; 11] = [
    model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", Kind::Writing),
    model("gpt-4o", "gpt-4o-2024-08-06", Kind::Writing),
    model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", Kind::Writing),
    model("gpt-4.1", "gpt-4.1-2025-04-14", Kind::Writing),
    model("gpt-5-mini", "gpt-5-mini-2025-08-07", Kind::Reasoning),
    model("gpt-5.4-mini", "gpt-5.4-mini", Kind::Reasoning),
    model("gpt-5.6-luna", "gpt-5.6-luna", Kind::Reasoning),
    model("o4-mini", "o4-mini-2025-04-16", Kind::Reasoning),
    model("text-embedding-3-small", "text-embedding-3-small", Kind::Embedding { dimensions: 1_536, shortens: true }),
    model("text-embedding-3-large", "text-embedding-3-large", Kind::Embedding { dimensions: 3_072, shortens: true }),
    model(
        "text-embedding-ada-002",
        "text-embedding-ada-002-v2",
        Kind::Embedding { dimensions: 1_536, shortens: false },
    ),
];

/// The model that a request names.
pub(super) fn named(body: &Value) -> Result<Model, Reply> {
    let Some(name) = body["model"].as_str().filter(|name| !name.is_empty()) else {
        return Err(error(400, "invalid_request_error", "you must provide a model parameter", None, None));
    };
    MODELS.into_iter().find(|model| model.name == name || model.snapshot == name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Reply {
    let message = format!("The model `{name}` does not exist or you do not have access to it.");
    error(404, "invalid_request_error", &message, None, Some("model_not_found"))
}

/// `GET /v1/models` and `GET /v1/models/{model}`.
pub(super) fn answer(path: &str) -> Reply {
    let shown =
        |model: &Model| json!({ "id": model.name, "object": "model", "created": 1_721_172_741, "owned_by": "system" });
    match path.strip_prefix("/v1/models/") {
        None => Reply::json(200, &json!({ "object": "list", "data": MODELS.iter().map(shown).collect::<Vec<_>>() })),
        Some(name) => {
            let found = MODELS.iter().find(|model| model.name == name);
            found.map_or_else(|| missing(name), |model| Reply::json(200, &shown(model)))
        }
    }
}
