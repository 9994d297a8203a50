//! Search domains in prefix notation.

use serde_json::{Map, Value};

use super::{answer::Failure, data::Table};

/// Whether all fields of a domain are there: asked before any record is looked at.
pub(super) fn check(domain: &[Value], table: &Table, model: &str) -> Result<(), Failure> {
    let fields = domain.iter().filter_map(|term| term.as_array()?.first()?.as_str());
    match fields.into_iter().find(|field| *field != "id" && !table.fields.contains_key(*field)) {
        Some(field) => Err(Failure::no_field(field, model)),
        None => Ok(()),
    }
}

/// Whether a record is in a domain.
pub(super) fn holds(domain: &[Value], id: i64, row: &Map<String, Value>) -> Result<bool, Failure> {
    let mut terms = domain.iter();
    let mut all = true;
    // Terms that no operator joins are all to hold.
    while terms.len() > 0 {
        all &= term(&mut terms, id, row)?;
    }
    Ok(all)
}

fn term<'a>(terms: &mut impl Iterator<Item = &'a Value>, id: i64, row: &Map<String, Value>) -> Result<bool, Failure> {
    let malformed = || Failure::new(500, "builtins.ValueError", "malformed domain");
    match terms.next().ok_or_else(malformed)? {
        Value::String(operator) if operator == "!" => Ok(!term(terms, id, row)?),
        Value::String(operator) => {
            let (first, second) = (term(terms, id, row)?, term(terms, id, row)?);
            if operator == "|" { Ok(first || second) } else { Ok(first && second) }
        }
        Value::Array(leaf) => {
            let [Value::String(field), Value::String(operator), wanted] = leaf.as_slice() else {
                return Err(malformed());
            };
            let held =
                if field == "id" { Value::from(id) } else { row.get(field).cloned().unwrap_or(Value::Bool(false)) };
            compare(&held, operator, wanted).ok_or_else(malformed)
        }
        _ => Err(malformed()),
    }
}

fn compare(held: &Value, operator: &str, wanted: &Value) -> Option<bool> {
    let lower = |value: &Value| value.as_str().unwrap_or("").to_lowercase();
    Some(match operator {
        "=" => held == wanted,
        "!=" => held != wanted,
        ">=" => held.as_str()? >= wanted.as_str()?,
        "in" => wanted.as_array()?.contains(held),
        "not in" => !wanted.as_array()?.contains(held),
        "ilike" => held.is_string() && lower(held).contains(&lower(wanted)),
        "=ilike" => held.is_string() && lower(held) == lower(wanted),
        _ => return None,
    })
}
