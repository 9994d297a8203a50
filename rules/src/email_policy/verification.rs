//! What a verifier says of an address.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a verifier says of an address. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationStatus {
    /// Mail arrives.
    Valid,
    /// Mail does not arrive.
    Invalid,
    /// Not verified, or no clear answer.
    #[default]
    Unknown,
    /// The domain takes mail for any name, so nothing is proved.
    CatchAll,
    /// Kept to catch senders of unwanted mail.
    Spamtrap,
    /// Its owner is known to report mail as unwanted.
    Abuse,
    /// Takes mail, but should not get any (disposable, role-based by the verifier's rule, on a global list).
    DoNotMail,
}

/// What a status counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may be written to.
    Usable,
    /// It may be written to, but nothing proves that it arrives.
    Doubtful,
    /// It must not be written to.
    Refused,
}

impl VerificationStatus {
    /// Reads a stored name or a vendor's (`catch-all`); what is not known is [`VerificationStatus::Unknown`], since vendors
    /// add names without notice.
    #[must_use]
    pub fn read(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().replace('-', "_").as_str() {
            "valid" => Self::Valid,
            "invalid" => Self::Invalid,
            "catch_all" => Self::CatchAll,
            "spamtrap" => Self::Spamtrap,
            "abuse" => Self::Abuse,
            "do_not_mail" => Self::DoNotMail,
            _ => Self::Unknown,
        }
    }

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::CatchAll => "catch_all",
            Self::Spamtrap => "spamtrap",
            Self::Abuse => "abuse",
            Self::DoNotMail => "do_not_mail",
        }
    }

    /// What the status counts as.
    #[must_use]
    pub fn standing(self) -> Standing {
        match self {
            Self::Valid => Standing::Usable,
            Self::CatchAll | Self::Unknown => Standing::Doubtful,
            Self::Invalid | Self::Spamtrap | Self::Abuse | Self::DoNotMail => Standing::Refused,
        }
    }
}

impl fmt::Display for VerificationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_vendors_and_stored_names_are_read() {
        assert_eq!(VerificationStatus::read("catch-all"), VerificationStatus::CatchAll);
        assert_eq!(VerificationStatus::read("Valid "), VerificationStatus::Valid);
        assert_eq!(VerificationStatus::read("brand_new_status"), VerificationStatus::Unknown);
        for name in ["valid", "invalid", "unknown", "catch_all", "spamtrap", "abuse", "do_not_mail"] {
            let status: VerificationStatus = serde_json::from_value(name.into()).unwrap();
            assert_eq!((status.as_str(), VerificationStatus::read(name)), (name, status));
        }
    }

    #[test]
    fn only_a_valid_address_is_usable_without_doubt() {
        assert_eq!(VerificationStatus::Valid.standing(), Standing::Usable);
        assert_eq!(VerificationStatus::Unknown.standing(), Standing::Doubtful);
        assert_eq!(VerificationStatus::Spamtrap.standing(), Standing::Refused);
    }
}
