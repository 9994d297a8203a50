//! Every place that can hold a person, and how they are found and erased there.
//!
//! A tenant's table with a column of text, bytes or JSON that is not in this list fails a test, and so does a stream.

mod list;

pub use list::{PLACES, STREAMS};

/// Columns of a table that are found and erased in one way.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The columns.
    pub columns: &'static [&'static str],
    /// What tells rows apart when they are listed, without naming anybody.
    pub key: &'static [&'static str],
    /// How.
    pub path: Path,
}

/// How a person is found and erased in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The person's key: destroyed first, the row stays as the tombstone.
    Key,
    /// What leads to the person: turned into suppressions.
    Identifiers,
    /// A read model with a `subject_id`: its rows are deleted.
    ReadModel,
    /// The text of a lead, shown beside it: emptied where it names the person.
    ShownText,
    /// Rows with a keyed hash of an address, as suppressions have it: deleted.
    AddressHash,
    /// Rows whose text names the person: deleted. Names are looked for where the row has a `company_id`.
    Text,
    /// Pages as they were read: those that name the person are deleted, the others stay.
    Pages,
    /// What was said in conversations, as JSON: messages that name the person are taken out. Names are looked for as at every company where
    /// the person is known.
    Said,
    /// Vendors' answers, sealed under the tenant's key: those that name the person, or are about them, are deleted.
    Answers,
    /// The keyed hash of what a vendor was asked: forgotten where it was about the person.
    Asked,
    /// Vectors of texts: those of companies whose text named the person are deleted.
    Vectors,
    /// Sealed with the person's key: nobody can read it once that is gone.
    Sealed,
    /// Random ids or keyed hashes that stay, and why.
    Stays(&'static str),
    /// Nothing personal, and why.
    Nobody(&'static str),
}

impl Path {
    /// Whether people stand there in a form that somebody with the tenant's key or none can read: its files are scrubbed.
    #[must_use]
    pub fn is_readable(self) -> bool {
        match self {
            Self::Key
            | Self::Identifiers
            | Self::ReadModel
            | Self::ShownText
            | Self::AddressHash
            | Self::Text
            | Self::Pages
            | Self::Said
            | Self::Answers
            | Self::Vectors => true,
            Self::Asked | Self::Sealed | Self::Stays(_) | Self::Nobody(_) => false,
        }
    }
}
