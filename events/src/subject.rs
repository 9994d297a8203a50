//! Where an event is published: `evt.<tenant>.<entity>.<type>`.

use std::fmt;

use crate::{EventType, TenantId};

/// The first token of every event's subject.
const PREFIX: &str = "evt";

/// A subject of the EVENTS stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Whose event it is.
    pub tenant: TenantId,
    /// The event type's name, `<entity>.<type>`, such as `lead.crawled`.
    pub name: String,
}

/// A subject that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("subject {0:?} is not evt.<tenant>.<entity>.<type>")]
pub struct SubjectError(String);

impl Subject {
    /// The subject of an event of `tenant`.
    #[must_use]
    pub fn of(tenant: &TenantId, name: &str) -> Self {
        Self { tenant: tenant.clone(), name: name.to_owned() }
    }

    /// The filter that matches `event_type` of every tenant.
    #[must_use]
    pub fn filter(event_type: EventType) -> String {
        format!("{PREFIX}.*.{}", event_type.name)
    }

    /// The filter that matches everything of one tenant, for its erasure.
    #[must_use]
    pub fn filter_tenant(tenant: &TenantId) -> String {
        format!("{PREFIX}.{tenant}.>")
    }

    /// Whose an event on `subject` is: without a tenant in its subject it is nobody's, so the platform's.
    #[must_use]
    pub fn owner(subject: &str) -> TenantId {
        Self::parse(subject).map_or_else(|_| TenantId::platform(), |subject| subject.tenant)
    }

    /// Everything in the stream.
    pub const ALL: &'static str = "evt.>";

    /// Reads a subject back.
    ///
    /// # Errors
    /// [`SubjectError`] when it does not have four tokens of the right kind.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let wrong = || SubjectError(text.to_owned());
        let (tenant, name) = tokens(text).ok_or_else(wrong)?;
        let tenant = TenantId::new(tenant).map_err(|_| wrong())?;
        Ok(Self { tenant, name: name.to_owned() })
    }

    /// Whether `text` is the subject of an event of `tenant` with that name.
    pub(crate) fn is_of(text: &str, tenant: &TenantId, name: &str) -> bool {
        tokens(text) == Some((tenant.as_str(), name))
    }
}

/// The tenant and the event type's name in a subject of four tokens.
fn tokens(subject: &str) -> Option<(&str, &str)> {
    let (tenant, name) = subject.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
    let (_, kind) = name.split_once('.')?;
    (!kind.contains('.')).then_some((tenant, name))
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        [PREFIX, ".", self.tenant.as_str(), ".", &self.name].iter().try_for_each(|part| f.write_str(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_back() {
        let subject = Subject::of(&TenantId::new("acme").unwrap(), "lead.crawled");
        assert_eq!(subject.to_string(), "evt.acme.lead.crawled");
        assert_eq!(Subject::parse("evt.acme.lead.crawled"), Ok(subject));
    }

    #[test]
    fn a_foreign_subject_is_refused() {
        for wrong in ["evt.acme.lead", "evt.ACME.lead.crawled", "progress.acme.1.x", "evt.a.b.c.d"] {
            assert!(Subject::parse(wrong).is_err(), "{wrong}");
        }
    }
}
