//! Many rows at once by Odoo's `load`, which takes all of a batch or nothing: a bad row is found, left out, and the others go on.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Call, Fault, Odoo, is_collision, no_right_to_write};

/// Rows of one call: measured on Odoo 19, larger batches take as long a row and hold more up when one is bad.
pub const BATCH: usize = 200;
/// So many rows that Odoo fails at, one by one, while it takes none and none is left to try: not they are bad, it is.
const BROKEN_MIN: usize = 3;
/// And so many, from all over the rows, while others are left: a few bad ones at the front say nothing of those behind them.
const BROKEN_EARLY: usize = 8;
/// What it is refused for that would be a contact without a name.
pub const NAMELESS: &str = "Odoo makes no contact without a name";
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
    /// Odoo fails at it, as it does at a mistake in a module of its own.
    Failed(String),
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
    /// Some row is bad, and Odoo does not say which; what it would be if it is the only one.
    Unclear(Loaded),
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
    while let Some(batch) = next(&mut waiting, &loaded) {
        if let Some(why) = broken(&loaded, BROKEN_EARLY) {
            return Err(Fault::Retry(why));
        }
        match patiently(odoo, model, columns, rows, &batch).await? {
            Once::There(ids) => {
                let (there, rest) = batch.split_at(ids.len().min(batch.len()));
                there.iter().zip(ids).for_each(|(row, id)| loaded[*row] = Some(Loaded::There(id)));
                waiting.extend(Some(rest.to_vec()).filter(|rest| !rest.is_empty()));
            }
            Once::Bad(bad) => {
                let (mut rest, mut alone) = (Vec::new(), Vec::new());
                for (place, row) in batch.iter().enumerate() {
                    match bad.get(&place) {
                        Some(why) if batch.len() == 1 => loaded[*row] = Some(why.clone()),
                        // Odoo tells a rule's refusal of any row of the first one, too: who is bad is bad alone.
                        Some(_) => alone.push(vec![*row]),
                        None => rest.push(*row),
                    }
                }
                waiting.extend(Some(rest).filter(|rest| !rest.is_empty()));
                waiting.extend(alone);
            }
            Once::Unclear(why) if batch.len() == 1 => loaded[batch[0]] = Some(why),
            Once::Unclear(_) => {
                let (first, second) = batch.split_at(batch.len() / 2);
                waiting.extend([second.to_vec(), first.to_vec()]);
            }
        }
    }
    if let Some(why) = broken(&loaded, BROKEN_MIN) {
        return Err(Fault::Retry(why));
    }
    let never = || Loaded::Refused("Odoo said nothing of it".to_owned());
    Ok(loaded.into_iter().map(|loaded| loaded.unwrap_or_else(never)).collect())
}

/// What is sent next. Once Odoo failed at a row and has taken none, that is one row from the middle of the most that wait: whether it takes any.
fn next(waiting: &mut Vec<Vec<usize>>, loaded: &[Option<Loaded>]) -> Option<Vec<usize>> {
    if broken(loaded, 1).is_none() {
        return waiting.pop();
    }
    let (place, most) = waiting.iter().enumerate().max_by_key(|(_, batch)| batch.len())?;
    let (before, after) = most.split_at(most.len() / 2);
    let (row, after) = after.split_first()?;
    let (row, rest) = (*row, [after.to_vec(), before.to_vec()]);
    waiting.splice(place..=place, rest.into_iter().filter(|rest| !rest.is_empty()));
    Some(vec![row])
}

/// Why it is Odoo that fails, and not single rows: at `least` rows or more, and it takes none.
fn broken(loaded: &[Option<Loaded>], least: usize) -> Option<String> {
    let failed = loaded.iter().flatten().filter_map(|loaded| match loaded {
        Loaded::Failed(why) => Some(why),
        _ => None,
    });
    let failed: Vec<&String> = failed.collect();
    let is_any_taken = loaded.iter().flatten().any(|loaded| matches!(loaded, Loaded::There(_)));
    let why = failed.first().filter(|_| failed.len() >= least && !is_any_taken)?;
    Some(format!("it fails at whatever it is sent ({why}): a module there is broken, or being upgraded"))
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
            Err(Fault::Refused(why)) => Ok(Once::Unclear(Loaded::Refused(why))),
            Err(Fault::Failed(why)) => Ok(Once::Unclear(Loaded::Failed(why))),
            Err(Fault::Missing) => {
                Ok(Once::Unclear(Loaded::Refused("it refers to a record that is not there".to_owned())))
            }
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
        return if ids.is_empty() { Ok(unclear("Odoo took none")) } else { Ok(Once::There(ids)) };
    }
    let errors: Vec<&Message> = answer.messages.iter().filter(|message| message.kind != "warning").collect();
    if errors.iter().any(|error| is_collision(&error.message)) {
        return Err(Fault::Retry("could not serialize: two transactions met in Odoo".to_owned()));
    }
    // Of another model it may be said of one row: whoever signs in to Odoo with a contact is a user there.
    let of_model = format!("({model})");
    if errors.iter().any(|error| error.message.starts_with("You are not allowed") && error.message.contains(&of_model))
    {
        return Err(no_right_to_write(model));
    }
    let mut bad = BTreeMap::new();
    for error in errors {
        let Some(rows) = error.rows.as_ref().filter(|rows| rows.from <= rows.to && rows.to < sent) else { continue };
        for place in rows.from..=rows.to {
            bad.entry(place).or_insert_with(|| why(columns, error));
        }
    }
    match bad.is_empty() {
        true => Ok(unclear("Odoo refuses it and does not say why")),
        false => Ok(Once::Bad(bad)),
    }
}

fn unclear(why: &str) -> Once {
    Once::Unclear(Loaded::Refused(why.to_owned()))
}

/// In our own words: the message may quote the value. A field is named only if it is one that we sent.
fn why(columns: &[String], error: &Message) -> Loaded {
    match error.field.as_deref() {
        _ if error.message.starts_with("Unknown error during import") => {
            Loaded::Failed("an error of no known class".to_owned())
        }
        _ if error.message.contains("Contacts require a name") => Loaded::Refused(NAMELESS.to_owned()),
        Some(".id") => Loaded::Gone,
        Some(field) if columns.iter().any(|column| column.split('/').next() == Some(field)) => {
            Loaded::Refused(format!("Odoo refuses what {field} is"))
        }
        _ => Loaded::Refused("Odoo refuses it: a rule there does not allow such a record".to_owned()),
    }
}

#[cfg(test)]
mod tests;
