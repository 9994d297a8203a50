//! Whether a connection works: reachable, which version, the key, the rights, the fields, and a contact that is written, read and removed
//! again. Each with its cure.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    client::{Call, Fault, Odoo},
    fields::{self, Fields, PARTNER},
};

/// What marks the contact that a check writes: one that a check left behind is removed by the next.
const MARK: &str = "presdr-check";

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, with less.
    Warning,
    /// Keeps the sync from working.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// In words, with the cure where there is something to cure.
    pub told: String,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Checked {
    /// In the order in which things were looked at; after a fault nothing more is.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// What keeps the connection from working, with its cure; nothing when it works.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.findings.iter().find(|finding| finding.verdict == Verdict::Fault).map(|finding| finding.told.as_str())
    }

    fn add(&mut self, what: &'static str, verdict: Verdict, told: impl Into<String>) {
        self.findings.push(Finding { what, verdict, told: told.into() });
    }
}

/// Looks at everything, up to the first fault. Makes the fields of our own if `make_fields` and the account may.
pub async fn check(odoo: &Odoo, make_fields: bool) -> Checked {
    let mut checked = Checked::default();
    if let Err((what, fault)) = look(odoo, make_fields, &mut checked).await {
        checked.add(what, Verdict::Fault, fault.to_string());
    }
    checked
}

async fn look(odoo: &Odoo, make_fields: bool, checked: &mut Checked) -> Result<(), (&'static str, Fault)> {
    let at = |what: &'static str| move |fault: Fault| (what, fault);
    let version = odoo.version().await.map_err(at("reachable"))?;
    checked.add("reachable", Verdict::Ok, format!("Odoo {version}"));
    let account = account(odoo).await.map_err(at("key"))?;
    checked.add("key", Verdict::Ok, format!("it is the account's with number {account}"));
    let removed = write_and_remove(odoo).await.map_err(at("rights"))?;
    match removed {
        true => checked.add("rights", Verdict::Ok, "contacts can be made, written, read and removed"),
        false => checked.add(
            "rights",
            Verdict::Warning,
            "contacts can be made, written and read, and not removed: who is erased will be made anonymous there instead",
        ),
    }
    let held = if make_fields { fields::ensure(odoo).await } else { fields::look(odoo).await };
    let held = held.map_err(at("fields"))?;
    let (verdict, told) = told_of(&held);
    checked.add("fields", verdict, told);
    Ok(())
}

fn told_of(held: &Fields) -> (Verdict, String) {
    if held.missing.is_empty() {
        return (Verdict::Ok, "the fields of presdr are there".to_owned());
    }
    let cure = held.cure.as_deref().unwrap_or("the next sync makes them, if the account may");
    (
        Verdict::Warning,
        format!("missing: {}; without them standard fields alone are written; {cure}", held.missing.join(", ")),
    )
}

async fn account(odoo: &Odoo) -> Result<i64, Fault> {
    let context: Value =
        odoo.call(Call { model: "res.users", method: "context_get", ids: None, arguments: Vec::new() }).await?;
    // JSON-RPC's answer is the context without the number, which it knows already.
    Ok(context["uid"].as_i64().unwrap_or_default())
}

/// Writes a contact, reads it and removes it: whether it could be removed; otherwise it is left archived.
async fn write_and_remove(odoo: &Odoo) -> Result<bool, Fault> {
    let left: Vec<i64> = odoo.call(on(None, "search", vec![("domain", json!([["ref", "=", MARK]]))])).await?;
    let id = match left.first() {
        Some(left) => *left,
        None => {
            let contact = json!({ "name": "presdr check: may be deleted", "ref": MARK, "active": false });
            let made: Vec<i64> = odoo.call(on(None, "create", vec![("vals_list", json!([contact]))])).await?;
            made.first().copied().ok_or(Fault::Missing)?
        }
    };
    let one = [id];
    let ids = Some(one.as_slice());
    let _: Value = odoo.call(on(ids, "write", vec![("vals", json!({ "function": MARK }))])).await?;
    let read: Vec<Value> = odoo.call(on(ids, "read", vec![("fields", json!(["function"]))])).await?;
    if read.first().is_none_or(|read| read["function"] != MARK) {
        return Err(Fault::Refused("a contact does not hold what was written to it".to_owned()));
    }
    match odoo.call::<Value>(on(ids, "unlink", Vec::new())).await {
        Ok(_) => Ok(true),
        Err(Fault::FixNeeded { .. } | Fault::Refused(_) | Fault::Failed(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

fn on<'a>(ids: Option<&'a [i64]>, method: &'static str, arguments: Vec<(&'static str, Value)>) -> Call<'a> {
    Call { model: PARTNER, method, ids, arguments }
}
