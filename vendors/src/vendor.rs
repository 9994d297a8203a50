//! Which vendors there are, and what they are asked for.

use std::fmt;

/// A vendor. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    /// Searches the web and reads sites.
    Tavily,
    /// Knows companies and people.
    Lusha,
    /// Verifies addresses.
    ZeroBounce,
    /// Reads and writes text, and makes vectors of it.
    OpenAi,
}

impl Vendor {
    /// Every vendor.
    pub const ALL: [Self; 4] = [Self::Tavily, Self::Lusha, Self::ZeroBounce, Self::OpenAi];

    /// The stored name, also the name of its files of secrets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tavily => "tavily",
            Self::Lusha => "lusha",
            Self::ZeroBounce => "zerobounce",
            Self::OpenAi => "openai",
        }
    }

    /// The vendor of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.as_str() == name)
    }

    /// Its part of environment variables' names.
    #[must_use]
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Tavily => "TAVILY",
            Self::Lusha => "LUSHA",
            Self::ZeroBounce => "ZEROBOUNCE",
            Self::OpenAi => "OPENAI",
        }
    }

    /// Where it is.
    pub(crate) fn url(self) -> &'static str {
        match self {
            Self::Tavily => "https://api.tavily.com",
            Self::Lusha => "https://api.lusha.com",
            Self::ZeroBounce => "https://api.zerobounce.net/v2",
            Self::OpenAi => "https://api.openai.com/v1",
        }
    }

    /// What its cap counts.
    #[must_use]
    pub fn meter(self) -> &'static str {
        match self {
            Self::Tavily => "tavily_calls",
            Self::Lusha => "lusha_lookups",
            Self::ZeroBounce => "zerobounce_verifications",
            Self::OpenAi => "openai_tokens",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a vendor is asked for: each can be switched off by a tenant. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A company's domain is looked for on the web.
    Domain,
    /// A site that we cannot read is read.
    SiteText,
    /// People and their addresses are looked up.
    Contacts,
    /// Addresses are verified.
    Verification,
    /// Fields are made of text by a model.
    Extraction,
    /// A score is explained by a model.
    Rationale,
    /// A text is compared with those of sample customers.
    Similarity,
    /// A line of a conversation is made a command.
    Chat,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 8] = [
        Self::Domain,
        Self::SiteText,
        Self::Contacts,
        Self::Verification,
        Self::Extraction,
        Self::Rationale,
        Self::Similarity,
        Self::Chat,
    ];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::SiteText => "site_text",
            Self::Contacts => "contacts",
            Self::Verification => "verification",
            Self::Extraction => "extraction",
            Self::Rationale => "rationale",
            Self::Similarity => "similarity",
            Self::Chat => "chat",
        }
    }

    /// Who is asked for it.
    #[must_use]
    pub fn vendor(self) -> Vendor {
        match self {
            Self::Domain | Self::SiteText => Vendor::Tavily,
            Self::Contacts => Vendor::Lusha,
            Self::Verification => Vendor::ZeroBounce,
            Self::Extraction | Self::Rationale | Self::Similarity | Self::Chat => Vendor::OpenAi,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
