//! Reading a profile document key by key, collecting every error on the way.

use serde_json::{Map, Value};

use super::{Bounds, IcpDocument, IcpError, IcpErrors, Schedule, normalise_label};

const KEYS: [&str; 10] = [
    "industries",
    "ssic_codes",
    "employee_range",
    "incorporation_year",
    "revenue_bucket",
    "geography",
    "keywords",
    "exclude",
    "titles",
    "schedule",
];
const BOUNDS_KEYS: [&str; 2] = ["min", "max"];

/// A profile travels in one event, which is at most 64 KiB.
const ENTRIES_MAX: usize = 300;
const ENTRY_CHARACTERS_MAX: usize = 120;
const EMPLOYEES: (u32, u32) = (0, 10_000_000);
const YEARS: (u32, u32) = (1800, 2200);

/// Reads the whole document; the errors come in the alphabetical order of its keys.
pub(super) fn document(value: &Value, known_ssic: &dyn Fn(&str) -> bool) -> Result<IcpDocument, IcpErrors> {
    let mut reader = Reader { errors: Vec::new() };
    let mut icp = IcpDocument::default();
    if let Some(object) = reader.object(value, "$", "an object with the keys of a profile") {
        for (key, value) in by_name(object) {
            reader.key(&mut icp, key, value, known_ssic);
        }
    }
    IcpErrors::none_or(reader.errors).map(|()| icp)
}

struct Reader {
    errors: Vec<IcpError>,
}

impl Reader {
    fn key(&mut self, icp: &mut IcpDocument, key: &str, value: &Value, known_ssic: &dyn Fn(&str) -> bool) {
        let path = child("$", key);
        match key {
            _ if !KEYS.contains(&key) => self.unknown_key("$", key, &KEYS),
            _ if value.is_null() => {}
            "industries" => icp.industries = self.labels(value, &path),
            "ssic_codes" => icp.ssic_codes = self.ssic_codes(value, &path, known_ssic),
            "employee_range" => icp.employee_range = self.bounds(value, &path, EMPLOYEES),
            "incorporation_year" => icp.incorporation_year = self.bounds(value, &path, YEARS),
            "revenue_bucket" => icp.revenue_bucket = self.label(value, &path),
            "geography" => icp.geography = self.labels(value, &path).into_iter().map(place).collect(),
            "keywords" => icp.keywords = self.labels(value, &path),
            "exclude" => icp.exclude = self.labels(value, &path),
            "titles" => icp.titles = self.labels(value, &path),
            "schedule" => icp.schedule = self.schedule(value, &path),
            _ => unreachable!("every name in KEYS has an arm above"),
        }
    }

    fn labels(&mut self, value: &Value, path: &str) -> Vec<String> {
        let Some(entries) = value.as_array() else {
            self.wrong_type(path, value, "a list of texts, such as [\"logistics\"]");
            return Vec::new();
        };
        if entries.len() > ENTRIES_MAX {
            let problem = format!("{} entries are more than the {ENTRIES_MAX} allowed", entries.len());
            self.refuse(path, problem, "keep those that matter most, or split the profile");
            return Vec::new();
        }
        let entries = entries.iter().enumerate();
        entries.filter_map(|(index, entry)| self.label(entry, &format!("{path}[{index}]"))).collect()
    }

    fn label(&mut self, value: &Value, path: &str) -> Option<String> {
        let Some(text) = value.as_str() else {
            self.wrong_type(path, value, "a text in quotes");
            return None;
        };
        let label = normalise_label(text);
        let length = label.chars().count();
        if label.is_empty() {
            self.refuse(path, "the text is empty".into(), "write a value or remove the entry");
        } else if length > ENTRY_CHARACTERS_MAX {
            let problem = format!("{length} characters are more than the {ENTRY_CHARACTERS_MAX} allowed");
            self.refuse(path, problem, "shorten it");
        } else {
            return Some(label);
        }
        None
    }

    fn ssic_codes(&mut self, value: &Value, path: &str, known: &dyn Fn(&str) -> bool) -> Vec<String> {
        let Some(entries) = value.as_array() else {
            return self.labels(value, path);
        };
        let mut codes = Vec::new();
        for (index, entry) in entries.iter().enumerate().take(ENTRIES_MAX) {
            let place = format!("{path}[{index}]");
            if entry.is_number() {
                self.wrong_type(&place, entry, "a code in quotes, such as \"01111\", to keep leading zeros");
                continue;
            }
            let Some(code) = self.label(entry, &place).map(|code| code.to_uppercase()) else {
                continue;
            };
            if !known(&code) {
                self.errors.push(IcpError::unknown_ssic(index, &code));
            } else if !has_ssic_form(&code) {
                let problem = format!("{code:?} is no SSIC code");
                self.refuse(&place, problem, "use a section letter or a code of 2 to 5 digits");
            } else {
                codes.push(code);
            }
        }
        if entries.len() > ENTRIES_MAX {
            let problem = format!("{} codes are more than the {ENTRIES_MAX} allowed", entries.len());
            self.refuse(path, problem, "use the shorter codes that cover them");
        }
        codes
    }

    fn bounds(&mut self, value: &Value, path: &str, limits: (u32, u32)) -> Option<Bounds> {
        let object = self.object(value, path, "an object such as {\"min\": 10, \"max\": 200}")?;
        for key in object.keys().filter(|key| !BOUNDS_KEYS.contains(&key.as_str())) {
            self.unknown_key(path, key, &BOUNDS_KEYS);
        }
        let min = self.end(object, path, "min", limits);
        let max = self.end(object, path, "max", limits);
        if let (Some(low), Some(high)) = (min, max)
            && low > high
        {
            let problem = format!("the range is reversed: min {low} is above max {high}");
            self.refuse(path, problem, "swap the two numbers");
        }
        Some(Bounds { min, max })
    }

    fn end(&mut self, object: &Map<String, Value>, path: &str, key: &str, (low, high): (u32, u32)) -> Option<u32> {
        let value = object.get(key).filter(|value| !value.is_null())?;
        let path = child(path, key);
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number {
            Some(number) if (low..=high).contains(&number) => Some(number),
            _ if value.is_number() => {
                let problem = format!("{value} is not a whole number from {low} to {high}");
                self.refuse(&path, problem, "write such a number, or leave the end out to keep it open");
                None
            }
            _ => {
                self.wrong_type(&path, value, "a whole number without quotes");
                None
            }
        }
    }

    fn schedule(&mut self, value: &Value, path: &str) -> Option<Schedule> {
        let text = self.label(value, path)?;
        let schedule = text.parse::<Schedule>();
        if let Err(unknown) = schedule {
            self.refuse(path, format!("{text:?} names no schedule"), &unknown.to_string());
        }
        schedule.ok()
    }

    fn object<'v>(&mut self, value: &'v Value, path: &str, wanted: &str) -> Option<&'v Map<String, Value>> {
        if !value.is_object() {
            self.wrong_type(path, value, wanted);
        }
        value.as_object()
    }

    fn wrong_type(&mut self, path: &str, value: &Value, wanted: &str) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.refuse(path, format!("{found} is the wrong type here"), &format!("write {wanted}"));
    }

    fn unknown_key(&mut self, parent: &str, key: &str, known: &[&str]) {
        let all = known.join(", ");
        let cure = match nearest(key, known) {
            Some(near) => format!("did you mean {near:?}? the keys are {all}"),
            None => format!("remove it; the keys are {all}"),
        };
        self.refuse(&child(parent, key), "the key is unknown".into(), &cure);
    }

    fn refuse(&mut self, path: &str, problem: String, cure: &str) {
        self.errors.push(IcpError { path: path.into(), problem, cure: cure.into() });
    }
}

/// JSON objects have no order of their own, and what the parser keeps depends on its build.
fn by_name(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut members: Vec<_> = object.iter().map(|(key, value)| (key.as_str(), value)).collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    members
}

fn child(parent: &str, key: &str) -> String {
    let plain = key.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if plain && !key.is_empty() { format!("{parent}.{key}") } else { format!("{parent}[{key:?}]") }
}

fn has_ssic_form(code: &str) -> bool {
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    let letters = code.bytes().all(|byte| byte.is_ascii_uppercase());
    (digits && (2..=5).contains(&code.len())) || (letters && code.len() == 1)
}

fn place(label: String) -> String {
    if label == "sg" { "singapore".into() } else { label }
}

/// The known key that a typing slip of up to two letters may have meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    // Beyond this length no known key is near, and the comparison below is quadratic.
    if key.len() > 40 {
        return None;
    }
    let slips = known.iter().map(|known| (edits(&key.to_lowercase(), known), *known));
    slips.min().filter(|(edits, known)| *edits <= 2.min(known.len() - 1)).map(|(_, known)| known)
}

/// Levenshtein distance, in characters.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, from) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, to) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
