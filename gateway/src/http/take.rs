//! Reading bodies, queries and ids, with refusals that say what is wrong.

use std::str::FromStr;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{Gateway, Problem};

/// A JSON body, whatever its content type says: proxies of chat UIs lose it.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Gateway> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Problem> {
        let bytes = match Bytes::from_request(request, gateway).await {
            Ok(bytes) => bytes,
            Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(Problem::too_large(gateway.config().limits.body_bytes));
            }
            Err(refused) => return Err(Problem::bad_request(refused.body_text())),
        };
        // Whoever sends nothing asks for what is there without asking.
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                Problem::unprocessable(format!("the body does not fit: {}", place(&error)))
            }
            _ => Problem::bad_request(format!("the body is no JSON: {}", place(&error))),
        })
    }
}

/// What serde says, without values of the body, which may be personal.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let known = ["missing field", "unknown field"].iter().any(|known| text.starts_with(known));
    match known {
        true => text,
        false => format!("see line {}, column {}", error.line(), error.column()),
    }
}

/// A query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Gateway> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|axum::extract::Query(query)| Self(query)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// What names things in a path, as text. What is no text names nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Gateway> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let read = Path::<T>::from_request_parts(parts, gateway).await;
        read.map(|Path(names)| Self(names)).map_err(|_| Problem::not_found())
    }
}

/// The id in a path. One that could not be anybody's is nobody's: the same 404.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<Gateway> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, gateway).await else {
            return Err(Problem::not_found());
        };
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}
