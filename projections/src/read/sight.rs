//! How much of personal data a reader sees.

use presdr_rules::mask;

/// How much of personal data a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Clear,
    /// Enough to tell two apart for one who knows them: `j***@acme.example`.
    Masked,
}

impl Sight {
    /// An address.
    #[must_use]
    pub fn email(self, address: Option<String>) -> Option<String> {
        self.shown(address, mask::email)
    }

    /// A person's name.
    #[must_use]
    pub fn name(self, name: Option<String>) -> Option<String> {
        self.shown(name, mask::name)
    }

    /// A telephone number.
    #[must_use]
    pub fn phone(self, number: Option<String>) -> Option<String> {
        self.shown(number, mask::phone)
    }

    /// Text that may name people anywhere, or a link to somebody's profile: there is no part of it that could be shown.
    #[must_use]
    pub fn text(self, text: Option<String>) -> Option<String> {
        text.filter(|_| self == Self::Clear)
    }

    fn shown(self, value: Option<String>, masked: fn(&str) -> String) -> Option<String> {
        match self {
            Self::Clear => value,
            Self::Masked => value.as_deref().map(masked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_sight_shows_no_whole_value() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(Sight::Masked.email(some("jane@acme.example")), some("j***@acme.example"));
        assert_eq!(Sight::Masked.name(some("Jane Doe")), some("J*** D***"));
        assert_eq!(Sight::Masked.phone(some("+65 6123 4567")), some("+65***67"));
        assert_eq!(Sight::Masked.text(some("write to jane@acme.example")), None);
        assert_eq!(Sight::Masked.email(None), None);
        assert_eq!(Sight::Clear.email(some("jane@acme.example")), some("jane@acme.example"));
    }
}
