//! The one assistant there is.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::GRAPH;
use crate::{
    Problem,
    http::{Body, Named},
    identity::Caller,
};

/// Made from its graph's name, so that it is the same at every gateway.
#[must_use]
pub fn id() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, b"presdr:assistant:agent")
}

/// Whether a run's `assistant_id`, an id or the graph's name, is ours.
///
/// # Errors
/// [`Problem`] when it is not.
pub fn check(asked: &str) -> Result<(), Problem> {
    match asked == GRAPH || Uuid::parse_str(asked) == Ok(id()) {
        true => Ok(()),
        false => Err(Problem::unprocessable(format!("Invalid assistant: must be {} or {GRAPH:?}", id()))),
    }
}

fn assistant() -> Value {
    json!({
        "assistant_id": id(), "graph_id": GRAPH, "config": {}, "context": {}, "metadata": { "created_by": "system" }, "name": GRAPH,
        "description": null, "version": 1, "created_at": "2026-01-01T00:00:00.000000+00:00", "updated_at": "2026-01-01T00:00:00.000000+00:00",
    })
}

/// Which assistants are looked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Asked {
    /// Of this graph.
    graph_id: Option<String>,
    /// Of this name.
    name: Option<String>,
    /// So many are passed over.
    offset: i64,
}

impl Asked {
    fn fits(&self) -> bool {
        [&self.graph_id, &self.name].into_iter().flatten().all(|asked| asked == GRAPH)
    }
}

/// `POST /assistants/search`
pub(crate) async fn search(_: Caller, Body(asked): Body<Asked>) -> Response {
    let total = usize::from(asked.fits());
    let page = if asked.fits() && asked.offset == 0 { vec![assistant()] } else { Vec::new() };
    ([("x-pagination-total", total.to_string())], Json(page)).into_response()
}

/// `POST /assistants/count`
pub(crate) async fn count(_: Caller, Body(asked): Body<Asked>) -> Json<usize> {
    Json(usize::from(asked.fits()))
}

/// `GET /assistants/{assistant_id}`
pub(crate) async fn get(_: Caller, Named(asked): Named<String>) -> Result<Json<Value>, Problem> {
    match Uuid::parse_str(&asked) {
        Ok(asked) if asked == id() => Ok(Json(assistant())),
        Ok(_) => Err(Problem::not_found()),
        Err(_) => Err(Problem::unprocessable("Invalid assistant ID: must be a UUID")),
    }
}
