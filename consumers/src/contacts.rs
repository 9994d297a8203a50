//! Whom to talk to at a company whose site does not say, or that has none: asked of a vendor, by the titles that the tenant looks for.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use presdr_events::{Clear, Envelope, Event, IdentifierKind, Step, Suppressible, vendor};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    contacts::{self, Offered},
    icp::title_is_wanted,
    route::{self, Reachable, Silence},
};
use presdr_sites::domains::{CompanyName, Relation};
use presdr_store::{
    TenantTx,
    keys::{DataSubject, TenantKeys},
    suppressions::{self, Held},
};
use presdr_vendors::{
    Purpose,
    lusha::{At, CompanyFacts, CompanyLookup, Contact, PeopleSearch, Person, Reveal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Services, addresses,
    asking::{self, Question},
    company::{self, Company},
    lead::{self as work, Lead, WorkError},
    suppressed,
    way::Way,
};

const STEP: &str = "contacts";
const VENDOR: &str = "lusha";
/// One search costs the same for as many.
const PEOPLE_MAX: u32 = 25;

/// Answers what routes a lead here with `lead.contacts_found`.
pub struct ContactFinder {
    services: Services,
}

/// What a vendor told.
#[derive(Default)]
struct Told {
    company: Option<CompanyFacts>,
    people: Vec<Contact>,
    dropped: BTreeMap<String, u32>,
    silent: Option<Silence>,
}

impl Told {
    fn silent(silence: Silence) -> Self {
        Self { silent: Some(silence), ..Self::default() }
    }

    fn drop(&mut self, reason: &str) {
        *self.dropped.entry(reason.to_owned()).or_default() += 1;
    }
}

impl ContactFinder {
    /// A finder of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn find(&self, envelope: Envelope) -> Result<(), WorkError> {
        let route = match &envelope.event {
            Event::LeadDomainMissing(missing) => &missing.route,
            Event::LeadBlocked(visit) => &visit.route,
            Event::LeadVendorRead(read) => &read.route,
            Event::LeadExtracted(extracted) => &extracted.route,
            _ => return Ok(()),
        };
        if route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let begun = Instant::now();
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let company = company::read(&mut tx, lead.company).await?;
        let domain = Way::of(&mut tx, &lead).await?.domain_name;
        let pin = self.services.pins.of(&mut tx, lead.run).await?;
        let suppressed = match &domain {
            Some(domain) => suppressed::is_suppressed(&self.services, &mut tx, &lead, domain).await?,
            None => !suppressions::companies(&mut tx, &[lead.company]).await?.is_empty(),
        };
        tx.commit().await?;
        let titles = pin.icp.wanted_titles();
        let told = match suppressed {
            // Nobody there is to be contacted, so nobody's details are bought.
            true => Told { dropped: [("suppressed".to_owned(), 1)].into(), ..Told::default() },
            false => self.ask(&lead, &company, domain.as_deref(), &titles, &route.because).await?,
        };
        let vendors = asking::vendors(&self.services, &lead).await?;
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let (contacts, dropped) = self.seal(&mut tx, &lead, &told, domain.as_deref(), &titles, &route.because).await?;
        let count = |wanted: fn(&vendor::FoundContact) -> bool| {
            u32::try_from(contacts.iter().filter(|contact| wanted(contact)).count()).unwrap_or(u32::MAX)
        };
        let reachable = Reachable { addresses: count(|one| one.email.is_some()), people: count(|one| one.wanted) };
        let decision = match told.silent {
            Some(silence) if contacts.is_empty() => route::after_contacts_failed(silence),
            _ => route::after_contacts(reachable, vendors),
        };
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = Event::LeadContactsFound(vendor::ContactsFound {
            step: Step::done(STEP, elapsed, lead.attempt, decision.degraded.clone()).with("vendor", VENDOR),
            vendor_company_id: told.company.map(|company| company.id),
            contacts,
            dropped,
            route: decision.route(),
        });
        work::conclude(&self.services, &lead, STEP, tx, &event).await
    }

    /// The company, then who works there, then the addresses of those who are wanted. Each is bought once and kept.
    async fn ask(
        &self,
        lead: &Lead,
        company: &Company,
        domain: Option<&str>,
        titles: &[&str],
        because: &str,
    ) -> Result<Told, WorkError> {
        let question = |step| Question { lead, step, purpose: Purpose::Contacts, because };
        let mut told = Told::default();
        let at = match domain {
            Some(domain) => At::Domain(domain.to_owned()),
            None => {
                let lookup = CompanyLookup::by_name(&company.facts.name);
                let found = match asking::ask(&self.services, &question("lusha.company"), &lookup).await? {
                    Ok(found) => found,
                    Err(silence) => return Ok(Told::silent(silence)),
                };
                match found.filter(|found| is_the_same(found, company)) {
                    Some(found) => At::Id(told.company.insert(found).id.clone()),
                    None => {
                        told.drop("company_not_known");
                        return Ok(told);
                    }
                }
            }
        };
        let search = PeopleSearch::new(at, titles.iter().copied(), PEOPLE_MAX);
        let people = match asking::ask(&self.services, &question("lusha.people"), &search).await? {
            Ok(people) => people,
            Err(silence) => return Ok(Told { silent: Some(silence), ..told }),
        };
        let wanted = wanted(people, titles, &mut told);
        self.reveal(lead, wanted, because, &mut told).await?;
        Ok(told)
    }

    /// Buys the addresses of people. Whoever's cannot be had is kept with the name that the search gave.
    async fn reveal(&self, lead: &Lead, people: Vec<Person>, because: &str, told: &mut Told) -> Result<(), WorkError> {
        let Some(desk) = &self.services.vendors else { return Ok(()) };
        let question = Question { lead, step: "lusha.reveal", purpose: Purpose::Contacts, because };
        let (known, unknown): (Vec<_>, Vec<_>) =
            people.into_iter().partition(|person| person.has.iter().any(|has| has == "emails"));
        let things: Vec<_> = known.iter().map(|person| (question.asking(), person.id.clone())).collect();
        for (person, answer) in known.iter().zip(desk.ask_many(&Reveal, &things).await) {
            match answer {
                Ok(Some(contact)) => told.people.push(contact),
                Ok(None) => {
                    told.drop("not_revealed");
                    told.people.push(unrevealed(person));
                }
                Err(error) => {
                    told.silent = Some(asking::silence(error)?);
                    told.people.push(unrevealed(person));
                }
            }
        }
        told.people.extend(unknown.iter().map(unrevealed));
        Ok(())
    }

    /// Applies the tenant's policy to the addresses and seals what is personal. Erased people are left out.
    async fn seal(
        &self,
        tx: &mut TenantTx,
        lead: &Lead,
        told: &Told,
        domain: Option<&str>,
        titles: &[&str],
        because: &str,
    ) -> Result<(Vec<vendor::FoundContact>, BTreeMap<String, u32>), WorkError> {
        let keys = self.services.keyring.tenant(tx, &lead.tenant).await?;
        let named: Vec<&Contact> = told.people.iter().filter(|person| person.name.is_some()).collect();
        let written: Vec<&str> =
            named.iter().map(|person| person.emails.first().map_or("", |email| email.address.as_str())).collect();
        let known = domain.or(told.company.as_ref().and_then(|company| company.domain.as_deref()));
        let (decided, mut dropped) = addresses::screen(tx, &keys, &written, known).await?;
        // Who has no address had none to screen.
        let without = u32::try_from(written.iter().filter(|address| address.is_empty()).count()).unwrap_or(u32::MAX);
        dropped.entry("malformed".to_owned()).and_modify(|count| *count = count.saturating_sub(without));
        dropped.retain(|_, count| *count > 0);
        for (reason, count) in &told.dropped {
            *dropped.entry(reason.clone()).or_default() += count;
        }
        let held = held(tx, &keys, &named, lead).await?;
        let (named, decided) = without_suppressed(named, decided, &held, lead, &mut dropped);
        let identifiers: Vec<_> =
            named.iter().zip(&decided).map(|(person, decided)| identifier(person, decided.as_ref(), lead)).collect();
        let subjects = self.services.keyring.identified(tx, &lead.tenant, &identifiers).await?;
        let mut contacts = Vec::new();
        for ((person, decided), subject) in named.into_iter().zip(decided).zip(subjects) {
            let Some(subject) = subject else { continue };
            let phone = person.phones.iter().find(|phone| !held.holds(Suppressible::Phone(phone)));
            let sealing = Sealing { lead, subject: &subject, because, titles, phone };
            contacts.push(sealing.contact(person, decided)?);
        }
        contacts.sort_by_key(|contact| !contact.wanted);
        Ok((contacts, dropped))
    }
}

type Decided = Option<(String, presdr_rules::email_policy::Kept)>;

/// What the tenant suppresses of the people's names, profiles, addresses and numbers.
async fn held(tx: &mut TenantTx, keys: &TenantKeys, people: &[&Contact], lead: &Lead) -> Result<Held, WorkError> {
    let held = Held::of(tx, keys, |suppressed| {
        for person in people {
            is_suppressed(person, lead, suppressed);
            for phone in &person.phones {
                suppressed(Suppressible::Phone(phone));
            }
        }
    });
    Ok(held.await?)
}

fn is_suppressed(person: &Contact, lead: &Lead, suppressed: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let name = person.name.as_deref().unwrap_or_default();
    let mut found = suppressed::is_named(name, person.profile.as_deref(), lead.company, suppressed);
    for email in &person.emails {
        found |= suppressed(Suppressible::Address(&email.address));
    }
    found
}

/// Leaves out who is suppressed by name, profile or any address, and counts them: nothing of them is kept.
fn without_suppressed<'a>(
    people: Vec<&'a Contact>,
    decided: Vec<Decided>,
    held: &Held,
    lead: &Lead,
    dropped: &mut BTreeMap<String, u32>,
) -> (Vec<&'a Contact>, Vec<Decided>) {
    let (gone, kept): (Vec<_>, Vec<_>) =
        people.into_iter().zip(decided).partition(|(person, _)| is_suppressed(person, lead, &|what| held.holds(what)));
    if !gone.is_empty() {
        *dropped.entry("person_suppressed".to_owned()).or_default() += u32::try_from(gone.len()).unwrap_or(u32::MAX);
    }
    kept.into_iter().unzip()
}

/// The same name but for its legal form, and not in another country.
fn is_the_same(found: &CompanyFacts, company: &Company) -> bool {
    let name = CompanyName::parse(&company.facts.name);
    let same =
        found.name.as_deref().is_some_and(|found| CompanyName::parse(found).relation_to(&name) == Relation::Same);
    same && found.country.as_deref().is_none_or(|country| country.eq_ignore_ascii_case("sg"))
}

/// Those whose addresses are worth their price; counts the others.
fn wanted(people: Vec<Person>, titles: &[&str], told: &mut Told) -> Vec<Person> {
    let offered: Vec<Offered<'_>> = people
        .iter()
        .map(|person| Offered {
            title: person.title.as_deref(),
            has_email: person.has.iter().any(|has| has == "emails"),
            is_ours: false,
        })
        .collect();
    let decided = contacts::keep(&offered, titles);
    drop(offered);
    let mut kept = Vec::new();
    for (person, decided) in people.into_iter().zip(decided) {
        match decided {
            Ok(()) => kept.push(person),
            Err(left) => told.drop(left.as_str()),
        }
    }
    kept
}

fn unrevealed(person: &Person) -> Contact {
    Contact { id: person.id.clone(), name: person.name.clone(), title: person.title.clone(), ..Contact::default() }
}

/// What a person is known by: the address or profile link identifies, a name only within its company.
fn identifier(
    person: &Contact,
    decided: Option<&(String, presdr_rules::email_policy::Kept)>,
    lead: &Lead,
) -> (IdentifierKind, String) {
    match (decided, &person.profile) {
        (Some((address, _)), _) => (IdentifierKind::Email, address.clone()),
        (None, Some(profile)) => (IdentifierKind::Profile, profile.clone()),
        (None, None) => {
            (IdentifierKind::Name, format!("{}/{}", person.name.as_deref().unwrap_or_default(), lead.company))
        }
    }
}

/// For whom and why a person's values are sealed.
struct Sealing<'a> {
    lead: &'a Lead,
    subject: &'a DataSubject,
    because: &'a str,
    titles: &'a [&'a str],
    phone: Option<&'a String>,
}

impl Sealing<'_> {
    fn contact(
        &self,
        person: &Contact,
        decided: Option<(String, presdr_rules::email_policy::Kept)>,
    ) -> Result<vendor::FoundContact, WorkError> {
        let event = self.lead.key(STEP).event_id();
        let one = |field, value: &str| self.subject.seal(&self.lead.tenant, event, field, &Clear(value.to_owned()));
        let some = |field, value: Option<&str>| value.map(|value| one(field, value)).transpose();
        let (address, kept) = decided.unzip();
        Ok(vendor::FoundContact {
            name: one("contact.name", person.name.as_deref().unwrap_or_default())?,
            first_name: some("contact.first_name", person.first_name.as_deref())?,
            last_name: some("contact.last_name", person.last_name.as_deref())?,
            role_title: some("contact.role_title", person.title.as_deref())?,
            email: some("contact.email", address.as_deref())?,
            phone: some("contact.phone", self.phone.map(String::as_str))?,
            profile: some("contact.profile", person.profile.as_deref())?,
            vendor_id: some("contact.vendor_id", Some(&person.id))?,
            role_account: kept.is_some_and(|kept| kept.role_account),
            own_domain: kept.is_some_and(|kept| kept.own_domain),
            source: VENDOR.to_owned(),
            because: self.because.to_owned(),
            wanted: person.title.as_deref().is_some_and(|title| title_is_wanted(title, self.titles)),
        })
    }
}

impl Consumer for ContactFinder {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        work::outcome_of(self.find(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The finder as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<ContactFinder> {
    Arc::new(ContactFinder::new(services.clone()))
}
