//! A run that never was, as its end leaves it: for measuring and testing a sync without a night's work before it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{
    Clear, CompanyId, Event, EventId, IdentifierKind, Pii, Route, RunId, Step, TenantId, lead, run::RunKind,
    run::Shortlisted, vendor,
};
use presdr_store::{
    Database, StoreError, TenantTx,
    keys::{DataSubject, Keyring},
    runs::{self, NewRun},
    steps::{self, Outcome, StepKey},
};

/// A company of the shortlist, and of the tenant's list.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsed {
    /// Which.
    pub company: CompanyId,
    /// Its name.
    pub name: String,
    /// Its number in the registry.
    pub uen: Option<String>,
    /// Its domain.
    pub domain: Option<String>,
    /// 0 to 1.
    pub score: f64,
    /// Names and addresses of its people.
    pub people: Vec<(String, String)>,
}

/// Writes a run down that has ended with this shortlist, best first, and tells its number. Its events are with the records and on no broker.
///
/// # Errors
/// What the database or the cipher says.
pub async fn rehearse(
    database: &Database,
    keyring: &Keyring,
    tenant: &TenantId,
    shortlist: &[Rehearsed],
    now: DateTime<Utc>,
) -> Result<RunId, StoreError> {
    let mut tx = database.enter(tenant).await?;
    list(&mut tx, shortlist).await?;
    let new = NewRun {
        kind: RunKind::Manual,
        local_date: None,
        cap: u32::try_from(shortlist.len()).unwrap_or(u32::MAX),
        icp_rule: 1,
        icp_version: 1,
        text_expires_on: monday(now),
        company_ids: Vec::new(),
        include: Vec::new(),
    };
    let made = runs::create(&mut tx, &new).await?;
    let run = made.ok_or_else(|| StoreError::Refused("the run was claimed".to_owned()))?;
    runs::finish(&mut tx, run, now).await?;
    let people = people(&mut tx, keyring, shortlist).await?;
    let rehearsal = Rehearsal { tenant, run, now };
    let mut outcomes = Vec::new();
    for one in shortlist {
        let found: Vec<_> = one.people.iter().filter_map(|person| Some((person, people.get(&person.1)?))).collect();
        outcomes.push(rehearsal.contacts(one, &found)?);
        outcomes.push(rehearsal.scored(one)?);
    }
    outcomes.push(rehearsal.shortlisted(shortlist)?);
    for outcome in &outcomes {
        steps::adopt(&mut tx, outcome.key(), outcome.outgoing()).await?;
    }
    tx.commit().await?;
    Ok(run)
}

async fn list(tx: &mut TenantTx, shortlist: &[Rehearsed]) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into tenant_companies (tenant_id, company_id, identity, name, uen, website_domain)
         select $1, w.id, 'rehearsed ' || w.id, w.name, w.uen, w.domain from unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
             as w (id, name, uen, domain)
         on conflict (tenant_id, company_id) do update set name = excluded.name, uen = excluded.uen, website_domain = excluded.website_domain",
    )
    .bind(tenant.as_str())
    .bind(shortlist.iter().map(|one| one.company.get()).collect::<Vec<_>>())
    .bind(shortlist.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())
    .bind(shortlist.iter().map(|one| one.uen.as_deref()).collect::<Vec<_>>())
    .bind(shortlist.iter().map(|one| one.domain.as_deref()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Everyone, by address; nobody who was erased.
async fn people(
    tx: &mut TenantTx,
    keyring: &Keyring,
    shortlist: &[Rehearsed],
) -> Result<BTreeMap<String, DataSubject>, StoreError> {
    let tenant = tx.tenant().clone();
    let addresses: Vec<String> =
        shortlist.iter().flat_map(|one| &one.people).map(|(_, address)| address.clone()).collect();
    let wanted: Vec<_> = addresses.iter().map(|address| (IdentifierKind::Email, address.clone())).collect();
    let found = keyring.identified(tx, &tenant, &wanted).await?;
    Ok(addresses.into_iter().zip(found).filter_map(|(address, subject)| Some((address, subject?))).collect())
}

/// A Monday by which it is over: on that day its texts would go, if it had any.
fn monday(now: DateTime<Utc>) -> NaiveDate {
    let week = now.date_naive().week(chrono::Weekday::Mon);
    week.last_day().succ_opt().unwrap_or(NaiveDate::MAX)
}

struct Rehearsal<'a> {
    tenant: &'a TenantId,
    run: RunId,
    now: DateTime<Utc>,
}

impl Rehearsal<'_> {
    fn outcome(
        &self,
        step: &'static str,
        company: Option<CompanyId>,
        event: impl FnOnce(EventId) -> Result<Event, StoreError>,
    ) -> Result<Outcome, StoreError> {
        let key = StepKey { tenant: self.tenant.clone(), run: Some(self.run), company, step, attempt: 1 };
        let cause = presdr_events::Cause::start_of(self.tenant, Some(self.run), "rehearsal");
        let event = event(key.event_id())?;
        Ok(Outcome::new(key.clone(), &key.header(step, &cause, self.now), &event)?)
    }

    fn contacts(&self, one: &Rehearsed, people: &[(&(String, String), &DataSubject)]) -> Result<Outcome, StoreError> {
        self.outcome("contacts", Some(one.company), |event| {
            let seal = |subject: &DataSubject, field, value: &str| -> Result<Pii<String>, StoreError> {
                subject.seal(self.tenant, event, field, &Clear(value.to_owned()))
            };
            let contact = |((name, address), subject): &(&(String, String), &DataSubject)| {
                Ok(vendor::FoundContact {
                    name: seal(subject, "contact.name", name)?,
                    first_name: None,
                    last_name: None,
                    role_title: Some(seal(subject, "contact.role_title", "Director")?),
                    email: Some(seal(subject, "contact.email", address)?),
                    phone: None,
                    profile: None,
                    vendor_id: None,
                    role_account: false,
                    own_domain: true,
                    source: "lusha".to_owned(),
                    because: "it is rehearsed".to_owned(),
                    wanted: true,
                })
            };
            Ok(Event::LeadContactsFound(vendor::ContactsFound {
                step: Step::done("contacts", 0, 1, Vec::new()),
                vendor_company_id: None,
                contacts: people.iter().map(contact).collect::<Result<_, StoreError>>()?,
                dropped: BTreeMap::new(),
                route: Route { next: "score".to_owned(), because: "it is rehearsed".to_owned() },
            }))
        })
    }

    fn scored(&self, one: &Rehearsed) -> Result<Outcome, StoreError> {
        let bucket = if one.score >= 0.7 { "High" } else { "Medium" };
        self.outcome("score", Some(one.company), |_| {
            Ok(Event::LeadScored(lead::Scored {
                step: Step::done("score", 0, 1, Vec::new()),
                score: one.score,
                confidence: 0.8,
                bucket: bucket.to_owned(),
                contributions: Vec::new(),
                features: serde_json::Value::Null,
                rationale: format!("Scores {:.2} since it is rehearsed.", one.score),
                rationale_source: lead::RationaleSource::Deterministic,
                cache_key: "rehearsed".to_owned(),
                degraded_reasons: Vec::new(),
            }))
        })
    }

    fn shortlisted(&self, shortlist: &[Rehearsed]) -> Result<Outcome, StoreError> {
        let company_ids = shortlist.iter().map(|one| one.company).collect();
        self.outcome("shortlist", None, |_| {
            let step = Step::done("shortlist", 0, 1, Vec::new());
            Ok(Event::RunShortlisted(Shortlisted { step, company_ids, buckets: BTreeMap::new() }))
        })
    }
}
