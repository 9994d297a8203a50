//! Which found addresses a tenant keeps, and why the others are dropped.
//!
//! Extraction finds every address of a site; this policy comes after it. What is suppressed never passes, whatever else
//! speaks for it. Reasons are names without the address, so that they can be counted and logged.

mod known;
mod verification;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use known::{is_free_mail, is_role};
pub use presdr_events::Suppressible;
pub use verification::{Standing, VerificationStatus};

/// What a tenant does with addresses at free-mail providers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreeMail {
    /// They are dropped.
    #[default]
    Exclude,
    /// They are kept with low confidence.
    AllowLowConfidence,
    /// They are kept, with low confidence, when consent is on record for them.
    AllowWithConsent,
}

/// What the policy has to know beside the address. Lookups take the form that [`normalise`] gives.
pub struct Screening<'a> {
    /// The tenant's choice.
    pub free_mail: FreeMail,
    /// The domain of the company, if it is known.
    pub company_domain: Option<&'a str>,
    /// Whether an address or a domain is suppressed.
    pub suppressed: &'a dyn Fn(Suppressible<'_>) -> bool,
    /// Whether consent is on record for an address.
    pub consented: &'a dyn Fn(&str) -> bool,
}

/// What becomes of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is kept.
    Keep(Kept),
    /// It is dropped, for this reason.
    Drop(DropReason),
}

/// A kept address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// Whether it is a role's mailbox (`info@`) rather than a person's.
    pub role_account: bool,
    /// Whether it is at the company's own registrable domain.
    pub own_domain: bool,
    /// How sure it is that writing there reaches the company.
    pub confidence: Confidence,
}

/// How sure it is that an address is the company's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// At a free-mail provider, or at someone else's domain.
    Low,
    /// At the company's own domain.
    High,
}

/// Why an address is dropped. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// It is no address, or one that mail cannot reach.
    Malformed,
    /// It or its domain is suppressed.
    Suppressed,
    /// It is at a free-mail provider.
    FreeMail,
    /// It is at a free-mail provider and no consent is on record.
    NoConsent,
    /// Nobody reads it (`noreply@`).
    NoReply,
    /// It stands in a template (`you@example.com`).
    Placeholder,
}

impl DropReason {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Suppressed => "suppressed",
            Self::FreeMail => "free_mail",
            Self::NoConsent => "no_consent",
            Self::NoReply => "no_reply",
            Self::Placeholder => "placeholder",
        }
    }
}

/// Decides about one address.
pub fn screen(address: &str, screening: &Screening<'_>) -> Verdict {
    let Some(address) = normalise(address) else {
        return Verdict::Drop(DropReason::Malformed);
    };
    let (name, domain) = parts(&address);
    let company = screening.company_domain;
    let own_domain = !is_free_mail(domain) && company.is_some_and(|company| same_company(domain, company));
    match reason_to_drop(&address, own_domain, screening) {
        Some(reason) => Verdict::Drop(reason),
        None => Verdict::Keep(Kept {
            role_account: is_role(name),
            own_domain,
            confidence: if own_domain { Confidence::High } else { Confidence::Low },
        }),
    }
}

fn reason_to_drop(address: &str, own_domain: bool, screening: &Screening<'_>) -> Option<DropReason> {
    let (name, domain) = parts(address);
    // Of a company whose domain is suppressed nothing passes, wherever its addresses are.
    let no_company =
        screening.company_domain.is_some_and(|company| is_domain_suppressed(company, screening.suppressed));
    if no_company || is_suppressed(address, screening.suppressed) {
        return Some(DropReason::Suppressed);
    }
    if known::is_no_reply(name) {
        return Some(DropReason::NoReply);
    }
    // A company may have a domain that looks like a template's; then the address is no template.
    if !own_domain && known::is_placeholder(name, domain) {
        return Some(DropReason::Placeholder);
    }
    match screening.free_mail {
        _ if !is_free_mail(domain) => None,
        FreeMail::Exclude => Some(DropReason::FreeMail),
        FreeMail::AllowWithConsent if !(screening.consented)(address) => Some(DropReason::NoConsent),
        FreeMail::AllowWithConsent | FreeMail::AllowLowConfidence => None,
    }
}

/// The form in which addresses are compared and looked up: lower case, without blanks; `None` for what is no address by
/// the dot-atom form of RFC 5321 (quoted names and address literals are not used by companies, and are refused).
pub fn normalise(address: &str) -> Option<String> {
    let address = address.trim().to_lowercase();
    let (name, domain) = address.split_once('@')?;
    let in_name = |character: char| character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character);
    let name_is_well = (1..=64).contains(&name.len()) && name.chars().all(in_name) && dotted(name);
    let label_is_well = |label: &str| label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    let domain_is_well = domain.len() <= 253
        && domain.contains('.')
        && dotted(domain)
        && domain.chars().all(|character| character.is_alphanumeric() || "-.".contains(character))
        && domain.split('.').all(label_is_well);
    (name_is_well && domain_is_well).then_some(address)
}

/// The registrable domain by the public suffix list, private section included: `acme.example` for `www.acme.example`.
/// `None` for a public suffix itself.
pub fn registrable(domain: &str) -> Option<String> {
    psl::domain_str(domain.trim_end_matches('.')).map(str::to_ascii_lowercase)
}

/// Whether a suppression names the address, the same address without its `+tag`, its domain, or one above it.
pub fn is_suppressed(address: &str, suppressed: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let (name, domain) = parts(address);
    let untagged = name.split_once('+').map(|(name, _)| format!("{name}@{domain}"));
    let mut addresses = std::iter::once(address).chain(untagged.as_deref());
    addresses.any(|address| suppressed(Suppressible::Address(address))) || is_domain_suppressed(domain, suppressed)
}

/// Whether a suppression names the domain or one above it.
pub fn is_domain_suppressed(domain: &str, suppressed: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let mut above = std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, parent)| parent));
    above.any(|domain| suppressed(Suppressible::Domain(domain)))
}

fn same_company(domain: &str, company: &str) -> bool {
    registrable(domain).is_some_and(|own| Some(own) == registrable(company))
}

fn dotted(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty())
}

fn parts(address: &str) -> (&str, &str) {
    address.rsplit_once('@').unwrap_or((address, ""))
}

#[cfg(test)]
mod tests;
