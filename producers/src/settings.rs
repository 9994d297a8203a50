//! A tenant's settings: showing them with their defaults, and setting sections of them.

use presdr_events::{Digest, Event, Step, TenantId, tenant};
use presdr_rules::{
    score::{Thresholds, Weights},
    settings::{AlertLimits, EmailPolicy, OdooSettings, Retention, RunSettings, Section},
};
use presdr_store::{settings, tenants};
use presdr_vendors::VendorSettings;
use serde_json::{Map, Value};

use crate::{CommandError, Desk, desk::tenant_step};

/// What is known of a section without knowing its type.
struct Form {
    name: &'static str,
    /// The section with its defaults filled in, or what is wrong with it.
    read: fn(&Value) -> Result<Value, String>,
}

impl Form {
    const fn of<T: Section>() -> Self {
        Self { name: T::NAME, read: read::<T> }
    }
}

/// Every section there is.
const FORMS: [Form; 8] = [
    Form::of::<Weights>(),
    Form::of::<Thresholds>(),
    Form::of::<EmailPolicy>(),
    Form::of::<AlertLimits>(),
    Form::of::<RunSettings>(),
    Form::of::<VendorSettings>(),
    Form::of::<Retention>(),
    Form::of::<OdooSettings>(),
];

/// A tenant's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often they were set.
    pub version: u32,
    /// Every section, with its defaults filled in.
    pub sections: Map<String, Value>,
    /// The sections that differ from the defaults because the tenant set them.
    pub set: Vec<String>,
}

/// What was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsSet {
    /// The new version.
    pub version: u32,
    /// The sections that were given.
    pub sections: Vec<String>,
    /// The event's sequence in EVENTS.
    pub sequence: u64,
}

/// Sets the sections that the JSON document `text` has; each replaces what was set of it before, `null` brings its defaults back. The other
/// sections stay.
///
/// # Errors
/// [`CommandError::Refused`] names every section that cannot be read or makes no sense, with the offending key; then nothing is set.
pub async fn set(desk: &Desk, tenant: &TenantId, text: &str) -> Result<SettingsSet, CommandError> {
    let given = checked(text).map_err(CommandError::Refused)?;
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let stored = settings::change(&mut tx, &given).await?;
    let sections: Vec<String> = given.into_iter().map(|(name, _)| name).collect();
    let event = Event::SettingsSet(tenant::SettingsSet {
        step: Step::done("settings", 0, stored.version, Vec::new()).with("sections", sections.join(",")),
        version: stored.version,
        sections: sections.clone(),
        content_hash: hash(&stored.sections),
    });
    let sequence = desk.commit(tx, tenant_step(tenant, "settings", stored.version), &event).await?;
    Ok(SettingsSet { version: stored.version, sections, sequence })
}

/// What is wrong with a section; `None` when nothing is.
#[must_use]
pub fn problem(name: &str, section: &Value) -> Option<String> {
    match FORMS.iter().find(|form| form.name == name) {
        Some(form) => (form.read)(section).err(),
        None => Some(format!("{name}: there is no such section")),
    }
}

/// Sets one key of a section; what the tenant has set beside it stays.
///
/// # Errors
/// As [`set`].
pub async fn set_key(
    desk: &Desk,
    tenant: &TenantId,
    section: &'static str,
    key: &str,
    value: Value,
) -> Result<SettingsSet, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let stored = settings::stored(&mut tx).await?.sections.remove(section);
    drop(tx);
    let mut whole = match stored {
        Some(Value::Object(whole)) => whole,
        _ => Map::new(),
    };
    whole.insert(key.to_owned(), value);
    set(desk, tenant, &Value::Object(Map::from_iter([(section.to_owned(), Value::Object(whole))])).to_string()).await
}

/// The tenant's settings as they hold now.
///
/// # Errors
/// [`CommandError::Refused`] when what is stored of a section cannot be read; otherwise what the database says.
pub async fn show(desk: &Desk, tenant: &TenantId) -> Result<Settings, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let stored = settings::stored(&mut tx).await?;
    let mut sections = Map::new();
    for form in &FORMS {
        let section = stored.sections.get(form.name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let whole = (form.read)(&section).map_err(|problem| {
            CommandError::Refused(format!("settings of tenant {tenant}: {}: {problem}", form.name))
        })?;
        sections.insert(form.name.to_owned(), whole);
    }
    let set = stored.sections.into_iter().map(|(name, _)| name).collect();
    Ok(Settings { version: stored.version, sections, set })
}

fn read<T: Section>(section: &Value) -> Result<Value, String> {
    // An array would be read as the fields in their order.
    if !section.is_object() {
        return Err("expected an object".to_owned());
    }
    let read: T = serde_json::from_value(section.clone()).map_err(|error| error.to_string())?;
    match read.problem() {
        Some(problem) => Err(problem),
        None => serde_json::to_value(read).map_err(|error| error.to_string()),
    }
}

/// The sections that a document gives, each as it is written there, or everything that is wrong with it.
fn checked(text: &str) -> Result<Map<String, Value>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("the settings are no JSON: {error}"))?;
    let Value::Object(given) = document else {
        return Err("the settings are no JSON object of sections".to_owned());
    };
    let problem = |(name, section): (&String, &Value)| match FORMS.iter().find(|form| form.name == name) {
        None => Some(format!("{name}: there is no such section")),
        Some(_) if section.is_null() => None,
        Some(form) => (form.read)(section).err().map(|problem| format!("{name}: {problem}")),
    };
    let problems: Vec<String> = given.iter().filter_map(problem).collect();
    match problems.is_empty() {
        _ if given.is_empty() => Err(format!("the settings have no section; the sections are {}", names())),
        true => Ok(given),
        false => Err(format!("{}; the sections are {}", problems.join("; "), names())),
    }
}

fn names() -> String {
    FORMS.map(|form| form.name).join(", ")
}

/// SHA-256 of the JSON, whose keys `serde_json` keeps sorted, in lower-case hex.
fn hash(sections: &Map<String, Value>) -> String {
    let json = Value::Object(sections.clone()).to_string();
    Digest::of(json.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_named_with_what_is_wrong_in_it() {
        let wrong = checked(
            r#"{"wieghts": {}, "weights": {"industrie_fit": 1}, "schedule": {"daily_cap": 0}, "vendors": {"caps": {"usd": {"day": -1}}},
                "alerts": [30, 20], "thresholds": {"high": 0.5}, "email_policy": {"free_mail": "exclude"}}"#,
        )
        .unwrap_err();
        for part in [
            "wieghts: there is no such section",
            "weights: ",
            "industrie_fit",
            "schedule: daily_cap",
            "vendors: ",
            "alerts: expected",
        ] {
            assert!(wrong.contains(part), "{part:?} is not in {wrong}");
        }
        assert!(!wrong.contains("thresholds: ") && !wrong.contains("email_policy: "), "{wrong}");
        assert!(checked("[]").is_err() && checked("{}").is_err() && checked("{").is_err());
    }

    #[test]
    fn a_section_is_kept_as_it_is_written_and_shown_whole() {
        let given = checked(r#"{"schedule": {}, "retention": null, "thresholds": {"high": 0.8}}"#).unwrap();
        assert_eq!(
            given["thresholds"],
            serde_json::json!({ "high": 0.8 }),
            "a default that changes later changes for this tenant too"
        );
        let whole = read::<Thresholds>(&given["thresholds"]).unwrap();
        assert_eq!(whole, serde_json::json!({ "high": 0.8, "medium": 0.45, "high_confidence": 0.5 }));
    }

    #[test]
    fn no_two_sections_share_a_name() {
        let names: std::collections::BTreeSet<_> = FORMS.iter().map(|form| form.name).collect();
        assert_eq!(names.len(), FORMS.len());
        for form in &FORMS {
            assert!((form.read)(&Value::Object(Map::new())).is_ok(), "the defaults of {} hold", form.name);
        }
    }
}
