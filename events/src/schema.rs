//! The events written out for other programs: JSON Schema per type, and an AsyncAPI document of the whole log.
//!
//! Both are made from the Rust types, so they cannot drift from what is stored. `schema/` holds a committed copy: a change to
//! an event's form shows there in review.
//!
//! Sources: <https://json-schema.org/draft/2020-12>, <https://www.asyncapi.com/docs/reference/specification/v3.0.0>.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    Event,
    envelope::{EVENT_BYTES_MAX, Wire},
    event::EventForm,
};

/// The file that the AsyncAPI document has in a folder of schemas.
pub const ASYNCAPI_FILE: &str = "asyncapi.json";

/// JSON Schema (2020-12) of each event type's newest version, envelope and data, by the type's name.
#[must_use]
pub fn json_schemas() -> BTreeMap<String, Value> {
    Event::FORMS.iter().map(|form| (form.event_type.name.to_owned(), json_schema(form))).collect()
}

/// Every document by its file name: `<type>.v<version>.json` for each type, and [`ASYNCAPI_FILE`].
#[must_use]
pub fn documents() -> BTreeMap<String, Value> {
    let file = |form: &EventForm| format!("{}.v{}.json", form.event_type.name, form.event_type.version);
    let mut documents: BTreeMap<String, Value> =
        Event::FORMS.iter().map(|form| (file(form), json_schema(form))).collect();
    documents.insert(ASYNCAPI_FILE.to_owned(), asyncapi());
    documents
}

/// The AsyncAPI 3.0 document of the log: a channel `evt.{tenant}.<entity>.<type>` per event type, what is sent and read on it.
///
/// AsyncAPI's own schema dialect is a superset of JSON Schema draft 7, so the forms are written in draft 7 here.
#[must_use]
pub fn asyncapi() -> Value {
    let mut generator = settings(SchemaSettings::draft07(), "/components/schemas").into_generator();
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for form in Event::FORMS {
        let name = form.event_type.name;
        messages.insert(name.to_owned(), message(form, envelope(form, &mut generator)));
        channels.insert(name.to_owned(), channel(form));
        operations.insert(format!("send.{name}"), operation(form, "send"));
        operations.insert(format!("receive.{name}"), operation(form, "receive"));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "presdr events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "What happens in presdr, event by event. Each is a CloudEvents 1.0 JSON document in structured mode of at most \
                 {EVENT_BYTES_MAX} bytes, published once per event id on the NATS JetStream stream EVENTS. Personal values are \
                 sealed with their data subject's key."
            ),
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": generator.take_definitions(true) },
    })
}

/// Schemas say what may be read: a field that was added later, and is missing in older events, is not required.
fn settings(draft: SchemaSettings, definitions_path: &'static str) -> SchemaSettings {
    draft.for_deserialize().with(|settings| {
        settings.definitions_path = definitions_path.into();
        settings.meta_schema = None;
    })
}

fn json_schema(form: &EventForm) -> Value {
    let mut generator = settings(SchemaSettings::draft2020_12(), "/$defs").into_generator();
    let mut schema = envelope(form, &mut generator);
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
    schema.to_value()
}

/// The whole event: the envelope with this type's name, version and data in place.
fn envelope(form: &EventForm, generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Wire::<Value>::json_schema(generator);
    generator.transforms_mut().for_each(|transform| transform.transform(&mut schema));
    schema.insert("title".to_owned(), json!(form.event_type.name));
    schema.insert("description".to_owned(), json!(form.about));
    let data = (form.data)(generator).to_value();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("type".to_owned(), json!({ "const": form.event_type.name }));
        properties.insert("schemaversion".to_owned(), json!({ "const": form.event_type.version }));
        properties.insert("data".to_owned(), data);
    }
    schema
}

fn message(form: &EventForm, payload: Schema) -> Value {
    json!({
        "name": form.event_type.name,
        "title": form.event_type.name,
        "summary": form.about,
        "contentType": "application/cloudevents+json",
        "headers": {
            "type": "object",
            "required": ["Nats-Msg-Id"],
            "properties": {
                "Nats-Msg-Id": { "type": "string", "format": "uuid", "description": "The event's id, for de-duplication." },
            },
        },
        "payload": payload,
    })
}

fn channel(form: &EventForm) -> Value {
    let name = form.event_type.name;
    json!({
        "address": format!("evt.{{tenant}}.{name}"),
        "title": name,
        "summary": form.about,
        "parameters": { "tenant": { "description": "The tenant's slug, [a-z0-9-]{1,32}; equal to the event's tenantid." } },
        "messages": { name: { "$ref": format!("#/components/messages/{name}") } },
    })
}

fn operation(form: &EventForm, action: &str) -> Value {
    let name = form.event_type.name;
    json!({
        "action": action,
        "summary": form.about,
        "channel": { "$ref": format!("#/channels/{name}") },
        "messages": [{ "$ref": format!("#/channels/{name}/messages/{name}") }],
    })
}
