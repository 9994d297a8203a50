//! An answer by a JSON schema: each property by its type, its value from the text by what the property is called.

use serde_json::{Map, Value, json};

use crate::vendors::openai::evidence::{Evidence, Named};
use crate::vendors::openai::strict::has_type;

/// How deep references and objects are followed.
const DEPTH_MAX: usize = 12;
/// How many items a list gets.
const ITEMS_MAX: usize = 12;

/// A value that the schema allows.
pub(super) fn fill(schema: &Value, evidence: &Evidence) -> Value {
    let filling = Filling { root: schema, evidence, of: None, depth: 0 };
    filling.value(schema, "")
}

/// What a value is made from: the text, or one thing of it.
#[derive(Clone)]
struct Filling<'a> {
    root: &'a Value,
    evidence: &'a Evidence,
    /// The person, address, number or item that an object of a list is about.
    of: Option<Thing>,
    depth: usize,
}

#[derive(Clone)]
enum Thing {
    Person(Named),
    Text(String),
}

impl Filling<'_> {
    fn value(&self, schema: &Value, name: &str) -> Value {
        let schema = self.resolved(schema);
        if self.depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            return self.any(choices, name);
        }
        if let Some(choices) = schema["enum"].as_array() {
            return self.choice(choices);
        }
        let nullable = has_type(schema, "null");
        let found = match () {
            () if has_type(schema, "object") => Some(self.object(schema)),
            () if has_type(schema, "array") => Some(self.list(schema, name)),
            () if has_type(schema, "string") => self.string(name).map(Value::String),
            () if has_type(schema, "integer") => self.number(schema, name, true),
            () if has_type(schema, "number") => self.number(schema, name, false),
            () if has_type(schema, "boolean") => Some(json!(self.mentioned(name))),
            () => None,
        };
        found.unwrap_or_else(|| if nullable { Value::Null } else { self.nothing(schema) })
    }

    /// What stands for nothing where null is not allowed.
    fn nothing(&self, schema: &Value) -> Value {
        match () {
            () if has_type(schema, "string") => json!(""),
            () if has_type(schema, "integer") => json!(schema["minimum"].as_i64().unwrap_or(0)),
            () if has_type(schema, "number") => json!(schema["minimum"].as_f64().unwrap_or(0.0)),
            () => Value::Null,
        }
    }

    /// The schema behind references.
    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let mut schema = schema;
        for _ in 0..DEPTH_MAX {
            let Some(pointer) = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')) else { break };
            match self.root.pointer(pointer) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    /// The first choice that something is known for; null where that is a choice and nothing is.
    fn any(&self, choices: &[Value], name: &str) -> Value {
        let null = choices.iter().any(|choice| choice["type"] == "null");
        for choice in choices.iter().filter(|choice| choice["type"] != "null") {
            let value = self.deeper().value(choice, name);
            if !null || !empty(&value) {
                return value;
            }
        }
        Value::Null
    }

    /// The first choice that the text names; else the one that stands for not knowing; else the first.
    fn choice(&self, choices: &[Value]) -> Value {
        let shy =
            |choice: &str| matches!(choice.to_lowercase().as_str(), "unknown" | "other" | "none" | "unclear" | "n/a");
        let named = |choice: &&Value| {
            choice
                .as_str()
                .is_some_and(|text| !shy(text) && self.evidence.lower.contains(&text.to_lowercase().replace('_', " ")))
        };
        let unknown = |choice: &&Value| choice.is_null() || choice.as_str().is_some_and(shy);
        let found = choices.iter().find(named).or_else(|| choices.iter().find(unknown));
        found.or(choices.first()).cloned().unwrap_or_default()
    }

    fn object(&self, schema: &Value) -> Value {
        let Some(properties) = schema["properties"].as_object() else { return json!({}) };
        let inner = self.deeper();
        let filled = properties.iter().map(|(name, schema)| (name.clone(), inner.value(schema, name)));
        Value::Object(filled.collect::<Map<String, Value>>())
    }

    fn list(&self, schema: &Value, name: &str) -> Value {
        let items = self.resolved(&schema["items"]);
        let most = schema["maxItems"].as_u64().map_or(ITEMS_MAX, |most| most as usize);
        let mut things = self.things(items, name);
        things.truncate(most);
        let fill = |thing: Thing| match (&thing, has_type(items, "string") && items.get("enum").is_none()) {
            (Thing::Text(text), true) => json!(text),
            (Thing::Person(person), true) => json!(person.name),
            _ => Filling { of: Some(thing), ..self.deeper() }.value(items, name),
        };
        Value::Array(things.into_iter().map(fill).collect())
    }

    /// What a list of that name lists.
    fn things(&self, items: &Value, name: &str) -> Vec<Thing> {
        let evidence = self.evidence;
        let texts = |texts: &[String]| texts.iter().cloned().map(Thing::Text).collect::<Vec<_>>();
        let has = |part: &str| {
            items["properties"].as_object().is_some_and(|all| all.keys().any(|key| key.to_lowercase().contains(part)))
        };
        let people = || evidence.people.iter().cloned().map(Thing::Person).collect::<Vec<_>>();
        match kind(name) {
            Some(Kind::Email) if has_type(items, "object") => {
                evidence.emails.iter().map(|email| self.owner(email)).collect()
            }
            Some(Kind::Email) => texts(&evidence.emails),
            Some(Kind::Phone) => texts(&evidence.phones),
            Some(Kind::Url) => texts(&evidence.urls),
            Some(Kind::Person) => people(),
            _ if has("email") => {
                let unnamed = evidence
                    .emails
                    .iter()
                    .filter(|email| !evidence.people.iter().any(|person| person.email.as_deref() == Some(email)));
                people().into_iter().chain(unnamed.cloned().map(Thing::Text)).collect()
            }
            _ if has("role") => people(),
            Some(Kind::Offer) => texts(&evidence.items),
            _ => vec![],
        }
    }

    /// An address with whoever it belongs to, as far as the text tells.
    fn owner(&self, email: &str) -> Thing {
        let known = self.evidence.people.iter().find(|person| person.email.as_deref() == Some(email));
        Thing::Person(known.cloned().unwrap_or_else(|| Named { email: Some(email.to_owned()), ..Named::default() }))
    }

    fn string(&self, name: &str) -> Option<String> {
        let evidence = self.evidence;
        if let Some(thing) = &self.of {
            return of_thing(thing, name);
        }
        match kind(name)? {
            Kind::Email => evidence.emails.first().cloned(),
            Kind::Phone => evidence.phones.first().cloned(),
            Kind::Url => evidence.urls.first().cloned(),
            Kind::Domain => evidence.domain(),
            Kind::About => evidence.about(),
            Kind::Sentence => Some(evidence.sentence.clone()),
            Kind::Address => evidence.address.clone(),
            Kind::Role => evidence.people.first().and_then(|person| person.role.clone()),
            Kind::Person => evidence.people.first().and_then(|person| person.name.clone()),
            Kind::Name => evidence.name(),
            Kind::Country => evidence.lower.contains("singapore").then(|| "Singapore".to_owned()),
            Kind::Quote => evidence.paragraphs.first().cloned(),
            Kind::Offer => evidence.items.first().cloned(),
        }
    }

    fn number(&self, schema: &Value, name: &str, whole: bool) -> Option<Value> {
        let name = name.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let found = match () {
            () if has(&["employee", "headcount", "staff", "team_size"]) => self.evidence.headcount,
            () if has(&["founded", "year", "established", "since"]) => self.evidence.founded,
            () if has(&["job", "opening", "vacanc"]) => {
                Some(self.evidence.items.iter().filter(|item| item.contains("-time)")).count() as u64)
            }
            () => None,
        };
        if let Some(found) = found {
            return Some(if whole { json!(found) } else { json!(found as f64) });
        }
        // How sure the answer is of itself: sure, within what may be said.
        let sure = has(&["confidence", "score", "certainty", "probability"]);
        let most = schema["maximum"].as_f64().unwrap_or(1.0);
        sure.then(|| if whole { json!(most.floor() as i64) } else { json!(most * 0.8) })
    }

    /// Whether the text speaks of what the property is called.
    fn mentioned(&self, name: &str) -> bool {
        let words = name.to_lowercase();
        let mut words = words.split('_').filter(|word| !matches!(*word, "is" | "has" | "the" | "a"));
        words.next().is_some_and(|word| self.evidence.lower.contains(word))
    }

    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }
}

/// What a property is about, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Email,
    Phone,
    Url,
    Domain,
    About,
    Sentence,
    Address,
    Role,
    Person,
    Name,
    Country,
    Quote,
    Offer,
}

fn kind(name: &str) -> Option<Kind> {
    const KINDS: [(&[&str], Kind); 13] = [
        (&["email", "e_mail", "mailbox"], Kind::Email),
        (&["phone", "telephone", "mobile", "fax"], Kind::Phone),
        (&["domain"], Kind::Domain),
        (&["url", "website", "link", "homepage"], Kind::Url),
        (&["quote", "evidence", "snippet"], Kind::Quote),
        (&["rationale", "reason", "explanation", "why", "sentence", "text"], Kind::Sentence),
        (&["about", "description", "summary", "overview", "pitch", "does"], Kind::About),
        (&["address", "street"], Kind::Address),
        (&["role", "job_title", "title", "position"], Kind::Role),
        (&["people", "person", "contacts", "team", "leader", "staff", "founder", "employees"], Kind::Person),
        (&["service", "product", "offer", "keyword", "speciali", "solutions"], Kind::Offer),
        (&["country"], Kind::Country),
        (&["name", "company", "brand"], Kind::Name),
    ];
    let name = name.to_lowercase();
    // `about_text` is about something; `text` alone is what is said.
    if name.starts_with("about") {
        return Some(Kind::About);
    }
    KINDS.iter().find(|(parts, _)| parts.iter().any(|part| name.contains(part))).map(|(_, kind)| *kind)
}

/// A property of the thing that an object is about.
fn of_thing(thing: &Thing, name: &str) -> Option<String> {
    match (thing, kind(name)) {
        (Thing::Person(person), Some(Kind::Email | Kind::Address)) => person.email.clone(),
        (Thing::Person(person), Some(Kind::Phone)) => person.phone.clone(),
        (Thing::Person(person), Some(Kind::Role)) => person.role.clone(),
        (Thing::Person(person), Some(Kind::Name | Kind::Person | Kind::Quote)) => person.name.clone(),
        (Thing::Text(text), Some(Kind::Email)) => text.contains('@').then(|| text.clone()),
        (Thing::Text(text), Some(Kind::Phone)) => {
            text.starts_with(|letter: char| letter == '+' || letter.is_ascii_digit()).then(|| text.clone())
        }
        (Thing::Text(text), Some(Kind::Name)) => (!text.contains('@')).then(|| text.clone()),
        (Thing::Text(text), None | Some(Kind::Quote | Kind::Offer | Kind::Url)) => Some(text.clone()),
        _ => None,
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Welcome to Kelmora Engineering\n\nKelmora Engineering builds special machines for plants. A team of about 84 people works here. More.\n\n\
        * Automation\n* Repair\n\n## Idris Tanowick\n\nManaging Director\n\nEmail: idris@kelmora.example\n\nEmail: info@kelmora.example\nhttps://kelmora.example/about\n";

    fn object(properties: &Value) -> Value {
        json!({ "type": "object", "additionalProperties": false, "properties": properties })
    }

    #[test]
    fn every_property_is_filled_by_its_type_and_name() {
        let person = object(
            &json!({ "name": { "type": "string" }, "role_title": { "type": ["string", "null"] }, "email": { "type": ["string", "null"] } }),
        );
        let schema = object(&json!({
            "company_name": { "type": "string" },
            "about_text": { "type": ["string", "null"] },
            "emails": { "type": "array", "items": { "type": "string" } },
            "phones": { "type": "array", "items": { "type": "string" } },
            "people": { "type": "array", "items": { "$ref": "#/$defs/person" } },
            "email_list": { "type": "array", "items": object(&json!({ "address": { "type": "string" }, "name": { "type": ["string", "null"] } })) },
            "services": { "type": "array", "items": { "type": "string" }, "maxItems": 1 },
            "employees": { "type": ["integer", "null"] },
            "founded": { "type": ["integer", "null"] },
            "domain": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "fax": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "trade": { "type": "string", "enum": ["retail", "machines", "other"] },
            "size": { "type": "string", "enum": ["retail", "huge", "unknown"] },
            "hiring": { "type": "boolean" },
            "version": { "const": 2 },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
        }));
        let mut schema = schema;
        schema["$defs"] = json!({ "person": person });
        let filled = fill(&schema, &Evidence::of(PAGE, false));
        assert_eq!(
            filled,
            json!({
                "company_name": "Kelmora Engineering",
                "about_text": "Kelmora Engineering builds special machines for plants. A team of about 84 people works here.",
                "emails": ["idris@kelmora.example", "info@kelmora.example"],
                "phones": [],
                "people": [{ "name": "Idris Tanowick", "role_title": "Managing Director", "email": "idris@kelmora.example" }],
                "email_list": [{ "address": "idris@kelmora.example", "name": "Idris Tanowick" }, { "address": "info@kelmora.example", "name": null }],
                "services": ["Automation"],
                "employees": 84,
                "founded": null,
                "domain": "kelmora.example",
                "fax": null,
                "trade": "machines",
                "size": "unknown",
                "hiring": false,
                "version": 2,
                "confidence": 0.8,
            })
        );
    }
}
