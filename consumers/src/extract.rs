//! What a company's site says: its pages merged, the tenant's policy applied, every personal value sealed.

mod fill;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use presdr_events::{Clear, Envelope, Event, EventId, IdentifierKind, Pii, Step, lead};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    icp::{IcpDocument, Words, title_is_wanted},
    route::{self, Decision, Reachable, Site, Vendors},
};
use presdr_sites::{
    Visit,
    extract::{self, SiteFindings},
};
use presdr_store::{
    TenantTx,
    keys::{DataSubject, TenantKeys},
    texts,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Services, addresses, asking, company,
    lead::{self as work, Lead, WorkError},
    suppressed,
};

use fill::Filled;

const STEP: &str = "extract";
// An event is at most 65,536 bytes, and this one is less whatever a site says. A sealed value is base64 of the value's JSON (n bytes at most
// and two quotes), a nonce (24) and a tag (16), with its subject: 62 + 4/3 (n + 42) bytes. The readers bound n (`sites/src/extract/bounded.rs`):
//   an address    457 (n = 254), two parts of a name 370 (n = 100 in all), title 252 (n = 100), the rest 112: 1,191, times 25 = 29,775
//   a person      name and title 252 each, profile 385 (n = 200), the rest 67:                                   956, times 25 = 23,900
//   a phone       141 (n = 16):                                                                                       times 10 =  1,410
//   the company   technologies 60 of 43 bytes, keywords, networks, hash, step, route, envelope:                           less than 8,700
/// More addresses than this are a directory, not a company's contacts; it also bounds the event.
const EMAILS_MAX: usize = 25;
const PHONES_MAX: usize = 10;
const PEOPLE_MAX: usize = 25;
/// Keywords in an event; the score asks for no more than three.
const KEYWORDS_BYTES_MAX: usize = 3_000;

/// Answers `lead.crawled`, `lead.thin` and `lead.vendor_read` with `lead.extracted`.
pub struct Extractor {
    services: Services,
}

/// An address that the policy kept, and what is known of who reads it.
struct KeptEmail {
    address: String,
    name: Option<String>,
    role_title: Option<String>,
    role_account: bool,
    own_domain: bool,
    source: String,
}

/// Who found an address.
#[derive(Default)]
struct Sources {
    /// On pages that we read.
    ours: HashSet<String>,
    /// On pages that a vendor read, and which vendor.
    vendors: HashMap<String, String>,
    /// What a model added.
    filled: Filled,
}

impl Sources {
    fn of(&self, address: &str) -> String {
        match self.vendors.get(address) {
            _ if self.ours.contains(address) => "site".to_owned(),
            Some(vendor) => vendor.clone(),
            None if self.filled.addresses.contains(address) => "model".to_owned(),
            None => "site".to_owned(),
        }
    }
}

impl Extractor {
    /// An extractor of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn extract(&self, envelope: Envelope) -> Result<(), WorkError> {
        let (domain, route, site) = match &envelope.event {
            Event::LeadCrawled(visit) => (&visit.domain, &visit.route, Site::Rich),
            Event::LeadThin(visit) => (&visit.domain, &visit.route, Site::Thin),
            Event::LeadVendorRead(read) if matches!(read.verdict.as_str(), "thin" | "nothing") => {
                (&read.domain, &read.route, Site::Thin)
            }
            Event::LeadVendorRead(read) => (&read.domain, &read.route, Site::Rich),
            _ => return Ok(()),
        };
        if route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let begun = Instant::now();
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let place = self.services.pins.place(&mut tx, &lead).await?;
        let (mut findings, mut sources) = merged(&mut tx, &lead, place).await?;
        let mut vendors = Vendors::default();
        if self.services.vendors.is_some() {
            let suppressed = suppressed::is_suppressed(&self.services, &mut tx, &lead, domain).await?;
            // No transaction is open while a vendor is asked, or asked about.
            tx.commit().await?;
            if !suppressed {
                sources.filled = fill::fill(&self.services, &lead, &mut findings).await?;
            }
            vendors = asking::vendors(&self.services, &lead).await?;
            let Some(again) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
            tx = again;
        }
        let company = company::read(&mut tx, lead.company).await?;
        let findings = suppressed::without_people(&self.services, &mut tx, &lead, domain, findings).await?;
        let pin = self.services.pins.of(&mut tx, lead.run).await?;
        let keys = self.services.keyring.tenant(&mut tx, &lead.tenant).await?;
        let (kept, dropped) = screen(&mut tx, &keys, &findings, domain, &sources).await?;
        let sealed = self.seal(&mut tx, &lead, &kept, &findings, &pin.icp, &sources).await?;
        let confirmed = company.facts.uen.as_ref().is_some_and(|uen| findings.uens.contains(uen))
            || findings.company_name.as_ref().is_some_and(|name| Words::of(&company.facts.name).contain(name));
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let people = count(sealed.people.iter().filter(|person| person.wanted).count());
        let reachable = Reachable { addresses: count(sealed.emails.len()), people };
        let mut decision = route::after_extraction(site, reachable, vendors);
        decision.degraded.extend(std::mem::take(&mut sources.filled.degraded));
        let mut event = describe(&findings, &pin.icp, sealed, dropped, &decision, confirmed, (elapsed, lead.attempt));
        event.ai = sources.filled.told.take();
        let text = texts::LeadText {
            corpus_hash: &findings.corpus_hash,
            about_text: &findings.about_text,
            corpus: &findings.corpus,
        };
        texts::store_text(&mut tx, place, &text).await?;
        work::conclude(&self.services, &lead, STEP, tx, &Event::LeadExtracted(event)).await
    }

    /// Seals what is personal under the subject it leads to. A person who was erased is left out.
    async fn seal(
        &self,
        tx: &mut TenantTx,
        lead: &Lead,
        kept: &[KeptEmail],
        findings: &SiteFindings,
        icp: &IcpDocument,
        sources: &Sources,
    ) -> Result<Sealed, WorkError> {
        let people = &findings.people[..findings.people.len().min(PEOPLE_MAX)];
        let phones: Vec<_> = findings.phones.iter().filter_map(|phone| phone.e164.as_ref()).take(PHONES_MAX).collect();
        let mut identifiers: Vec<_> = kept.iter().map(|email| (IdentifierKind::Email, email.address.clone())).collect();
        identifiers.extend(people.iter().map(|person| identifier(person, lead)));
        // Phones belong to the company's switchboard, where no person is known to answer them.
        identifiers.extend((!phones.is_empty()).then(|| (IdentifierKind::Company, lead.company.to_string())));
        let subjects = self.services.keyring.identified(tx, &lead.tenant, &identifiers).await?;
        let (of_emails, rest) = subjects.split_at(kept.len());
        let (of_people, of_phones) = rest.split_at(people.len());
        let event = lead.key(STEP).event_id();
        let wanted = icp.wanted_titles();
        let mut sealed = Sealed { emails: Vec::new(), people: Vec::new(), phones: Vec::new() };
        for (email, subject) in kept.iter().zip(of_emails) {
            if let Some(subject) = subject {
                sealed.emails.push(seal_email(subject, lead, event, email)?);
            }
        }
        for (person, subject) in people.iter().zip(of_people) {
            if let Some(subject) = subject {
                let source = if sources.filled.names.contains(&person.name) { "model" } else { "site" };
                sealed.people.push(seal_person(subject, lead, event, person, &wanted, source)?);
            }
        }
        if let Some(Some(subject)) = of_phones.first() {
            for number in phones {
                sealed.phones.push(subject.seal(&lead.tenant, event, "phone", &Clear(number.clone()))?);
            }
        }
        Ok(sealed)
    }
}

/// What a person is known by: a profile link identifies, a name only within its company.
fn identifier(person: &extract::FoundPerson, lead: &Lead) -> (IdentifierKind, String) {
    match &person.profile_url {
        Some(profile) => (IdentifierKind::Profile, profile.clone()),
        None => (IdentifierKind::Name, format!("{}/{}", person.name, lead.company)),
    }
}

fn seal_person(
    subject: &DataSubject,
    lead: &Lead,
    event: EventId,
    person: &extract::FoundPerson,
    wanted: &[&str],
    source: &str,
) -> Result<lead::FoundPerson, WorkError> {
    let seal = |field, value: &String| subject.seal(&lead.tenant, event, field, &Clear(value.clone()));
    Ok(lead::FoundPerson {
        name: seal("person.name", &person.name)?,
        role_title: person.role_title.as_ref().map(|title| seal("person.role_title", title)).transpose()?,
        profile: person.profile_url.as_ref().map(|url| seal("person.profile", url)).transpose()?,
        wanted: person.role_title.as_ref().is_some_and(|title| title_is_wanted(title, wanted)),
        source: source.to_owned(),
    })
}

/// What is personal, sealed.
struct Sealed {
    emails: Vec<lead::FoundEmail>,
    people: Vec<lead::FoundPerson>,
    phones: Vec<Pii<String>>,
}

fn seal_email(
    subject: &DataSubject,
    lead: &Lead,
    event: EventId,
    email: &KeptEmail,
) -> Result<lead::FoundEmail, WorkError> {
    let seal = |field, value: &str| subject.seal(&lead.tenant, event, field, &Clear(value.to_owned()));
    let (first, last) = match email.name.as_deref().map(|name| name.rsplit_once(' ').unwrap_or((name, ""))) {
        Some((first, last)) => (Some(first), Some(last).filter(|last| !last.is_empty())),
        None => (None, None),
    };
    Ok(lead::FoundEmail {
        address: seal("email.address", &email.address)?,
        first_name: first.map(|name| seal("email.first_name", name)).transpose()?,
        last_name: last.map(|name| seal("email.last_name", name)).transpose()?,
        role_title: email.role_title.as_deref().map(|title| seal("email.role_title", title)).transpose()?,
        role_account: email.role_account,
        own_domain: email.own_domain,
        source: email.source.clone(),
    })
}

async fn merged(tx: &mut TenantTx, lead: &Lead, place: texts::Place) -> Result<(SiteFindings, Sources), WorkError> {
    let gone = || {
        WorkError::Unfit(format!("the pages of company {} in run {} are gone: start a new run", lead.company, lead.run))
    };
    let stored = texts::visit(tx, place).await?.ok_or_else(gone)?;
    let visit: Visit = serde_json::from_value(stored).map_err(|_| gone())?;
    let mut sources = Sources::default();
    for page in &visit.pages {
        let addresses = page.findings.iter().flat_map(|findings| &findings.emails).map(|email| email.address.clone());
        match &page.read_by {
            None => sources.ours.extend(addresses),
            Some(vendor) => sources.vendors.extend(addresses.map(|address| (address, vendor.clone()))),
        }
    }
    let pages: Vec<_> = visit.pages.into_iter().filter_map(|page| page.findings).collect();
    Ok((extract::merge(&pages), sources))
}

/// Applies the tenant's policy to what was found; also counts what it dropped, by reason.
async fn screen(
    tx: &mut TenantTx,
    keys: &TenantKeys,
    findings: &SiteFindings,
    domain: &str,
    sources: &Sources,
) -> Result<(Vec<KeptEmail>, BTreeMap<String, u32>), WorkError> {
    let found = &findings.emails[..findings.emails.len().min(EMAILS_MAX)];
    let written: Vec<&str> = found.iter().map(|email| email.address.as_str()).collect();
    let (decided, dropped) = addresses::screen(tx, keys, &written, Some(domain)).await?;
    let kept = found.iter().zip(decided).filter_map(|(email, decided)| {
        let (address, kept) = decided?;
        Some(KeptEmail {
            source: sources.of(&email.address),
            address,
            name: email.name.clone(),
            role_title: email.role_title.clone(),
            role_account: kept.role_account,
            own_domain: kept.own_domain,
        })
    });
    Ok((kept.collect(), dropped))
}

fn describe(
    findings: &SiteFindings,
    icp: &IcpDocument,
    sealed: Sealed,
    emails_dropped: BTreeMap<String, u32>,
    decision: &Decision,
    identity_confirmed: bool,
    (elapsed_ms, attempt): (u64, u32),
) -> lead::Extracted {
    let mut networks: Vec<String> = findings.socials.iter().map(|social| social.network.clone()).collect();
    networks.dedup();
    lead::Extracted {
        step: Step::done(STEP, elapsed_ms, attempt, decision.degraded.clone()).with("pages", findings.pages),
        corpus_hash: findings.corpus_hash.clone(),
        words: findings.word_count,
        text_characters: u32::try_from(findings.corpus.chars().count()).unwrap_or(u32::MAX),
        language: findings.language.clone(),
        technologies: findings.technologies.clone(),
        social_networks: networks,
        careers: findings.careers.is_some(),
        jobs_count: findings.open_jobs,
        keywords: within(KEYWORDS_BYTES_MAX, icp.keywords_found(&findings.corpus)),
        identity_confirmed,
        emails: sealed.emails,
        people: sealed.people,
        phones: sealed.phones,
        emails_dropped,
        ai: None,
        route: decision.route(),
    }
}

/// As many of the words, from the first, as come to so many bytes of JSON.
fn within(bytes_max: usize, words: Vec<&str>) -> Vec<String> {
    let mut bytes = 0;
    let fitting = words.into_iter().take_while(|word| {
        bytes += 2 * word.len() + 3;
        bytes <= bytes_max
    });
    fitting.map(str::to_owned).collect()
}

impl Consumer for Extractor {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        work::outcome_of(self.extract(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The extractor as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<Extractor> {
    Arc::new(Extractor::new(services.clone()))
}
