//! What a run's shortlist is made of: read from the run's steps, opened with the people's keys, without whom the tenant must not contact.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use presdr_events::{CompanyId, Envelope, Event, Pii, RunId, SubjectId, Suppressible, lead, vendor};
use presdr_rules::{email_policy, named};
use presdr_store::{
    StoreError, TenantTx,
    keys::{DataSubject, Keyring},
    suppressions::Held,
};
use sqlx::Row;

use crate::rows::{Contact, Lead};

/// The steps that tell of a lead what Odoo is told.
const STEPS: [&str; 6] = ["resolve", "search", "extract", "contacts", "verify", "score"];
/// People and mailboxes of one company at most: more is a directory.
const CONTACTS_MAX: usize = 20;

/// What is to be written for a run.
pub struct Gathered {
    /// The shortlist, best first, without suppressed companies.
    pub leads: Vec<Lead>,
    /// Companies of the shortlist that the tenant must not contact.
    pub suppressed: BTreeSet<CompanyId>,
}

/// Reads a run's shortlist. Nothing of it is in the answer that is suppressed or erased when this is called.
///
/// # Errors
/// What the database or the cipher says; [`StoreError::Refused`] for a run that has no shortlist.
pub async fn gather(tx: &mut TenantTx, keyring: &Keyring, run: RunId) -> Result<Gathered, StoreError> {
    let companies = shortlist(tx, run).await?;
    let mut told = told(tx, run, &companies).await?;
    let facts = facts(tx, &companies).await?;
    let subjects = open(tx, keyring, &told).await?;
    let mut leads = Vec::with_capacity(companies.len());
    for company in companies {
        let events = told.remove(&company).unwrap_or_default();
        leads.extend(facts.get(&company).and_then(|facts| lead_of(company, facts, &events, &subjects)));
    }
    without_suppressed(tx, keyring, leads).await
}

/// The companies that the run's newest ranking chose.
async fn shortlist(tx: &mut TenantTx, run: RunId) -> Result<Vec<CompanyId>, StoreError> {
    let tenant = tx.tenant().clone();
    let stored: Option<(String, Vec<u8>)> = sqlx::query_as(
        "select subject, body from lead_steps where tenant_id = $1 and run_id = $2 and company_id = 0 and step = 'shortlist'
         order by attempt desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_optional(&mut **tx)
    .await?;
    let envelope = stored.and_then(|(subject, body)| Envelope::decode(&subject, &body).ok());
    match envelope.map(|envelope| envelope.event) {
        Some(Event::RunShortlisted(listed)) => Ok(listed.company_ids),
        _ => Err(StoreError::Refused(format!("run {run} has no shortlist: it has to end first"))),
    }
}

/// What the newest attempt of each step told of each company.
async fn told(
    tx: &mut TenantTx,
    run: RunId,
    companies: &[CompanyId],
) -> Result<HashMap<CompanyId, Vec<Envelope>>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(
        "select distinct on (company_id, step) company_id, subject, body from lead_steps
         where tenant_id = $1 and run_id = $2 and company_id = any($3) and step = any($4) order by company_id, step, attempt desc",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(companies.iter().map(|company| company.get()).collect::<Vec<_>>())
    .bind(STEPS.as_slice())
    .fetch_all(&mut **tx)
    .await?;
    let mut told: HashMap<CompanyId, Vec<Envelope>> = HashMap::new();
    for (company, subject, body) in rows {
        let envelope = Envelope::decode(&subject, &body).map_err(|error| StoreError::Refused(error.to_string()))?;
        if let Ok(company) = CompanyId::new(company) {
            told.entry(company).or_default().push(envelope);
        }
    }
    Ok(told)
}

struct Facts {
    name: String,
    uen: Option<String>,
    domain: Option<String>,
    in_singapore: bool,
}

async fn facts(tx: &mut TenantTx, companies: &[CompanyId]) -> Result<HashMap<CompanyId, Facts>, StoreError> {
    let rows = sqlx::query(
        "select company_id, name, uen, website_domain, coalesce(sg_registered, false) as sg_registered from tenant_company
         where company_id = any($1)",
    )
    .bind(companies.iter().map(|company| company.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let facts = rows.iter().filter_map(|row| {
        let facts = Facts {
            name: row.get("name"),
            uen: row.get("uen"),
            domain: row.get("website_domain"),
            in_singapore: row.get("sg_registered"),
        };
        Some((CompanyId::new(row.get("company_id")).ok()?, facts))
    });
    Ok(facts.collect())
}

/// The keys of everyone whom the events name and who was not erased.
async fn open(
    tx: &mut TenantTx,
    keyring: &Keyring,
    told: &HashMap<CompanyId, Vec<Envelope>>,
) -> Result<HashMap<SubjectId, DataSubject>, StoreError> {
    let tenant = tx.tenant().clone();
    let named: BTreeSet<SubjectId> = told.values().flatten().flat_map(|envelope| envelope.event.subjects()).collect();
    keyring.subjects(tx, &tenant, &named.into_iter().collect::<Vec<_>>()).await
}

fn lead_of(
    company: CompanyId,
    facts: &Facts,
    events: &[Envelope],
    subjects: &HashMap<SubjectId, DataSubject>,
) -> Option<Lead> {
    let scored = events.iter().find_map(|envelope| match &envelope.event {
        Event::LeadScored(scored) => Some(scored),
        _ => None,
    })?;
    let found = events.iter().find_map(|envelope| match &envelope.event {
        Event::LeadDomainResolved(found) => Some(found.domain.clone()),
        _ => None,
    });
    let mut people = People { subjects, found: BTreeMap::new(), order: Vec::new() };
    for envelope in events {
        match &envelope.event {
            Event::LeadExtracted(extracted) => people.of_site(envelope, extracted),
            Event::LeadContactsFound(told) => people.of_vendor(envelope, told),
            _ => {}
        }
    }
    for envelope in events {
        if let Event::LeadEmailsVerified(verified) = &envelope.event {
            people.verified(verified);
        }
    }
    Some(Lead {
        company,
        name: facts.name.clone(),
        uen: facts.uen.clone(),
        domain: found.or_else(|| facts.domain.clone()),
        in_singapore: facts.in_singapore,
        score: scored.score,
        bucket: scored.bucket.clone(),
        rationale: scored.rationale.clone(),
        contacts: people.contacts(),
    })
}

/// The people of one company, each once.
struct People<'a> {
    subjects: &'a HashMap<SubjectId, DataSubject>,
    found: BTreeMap<SubjectId, Contact>,
    order: Vec<SubjectId>,
}

impl People<'_> {
    fn of_site(&mut self, envelope: &Envelope, extracted: &lead::Extracted) {
        for email in &extracted.emails {
            let open = |field, value: Option<&Pii<String>>| self.open(envelope, field, value);
            let (first, last) = (
                open("email.first_name", email.first_name.as_ref()),
                open("email.last_name", email.last_name.as_ref()),
            );
            let contact = Contact {
                name: full_name(first.as_deref(), last.as_deref()),
                role_title: open("email.role_title", email.role_title.as_ref()),
                email: open("email.address", Some(&email.address)),
                ..Contact::default()
            };
            self.add(email.address.subject, contact);
        }
        for person in &extracted.people {
            let contact = Contact {
                name: self.open(envelope, "person.name", Some(&person.name)),
                role_title: self.open(envelope, "person.role_title", person.role_title.as_ref()),
                profile: self.open(envelope, "person.profile", person.profile.as_ref()),
                wanted: person.wanted,
                ..Contact::default()
            };
            self.add(person.name.subject, contact);
        }
    }

    fn of_vendor(&mut self, envelope: &Envelope, told: &vendor::ContactsFound) {
        for found in &told.contacts {
            let contact = Contact {
                name: self.open(envelope, "contact.name", Some(&found.name)),
                role_title: self.open(envelope, "contact.role_title", found.role_title.as_ref()),
                email: self.open(envelope, "contact.email", found.email.as_ref()),
                phone: self.open(envelope, "contact.phone", found.phone.as_ref()),
                profile: self.open(envelope, "contact.profile", found.profile.as_ref()),
                wanted: found.wanted,
                ..Contact::default()
            };
            self.add(found.name.subject, contact);
        }
    }

    /// What a verifier said; an address that it found invalid is not passed on.
    fn verified(&mut self, verified: &lead::EmailsVerified) {
        for checked in &verified.emails {
            let Some(contact) = self.found.get_mut(&checked.subject) else { continue };
            if contact.email.is_some() {
                contact.email_status = Some(checked.status.clone());
            }
            if checked.status == "invalid" {
                contact.email = None;
            }
        }
    }

    fn open(&self, envelope: &Envelope, field: &'static str, value: Option<&Pii<String>>) -> Option<String> {
        let value = value?;
        let subject = self.subjects.get(&value.subject)?;
        let opened = subject.open(&envelope.tenant, envelope.id, field, value).ok()?;
        Some(opened.0).filter(|text| !text.trim().is_empty())
    }

    fn add(&mut self, subject: SubjectId, told: Contact) {
        if !self.subjects.contains_key(&subject) {
            return; // erased
        }
        let contact = self.found.entry(subject).or_insert_with(|| {
            self.order.push(subject);
            Contact { subject: Some(subject), ..Contact::default() }
        });
        let first = |held: &mut Option<String>, told: Option<String>| {
            if held.is_none() {
                *held = told;
            }
        };
        first(&mut contact.name, told.name);
        first(&mut contact.role_title, told.role_title);
        first(&mut contact.email, told.email);
        first(&mut contact.phone, told.phone);
        first(&mut contact.profile, told.profile);
        contact.wanted |= told.wanted;
    }

    fn contacts(mut self) -> Vec<Contact> {
        let mut contacts: Vec<Contact> = self.order.iter().filter_map(|subject| self.found.remove(subject)).collect();
        contacts.retain(|contact| contact.name.is_some() || contact.email.is_some());
        contacts.sort_by_key(|contact| !contact.wanted);
        contacts.truncate(CONTACTS_MAX);
        contacts
    }
}

fn full_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let name: Vec<&str> = [first, last].into_iter().flatten().collect();
    (!name.is_empty()).then(|| name.join(" "))
}

/// Takes out whom and what the tenant must not contact, as the list stands.
async fn without_suppressed(
    tx: &mut TenantTx,
    keyring: &Keyring,
    mut leads: Vec<Lead>,
) -> Result<Gathered, StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    let held = Held::of(tx, &keys, |ask| {
        for lead in &leads {
            is_company_suppressed(lead, ask);
            for contact in &lead.contacts {
                is_contact_suppressed(lead.company, contact, ask);
            }
        }
    })
    .await?;
    let holds = |what: Suppressible<'_>| held.holds(what);
    let mut suppressed = BTreeSet::new();
    leads.retain_mut(|lead| {
        lead.contacts.retain(|contact| !is_contact_suppressed(lead.company, contact, &holds));
        for contact in &mut lead.contacts {
            contact.phone = contact.phone.take().filter(|phone| !holds(Suppressible::Phone(phone)));
        }
        let is_suppressed = is_company_suppressed(lead, &holds);
        if is_suppressed {
            suppressed.insert(lead.company);
        }
        !is_suppressed
    });
    Ok(Gathered { leads, suppressed })
}

/// Asks about everything that a company could be suppressed by: nothing is left out once an answer is yes, since the first time it asks is
/// to learn what will be asked.
fn is_company_suppressed(lead: &Lead, suppressed: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let by_domain = lead.domain.as_deref().is_some_and(|domain| email_policy::is_domain_suppressed(domain, suppressed));
    suppressed(Suppressible::Company(lead.company)) || by_domain
}

fn is_contact_suppressed(company: CompanyId, contact: &Contact, suppressed: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let mut found = contact.profile.as_deref().is_some_and(|profile| suppressed(Suppressible::Profile(profile)));
    if let Some(address) = contact.email.as_deref().and_then(email_policy::normalise) {
        found |= email_policy::is_suppressed(&address, suppressed);
    }
    if let Some(phone) = contact.phone.as_deref() {
        // Only the number is left out; it is asked about here so that the answer is known.
        suppressed(Suppressible::Phone(phone));
    }
    for name in contact.name.iter().flat_map(|name| named::forms_of_name(name)) {
        found |= suppressed(Suppressible::Name { name: &name, company });
    }
    found
}
