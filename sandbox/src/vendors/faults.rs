//! What a vendor does wrong when it is told to: once, some times, or until told otherwise.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::vendors::vendor::{NotAVendor, Vendor};

/// How an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FaultKind {
    /// 429 in the vendor's own words; with Retry-After where the vendor sends one, in seconds. Nothing is charged.
    RateLimit {
        /// Seconds to wait; 0 sends none.
        seconds: u64,
    },
    /// A fault of the vendor's own, 500 unless said otherwise. Nothing is charged.
    ServerError {
        /// The HTTP status.
        status: u16,
    },
    /// 403 with a page of HTML from a guard in front of the vendor. Nothing is charged.
    Html403,
    /// The vendor's words for credits or quota that are gone. Nothing is charged.
    Quota,
    /// The vendor's words for a wrong key.
    KeyRefused,
    /// Works, charges, and never answers.
    Timeout,
    /// Works, charges, sends half of the answer, and drops the connection.
    Half,
    /// Works, charges, and answers with JSON that ends too early.
    InvalidJson,
    /// Works, charges, and lets the answer drip.
    Slow {
        /// Milliseconds over which the body is spread.
        milliseconds: u64,
    },
    /// OpenAI: answers 200 with a refusal instead of content.
    Refusal,
    /// OpenAI: stops in the middle of the content for want of tokens.
    Length,
    /// OpenAI: adds an address, a number and a name that were nowhere in the text.
    Hallucinate,
}

/// The kinds by their names, with what a number after `=` means and what it is when it is missing.
const KINDS: [(&str, Option<u64>); 12] = [
    ("rate_limit", Some(1)),
    ("server_error", Some(500)),
    ("html_403", None),
    ("quota", None),
    ("key_refused", None),
    ("timeout", None),
    ("half", None),
    ("invalid_json", None),
    ("slow", Some(5_000)),
    ("refusal", None),
    ("length", None),
    ("hallucinate", None),
];

impl FaultKind {
    fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Self::RateLimit { seconds } => ("rate_limit", Some(seconds)),
            Self::ServerError { status } => ("server_error", Some(u64::from(status))),
            Self::Html403 => ("html_403", None),
            Self::Quota => ("quota", None),
            Self::KeyRefused => ("key_refused", None),
            Self::Timeout => ("timeout", None),
            Self::Half => ("half", None),
            Self::InvalidJson => ("invalid_json", None),
            Self::Slow { milliseconds } => ("slow", Some(milliseconds)),
            Self::Refusal => ("refusal", None),
            Self::Length => ("length", None),
            Self::Hallucinate => ("hallucinate", None),
        }
    }

    fn of(name: &str, number: u64) -> Option<Self> {
        Some(match name {
            "rate_limit" => Self::RateLimit { seconds: number },
            "server_error" => {
                Self::ServerError { status: u16::try_from(number).ok().filter(|status| (500..600).contains(status))? }
            }
            "html_403" => Self::Html403,
            "quota" => Self::Quota,
            "key_refused" => Self::KeyRefused,
            "timeout" => Self::Timeout,
            "half" => Self::Half,
            "invalid_json" => Self::InvalidJson,
            "slow" => Self::Slow { milliseconds: number },
            "refusal" => Self::Refusal,
            "length" => Self::Length,
            "hallucinate" => Self::Hallucinate,
            _ => return None,
        })
    }

    /// How long a slow answer takes.
    pub(crate) fn drip(self) -> Option<Duration> {
        match self {
            Self::Slow { milliseconds } => Some(Duration::from_millis(milliseconds)),
            _ => None,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (name, Some(number)) => write!(formatter, "{name}={number}"),
            (name, None) => formatter.write_str(name),
        }
    }
}

impl From<FaultKind> for String {
    fn from(kind: FaultKind) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for FaultKind {
    type Error = NotAFault;

    fn try_from(text: String) -> Result<Self, NotAFault> {
        text.parse()
    }
}

impl FromStr for FaultKind {
    type Err = NotAFault;

    /// Reads `kind` or `kind=number`, such as `rate_limit=5` (seconds), `server_error=503`, `slow=2000` (milliseconds).
    fn from_str(text: &str) -> Result<Self, NotAFault> {
        let (name, number) = text.split_once('=').map_or((text, None), |(name, number)| (name, Some(number)));
        let known = KINDS.iter().find(|(known, _)| *known == name);
        let number = match (known, number) {
            (Some((_, default)), None) => Some(default.unwrap_or(0)),
            (Some((_, Some(_))), Some(number)) => number.parse().ok(),
            _ => None,
        };
        number.and_then(|number| Self::of(name, number)).ok_or_else(|| NotAFault::Kind(text.to_owned()))
    }
}

/// Why a text describes no fault.
#[derive(Debug, thiserror::Error)]
pub enum NotAFault {
    /// It names no vendor.
    #[error(transparent)]
    Vendor(#[from] NotAVendor),
    /// It names no kind, or its number makes no sense.
    #[error(
        "{0:?} is no fault: take rate_limit[=SECONDS], server_error[=STATUS], html_403, quota, key_refused, timeout, half, \
         invalid_json, slow[=MILLISECONDS], refusal, length or hallucinate"
    )]
    Kind(String),
    /// Its number of times is none.
    #[error("{0:?} is no number of times")]
    Times(String),
    /// A part is missing.
    #[error("{0:?} is no fault: write VENDOR[/OPERATION]:KIND[:TIMES]")]
    Shape(String),
}

/// A fault with when it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Whose.
    pub vendor: Vendor,
    /// Only at this operation; at every one when none is given. [`crate::vendors`] lists the names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How the answer goes wrong.
    pub kind: FaultKind,
    /// How many times more; until told otherwise when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Fault {
    /// A fault that shows once.
    pub fn once(vendor: Vendor, kind: FaultKind) -> Self {
        Self::times(vendor, kind, 1)
    }

    /// A fault that shows so many times.
    pub fn times(vendor: Vendor, kind: FaultKind, times: u32) -> Self {
        Self { vendor, operation: None, kind, times: Some(times) }
    }

    /// A fault that shows until it is cleared.
    pub fn standing(vendor: Vendor, kind: FaultKind) -> Self {
        Self { vendor, operation: None, kind, times: None }
    }

    /// The same at one operation only.
    #[must_use]
    pub fn at(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }
}

impl FromStr for Fault {
    type Err = NotAFault;

    /// Reads `vendor[/operation]:kind[:times]`, such as `tavily/search:rate_limit=2:3`.
    fn from_str(text: &str) -> Result<Self, NotAFault> {
        let mut parts = text.split(':');
        let (Some(place), Some(kind), times, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(NotAFault::Shape(text.to_owned()));
        };
        let (vendor, operation) = place.split_once('/').map_or((place, None), |(vendor, at)| (vendor, Some(at)));
        let number = |times: &str| times.parse().map_err(|_| NotAFault::Times(times.to_owned()));
        Ok(Self {
            vendor: vendor.parse()?,
            operation: operation.map(str::to_owned),
            kind: kind.parse()?,
            times: times.map(number).transpose()?,
        })
    }
}

/// The faults that are still to show. The first that fits a request is the one that shows.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds one.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Forgets those of one vendor.
    pub fn clear_of(&self, vendor: Vendor) {
        self.lock().retain(|fault| fault.vendor != vendor);
    }

    /// Those that are still to show, in order.
    pub fn all(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// The fault that this request meets, one time less of it from here on.
    pub(crate) fn take(&self, vendor: Vendor, operation: &str) -> Option<FaultKind> {
        let mut faults = self.lock();
        let fits = |fault: &Fault| {
            fault.vendor == vendor
                && fault.times != Some(0)
                && fault.operation.as_deref().is_none_or(|at| at == operation)
        };
        let fault = faults.iter_mut().find(|fault| fits(fault))?;
        let kind = fault.kind;
        fault.times = fault.times.map(|times| times - 1);
        faults.retain(|fault| fault.times != Some(0));
        Some(kind)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // a list is whole even when whoever held it panicked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_written_in_one_word() {
        let fault: Fault = "tavily/search:rate_limit=5:2".parse().unwrap();
        let expected = Fault::times(Vendor::Tavily, FaultKind::RateLimit { seconds: 5 }, 2).at("search");
        assert_eq!(fault, expected);
        let fault: Fault = "openai:refusal".parse().unwrap();
        assert_eq!(fault, Fault::standing(Vendor::OpenAi, FaultKind::Refusal));
        for wrong in [
            "",
            "tavily",
            "tavily:never",
            "apify:quota",
            "lusha:quota:often",
            "lusha:quota=3",
            "lusha:server_error=200",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_kind_reads_back_what_it_writes() {
        for (name, _) in KINDS {
            let kind: FaultKind = name.parse().unwrap();
            assert_eq!(kind.to_string().parse::<FaultKind>().unwrap(), kind);
            assert!(kind.to_string().starts_with(name));
        }
    }

    #[test]
    fn a_fault_shows_as_often_as_it_was_told_and_where() {
        let faults = Faults::default();
        faults.add(Fault::once(Vendor::Tavily, FaultKind::Half).at("extract"));
        faults.add(Fault::standing(Vendor::Tavily, FaultKind::Quota));
        assert_eq!(faults.take(Vendor::Lusha, "extract"), None);
        assert_eq!(faults.take(Vendor::Tavily, "search"), Some(FaultKind::Quota));
        assert_eq!(faults.take(Vendor::Tavily, "extract"), Some(FaultKind::Half));
        assert_eq!(faults.take(Vendor::Tavily, "extract"), Some(FaultKind::Quota));
    }
}
