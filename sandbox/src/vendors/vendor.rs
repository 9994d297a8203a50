//! Which vendors are imitated.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A vendor that the sandbox imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Searches the web and reads pages.
    Tavily,
    /// Knows companies and the people who work there.
    Lusha,
    /// Tells whether an e-mail address takes mail.
    ZeroBounce,
    /// Language models and embeddings.
    OpenAi,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tavily, Self::Lusha, Self::ZeroBounce, Self::OpenAi];

    /// Its name in paths, flags and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tavily => "tavily",
            Self::Lusha => "lusha",
            Self::ZeroBounce => "zerobounce",
            Self::OpenAi => "openai",
        }
    }

    /// What its real base URL has after the host name.
    pub(crate) fn version_path(self) -> &'static str {
        match self {
            Self::Tavily | Self::Lusha => "",
            Self::ZeroBounce => "/v2",
            Self::OpenAi => "/v1",
        }
    }

    /// The key that the sandbox takes unless told otherwise, in the form of the vendor's own keys.
    pub(crate) fn default_key(self) -> &'static str {
        match self {
            Self::Tavily => "tvly-prod-sandbox-0000000000000000",
            Self::Lusha => "00000000-0000-4000-8000-sandboxlusha",
            Self::ZeroBounce => "00000000000000000000000sandboxzb",
            Self::OpenAi => "sk-proj-sandbox-000000000000000000000000",
        }
    }

    /// What an account holds at first: credits, or tokens of OpenAI.
    pub(crate) fn default_credits(self) -> u64 {
        match self {
            Self::Tavily | Self::Lusha | Self::ZeroBounce => 100_000,
            Self::OpenAi => 500_000_000,
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A text that names no vendor of the sandbox.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no vendor: take tavily, lusha, zerobounce or openai")]
pub struct NotAVendor(String);

impl FromStr for Vendor {
    type Err = NotAVendor;

    fn from_str(text: &str) -> Result<Self, NotAVendor> {
        Self::ALL.into_iter().find(|vendor| vendor.as_str() == text).ok_or_else(|| NotAVendor(text.to_owned()))
    }
}
