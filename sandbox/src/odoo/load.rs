//! `load`: many rows by external id or number, all of them or none, told with status 200 whatever happens.

use serde_json::{Map, Value, json};

use super::{
    answer::Failure,
    data::{Database, Kind},
    methods::{KEY_ERROR, Seen, create, write},
};

pub(super) fn load(
    database: &mut Database,
    model: &str,
    fields: &[Value],
    data: &[Value],
    seen: &Seen,
) -> Result<Value, Failure> {
    let fields: Vec<&str> = fields.iter().filter_map(Value::as_str).collect();
    for field in fields.iter().filter(|field| !matches!(**field, "id" | ".id")) {
        let name = field.split('/').next().unwrap_or(field);
        let is_known = database.tables.get(model).is_some_and(|table| table.fields.contains_key(name));
        if !is_known {
            return Err(Failure::new(500, "builtins.ValueError", format!("Invalid field name '{name}'")));
        }
    }
    let mut changed = database.clone();
    let (mut ids, mut messages) = (Vec::new(), Vec::new());
    let (mut errors, mut of_all) = (0, None);
    for (place, row) in data.iter().enumerate() {
        let cells = row.as_array().cloned().unwrap_or_default();
        match one(&mut changed, model, &fields, &cells, seen) {
            Ok(id) => ids.push(id),
            Err(Bad::Row(bad)) => messages.extend(bad.into_iter().map(|message| placed(message, place))),
            Err(Bad::Record(failure)) if failure.class == KEY_ERROR => {
                let message = format!("Unknown error during import: <class 'KeyError'>: '{}'", failure.message);
                messages.push(placed(json!({ "message": message, "moreinfo": "Resolve other errors first" }), place));
                errors += 1;
            }
            Err(Bad::Record(failure)) => {
                let plain = failure.message.replace(SQL, "");
                // All rows are tried at once before each is alone: what a rule written in Python says then is told of the first.
                if plain == failure.message {
                    of_all.get_or_insert_with(|| placed(json!({ "message": plain }), 0));
                }
                messages.push(placed(json!({ "message": plain }), place));
                errors += 1;
            }
            Err(Bad::All(failure)) => return Err(failure),
        }
        if errors >= ERRORS_MAX && errors * 10 > place {
            let message = "Found more than 10 errors and more than one error per 10 records, interrupted to avoid showing too many errors.";
            messages.push(json!({ "type": "warning", "message": message }));
            break;
        }
    }
    if let Some(message) = of_all.filter(|message| !messages.contains(message)) {
        messages.insert(0, message);
    }
    if messages.is_empty() {
        *database = changed;
        return Ok(json!({ "ids": ids, "messages": [], "nextrow": 0 }));
    }
    Ok(json!({ "ids": false, "messages": messages, "nextrow": 0 }))
}

/// With so many errors, if they are more than one in ten, it looks at no more rows.
const ERRORS_MAX: usize = 10;
/// What a message of the database's own begins with where it is told as an error; in a message of `load` it does not.
const SQL: &str = "The operation cannot be completed: ";

fn placed(mut message: Value, place: usize) -> Value {
    message["rows"] = json!({ "from": place, "to": place });
    message["record"] = json!(place);
    message["type"] = json!("error");
    message
}

enum Bad {
    /// Its cells are not what its fields take.
    Row(Vec<Value>),
    /// It is not what a rule allows.
    Record(Failure),
    All(Failure),
}

fn one(database: &mut Database, model: &str, fields: &[&str], cells: &[Value], seen: &Seen) -> Result<i64, Bad> {
    let mut values = Map::new();
    let (mut external, mut number, mut bad) = (None, None, Vec::new());
    for (field, cell) in fields.iter().zip(cells) {
        match *field {
            "id" => external = cell.as_str().map(str::to_owned),
            ".id" => number = cell.as_i64().or_else(|| cell.as_str()?.parse().ok()),
            _ => match converted(database, model, field, cell) {
                Ok((name, value)) => drop(values.insert(name, value)),
                Err(Bad::Row(messages)) => bad.extend(messages),
                Err(all) => return Err(all),
            },
        }
    }
    if let Some(id) = number {
        let row = database.tables.get(model).and_then(|table| table.rows.get(&id));
        if row.is_none_or(|row| !seen.sees(row)) {
            let unknown = json!({ "field": ".id", "message": format!("Unknown database identifier '{id}'") });
            return Err(Bad::Row(vec![unknown]));
        }
    }
    if !bad.is_empty() {
        return Err(Bad::Row(bad));
    }
    let known = external.as_ref().and_then(|external| database.external.get(external)).map(|(_, id)| *id);
    let written = match number.or(known) {
        Some(id) => write(database, model, id, &values).map(|()| id),
        None => create(database, model, &values),
    };
    let id = written.map_err(|failure| match failure.status {
        500 if failure.class != KEY_ERROR => Bad::All(failure),
        _ => Bad::Record(failure),
    })?;
    if let Some(external) = external {
        let external = if external.contains('.') { external } else { format!("__import__.{external}") };
        database.external.insert(external, (model.to_owned(), id));
    }
    Ok(id)
}

/// A cell as its field takes it.
fn converted(database: &Database, model: &str, column: &str, cell: &Value) -> Result<(String, Value), Bad> {
    let (name, by) = column.split_once('/').map_or((column, None), |(name, by)| (name, Some(by)));
    let is_empty = matches!(cell, Value::Null | Value::Bool(false)) || cell.as_str() == Some("");
    let value = match (kind(database, model, name), by) {
        _ if is_empty => json!(false),
        (Some(Kind::Record(to)), Some("id")) => {
            let external = cell.as_str().and_then(|external| database.external.get(external));
            match external {
                Some((of, id)) if of == to => json!(id),
                _ => return Err(Bad::Row(vec![unmatched(name, "external id", cell)])),
            }
        }
        (Some(Kind::Record(to)), Some(".id")) => {
            let id = cell.as_i64().or_else(|| cell.as_str()?.parse().ok());
            match id.filter(|id| database.tables.get(to).is_some_and(|table| table.rows.contains_key(id))) {
                Some(id) => json!(id),
                None => return Err(Bad::Row(vec![unmatched(name, "database id", cell)])),
            }
        }
        (Some(Kind::Flag), _) => match cell {
            Value::String(text) => json!(matches!(text.as_str(), "1" | "True" | "true")),
            _ => return Err(Bad::All(Failure::no_argument("'bool' object has no attribute 'lower'"))),
        },
        (Some(Kind::Text), _) if cell.is_number() => json!(cell.to_string()),
        _ => cell.clone(),
    };
    Ok((name.to_owned(), value))
}

fn kind(database: &Database, model: &str, field: &str) -> Option<Kind> {
    Some(database.tables.get(model)?.fields.get(field)?.0)
}

fn unmatched(field: &str, by: &str, cell: &Value) -> Value {
    let cell = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    json!({ "field": field, "message": format!("No matching record found for {by} '{cell}' in field '{field}'") })
}
