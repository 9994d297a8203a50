//! A request as a vendor reads it, and the vendor's answer before it goes onto the wire.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use serde_json::Value;

use crate::vendors::faults::FaultKind;

/// A request, read.
#[derive(Debug)]
pub(crate) struct Ask {
    pub method: Method,
    /// The path on the vendor's own host.
    pub path: String,
    /// Parameters of the query, and the fields of a form.
    pub fields: BTreeMap<String, String>,
    pub headers: HeaderMap,
    /// The JSON body; none when the body is no JSON.
    pub json: Option<Value>,
    /// The fault that this answer shall show; only those that concern what is said, not how it travels, matter here.
    pub fault: Option<FaultKind>,
}

impl Ask {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The key of `Authorization: Bearer ...`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// A parameter's text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// What was done for a request and what it costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub credits: u64,
    pub tokens_input: u64,
    pub tokens_output: u64,
    /// The things that were bought, each with its own price.
    pub things: Vec<(String, u64)>,
    /// What the account's statistics grow by.
    pub tally: Vec<(String, u64)>,
    /// What the account carries over to the next call instead of charging it.
    pub carried: Option<u64>,
}

/// A vendor's answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content_type: &'static str,
    pub body: String,
    /// What was done; none when nothing was.
    pub receipt: Option<Box<Receipt>>,
}

impl Reply {
    /// An answer for which nothing is charged.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![], content_type: "application/json", body: body.to_string(), receipt: None }
    }

    /// A page, as proxies and guards send them.
    pub fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{status} {title}</title></head>\n<body><center><h1>{status} {title}</h1></center><hr></body></html>\n"
        );
        Self { status, headers: vec![], content_type: "text/html; charset=utf-8", body, receipt: None }
    }

    /// The same answer with what was done for it.
    #[must_use]
    pub fn receipt(mut self, receipt: Receipt) -> Self {
        self.receipt = Some(Box::new(receipt));
        self
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
