//! What a tenant suppresses of what events tell: no row is written of it, however often the log is read.
//!
//! A suppression holds for everything that was found before it was lifted, whenever it was made. So a row depends on the event and on the
//! list as it stands, not on the order in which the two are read, and a rebuild gives the rows that the live tables have.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, Event, IndexKey, Pii, Suppressible, Suppression, TenantId};
use presdr_rules::{email_policy, named};
use presdr_store::suppressions::{asked, columns, read};
use sqlx::PgConnection;

use crate::{ApplyError, TenantBatch};

/// What a read model that minds suppressions reads: a company's domains are its leads'.
pub(crate) const READS: &[&str] = &["company_enrichment_runs"];

/// What concerns some events. Empty for a tenant that suppresses nothing.
#[derive(Default)]
pub(crate) struct Suppressed {
    index: Option<IndexKey>,
    /// Until when each holds; to this day when nobody lifted it.
    found: HashMap<Suppression, Option<DateTime<Utc>>>,
    /// The domains of companies, as far as leads had any.
    domains: HashMap<i64, BTreeSet<String>>,
}

impl std::fmt::Debug for Suppressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Suppressed(…)")
    }
}

impl Suppressed {
    /// Whether the tenant ever suppressed anything.
    pub(crate) async fn any(connection: &mut PgConnection, tenant: &TenantId) -> Result<bool, sqlx::Error> {
        let any = "select exists (select from public.suppressions where tenant_id = $1)";
        sqlx::query_scalar(any).bind(tenant.as_str()).fetch_one(connection).await
    }

    /// Looks up what `ask` asks about, and the companies by their ids and domains.
    pub(crate) async fn look_up(
        connection: &mut PgConnection,
        tenant: &TenantId,
        index: &IndexKey,
        domains: HashMap<i64, BTreeSet<String>>,
        ask: impl FnOnce(&dyn Fn(Suppressible<'_>) -> bool),
    ) -> Result<Self, sqlx::Error> {
        let wanted = asked(index, |suppressed| {
            ask(suppressed);
            for (company, domains) in &domains {
                ask_about_company(*company, domains, suppressed);
            }
        });
        let (kinds, hashes) = columns(wanted.iter());
        let rows: Vec<(String, Vec<u8>, Option<DateTime<Utc>>)> = sqlx::query_as(
            "select s.kind, s.hash, s.lifted_at from unnest($2::text[], $3::bytea[]) as w (kind, hash)
             join public.suppressions s on s.tenant_id = $1 and s.kind = w.kind and s.hash = w.hash",
        )
        .bind(tenant.as_str())
        .bind(kinds)
        .bind(hashes)
        .fetch_all(connection)
        .await?;
        let found = rows.iter().filter_map(|(kind, hash, lifted)| Some((read(kind, hash)?, *lifted))).collect();
        Ok(Self { index: Some(index.clone()), found, domains })
    }

    /// The tenant's index key, where it suppresses anything.
    pub(crate) fn index(&self) -> Option<&IndexKey> {
        self.index.as_ref()
    }

    /// Whether nothing that was asked about is suppressed.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn holds(&self, what: Suppressible<'_>, at: DateTime<Utc>) -> bool {
        let Some(index) = self.index.as_ref().filter(|_| !self.found.is_empty()) else { return false };
        self.found.get(&index.suppression(what)).is_some_and(|lifted| lifted.is_none_or(|lifted| at < lifted))
    }

    /// Whether an address that was found at that time is suppressed.
    pub(crate) fn address(&self, address: &str, at: DateTime<Utc>) -> bool {
        email_policy::is_suppressed(address, &|what| self.holds(what, at))
    }

    /// The same of a phone number.
    pub(crate) fn phone(&self, number: &str, at: DateTime<Utc>) -> bool {
        self.holds(Suppressible::Phone(number), at)
    }

    /// The same of a person's name at a company, and profile link.
    pub(crate) fn person(&self, company: i64, name: Option<&str>, profile: Option<&str>, at: DateTime<Utc>) -> bool {
        ask_about_person(company, name, profile, &|what| self.holds(what, at))
    }

    /// The same of a whole company, by itself or by any domain of its leads.
    pub(crate) fn company(&self, company: i64, at: DateTime<Utc>) -> bool {
        let none = BTreeSet::new();
        let domains = self.domains.get(&company).unwrap_or(&none);
        ask_about_company(company, domains, &|what| self.holds(what, at))
    }
}

/// The domains of the companies that a batch is about: what leads had before, and what it tells itself.
pub(crate) async fn domains_of(
    connection: &mut PgConnection,
    batch: &TenantBatch,
) -> Result<HashMap<i64, BTreeSet<String>>, sqlx::Error> {
    let leads = batch.events.iter().filter_map(|event| Some((event.lead()?.1, &event.envelope.event)));
    let mut domains: HashMap<i64, BTreeSet<String>> = HashMap::new();
    for (company, event) in leads {
        let of_company = domains.entry(company).or_default();
        if let Event::LeadDomainResolved(found) = event {
            of_company.insert(found.domain.clone());
        }
    }
    let known: Vec<(i64, String)> = sqlx::query_as(
        "select distinct company_id, domain from company_enrichment_runs
         where tenant_id = $1 and company_id = any($2) and domain is not null",
    )
    .bind(batch.tenant.as_str())
    .bind(domains.keys().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    for (company, domain) in known {
        domains.entry(company).or_default().insert(domain);
    }
    Ok(domains)
}

/// The addresses, numbers and people that a batch tells of, in the clear.
#[derive(Default)]
pub(crate) struct Found {
    addresses: Vec<String>,
    numbers: Vec<String>,
    /// Company, name, profile.
    people: Vec<(i64, Option<String>, Option<String>)>,
}

impl Found {
    pub(crate) fn of(batch: &TenantBatch) -> Result<Self, ApplyError> {
        let mut found = Self::default();
        for event in &batch.events {
            let Some((_, company)) = event.lead() else { continue };
            let open =
                |field, value: Option<&Pii<String>>| value.map_or(Ok(None), |value| batch.open(event, field, value));
            match &event.envelope.event {
                Event::LeadExtracted(extracted) => {
                    for email in &extracted.emails {
                        found.addresses.extend(open("email.address", Some(&email.address))?);
                        let first = open("email.first_name", email.first_name.as_ref())?;
                        let last = open("email.last_name", email.last_name.as_ref())?;
                        found.people.push((company, full_name(first.as_deref(), last.as_deref()), None));
                    }
                    for person in &extracted.people {
                        let profile = open("person.profile", person.profile.as_ref())?;
                        found.people.push((company, open("person.name", Some(&person.name))?, profile));
                    }
                    for number in &extracted.phones {
                        found.numbers.extend(open("phone", Some(number))?);
                    }
                }
                Event::LeadContactsFound(told) => {
                    for contact in &told.contacts {
                        found.addresses.extend(open("contact.email", contact.email.as_ref())?);
                        found.numbers.extend(open("contact.phone", contact.phone.as_ref())?);
                        let profile = open("contact.profile", contact.profile.as_ref())?;
                        found.people.push((company, open("contact.name", Some(&contact.name))?, profile));
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    pub(crate) fn ask(&self, suppressed: &dyn Fn(Suppressible<'_>) -> bool) {
        for address in &self.addresses {
            email_policy::is_suppressed(address, suppressed);
        }
        for number in &self.numbers {
            suppressed(Suppressible::Phone(number));
        }
        for (company, name, profile) in &self.people {
            ask_about_person(*company, name.as_deref(), profile.as_deref(), suppressed);
        }
    }
}

/// First and last name as one.
pub(crate) fn full_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let name = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Some(name).filter(|name| !name.is_empty())
}

/// Asks about a person's name and profile.
pub(crate) fn ask_about_person(
    company: i64,
    name: Option<&str>,
    profile: Option<&str>,
    suppressed: &dyn Fn(Suppressible<'_>) -> bool,
) -> bool {
    let mut found = profile.is_some_and(|profile| suppressed(Suppressible::Profile(profile)));
    if let (Some(name), Ok(company)) = (name, CompanyId::new(company)) {
        for name in named::forms_of_name(name) {
            found |= suppressed(Suppressible::Name { name: &name, company });
        }
    }
    found
}

fn ask_about_company(company: i64, domains: &BTreeSet<String>, suppressed: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let by_id = CompanyId::new(company).is_ok_and(|id| suppressed(Suppressible::Company(id)));
    domains.iter().fold(by_id, |found, domain| email_policy::is_domain_suppressed(domain, suppressed) || found)
}
