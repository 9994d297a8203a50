//! The OpenAPI 3.1 document, made from the routes and the types that they read and write.
//!
//! `gateway/openapi.json` is a committed copy; a test tells when it is no longer the same.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    problem::{DetailDocument, ProblemDocument},
    routes::{Access, Answer, Parameter, Route, Surface, list},
};

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in list() {
        let operation = operation(&route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let schemas: Map<String, Value> = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "presdr gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Ranked shortlists and how they came about. Every answer is of the tenant that the token names. \
                Personal data is masked for viewers.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same token" },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-presdr",
                    "description": "A browser's session, which GET /login begins. What changes something also needs an Origin of ours.",
                },
            },
        },
    })
}

/// The document as text, as it is committed and served.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// `GET /openapi.json`
pub(crate) async fn serve() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(text);
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": parameters(route, generator),
        "responses": responses(route, generator),
        "security": match route.access {
            Access::Public if route.operation == "logout" => json!([{ "session": [] }]),
            Access::Public | Access::Provider => json!([]),
            Access::SignedIn | Access::Allowed(_) => json!([{ "bearer": [] }, { "apiKey": [] }, { "session": [] }]),
        },
    });
    if let Access::Allowed(permission) = route.access {
        operation["x-permission"] = json!(permission);
    }
    if let Some(body) = route.body {
        let schema = body(generator);
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let ids = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = ids
        .map(|name| {
            let schema = match route.surface {
                Surface::Rest if name != "erasure_id" => {
                    json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 9_007_199_254_740_991_i64 })
                }
                _ => json!({ "type": "string", "format": "uuid" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    parameters.extend(route.parameters.iter().map(by_hand));
    let by_session = matches!(route.access, Access::SignedIn | Access::Allowed(_)) || route.operation == "logout";
    if by_session && !route.method.is_safe() {
        parameters.push(by_hand(&ORIGIN));
    }
    let Some(query) = route.query else { return parameters };
    let schema = query(generator).to_value();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let mut member = member.clone();
        let description = member.as_object_mut().and_then(|member| member.remove("description"));
        // In a query string a value is there or not; none of them is null.
        parameters.push(json!({ "name": name, "in": "query", "required": false, "description": description, "schema": not_null(member) }));
    }
    parameters
}

/// Without it a browser's session changes nothing.
const ORIGIN: Parameter = Parameter {
    name: "Origin",
    place: "header",
    told: "With a session: where the page is from, ours or a chat UI that the gateway was told of. Browsers send it",
    schema: r#"{"type":"string"}"#,
};

fn by_hand(parameter: &Parameter) -> Value {
    let schema: Value = serde_json::from_str(parameter.schema).unwrap_or_default();
    json!({
        "name": parameter.name, "in": parameter.place, "required": false, "description": parameter.told, "schema": schema,
    })
}

fn not_null(mut schema: Value) -> Value {
    if let Some(kinds) = schema["type"].as_array().cloned() {
        schema["type"] = kinds.into_iter().find(|kind| kind != "null").unwrap_or_default();
    }
    if let Some(choices) = schema["anyOf"].as_array().cloned() {
        return choices.into_iter().find(|choice| choice["type"] != "null").unwrap_or_default();
    }
    schema
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let (status, good) = match route.answer {
        Answer::Json(schema) => {
            (200, json!({ "description": "OK", "content": { "application/json": { "schema": schema(generator) } } }))
        }
        Answer::Accepted(schema) => {
            let content = json!({ "application/json": { "schema": schema(generator) } });
            (202, json!({ "description": "Asked for: Location tells where to look", "content": content }))
        }
        Answer::Stream(kind) => {
            let schema = if kind.starts_with("text/") { json!({ "type": "string" }) } else { json!(true) };
            let mut content = json!({ kind: { "schema": schema } });
            if let Some((name, data)) = route.events {
                // OpenAPI 3.1 has no word for what the events of a stream hold.
                content[kind]["x-events"] = json!({ name: data(generator) });
            }
            (200, json!({ "description": "OK", "content": content }))
        }
        Answer::Redirect(status) => (status, json!({ "description": "Location tells where to go" })),
        Answer::Nothing(status) => (status, json!({ "description": "OK" })),
    };
    let mut responses = json!({ status.to_string(): good });
    for (name, told) in route.headers {
        responses[status.to_string()]["headers"][*name] =
            json!({ "description": told, "schema": { "type": "string" } });
    }
    let (kind, problem) = match route.surface {
        Surface::Rest => ("application/problem+json", schema_of::<ProblemDocument<'_>>(generator)),
        Surface::LangGraph => ("application/json", schema_of::<DetailDocument<'_>>(generator)),
    };
    for status in statuses(route) {
        let content = match (status, route.operation) {
            (503, "isReady") => json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Health" } } }),
            _ => json!({ kind: { "schema": problem } }),
        };
        responses[status.to_string()] = json!({ "description": told(status), "content": content });
    }
    responses
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What a route may answer besides 200, from its shape.
fn statuses(route: &Route) -> Vec<u16> {
    let mut statuses = route.others.to_vec();
    statuses.extend([429, 503]);
    if route.access != Access::Public {
        statuses.extend([401, 403]);
    }
    if route.query.is_some() || route.body.is_some() {
        statuses.push(400);
    }
    if route.body.is_some() {
        statuses.extend([413, 422]);
    }
    if route.has_id() {
        statuses.push(404);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn told(status: u16) -> &'static str {
    match status {
        400 => "What was sent cannot be read",
        401 => "No valid token",
        403 => "The tenant is not active, or the role does not allow it",
        404 => "There is no such thing, or none of yours",
        409 => "Not as things are",
        413 => "The body is too long",
        422 => "What was sent can be read, and does not hold",
        429 => "Too often, or too much at once: Retry-After tells when",
        503 => "Something that is needed cannot be reached: Retry-After tells when",
        _ => "",
    }
}
