//! Which events are replayed.

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, Envelope, Event, RunId, SubjectId};

/// Which of a tenant's events. What is not given lets everything pass.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<RunId>,
    /// About this company.
    pub company: Option<CompanyId>,
    /// Of one of these types: `lead.scored`, or `lead.*`.
    pub types: Vec<String>,
    /// At or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
    /// Naming this data subject.
    pub subject: Option<SubjectId>,
}

/// A pattern that no type of event fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no event has type {0:?}: `presdr events schema` lists the types, and `lead.*` means all that begin so")]
pub struct NoSuchType(pub String);

impl Filter {
    /// Makes sure that each type can be met.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), NoSuchType> {
        let known = |pattern: &&String| !Event::TYPES.iter().any(|known| fits(pattern, known.name));
        match self.types.iter().find(known) {
            Some(unknown) => Err(NoSuchType(unknown.clone())),
            None => Ok(()),
        }
    }

    /// Whether the event passes.
    #[must_use]
    pub fn passes(&self, envelope: &Envelope) -> bool {
        let same = |wanted: Option<i64>, found: Option<i64>| wanted.is_none() || wanted == found;
        let name = envelope.event.event_type().name;
        same(self.run.map(i64::from), envelope.run.map(i64::from))
            && same(self.company.map(i64::from), envelope.company.map(i64::from))
            && (self.types.is_empty() || self.types.iter().any(|pattern| fits(pattern, name)))
            && self.spans(envelope.time)
            && self.subject.is_none_or(|subject| envelope.event.subjects().contains(&subject))
    }

    /// Whether something that cannot be read might be meant: nothing is known of it but its type and when it was stored.
    pub(crate) fn may_mean_unreadable(&self, name: &str, stored_at: DateTime<Utc>) -> bool {
        let of_all = self.run.is_none() && self.company.is_none() && self.subject.is_none();
        of_all
            && self.spans(stored_at)
            && (self.types.is_empty() || self.types.iter().any(|pattern| fits(pattern, name)))
    }

    fn spans(&self, time: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sample(file: &str) -> Envelope {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/samples").join(file);
        let bytes = std::fs::read(path).unwrap();
        let sample: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let subject = format!("evt.{}.{}", sample["tenantid"].as_str().unwrap(), sample["type"].as_str().unwrap());
        Envelope::decode(&subject, &bytes).unwrap()
    }

    #[test]
    fn what_is_not_given_lets_everything_pass_and_each_thing_that_is_given_counts() {
        let scored = sample("lead.scored.v1.json");
        let filter = Filter { run: scored.run, company: scored.company, ..Filter::default() };
        assert!(Filter::default().passes(&scored) && filter.passes(&scored));
        let others = [
            Filter { run: RunId::new(1).ok(), ..filter.clone() },
            Filter { company: CompanyId::new(1).ok(), ..filter.clone() },
            Filter { types: vec!["lead.crawled".to_owned()], ..filter.clone() },
            Filter { from: Some(scored.time + chrono::Duration::milliseconds(1)), ..filter.clone() },
            Filter { to: Some(scored.time), ..filter.clone() },
            Filter { subject: Some(SubjectId(uuid::Uuid::nil())), ..filter.clone() },
        ];
        for other in others {
            assert!(!other.passes(&scored), "{other:?}");
        }
        for types in [&["lead.scored"][..], &["lead.*"], &["vendor.called", "lead.s*"], &["*"]] {
            let types = types.iter().map(|text| (*text).to_owned()).collect();
            assert!(Filter { types, ..filter.clone() }.passes(&scored));
        }
    }

    #[test]
    fn a_person_is_found_wherever_an_event_names_one() {
        for file in ["lead.extracted.v1.json", "lead.contacts_found.v1.json", "lead.emails_verified.v1.json"] {
            let event = sample(file);
            let everyone = event.event.subjects();
            assert!(!everyone.is_empty(), "{file}");
            assert!(Filter { subject: Some(everyone[0]), ..Filter::default() }.passes(&event), "{file}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_unless_more_is_asked_than_is_known_of_it() {
        let stored_at = "2026-11-23T00:00:00Z".parse().unwrap();
        let meant = |filter: Filter| filter.may_mean_unreadable("lead.scored", stored_at);
        let of = |text: &str| vec![text.to_owned()];
        assert!(
            meant(Filter::default())
                && meant(Filter { types: of("lead.*"), from: Some(stored_at), ..Filter::default() })
        );
        assert!(!meant(Filter { types: of("run.*"), ..Filter::default() }));
        assert!(!meant(Filter { to: Some(stored_at), ..Filter::default() }));
        assert!(!meant(Filter { run: RunId::new(1).ok(), ..Filter::default() }));
    }

    #[test]
    fn a_type_that_does_not_exist_is_named() {
        let of = |text: &str| Filter { types: vec![text.to_owned()], ..Filter::default() }.check();
        assert!(of("lead.*").is_ok() && of("run.started").is_ok());
        assert_eq!(of("lead.scoored"), Err(NoSuchType("lead.scoored".to_owned())));
    }
}
