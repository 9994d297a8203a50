//! One kind of paid question: what is bought, what it may cost, how it is sent, how its answer is read.

use std::{fmt, time::Duration};

use presdr_store::ledger::Charge;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Endpoint, Prices, Unpriced, Vendor};

/// A question about one thing. Most are of this kind.
pub trait Call: Send + Sync {
    /// Who is asked.
    const VENDOR: Vendor;
    /// What it is asked to do: a permanent name.
    const OPERATION: &'static str;
    /// What is learnt. It is stored, sealed: fields may be added with defaults, never renamed.
    type Answer: Serialize + DeserializeOwned + Send;

    /// What is bought, as canonical JSON: the same thing always gives the same bytes. Only its keyed hash is stored.
    fn canonical(&self) -> Vec<u8>;
    /// The most that it can cost, reserved before the call.
    ///
    /// # Errors
    /// [`Unpriced`] when a price is missing: then nothing is asked.
    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced>;
    /// What is sent.
    fn request(&self, endpoint: &Endpoint) -> RequestSpec;
    /// What came back, with what it cost. Told by status first, by body second.
    ///
    /// # Errors
    /// [`Failure`], classed by what is to be done about it.
    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Self::Answer>, Failure>;
}

/// A question about many things at once. Each is bought, charged and kept by itself.
pub trait BatchCall: Send + Sync {
    /// Who is asked.
    const VENDOR: Vendor;
    /// What it is asked to do: a permanent name.
    const OPERATION: &'static str;
    /// So many things fit into one request.
    const THINGS_MAX: usize;
    /// One of the things.
    type Thing: Send + Sync;
    /// What is learnt of one. It is stored, sealed: fields may be added with defaults, never renamed.
    type Answer: Serialize + DeserializeOwned + Send;

    /// What is bought, as canonical JSON.
    fn canonical(&self, thing: &Self::Thing) -> Vec<u8>;
    /// The most that one thing can cost.
    ///
    /// # Errors
    /// [`Unpriced`] when a price is missing: then nothing is asked.
    fn worst_case(&self, thing: &Self::Thing, prices: &Prices) -> Result<Charge, Unpriced>;
    /// What is sent.
    fn request(&self, things: &[&Self::Thing], endpoint: &Endpoint) -> RequestSpec;
    /// What came back, thing by thing in their order; `None` for one that the vendor did not answer, which is then free.
    ///
    /// # Errors
    /// [`Failure`] when the whole request failed.
    fn read(
        &self,
        things: &[&Self::Thing],
        reply: &Reply<'_>,
        prices: &Prices,
    ) -> Result<Vec<Option<Answered<Self::Answer>>>, Failure>;
}

/// A call as a batch of one.
pub(crate) struct Single<'a, C>(pub &'a C);

impl<C: Call> BatchCall for Single<'_, C> {
    const VENDOR: Vendor = C::VENDOR;
    const OPERATION: &'static str = C::OPERATION;
    const THINGS_MAX: usize = 1;
    type Thing = ();
    type Answer = C::Answer;

    fn canonical(&self, (): &()) -> Vec<u8> {
        self.0.canonical()
    }

    fn worst_case(&self, (): &(), prices: &Prices) -> Result<Charge, Unpriced> {
        self.0.worst_case(prices)
    }

    fn request(&self, _: &[&()], endpoint: &Endpoint) -> RequestSpec {
        self.0.request(endpoint)
    }

    fn read(&self, _: &[&()], reply: &Reply<'_>, prices: &Prices) -> Result<Vec<Option<Answered<C::Answer>>>, Failure> {
        self.0.read(reply, prices).map(|answered| vec![Some(answered)])
    }
}

/// An answer, what it cost, and how long it is as good as a new one.
#[derive(Clone)]
pub struct Answered<A> {
    /// What was learnt.
    pub answer: A,
    /// What it cost.
    pub charge: Charge,
    /// For so long it is not bought again.
    pub fresh_for: Duration,
}

impl<A> fmt::Debug for Answered<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("charge", &self.charge)
            .field("fresh_for", &self.fresh_for)
            .finish_non_exhaustive()
    }
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// What is sent. Shows neither headers, query nor body: they may hold the key and personal data.
#[derive(Clone)]
pub struct RequestSpec {
    /// How.
    pub method: Method,
    /// Under the vendor's base URL.
    pub path: &'static str,
    /// Query parameters.
    pub query: Vec<(&'static str, String)>,
    /// Headers besides the usual.
    pub headers: HeaderMap,
    /// A JSON document.
    pub body: Option<Vec<u8>>,
    /// How long one try may take.
    pub timeout: Duration,
}

impl RequestSpec {
    /// A JSON document to post.
    #[must_use]
    pub fn post(path: &'static str, body: &serde_json::Value, timeout: Duration) -> Self {
        let body = Some(body.to_string().into_bytes());
        Self { method: Method::Post, path, query: Vec::new(), headers: HeaderMap::new(), body, timeout }
    }

    /// A plain question.
    #[must_use]
    pub fn get(path: &'static str, timeout: Duration) -> Self {
        Self { method: Method::Get, path, query: Vec::new(), headers: HeaderMap::new(), body: None, timeout }
    }

    /// The same with a secret header.
    #[must_use]
    pub fn with_secret(mut self, name: HeaderName, value: &str) -> Self {
        // A key that does not fit into a header is refused by the vendor like any other wrong one.
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }
}

impl fmt::Debug for RequestSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSpec").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The status (RFC 9110).
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// The body as JSON; a 2xx whose body is not is an answer that was lost on the way.
    ///
    /// # Errors
    /// [`Class::Lost`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.body)
            .map_err(|_| Failure::new(Class::Lost, "the answer is not the JSON it should be"))
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What is to be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Try again, not before `after`: it was refused or failed and is free.
    Retry {
        /// What the vendor asked us to wait.
        after: Option<Duration>,
        /// Whether it is the vendor's rate limit.
        rate_limit: bool,
    },
    /// Never try again: the request is wrong, or there is nothing to be had.
    Never,
    /// Credits or quota are gone.
    Quota {
        /// For how long; until the next day when the vendor does not say.
        lasts: Option<Duration>,
    },
    /// The key is refused.
    Key,
    /// Either of the two, the vendor does not say which: the credits that are left tell.
    KeyOrQuota,
    /// It may have been answered and charged, but the answer is lost.
    Lost,
}

/// Why there is no answer. Never holds a secret, a URL or personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// What is to be done.
    pub class: Class,
    /// What happened, in our own words.
    pub what: &'static str,
}

impl Failure {
    /// A failure.
    #[must_use]
    pub fn new(class: Class, what: &'static str) -> Self {
        Self { class, what }
    }
}
