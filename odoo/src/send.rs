//! Many rows at once by Odoo's `load`, which takes all of a batch or nothing: a bad row is found, left out, and the others go on.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Call, Fault, Odoo, is_collision, no_right_to_write};

/// Rows of one call: measured on Odoo 19, larger batches take as long a row and hold more up when one is bad.
pub const BATCH: usize = 200;
/// How often rows that met another transaction are sent again at once; then the whole sync waits.
const COLLISIONS_MAX: u32 = 4;
const COLLISION_PAUSE: Duration = Duration::from_millis(250);

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// It is there, under this number.
    There(i64),
    /// The record that it was to change is not there any more.
    Gone,
    /// Odoo refuses it; which field it names, in our own words.
    Refused(String),
}

#[derive(Deserialize)]
struct Answer {
    ids: Value,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
    field: Option<String>,
    rows: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    from: usize,
    to: usize,
}

/// What one call came to.
enum Once {
    /// So many of the first rows are there.
    There(Vec<i64>),
    /// These rows are bad, by their place.
    Bad(BTreeMap<usize, Loaded>),
    /// Some row is bad, and Odoo does not say which.
    Unclear(String),
}

/// Sends rows under `columns`; tells of each, in its order, what became of it.
///
/// # Errors
/// [`Fault`]: of those sent before it nothing is known here; the same rows may be sent again.
pub async fn load(
    odoo: &Odoo,
    model: &'static str,
    columns: &[String],
    rows: &[Vec<Value>],
) -> Result<Vec<Loaded>, Fault> {
    let mut loaded: Vec<Option<Loaded>> = vec![None; rows.len()];
    let mut waiting: Vec<Vec<usize>> = vec![(0..rows.len()).collect()];
    while let Some(batch) = waiting.pop() {
        if batch.is_empty() {
            continue;
        }
        match patiently(odoo, model, columns, rows, &batch).await? {
            Once::There(ids) => {
                let (there, rest) = batch.split_at(ids.len().min(batch.len()));
                there.iter().zip(ids).for_each(|(row, id)| loaded[*row] = Some(Loaded::There(id)));
                waiting.push(rest.to_vec());
            }
            Once::Bad(bad) => {
                let mut rest = Vec::new();
                for (place, row) in batch.iter().enumerate() {
                    match bad.get(&place) {
                        Some(why) if batch.len() == 1 => loaded[*row] = Some(why.clone()),
                        // Odoo tells a rule's refusal of any row of the first one, too: who is bad is bad alone.
                        Some(_) => waiting.push(vec![*row]),
                        None => rest.push(*row),
                    }
                }
                waiting.push(rest);
            }
            Once::Unclear(why) if batch.len() == 1 => loaded[batch[0]] = Some(Loaded::Refused(why)),
            Once::Unclear(_) => {
                let (first, second) = batch.split_at(batch.len() / 2);
                waiting.extend([second.to_vec(), first.to_vec()]);
            }
        }
    }
    let never = || Loaded::Refused("Odoo said nothing of it".to_owned());
    Ok(loaded.into_iter().map(|loaded| loaded.unwrap_or_else(never)).collect())
}

/// Sends a batch, again after a moment while it meets other transactions: `load` tells of those with status 200, so Odoo itself does not.
async fn patiently(
    odoo: &Odoo,
    model: &'static str,
    columns: &[String],
    rows: &[Vec<Value>],
    batch: &[usize],
) -> Result<Once, Fault> {
    let data: Vec<&Vec<Value>> = batch.iter().map(|row| &rows[*row]).collect();
    let mut tried = 0;
    loop {
        let arguments = vec![("fields", json!(columns)), ("data", json!(data))];
        let answered = odoo.call::<Answer>(Call { model, method: "load", ids: None, arguments }).await;
        let once = match answered {
            Ok(answer) => read(model, columns, batch.len(), answer),
            Err(Fault::Refused(why)) => Ok(Once::Unclear(why)),
            Err(Fault::Missing) => Ok(Once::Unclear("it refers to a record that is not there".to_owned())),
            Err(fault) => Err(fault),
        };
        tried += 1;
        match once {
            Err(Fault::Retry(why)) if tried < COLLISIONS_MAX && is_collision(&why) => {
                tokio::time::sleep(COLLISION_PAUSE * tried).await;
            }
            once => return once,
        }
    }
}

fn read(model: &'static str, columns: &[String], sent: usize, answer: Answer) -> Result<Once, Fault> {
    if let Value::Array(ids) = &answer.ids {
        let ids: Vec<i64> = ids.iter().filter_map(Value::as_i64).collect();
        return if ids.is_empty() { Ok(Once::Unclear("Odoo took none".to_owned())) } else { Ok(Once::There(ids)) };
    }
    let errors: Vec<&Message> = answer.messages.iter().filter(|message| message.kind != "warning").collect();
    if errors.iter().any(|error| is_collision(&error.message)) {
        return Err(Fault::Retry("could not serialize: two transactions met in Odoo".to_owned()));
    }
    if errors.iter().any(|error| error.message.starts_with("You are not allowed")) {
        return Err(no_right_to_write(model));
    }
    let mut bad = BTreeMap::new();
    for error in errors {
        let Some(rows) = error.rows.as_ref().filter(|rows| rows.from <= rows.to && rows.to < sent) else { continue };
        for place in rows.from..=rows.to {
            bad.entry(place).or_insert_with(|| why(columns, error.field.as_deref()));
        }
    }
    match bad.is_empty() {
        true => Ok(Once::Unclear("Odoo refuses it and does not say why".to_owned())),
        false => Ok(Once::Bad(bad)),
    }
}

/// In our own words: the message may quote the value. A field is named only if it is one that we sent.
fn why(columns: &[String], field: Option<&str>) -> Loaded {
    match field {
        Some(".id") => Loaded::Gone,
        Some(field) if columns.iter().any(|column| column.split('/').next() == Some(field)) => {
            Loaded::Refused(format!("Odoo refuses what {field} is"))
        }
        _ => Loaded::Refused("Odoo refuses it: a rule there does not allow such a record".to_owned()),
    }
}

#[cfg(test)]
mod tests;
