//! What one page was found to say.
//!
//! Names, addresses and numbers of people stand here in the clear, because the next step encrypts them. So that none
//! reaches a log by accident, every type that holds them prints counts or marks in `Debug`, never the values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A country by its two letters (ISO 3166-1 alpha-2), as a hint for numbers written without their country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region([u8; 2]);

impl Region {
    /// Singapore, the home of the registry that companies come from.
    pub const SINGAPORE: Self = Self(*b"SG");

    /// The region with that two-letter code, in any case; `None` for anything else.
    pub fn new(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_alphabetic).then(|| Self(code.map(|letter| letter.to_ascii_uppercase())))
    }

    /// The two upper-case letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Region {
    fn default() -> Self {
        Self::SINGAPORE
    }
}

/// A text that is no two-letter country code.
#[derive(Debug, thiserror::Error)]
#[error("read a country: expected two letters of ISO 3166-1, such as SG")]
pub struct NotARegion;

impl TryFrom<String> for Region {
    type Error = NotARegion;

    fn try_from(code: String) -> Result<Self, NotARegion> {
        Self::new(&code).ok_or(NotARegion)
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.as_str().to_owned()
    }
}

/// What one page says. Made by [`page`](super::page); pages of a site are put together by [`merge`](super::merge).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageFindings {
    /// The page's address, without fragment.
    pub url: String,
    /// `<title>`, or `og:title` where that is missing.
    pub title: Option<String>,
    /// The description the page gives of itself to search engines.
    pub description: Option<String>,
    /// ISO 639-1 code of the language of the text; where the text is too short to tell, what the page declares.
    pub language: Option<String>,
    /// The readable text, without menus, footers, forms and notices; a paragraph per line.
    pub text: String,
    /// Words of `text`. Scripts that write without spaces (Chinese, Japanese, Thai ...) count a word per two characters.
    pub word_count: u32,
    /// What structured data (JSON-LD) says of the organisation.
    pub organisation: Option<Organisation>,
    /// Possible names of the company, with the strength of each.
    pub name_candidates: Vec<NameCandidate>,
    /// E-mail addresses, each once, in page order.
    pub emails: Vec<FoundEmail>,
    /// Phone numbers, each once, in page order.
    pub phones: Vec<FoundPhone>,
    /// People introduced with their role.
    pub people: Vec<FoundPerson>,
    /// Profiles on social networks.
    pub socials: Vec<Social>,
    /// Names of the products the site is made with, sorted.
    pub technologies: Vec<String>,
    /// Where jobs are offered, if the page says so.
    pub careers: Option<Careers>,
    /// Links to other pages (http and https only), each target once, in page order.
    pub links: Vec<Link>,
    /// The page is a bot check or an access wall instead of content.
    pub challenge: bool,
    /// Singapore's Unique Entity Numbers, upper case.
    pub uens: Vec<String>,
    /// Copyright lines (who owns the site), as written.
    pub copyrights: Vec<String>,
    /// The country that the page's own evidence points at.
    pub region: Option<Region>,
}

impl fmt::Debug for PageFindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PageFindings")
            .field("url", &self.url)
            .field("language", &self.language)
            .field("word_count", &self.word_count)
            .field("emails", &self.emails.len())
            .field("phones", &self.phones.len())
            .field("people", &self.people.len())
            .field("links", &self.links.len())
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// An organisation as JSON-LD describes it (<https://schema.org/Organization>).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Organisation {
    /// `name`.
    pub name: Option<String>,
    /// `legalName`.
    pub legal_name: Option<String>,
    /// `url`.
    pub url: Option<String>,
    /// `sameAs`: its pages elsewhere.
    pub same_as: Vec<String>,
    /// `foundingDate`, as written (usually a year or an ISO date).
    pub founding_date: Option<String>,
    /// `numberOfEmployees`, the lower end where it is a range.
    pub employees: Option<u32>,
    /// `address.addressCountry`, as written.
    pub country: Option<String>,
    /// `description`.
    pub description: Option<String>,
}

impl fmt::Debug for Organisation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A sole trader's business carries a person's name.
        formatter.debug_struct("Organisation").field("country", &self.country).finish_non_exhaustive()
    }
}

/// Something on the page that may be the company's name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameCandidate {
    /// The name as written.
    pub name: String,
    /// Where it stands.
    pub source: NameSource,
}

impl fmt::Debug for NameCandidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NameCandidate").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Where a possible company name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameSource {
    /// JSON-LD `name` of the organisation.
    JsonLd,
    /// `og:site_name` or `application-name`.
    SiteName,
    /// The owner in a copyright line.
    Copyright,
    /// A part of the title.
    Title,
    /// The alternative text of the logo.
    Logo,
    /// Words that end in a company's legal form.
    LegalForm,
    /// The main heading, or "About ..." and "Welcome to ...".
    Heading,
}

/// How an address or a number was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailSource {
    /// A `mailto:` link.
    Mailto,
    /// Structured data.
    JsonLd,
    /// Cloudflare's e-mail protection.
    Cloudflare,
    /// Plain text.
    Text,
    /// Text made unreadable to machines, such as `name [at] domain [dot] com`.
    Obfuscated,
}

/// An e-mail address on a page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundEmail {
    /// The address, lower case.
    pub address: String,
    /// How it was written (the clearest way, when there are several).
    pub how: EmailSource,
    /// The person it belongs to, when the page says so.
    pub name: Option<String>,
    /// That person's role.
    pub role_title: Option<String>,
}

impl fmt::Debug for FoundEmail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FoundEmail").field("how", &self.how).finish_non_exhaustive()
    }
}

/// How a phone number was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneSource {
    /// A `tel:` link.
    Tel,
    /// A link that opens a WhatsApp chat.
    WhatsApp,
    /// Structured data.
    JsonLd,
    /// Text.
    Text,
}

/// A phone number on a page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPhone {
    /// The number in E.164 (`+6561234567`), when it is a valid one of a known country.
    pub e164: Option<String>,
    /// The digits as written, with a leading `+` where the page has it.
    pub digits: String,
    /// How it was written.
    pub how: PhoneSource,
    /// The page calls it a fax number, and nothing else.
    #[serde(default)]
    pub is_fax: bool,
}

impl fmt::Debug for FoundPhone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_valid = self.e164.is_some();
        formatter
            .debug_struct("FoundPhone")
            .field("how", &self.how)
            .field("is_valid", &is_valid)
            .finish_non_exhaustive()
    }
}

/// A person whom a page introduces.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPerson {
    /// The name as written.
    pub name: String,
    /// The role as written.
    pub role_title: Option<String>,
    /// The person's profile on a professional network.
    pub profile_url: Option<String>,
}

impl fmt::Debug for FoundPerson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FoundPerson").finish_non_exhaustive()
    }
}

/// A profile on a social network.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Social {
    /// The network, lower case: `linkedin`, `facebook` ...
    pub network: String,
    /// The profile's address.
    pub url: String,
}

impl fmt::Debug for Social {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Social").field("network", &self.network).finish_non_exhaustive()
    }
}

/// Where a site offers jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Careers {
    /// The careers page.
    pub url: String,
    /// Whether that is the page itself, as opposed to a page it links to.
    pub on_this_page: bool,
    /// How many open jobs it lists; 0 also when they cannot be told.
    pub open_jobs: u32,
}

/// A link to another page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The absolute address, without fragment.
    pub url: String,
    /// The link's words.
    pub text: String,
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("url", &self.url).finish_non_exhaustive()
    }
}
