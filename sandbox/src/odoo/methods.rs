//! The methods that presdr calls.

use serde_json::{Map, Value, json};

use super::{
    State,
    answer::Failure,
    data::{Database, Kind, PARTNER_MODEL, Rights, Table},
    domain, load,
};

/// What a mistake in a module often comes to. `load` tells of it as of an unknown error of the row's.
pub(super) const KEY_ERROR: &str = "builtins.KeyError";

/// One call: whose, on what, with which named arguments.
pub(super) struct Call<'a> {
    pub rights: Rights,
    pub uid: i64,
    pub model: &'a str,
    pub method: &'a str,
    pub arguments: Map<String, Value>,
}

impl Call<'_> {
    fn argument(&self, name: &str) -> Result<&Value, Failure> {
        self.arguments.get(name).ok_or_else(|| Failure::argument(name))
    }

    fn list(&self, name: &str) -> Result<&Vec<Value>, Failure> {
        self.argument(name)?.as_array().ok_or_else(|| Failure::argument(name))
    }

    fn ids(&self) -> Vec<i64> {
        self.arguments.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64).collect()
    }

    fn seen(&self) -> Seen {
        let archived = self.arguments.get("context").is_some_and(|context| context["active_test"] == json!(false));
        Seen { archived, of_all_companies: self.rights == Rights::Admin }
    }
}

/// Which records a call sees. Who made a company is in it, and nobody else is.
pub(super) struct Seen {
    archived: bool,
    of_all_companies: bool,
}

impl Seen {
    pub fn sees(&self, row: &Map<String, Value>) -> bool {
        (self.archived || row.get("active") != Some(&json!(false))) && self.may_read(row)
    }

    fn may_read(&self, row: &Map<String, Value>) -> bool {
        self.of_all_companies || row.get("company_id").is_none_or(|company| *company == json!(false))
    }
}

/// Answers a call, all of it or nothing.
pub(super) fn answer(state: &mut State, name: &str, call: &Call<'_>) -> Result<Value, Failure> {
    if call.method == "load" && state.collisions > 0 {
        state.collisions -= 1;
        let message = json!({ "type": "error", "message": "could not serialize access due to concurrent update\n", "rows": { "from": 0, "to": 0 } });
        return Ok(json!({ "ids": false, "messages": [message], "nextrow": 0 }));
    }
    if let Some(class) = state.broken.filter(|_| call.method == "load") {
        return Err(Failure::new(500, class, "'res.partner' object has no attribute 'of_a_module_of_the_tenants'"));
    }
    let Some(database) = state.databases.get_mut(name) else { return Err(Failure::no_model(call.model)) };
    let mut changed = database.clone();
    changed.clock += 1;
    let answered = in_database(&mut changed, call)?;
    *database = changed;
    Ok(answered)
}

fn in_database(database: &mut Database, call: &Call<'_>) -> Result<Value, Failure> {
    match (call.model, call.method) {
        ("res.users", "context_get") => return Ok(json!({ "lang": "en_US", "tz": "UTC", "uid": call.uid })),
        ("ir.model" | "ir.model.fields", _) if call.rights != Rights::Admin => {
            return Err(Failure::denied("access", call.model));
        }
        ("ir.model", "search") => return Ok(json!([PARTNER_MODEL])),
        ("ir.model.fields", "create") => return make_fields(database, call.list("vals_list")?),
        _ => {}
    }
    if call.method.starts_with('_') {
        let message = format!("Private methods (such as '{}.{}') cannot be called remotely.", call.model, call.method);
        return Err(Failure::new(403, "odoo.exceptions.AccessError", message));
    }
    if !database.tables.contains_key(call.model) {
        return Err(Failure::no_model(call.model));
    }
    may(call)?;
    match call.method {
        "fields_get" => fields_get(table(database, call.model)?, call),
        "search" => Ok(json!(search(table(database, call.model)?, call)?)),
        "search_count" => Ok(json!(search(table(database, call.model)?, call)?.len())),
        "search_read" => read(database, call, &search(table(database, call.model)?, call)?),
        "read" => read(database, call, &call.ids()),
        "create" => {
            let rows = call.list("vals_list")?.clone();
            let made = rows.iter().filter_map(Value::as_object).map(|values| create(database, call.model, values));
            Ok(json!(made.collect::<Result<Vec<i64>, _>>()?))
        }
        "write" => {
            let values = call.argument("vals")?.as_object().cloned().unwrap_or_default();
            for id in call.ids() {
                if values.get("active") == Some(&json!(false)) {
                    nobody_signs_in(database, call.model, id, "archive")?;
                }
                write(database, call.model, id, &values)?;
            }
            Ok(json!(true))
        }
        "action_archive" => {
            for id in call.ids() {
                nobody_signs_in(database, call.model, id, "archive")?;
                write(database, call.model, id, &Map::from_iter([("active".to_owned(), json!(false))]))?;
            }
            Ok(Value::Null)
        }
        "unlink" => unlink(database, call),
        "get_external_id" => Ok(external_ids(database, call)),
        "load" => {
            let (fields, data) = (call.list("fields")?.clone(), call.list("data")?.clone());
            load::load(database, call.model, &fields, &data, &call.seen())
        }
        _ => Err(Failure::no_method(call.model, call.method)),
    }
}

/// Whether the account may. `load` tells of it in its answer, with status 200.
fn may(call: &Call<'_>) -> Result<(), Failure> {
    let verb = match call.method {
        "create" => "create",
        "write" | "action_archive" => "modify",
        "unlink" => "delete",
        _ => return Ok(()),
    };
    let least = if matches!(call.model, "res.partner" | "crm.lead") { Rights::Service } else { Rights::Admin };
    if call.rights == Rights::Admin || call.rights == least { Ok(()) } else { Err(Failure::denied(verb, call.model)) }
}

fn table<'a>(database: &'a Database, model: &str) -> Result<&'a Table, Failure> {
    database.tables.get(model).ok_or_else(|| Failure::no_model(model))
}

fn fields_get(table: &Table, call: &Call<'_>) -> Result<Value, Failure> {
    let wanted = call.arguments.get("allfields").and_then(Value::as_array);
    let is_wanted = |name: &String| wanted.is_none_or(|wanted| wanted.contains(&json!(name)));
    let fields = table.fields.iter().filter(|(name, _)| is_wanted(name));
    Ok(Value::Object(fields.map(|(name, (_, kind))| (name.clone(), json!({ "type": kind }))).collect()))
}

fn search(table: &Table, call: &Call<'_>) -> Result<Vec<i64>, Failure> {
    let domain = call.list("domain")?;
    domain::check(domain, table, call.model)?;
    let mut found = Vec::new();
    for (id, row) in &table.rows {
        if call.seen().sees(row) && domain::holds(domain, *id, row)? {
            found.push(*id);
        }
    }
    Ok(found)
}

fn read(database: &Database, call: &Call<'_>, ids: &[i64]) -> Result<Value, Failure> {
    let table = table(database, call.model)?;
    let fields: Vec<&str> = call.list("fields")?.iter().filter_map(Value::as_str).collect();
    let mut rows = Vec::new();
    for id in ids {
        let Some(row) = table.rows.get(id) else { continue };
        if !call.seen().may_read(row) {
            let message = "Sorry, this account doesn't have 'read' access to:\n- Contact (res.partner)";
            return Err(Failure::new(403, "odoo.exceptions.AccessError", message));
        }
        let mut told = Map::from_iter([("id".to_owned(), json!(id))]);
        for field in &fields {
            let Some((kind, _)) = table.fields.get(*field) else { return Err(Failure::no_field(field, call.model)) };
            let held = row.get(*field).cloned().unwrap_or(Value::Bool(false));
            told.insert((*field).to_owned(), shown(database, *kind, held));
        }
        rows.push(Value::Object(told));
    }
    Ok(json!(rows))
}

/// As it is told: a reference with its name, a number that is not there as 0.
fn shown(database: &Database, kind: Kind, held: Value) -> Value {
    match (kind, &held) {
        (Kind::Record(model), Value::Number(id)) => {
            let row = id.as_i64().and_then(|id| database.tables.get(model)?.rows.get(&id));
            json!([id, row.map_or(json!(""), |row| row.get("name").cloned().unwrap_or(json!("")))])
        }
        (Kind::Number, Value::Bool(false)) => json!(0.0),
        _ => held,
    }
}

/// Makes a record.
pub(super) fn create(database: &mut Database, model: &str, values: &Map<String, Value>) -> Result<i64, Failure> {
    let table = database.tables.get_mut(model).ok_or_else(|| Failure::no_model(model))?;
    table.last_id += 1;
    let id = table.last_id;
    let mut row = Map::from_iter([("active".to_owned(), json!(true)), ("type".to_owned(), json!("contact"))]);
    if model == "crm.lead" {
        row.insert("type".to_owned(), json!("lead"));
    }
    let now = chrono::Utc::now().format("%F %T").to_string();
    row.insert("create_date".to_owned(), json!(now));
    table.rows.insert(id, row);
    write(database, model, id, values)?;
    Ok(id)
}

/// Writes fields of a record.
pub(super) fn write(database: &mut Database, model: &str, id: i64, values: &Map<String, Value>) -> Result<(), Failure> {
    let written_at = database.written_at();
    let table = database.tables.get_mut(model).ok_or_else(|| Failure::no_model(model))?;
    let known = table.fields.clone();
    let barcode = values.get("barcode").filter(|barcode| barcode.as_str().is_some_and(|barcode| !barcode.is_empty()));
    if table.rows.iter().any(|(other, row)| *other != id && barcode.is_some() && row.get("barcode") == barcode) {
        return Err(Failure::invalid("Another partner already has this barcode"));
    }
    let Some(row) = table.rows.get_mut(&id) else { return Err(Failure::missing(model, id)) };
    for (field, value) in values {
        let Some((kind, _)) = known.get(field) else { return Err(Failure::no_field(field, model)) };
        row.insert(field.clone(), kept(field, *kind, value)?);
    }
    row.insert("write_date".to_owned(), json!(written_at));
    let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
    if database.forbidden.is_some_and(|forbidden| name.contains(forbidden)) {
        return Err(Failure::invalid("Our rule does not allow such a name"));
    }
    if database.failing.is_some_and(|failing| name.contains(failing)) {
        return Err(Failure::new(500, KEY_ERROR, "vat"));
    }
    let is_named = row.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if model == "res.partner" && row.get("type") == Some(&json!("contact")) && !is_named {
        return Err(Failure::invalid("The operation cannot be completed: Contacts require a name"));
    }
    Ok(())
}

/// As it is kept: nothing is `false`, and a web site has a scheme.
fn kept(field: &str, kind: Kind, value: &Value) -> Result<Value, Failure> {
    Ok(match (kind, value) {
        (_, Value::Null) => json!(false),
        (Kind::Text, Value::String(text)) if text.is_empty() => json!(false),
        (Kind::Text, Value::String(text)) if field == "website" && !text.contains("://") => {
            json!(format!("http://{text}"))
        }
        (Kind::Number, Value::String(_)) => {
            return Err(Failure::new(500, "builtins.ValueError", "could not convert string to float"));
        }
        _ => value.clone(),
    })
}

/// A contact that somebody signs in with can be neither deleted nor archived.
fn nobody_signs_in(database: &Database, model: &str, id: i64, verb: &str) -> Result<(), Failure> {
    let mut users = database.tables.get("res.users").into_iter().flat_map(|table| table.rows.values());
    if model != "res.partner" || !users.any(|user| user.get("partner_id") == Some(&json!(id))) {
        return Ok(());
    }
    Err(Failure::invalid(format!("You cannot {verb} contacts linked to an active user.")))
}

/// An external id of each record; of one that has none, or is not there, nothing.
fn external_ids(database: &Database, call: &Call<'_>) -> Value {
    let of = |id: i64| {
        let mut known = database.external.iter();
        known.find(|(_, (model, record))| (model.as_str(), *record) == (call.model, id)).map(|(name, _)| name.clone())
    };
    call.ids().into_iter().map(|id| (id.to_string(), json!(of(id).unwrap_or_default()))).collect::<Map<_, _>>().into()
}

fn unlink(database: &mut Database, call: &Call<'_>) -> Result<Value, Failure> {
    for id in call.ids() {
        nobody_signs_in(database, call.model, id, "delete")?;
        let table = database.tables.get_mut(call.model).ok_or_else(|| Failure::no_model(call.model))?;
        if table.rows.remove(&id).is_none() {
            return Err(Failure::missing(call.model, id));
        }
        for row in table.rows.values_mut().filter(|row| row.get("parent_id") == Some(&json!(id))) {
            row.insert("parent_id".to_owned(), json!(false));
        }
        database.external.retain(|_, (model, record)| (model.as_str(), *record) != (call.model, id));
    }
    Ok(json!(true))
}

fn make_fields(database: &mut Database, rows: &[Value]) -> Result<Value, Failure> {
    let mut made = Vec::new();
    for (number, row) in (4_196_i64..).zip(rows) {
        let (name, kind) = (row["name"].as_str().unwrap_or(""), row["ttype"].as_str().unwrap_or(""));
        if !name.starts_with("x_") {
            return Err(Failure::invalid("Custom fields must have a name that starts with 'x_'!"));
        }
        let held = if kind == "float" { Kind::Number } else { Kind::Text };
        let Some(partners) = database.tables.get_mut("res.partner") else { continue };
        if partners.fields.insert(name.to_owned(), (held, kind.to_owned())).is_some() {
            return Err(Failure::invalid("Field names must be unique per model."));
        }
        made.push(number);
    }
    Ok(json!(made))
}
