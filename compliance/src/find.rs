//! What a tenant knows of a person, without telling it: every event, row, answer and page, with where it came from, when, and on what basis.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use presdr_events::{Event, EventId, SubjectId, TenantId};
use presdr_rules::named;
use serde::Serialize;
use serde_json::Value;
use sqlx::Row;

pub use crate::target::{Identity, Suggestion};
use crate::{
    ComplianceError, Office, PLACES, Path, log,
    rows::{self, Hit, Search},
    target::{self, Target},
};

/// What is known of a person.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whose data it is.
    pub tenant: TenantId,
    /// Under which random ids the person is known.
    pub subjects: Vec<Person>,
    /// Every event that names them, in the order of the log.
    pub events: Vec<Mention>,
    /// Every row, answer and page.
    pub rows: Vec<Held>,
    /// Who else may be the same person: somebody has to pick.
    #[serde(serialize_with = "suggestions")]
    pub suggestions: Vec<Suggestion>,
}

/// One random id of the person.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The id.
    pub subject: SubjectId,
    /// Since when.
    pub known_since: DateTime<Utc>,
    /// When they were erased, if they were.
    pub erased_at: Option<DateTime<Utc>>,
}

/// An event that names the person.
#[derive(Debug, Clone, Serialize)]
pub struct Mention {
    /// Its place in the log.
    pub sequence: u64,
    /// Its id.
    pub event_id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// In which run.
    pub run: Option<i64>,
    /// Of which company.
    pub company: Option<i64>,
    /// Which of its fields are the person's.
    pub fields: BTreeSet<&'static str>,
    /// Where the values came from: `site`, `model`, or the vendor.
    pub sources: BTreeSet<String>,
    /// Why they were collected.
    pub basis: BTreeSet<String>,
    /// The values, by field, as far as their key still opens them.
    #[serde(skip)]
    pub values: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A row that is about the person.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// The table.
    pub place: &'static str,
    /// Its key, without anybody's data.
    pub key: Value,
    /// Where it came from, where the row says so.
    pub source: Option<String>,
    /// When, where the row says so.
    pub time: Option<String>,
    /// All of it.
    #[serde(skip)]
    pub whole: Value,
}

/// Why business contacts are collected from sites.
const FROM_SITE: &str =
    "business contact that the company itself publishes on its site, for contacting it in that capacity (PDPA s. 4(5))";
/// Why people are looked up.
const FROM_VENDOR: &str = "business contact bought from a vendor";

/// Finds everything about a person.
///
/// # Errors
/// [`ComplianceError::Refused`] when the address is none; otherwise what the database or the broker says.
pub async fn find(office: &Office, tenant: &TenantId, identities: &[Identity]) -> Result<Report, ComplianceError> {
    drop(presdr_store::tenants::enter_active(office.desk.database(), tenant).await?);
    let target = target::resolve(office, tenant, identities).await?;
    report(office, tenant, target).await
}

pub(crate) async fn report(office: &Office, tenant: &TenantId, target: Target) -> Result<Report, ComplianceError> {
    let subjects = people(office, tenant, &target).await?;
    let events = mentions(office, tenant, &target).await?;
    let rows = held(office, tenant, &target).await?;
    Ok(Report { tenant: tenant.clone(), subjects, events, rows, suggestions: target.suggestions })
}

async fn people(office: &Office, tenant: &TenantId, target: &Target) -> Result<Vec<Person>, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let rows = sqlx::query(
        "select subject_id, created_at, erased_at from data_subjects where tenant_id = $1 and subject_id = any($2) order by created_at",
    )
    .bind(tenant.as_str())
    .bind(target.subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let person = |row: &sqlx::postgres::PgRow| Person {
        subject: SubjectId(row.get("subject_id")),
        known_since: row.get("created_at"),
        erased_at: row.get("erased_at"),
    };
    Ok(rows.iter().map(person).collect())
}

async fn mentions(office: &Office, tenant: &TenantId, target: &Target) -> Result<Vec<Mention>, ComplianceError> {
    let keyring = office.desk.keyring();
    let mut mentions = Vec::new();
    let mut log = log::naming(office, tenant).await?;
    while let Some(logged) = log.next().await? {
        let event = &logged.envelope.event;
        let ours: Vec<SubjectId> =
            event.subjects().into_iter().filter(|subject| target.subjects.contains(subject)).collect();
        if ours.is_empty() {
            continue;
        }
        let mut tx = office.desk.database().enter(tenant).await?;
        let opened = keyring.subjects(&mut tx, tenant, &ours).await?;
        tx.commit().await?;
        let mut mention = Mention {
            sequence: logged.sequence,
            event_id: logged.envelope.id,
            kind: event.event_type().name,
            time: logged.envelope.time,
            run: logged.envelope.run.map(i64::from),
            company: logged.envelope.company.map(i64::from),
            fields: BTreeSet::new(),
            sources: BTreeSet::new(),
            basis: BTreeSet::new(),
            values: BTreeMap::new(),
        };
        for (field, value) in event.personal().into_iter().filter(|(_, value)| ours.contains(&value.subject)) {
            mention.fields.insert(field);
            if let Some(subject) = opened.get(&value.subject) {
                let opened = subject.open(tenant, logged.envelope.id, field, value)?.0;
                mention.values.entry(field).or_default().insert(opened);
            }
        }
        (mention.sources, mention.basis) = provenance(event, &ours);
        mentions.push(mention);
    }
    Ok(mentions)
}

/// Where an event has the values of these people from, and why they were collected.
fn provenance(event: &Event, ours: &[SubjectId]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut sources, mut basis) = (BTreeSet::new(), BTreeSet::new());
    match event {
        Event::LeadExtracted(extracted) => {
            let emails = extracted.emails.iter().map(|email| (email.address.subject, &email.source));
            let people = extracted.people.iter().map(|person| (person.name.subject, &person.source));
            for (_, source) in emails.chain(people).filter(|(subject, _)| ours.contains(subject)) {
                sources.insert(source.clone());
            }
            if extracted.phones.iter().any(|phone| ours.contains(&phone.subject)) {
                sources.insert("site".to_owned());
            }
            basis.insert(FROM_SITE.to_owned());
        }
        Event::LeadContactsFound(found) => {
            for contact in found.contacts.iter().filter(|contact| ours.contains(&contact.name.subject)) {
                sources.insert(contact.source.clone());
                basis.insert(format!("{FROM_VENDOR}: {}", contact.because));
            }
        }
        Event::LeadEmailsVerified(verified) => {
            for email in verified.emails.iter().filter(|email| ours.contains(&email.subject)) {
                sources.insert(email.source.clone());
            }
            basis.insert("whether mail to the address arrives".to_owned());
        }
        Event::SubjectErased(_) | Event::SubjectExported(_) => {
            basis.insert("the person's own request".to_owned());
        }
        _ => {}
    }
    (sources, basis)
}

async fn held(office: &Office, tenant: &TenantId, target: &Target) -> Result<Vec<Held>, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let keys = office.desk.keyring().tenant(&mut tx, tenant).await?;
    tx.commit().await?;
    let mut search = Search { office, tenant, keys: &keys, target, companies: BTreeSet::new() };
    let mut rows = Vec::new();
    for place in PLACES {
        let hits = search.hits(place).await?;
        rows.extend(hits.into_iter().map(|Hit { key, whole, .. }| {
            let text = |columns: &[&str]| columns.iter().find_map(|column| whole[column].as_str().map(str::to_owned));
            let source = text(&["source", "vendor", "verification_source"]);
            let time = text(&[
                "last_seen_at",
                "fetched_at",
                "stored_at",
                "checked_at",
                "created_at",
                "made_at",
                "verified_at",
            ]);
            let whole = match place.path {
                Path::Key => Value::Null,
                // Pages and answers name others as well: what is theirs is not this person's to have.
                Path::Pages | Path::Said | Path::Text | Path::ShownText | Path::Answers => {
                    let company = rows::company_of(&whole);
                    let named = |text: &str| match place.path {
                        Path::Said => target.is_named_anywhere(&keys.index, text),
                        _ => target.is_named(&keys.index, text, company),
                    };
                    named::only_entries(&whole, &named)
                }
                _ => whole,
            };
            Held { place: place.table, key, source, time, whole }
        }));
    }
    Ok(rows)
}

fn suggestions<S: serde::Serializer>(suggestions: &[Suggestion], serializer: S) -> Result<S::Ok, S::Error> {
    let rows = suggestions
        .iter()
        .map(|one| serde_json::json!({ "subject": one.subject, "because": one.because, "companies": one.companies }));
    serializer.collect_seq(rows)
}
