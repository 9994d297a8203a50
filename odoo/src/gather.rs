//! What a run's shortlist is made of: read from the run's steps, opened with the people's keys, without whom the tenant must not contact.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use presdr_events::{
    CompanyId, Envelope, Event, IndexKey, Pii, RunId, SubjectId, Suppressible, Suppression, lead, vendor,
};
use presdr_rules::{email_policy, named};
use presdr_store::{
    StoreError, TenantTx,
    keys::{DataSubject, Keyring},
    suppressions::{self, asked},
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
    /// Companies of which what the run told cannot be read.
    pub unreadable: BTreeSet<CompanyId>,
}

/// Reads a run's shortlist. Nothing of it is in the answer that is suppressed or erased when this is called.
///
/// # Errors
/// What the database or the cipher says; [`StoreError::Refused`] for a run that has no shortlist, or none any more.
pub async fn gather(tx: &mut TenantTx, keyring: &Keyring, run: RunId) -> Result<Gathered, StoreError> {
    let tenant = tx.tenant().clone();
    let index = keyring.tenant(tx, &tenant).await?.index;
    let companies = shortlist(tx, run).await?;
    let (mut told, unreadable) = told(tx, run, &companies).await?;
    let facts = facts(tx, &companies).await?;
    let subjects = open(tx, keyring, &told).await?;
    let known = Known { index: &index, subjects: &subjects };
    let mut leads = Vec::with_capacity(companies.len());
    for company in companies.into_iter().filter(|company| !unreadable.contains(company)) {
        let events = told.remove(&company).unwrap_or_default();
        leads.extend(facts.get(&company).and_then(|facts| known.lead(company, facts, &events)));
    }
    let (leads, suppressed) = without_suppressed(tx, &index, leads).await?;
    Ok(Gathered { leads, suppressed, unreadable })
}

/// The company's number in the registry.
///
/// # Errors
/// What the database says.
pub async fn uen(tx: &mut TenantTx, company: CompanyId) -> Result<Option<String>, StoreError> {
    Ok(facts(tx, &[company]).await?.remove(&company).and_then(|facts| facts.uen))
}

/// The companies that the run's newest ranking chose.
///
/// # Errors
/// What the database says; [`StoreError::Refused`] for a run that has no shortlist, or none any more.
pub async fn shortlist(tx: &mut TenantTx, run: RunId) -> Result<Vec<CompanyId>, StoreError> {
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
        _ => Err(StoreError::Refused(format!(
            "run {run} has no shortlist that can be written: it did not end, or retention has removed its steps"
        ))),
    }
}

/// What each company is told of by a run, and of which companies that cannot be read.
type Told = (HashMap<CompanyId, Vec<Envelope>>, BTreeSet<CompanyId>);

/// What the newest attempt of each step told of each company.
async fn told(tx: &mut TenantTx, run: RunId, companies: &[CompanyId]) -> Result<Told, StoreError> {
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
    let mut unreadable = BTreeSet::new();
    for (company, subject, body) in rows {
        let Ok(company) = CompanyId::new(company) else { continue };
        match Envelope::decode(&subject, &body) {
            Ok(envelope) => told.entry(company).or_default().push(envelope),
            Err(_) => drop(unreadable.insert(company)),
        }
    }
    Ok((told, unreadable))
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

/// What leads are made with.
struct Known<'a> {
    index: &'a IndexKey,
    subjects: &'a HashMap<SubjectId, DataSubject>,
}

impl Known<'_> {
    fn lead(&self, company: CompanyId, facts: &Facts, events: &[Envelope]) -> Option<Lead> {
        let scored = events.iter().find_map(|envelope| match &envelope.event {
            Event::LeadScored(scored) => Some(scored),
            _ => None,
        })?;
        let found = events.iter().find_map(|envelope| match &envelope.event {
            Event::LeadDomainResolved(found) => Some(found.domain.clone()),
            _ => None,
        });
        let mut people = People { company, known: self, found: BTreeMap::new(), order: Vec::new() };
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
        let domains = [found.as_deref(), facts.domain.as_deref()];
        Some(Lead {
            company,
            asked: asked(self.index, |ask| asks_of_company(company, &domains, ask)),
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
}

/// The people of one company, each once.
struct People<'a> {
    company: CompanyId,
    known: &'a Known<'a>,
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
        let subject = self.known.subjects.get(&value.subject)?;
        let opened = subject.open(&envelope.tenant, envelope.id, field, value).ok()?;
        Some(opened.0).filter(|text| !text.trim().is_empty())
    }

    fn add(&mut self, subject: SubjectId, told: Contact) {
        if !self.known.subjects.contains_key(&subject) {
            return; // erased
        }
        // Whatever is told of somebody is asked about, kept or not: who opted out by a second address is suppressed all the same.
        let asks = asked(self.known.index, |ask| asks_of_contact(self.company, &told, ask));
        let contact = self.found.entry(subject).or_insert_with(|| {
            self.order.push(subject);
            Contact { subject: Some(subject), ..Contact::default() }
        });
        let first = |held: &mut Option<String>, told: Option<String>| {
            if held.is_none() {
                *held = told;
            }
        };
        contact.asked.extend(asks);
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
    index: &IndexKey,
    mut leads: Vec<Lead>,
) -> Result<(Vec<Lead>, BTreeSet<CompanyId>), StoreError> {
    let phone = |contact: &Contact| contact.phone.as_deref().map(|phone| index.suppression(Suppressible::Phone(phone)));
    let mut wanted: BTreeSet<Suppression> = BTreeSet::new();
    for lead in &leads {
        wanted.extend(&lead.asked);
        for contact in &lead.contacts {
            wanted.extend(contact.asked.iter().copied().chain(phone(contact)));
        }
    }
    let held = suppressions::in_force(tx, &wanted).await?;
    let is_held = |asked: &BTreeSet<Suppression>| asked.iter().any(|one| held.contains_key(one));
    let mut suppressed = BTreeSet::new();
    leads.retain_mut(|lead| {
        lead.contacts.retain(|contact| !is_held(&contact.asked));
        for contact in &mut lead.contacts {
            // Only the number is left out; one that is sent is asked about again before it is.
            match phone(contact) {
                Some(asked) if held.contains_key(&asked) => contact.phone = None,
                asked => contact.asked.extend(asked),
            }
        }
        let is_suppressed = is_held(&lead.asked);
        if is_suppressed {
            suppressed.insert(lead.company);
        }
        !is_suppressed
    });
    Ok((leads, suppressed))
}

/// Asks about everything that a company could be suppressed by: nothing is left out once an answer is yes, since what is asked is what is kept.
fn asks_of_company(company: CompanyId, domains: &[Option<&str>], ask: &dyn Fn(Suppressible<'_>) -> bool) {
    ask(Suppressible::Company(company));
    for domain in domains.iter().flatten() {
        email_policy::is_domain_suppressed(domain, ask);
    }
}

/// The same of somebody there, and of everything but the number, which is left out by itself.
fn asks_of_contact(company: CompanyId, told: &Contact, ask: &dyn Fn(Suppressible<'_>) -> bool) {
    if let Some(profile) = &told.profile {
        ask(Suppressible::Profile(profile));
    }
    if let Some(address) = told.email.as_deref().and_then(email_policy::normalise) {
        email_policy::is_suppressed(&address, ask);
    }
    for name in told.name.iter().flat_map(|name| named::forms_of_name(name)) {
        ask(Suppressible::Name { name: &name, company });
    }
}
