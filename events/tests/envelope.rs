//! Every event ever written is read back, and what is not one of ours is refused.

#![allow(clippy::unwrap_used, reason = "a failed expectation is the test failing")]

use std::{fs, path::Path};

use presdr_events::{
    Actor, DecodeError, EVENT_BYTES_MAX, EncodeError, Envelope, Event, EventId, Header, RunId, Step, Subject, TenantId,
    tenant,
};
use serde_json::{Value, json};

fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut samples: Vec<(String, Value)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                serde_json::from_slice(&fs::read(path).unwrap()).unwrap(),
            )
        })
        .collect();
    samples.sort_by(|(left, _), (right, _)| left.cmp(right));
    samples
}

fn sample(file: &str) -> Value {
    samples().into_iter().find(|(name, _)| name == file).unwrap().1
}

fn subject_of(sample: &Value) -> String {
    format!("evt.{}.{}", sample["tenantid"].as_str().unwrap(), sample["type"].as_str().unwrap())
}

fn decode(sample: &Value) -> Result<Envelope, DecodeError> {
    Envelope::decode(&subject_of(sample), &serde_json::to_vec(sample).unwrap())
}

fn header(envelope: &Envelope) -> Header {
    Header {
        id: envelope.id,
        source: envelope.source.strip_prefix("/presdr/").unwrap().to_owned().leak(),
        time: envelope.time,
        tenant: envelope.tenant.clone(),
        run: envelope.run,
        company: envelope.company,
        actor: envelope.actor.clone(),
        correlation: envelope.correlation,
        causation: envelope.causation,
        traceparent: envelope.traceparent.clone(),
    }
}

fn created(name: &str) -> (Header, Event) {
    let tenant = TenantId::new("acme").unwrap();
    let id = EventId::of(&tenant, None, None, "tenant.created", 1);
    let header = Header {
        id,
        source: "gateway",
        time: "2026-03-02T17:00:00Z".parse().unwrap(),
        tenant,
        run: None,
        company: None,
        actor: Actor::service("gateway"),
        correlation: id,
        causation: None,
        traceparent: None,
    };
    (
        header,
        Event::TenantCreated(tenant::Created {
            step: Step::done("tenant.create", 1, 1, vec![]),
            name: name.to_owned(),
        }),
    )
}

#[test]
fn there_is_a_sample_of_every_type_and_version() {
    let files: Vec<String> = samples().into_iter().map(|(file, _)| file).collect();
    for event_type in Event::TYPES {
        for version in 1..=event_type.version {
            let file = format!("{}.v{version}.json", event_type.name);
            assert!(files.contains(&file), "record samples/{file}");
        }
    }
}

#[test]
fn every_sample_is_named_after_what_it_is() {
    for (file, sample) in samples() {
        assert_eq!(file, format!("{}.v{}.json", sample["type"].as_str().unwrap(), sample["schemaversion"]));
    }
}

/// Fields that were added since a sample was recorded are written back too; nothing that was recorded is lost.
#[test]
fn every_sample_reads_and_the_newest_write_back_the_same() {
    for (file, sample) in samples() {
        let envelope = decode(&sample).unwrap_or_else(|error| panic!("samples/{file}: {error}"));
        let header = header(&envelope);
        assert_eq!(header.subject(&envelope.event).to_string(), subject_of(&sample));
        if sample["schemaversion"] == envelope.event.event_type().version {
            let written: Value = serde_json::from_slice(&header.encode(&envelope.event).unwrap()).unwrap();
            assert!(holds(&written, &sample), "samples/{file} is written back as {written:#}");
        }
    }
}

fn holds(written: &Value, recorded: &Value) -> bool {
    match (written, recorded) {
        (Value::Object(written), Value::Object(recorded)) => {
            recorded.iter().all(|(name, value)| written.get(name).is_some_and(|written| holds(written, value)))
        }
        (Value::Array(written), Value::Array(recorded)) => {
            written.len() == recorded.len()
                && written.iter().zip(recorded).all(|(written, value)| holds(written, value))
        }
        _ => written == recorded,
    }
}

/// CloudEvents 1.0: required attributes, lower-case alphanumeric names, and values that are strings, booleans or 32-bit integers.
#[test]
fn an_encoded_event_follows_cloudevents() {
    let (header, event) = created("Acme Pte Ltd");
    let wire: Value = serde_json::from_slice(&header.encode(&event).unwrap()).unwrap();
    for required in ["specversion", "id", "source", "type"] {
        assert!(wire[required].as_str().is_some_and(|text| !text.is_empty()), "{required}");
    }
    for (name, value) in wire.as_object().unwrap().iter().filter(|(name, _)| *name != "data") {
        assert!(
            name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "{name}"
        );
        let allowed = value.is_string() || value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
        assert!(allowed, "{name} is {value}");
    }
}

#[test]
fn ids_travel_as_strings() {
    let (header, event) = created("Acme Pte Ltd");
    let header = Header { run: RunId::new((1 << 53) - 1).ok(), ..header };
    let wire: Value = serde_json::from_slice(&header.encode(&event).unwrap()).unwrap();
    assert_eq!(wire["runid"], "9007199254740991");
    assert_eq!(decode(&wire).unwrap().run, header.run);
}

#[test]
fn an_event_on_another_tenants_subject_is_refused() {
    let (header, event) = created("Acme Pte Ltd");
    let bytes = header.encode(&event).unwrap();
    let foreign = Subject::of(&TenantId::new("beta").unwrap(), "tenant.created").to_string();
    for subject in [foreign.as_str(), "evt.acme.lead.crawled", "progress.acme.7"] {
        assert!(matches!(Envelope::decode(subject, &bytes), Err(DecodeError::Subject { .. })), "{subject}");
    }
}

#[test]
fn a_newer_version_is_refused_and_says_what_to_do() {
    let mut sample = sample("lead.crawled.v1.json");
    sample["schemaversion"] = json!(999);
    let error = decode(&sample).unwrap_err();
    assert_eq!(error.to_string(), "event lead.crawled has schema version 999, newer than 1: upgrade the reader");
}

#[test]
fn an_unknown_type_is_refused() {
    let mut sample = sample("lead.crawled.v1.json");
    sample["type"] = json!("lead.teleported");
    assert_eq!(decode(&sample), Err(DecodeError::UnknownType { name: "lead.teleported".to_owned() }));
}

#[test]
fn other_specversions_and_version_zero_are_refused() {
    for (attribute, value) in [("specversion", json!("0.3")), ("schemaversion", json!(0))] {
        let mut sample = sample("lead.crawled.v1.json");
        sample[attribute] = value;
        assert!(matches!(decode(&sample), Err(DecodeError::Envelope { .. })), "{attribute}");
    }
}

#[test]
fn an_attribute_that_is_missing_or_malformed_is_refused() {
    for attribute in ["id", "time", "tenantid", "actor", "correlationid", "data"] {
        let mut sample = sample("lead.crawled.v1.json");
        sample.as_object_mut().unwrap().remove(attribute);
        let bytes = serde_json::to_vec(&sample).unwrap();
        assert!(Envelope::decode("evt.acme.lead.crawled", &bytes).is_err(), "{attribute}");
    }
    let mut sample = sample("lead.crawled.v1.json");
    sample["runid"] = json!("not a number");
    assert!(matches!(decode(&sample), Err(DecodeError::Id(_))));
}

#[test]
fn an_attribute_of_somebody_elses_is_passed_over() {
    let mut sample = sample("lead.crawled.v1.json");
    let envelope = decode(&sample).unwrap();
    sample["partitionkey"] = json!("added by a broker bridge");
    assert_eq!(decode(&sample), Ok(envelope));
}

#[test]
fn an_error_never_repeats_what_the_event_holds() {
    let mut sample = sample("lead.extracted.v1.json");
    sample["data"]["emails"] = json!("jane@acme.example");
    let text = decode(&sample).unwrap_err().to_string();
    assert!(text.contains("lead.extracted") && !text.contains("jane"), "{text}");
}

#[test]
fn an_event_larger_than_the_limit_is_refused() {
    let (header, event) = created(&"x".repeat(EVENT_BYTES_MAX));
    let error = header.encode(&event).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { name: "tenant.created", bytes } if bytes > EVENT_BYTES_MAX));
    assert!(error.to_string().contains("bulk data belongs in a table"));
}

/// The audit chain knows an event by what every reader, older or newer, takes for its id.
#[test]
fn every_sample_is_known_to_the_chain_by_its_id() {
    for (file, sample) in samples() {
        let (subject, bytes) = (subject_of(&sample), serde_json::to_vec(&sample).unwrap());
        assert_eq!(presdr_events::chain::identify(&subject, &bytes, 1), decode(&sample).unwrap().id, "samples/{file}");
    }
}

#[test]
fn every_sealed_value_of_an_event_is_told_of() {
    fn sealed(value: &Value) -> usize {
        match value {
            Value::Object(fields) if fields.contains_key("sealed") => 1,
            Value::Object(fields) => fields.values().map(sealed).sum(),
            Value::Array(values) => values.iter().map(sealed).sum(),
            _ => 0,
        }
    }
    let mut values = 0;
    for (file, sample) in samples() {
        let event = decode(&sample).unwrap().event;
        assert_eq!(event.personal().len(), sealed(&sample), "{file}: add its values to `Event::personal`");
        assert!(event.personal().iter().all(|(_, value)| event.subjects().contains(&value.subject)), "{file}");
        let is_naming = Event::NAMING.contains(&event.event_type());
        assert_eq!(!event.subjects().is_empty(), is_naming, "{file}: `Event::NAMING` says who names people");
        values += sealed(&sample);
    }
    assert!(values > 5, "the samples hold sealed values");
}
