//! The documents about the events are committed, valid, and say what the events really are.

#![allow(clippy::unwrap_used, reason = "a failed expectation is the test failing")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use presdr_events::schema::{ASYNCAPI_FILE, asyncapi, documents, json_schemas};
use serde_json::Value;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn json_files(folder: &str) -> BTreeMap<String, Value> {
    fs::read_dir(Path::new(HERE).join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
        })
        .collect()
}

#[test]
fn the_committed_schemas_are_the_ones_made_from_the_types() {
    let (committed, made) = (json_files("schema"), documents());
    let names = |documents: &BTreeMap<String, Value>| documents.keys().cloned().collect::<Vec<_>>();
    let cure = "regenerate with `presdr events schema --out events/schema`, and look at what it breaks";
    assert_eq!(names(&committed), names(&made), "{cure}");
    for (name, document) in made {
        assert!(committed[&name] == document, "events/schema/{name} is out of date: {cure}");
    }
}

#[test]
fn every_sample_follows_its_types_schema() {
    let schemas = json_schemas();
    for (file, sample) in json_files("samples") {
        let schema = &schemas[sample["type"].as_str().unwrap()];
        if schema["properties"]["schemaversion"]["const"] != sample["schemaversion"] {
            continue; // an older shape, read by upcasting: its schema is in the history
        }
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&sample).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "samples/{file}: {errors:#?}");
    }
}

#[test]
fn a_schema_refuses_what_the_decoder_refuses() {
    let schemas = json_schemas();
    let validator = jsonschema::draft202012::new(&schemas["lead.crawled"]).unwrap();
    let sample = &json_files("samples")["lead.crawled.v1.json"];
    let changed = |pointer: &str, value: Value| {
        let mut sample = sample.clone();
        *sample.pointer_mut(pointer).unwrap() = value;
        sample
    };
    assert!(validator.is_valid(sample));
    assert!(!validator.is_valid(&changed("/specversion", "0.3".into())));
    assert!(!validator.is_valid(&changed("/tenantid", "Not A Slug".into())));
    assert!(!validator.is_valid(&changed("/runid", 7.into())), "ids travel as strings");
    assert!(!validator.is_valid(&changed("/schemaversion", 2.into())));
    assert!(!validator.is_valid(&changed("/data/pages", Value::Null)));
}

#[test]
fn the_asyncapi_document_has_a_channel_for_every_type() {
    let document = asyncapi();
    for name in json_schemas().keys() {
        assert_eq!(document["channels"][name]["address"], format!("evt.{{tenant}}.{name}"));
        assert_eq!(document["components"]["messages"][name]["payload"]["properties"]["type"]["const"], *name);
    }
}

/// The validator is the AsyncAPI initiative's own; `scripts/validate-asyncapi.sh` installs it.
#[test]
fn the_official_validator_accepts_the_asyncapi_document() {
    let folder = Path::new(HERE).join("schema/validate");
    if !folder.join("node_modules/@asyncapi/parser").exists() {
        println!("skipped: @asyncapi/parser is not installed (scripts/validate-asyncapi.sh installs it with npm)");
        return;
    }
    let document = Path::new(HERE).join("schema").join(ASYNCAPI_FILE);
    let output = match Command::new("node").arg(folder.join("validate.mjs")).arg(document).output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: node does not start ({error})"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
