//! Old shapes of events brought to the newest: the one place where they are known.

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{DecodeError, EventType};

/// How the data of one version becomes the data of the next.
pub(crate) struct Upcast {
    /// The event type.
    name: &'static str,
    /// The version that it reads; what it writes is one more.
    from: u32,
    /// Nothing when the data does not have the old version's shape.
    to_next: fn(Value) -> Option<Value>,
}

/// Every step between two versions that were ever released, a line each: never edited, never removed.
const RELEASED: &[Upcast] = &[];

/// Brings data of any version ever written to the newest shape.
///
/// # Errors
/// [`DecodeError::UnknownType`] and [`DecodeError::Newer`] for what only a newer reader knows.
pub(crate) fn upcast(name: &str, version: u32, data: Box<RawValue>) -> Result<Box<RawValue>, DecodeError> {
    let known = EventType::named(name).ok_or_else(|| DecodeError::UnknownType { name: name.to_owned() })?;
    upcast_by(RELEASED, known, version, data)
}

fn upcast_by(
    steps: &[Upcast],
    known: EventType,
    version: u32,
    data: Box<RawValue>,
) -> Result<Box<RawValue>, DecodeError> {
    let name = || known.name.to_owned();
    if version == 0 {
        return Err(DecodeError::Envelope { error: "schemaversion counts from 1".to_owned() });
    }
    if version > known.version {
        return Err(DecodeError::Newer { name: name(), version, known: known.version });
    }
    if version == known.version {
        return Ok(data);
    }
    let wrong = |from: u32| DecodeError::Data { name: name(), error: format!("not the shape of version {from}") };
    let mut value: Value = serde_json::from_str(data.get()).map_err(|_| wrong(version))?;
    for from in version..known.version {
        let step = steps.iter().find(|step| step.name == known.name && step.from == from);
        value = step.and_then(|step| (step.to_next)(value)).ok_or_else(|| wrong(from))?;
    }
    to_raw_value(&value).map_err(|_| wrong(known.version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    /// A type of this test alone: no version of the product is invented for it.
    const SEEN: EventType = EventType { name: "ship.seen", version: 3 };

    /// Version 1 had one place; version 2 a list of them; version 3 says who saw the ship, which was never written down before.
    const STEPS: &[Upcast] = &[
        Upcast {
            name: "ship.seen",
            from: 1,
            to_next: |mut data| {
                let place = data.as_object_mut()?.remove("place")?;
                data["places"] = Value::Array(vec![place]);
                Some(data)
            },
        },
        Upcast {
            name: "ship.seen",
            from: 2,
            to_next: |mut data| {
                data.as_object_mut()?.entry("by").or_insert_with(|| "unknown".into());
                Some(data)
            },
        },
    ];

    fn read(version: u32, data: &str) -> Result<String, DecodeError> {
        let data = RawValue::from_string(data.to_owned()).unwrap();
        upcast_by(STEPS, SEEN, version, data).map(|data| data.get().to_owned())
    }

    /// As recorded when each version was the newest.
    #[test]
    fn a_recording_of_every_version_reads_as_the_newest() {
        let newest = r#"{"by":"unknown","places":["Keppel"]}"#;
        assert_eq!(read(1, r#"{"place":"Keppel"}"#).unwrap(), newest);
        assert_eq!(read(2, r#"{"places":["Keppel"]}"#).unwrap(), newest);
        assert_eq!(
            read(3, r#"{"places":["Keppel"], "by":"Lim"}"#).unwrap(),
            r#"{"places":["Keppel"], "by":"Lim"}"#,
            "the newest stays byte for byte"
        );
    }

    #[test]
    fn a_version_after_the_newest_is_refused_even_if_it_would_fit() {
        let newer = DecodeError::Newer { name: "ship.seen".to_owned(), version: 4, known: 3 };
        assert_eq!(read(4, r#"{"places":["Keppel"],"by":"Lim"}"#), Err(newer));
    }

    #[test]
    fn what_does_not_have_its_versions_shape_is_refused_and_not_shown() {
        let error = read(1, r#"{"port":"secret"}"#).unwrap_err().to_string();
        assert_eq!(error, "event ship.seen does not have its type's shape: not the shape of version 1");
        assert!(read(0, "{}").is_err());
    }

    #[test]
    fn there_is_a_step_from_every_version_that_was_released() {
        for event_type in Event::TYPES {
            for from in 1..event_type.version {
                let steps = RELEASED.iter().filter(|step| step.name == event_type.name && step.from == from);
                assert_eq!(steps.count(), 1, "{} from version {from}", event_type.name);
            }
        }
    }
}
