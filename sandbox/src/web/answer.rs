//! One HTTP answer of the sandbox, before it becomes bytes on a socket.

use std::time::Duration;

use bytes::Bytes;

/// What the sandbox answers to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Header names and values, in order.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// How long to wait before answering.
    pub delay: Duration,
}

impl Answer {
    /// An answer with a body of `content_type`.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    /// A UTF-8 page.
    pub fn html(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    /// A plain text file.
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self::new(200, "text/plain; charset=utf-8", body)
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::html(status, "<html><body>Moved</body></html>").with_header("location", location)
    }

    /// The answer for what is not there.
    pub fn not_found() -> Self {
        Self::html(404, "<html><head><title>Not found</title></head><body><h1>Not found</h1></body></html>")
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer, given later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The parts of a request that decide an answer.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Host without port, lower case.
    pub host: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Value of `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// Value of `If-Modified-Since`.
    pub if_modified_since: Option<&'a str>,
}
