//! What went wrong, as RFC 9457 tells it; the LangGraph routes have a shape of their own.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use presdr_producers::CommandError;
use presdr_store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// A refusal or a fault. Its text is for whoever asked and holds nothing of another tenant, nothing personal, and no id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    retry_after: Option<u64>,
}

/// The document of a [`Problem`].
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument<'a> {
    /// A problem of no special kind: what there is to know is in the other members.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, and how to cure it.
    pub detail: &'a str,
}

/// The error shape of the LangGraph routes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Detail")]
pub struct DetailDocument<'a> {
    /// What is wrong.
    pub detail: &'a str,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// What is wrong, for whoever asked.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether whoever asked is nobody here, or may not.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }

    /// Nobody we know.
    pub fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// Known, and not allowed to.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// Nothing there, or nothing of yours: which of the two is never told.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such thing")
    }

    /// A path that exists with another method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method; the header Allow names those it has")
    }

    /// Cannot be read.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Can be read, and does not hold.
    pub fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Not as things are.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// Too long a body.
    #[must_use]
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {bytes_max} bytes here"))
    }

    /// Too often.
    #[must_use]
    pub fn too_many(detail: &'static str, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// Not now.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// A fault of ours: what it is stands in the log alone.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here; the log of the gateway says what")
    }

    /// The same as the LangGraph routes tell it.
    #[must_use]
    pub fn in_langgraph_shape(&self) -> Response {
        self.dressed(Json(json!(DetailDocument { detail: &self.detail })).into_response())
    }

    fn dressed(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut response = self.dressed(Json(json!(document)).into_response());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // For the LangGraph routes, which tell it in their own shape.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoTenant(_) | StoreError::Erased(_) => Self::forbidden("this tenant is not active here"),
            StoreError::NoKeys(_) => Self::forbidden(
                "your tenant has no keys yet: whoever runs presdr goes on with setting it up (`presdr tenant create`)",
            ),
            error if error.is_transient() => {
                tracing::warn!(%error, "the database cannot be reached");
                Self::unavailable("the database cannot be reached; try again")
            }
            error => {
                tracing::error!(%error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Store(error) => error.into(),
            CommandError::Refused(why) => Self::conflict(why),
            CommandError::Icp(errors) => Self::unprocessable(errors.to_string()),
            error @ CommandError::Broker(_) => {
                tracing::warn!(%error, "the broker cannot be reached");
                Self::unavailable(
                    "the command stands, and its event follows when the broker is back; do not give it again",
                )
            }
        }
    }
}
