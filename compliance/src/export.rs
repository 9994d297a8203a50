//! A copy of what is known of a person, for them: as data, and as a text to read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use presdr_events::{Event, Step, TenantId, privacy};
use presdr_store::{TenantTx, steps::StepKey, tenants};
use serde_json::{Value, json};

use crate::{
    ComplianceError, Office,
    find::{Identity, Report},
    target,
};

const STEP: &str = "dsar_export";

/// The copy. Not printed.
pub struct Bundle {
    /// Everything, with provenance, as JSON.
    pub data: Value,
    /// The same in words.
    pub summary: String,
    /// The sequence of the event that tells of it.
    pub sequence: u64,
}

/// Makes a copy of what is known of whoever is identified, and records that it was made. Those who are only suggested are not in it.
///
/// # Errors
/// [`ComplianceError::Refused`] when nobody is identified; otherwise what the database or the broker says.
pub async fn export(office: &Office, tenant: &TenantId, identities: &[Identity]) -> Result<Bundle, ComplianceError> {
    drop(tenants::enter_active(office.desk.database(), tenant).await?);
    let target = target::resolve(office, tenant, identities).await?;
    if target.subjects.is_empty() {
        return Err(ComplianceError::Refused(
            "nobody is identified: `presdr dsar find` lists whom a number or a name suggests".to_owned(),
        ));
    }
    let report = crate::find::report(office, tenant, target).await?;
    let mut tx = office.desk.database().enter(tenant).await?;
    let number = next_number(&mut tx).await?;
    let event = Event::SubjectExported(privacy::Exported {
        step: Step::done(STEP, 0, number, Vec::new()),
        subjects: report.subjects.iter().map(|person| person.subject).collect(),
        events: report.events.len() as u64,
        rows: report.rows.len() as u64,
    });
    let key = StepKey { tenant: tenant.clone(), run: None, company: None, step: STEP, attempt: number };
    let sequence = office.desk.commit(tx, key, &event).await?;
    Ok(Bundle { data: data(&report)?, summary: summary(&report), sequence })
}

async fn next_number(tx: &mut TenantTx) -> Result<u32, ComplianceError> {
    Ok(presdr_producers::next_number(tx, STEP).await?)
}

fn data(report: &Report) -> Result<Value, ComplianceError> {
    let json = |error: serde_json::Error| ComplianceError::Refused(format!("the copy has no JSON form: {error}"));
    let mut data = serde_json::to_value(report).map_err(json)?;
    for (mention, shown) in report.events.iter().zip(data["events"].as_array_mut().into_iter().flatten()) {
        shown["values"] = json!(mention.values);
    }
    for (held, shown) in report.rows.iter().zip(data["rows"].as_array_mut().into_iter().flatten()) {
        shown["row"] = held.whole.clone();
    }
    Ok(data)
}

/// What the values of a field are, for somebody who does not know our names.
fn called(field: &str) -> &'static str {
    match field {
        "email.address" | "contact.email" => "e-mail address",
        "email.first_name" | "contact.first_name" => "first name",
        "email.last_name" | "contact.last_name" => "last name",
        "person.name" | "contact.name" => "name",
        "email.role_title" | "person.role_title" | "contact.role_title" => "title",
        "person.profile" | "contact.profile" => "profile link",
        "phone" | "contact.phone" => "phone number",
        "contact.vendor_id" => "the vendor's own id of you",
        _ => "other",
    }
}

fn summary(report: &Report) -> String {
    let mut text = format!("What {} knows of you\n", report.tenant);
    let mut values: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    for (field, known) in report.events.iter().flat_map(|event| &event.values) {
        values.entry(called(field)).or_default().extend(known.iter().map(String::as_str));
    }
    for (name, known) in &values {
        let _ = writeln!(text, "  {name}: {}", known.iter().copied().collect::<Vec<_>>().join("; ")); // a String takes all
    }
    text += "\nWhen it was collected, from where, and why\n";
    for event in &report.events {
        let from = event.sources.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let basis = event.basis.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
        let _ = writeln!(
            text,
            "  {}  event {} ({}), from {from}: {basis}",
            event.time.format("%F %T UTC"),
            event.sequence,
            event.kind
        );
    }
    text += "\nWhere it is kept\n";
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    report.rows.iter().for_each(|row| *places.entry(row.place).or_default() += 1);
    for (place, rows) in places {
        let _ = writeln!(text, "  {place}: {rows}");
    }
    text += "\nThe file person.json has all of it in full.\n";
    text
}
