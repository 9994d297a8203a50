//! Whether mail arrives: the addresses of many leads of a tenant gathered into one request. What is known of an address and fresh is
//! not asked again, in whatever run it was found.

mod gathering;

use std::{collections::HashMap, sync::Arc, time::Instant};

use chrono::Duration;
use presdr_events::{DegradedReason, Envelope, Event, IdentifierKind, Pii, Step, SubjectId, lead};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    email_policy::{self, VerificationStatus},
    route::{self, Silence, Verification},
};
use presdr_store::{
    TenantTx,
    answers::{self, Verdict},
    suppressions,
};
use presdr_vendors::{
    Unanswered,
    zerobounce::{self, Address},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Services, addresses, asking,
    lead::{self as work, Lead, WorkError},
};

use gathering::Gathering;

const STEP: &str = "verify";
/// More of one company's addresses are not worth their price; those of the company's own domain come first.
const ADDRESSES_MAX: usize = 10;
const VENDOR: &str = "zerobounce";

/// Answers `lead.extracted` and `lead.contacts_found` that ask for it with `lead.emails_verified`.
pub struct Verifier {
    services: Services,
    gathering: Gathering,
}

/// An address to verify.
struct Found {
    subject: SubjectId,
    address: String,
    hash: [u8; 32],
}

impl Verifier {
    /// A verifier of this process. Needs a Tokio runtime: addresses are gathered by a task of its own.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { gathering: Gathering::new(services.clone()), services }
    }

    async fn verify(&self, envelope: Envelope) -> Result<(), WorkError> {
        let route = match &envelope.event {
            Event::LeadExtracted(extracted) => &extracted.route,
            Event::LeadContactsFound(found) => &found.route,
            _ => return Ok(()),
        };
        if route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let begun = Instant::now();
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let found = self.found(&mut tx, &envelope).await?;
        let hashes: Vec<[u8; 32]> = found.iter().map(|one| one.hash).collect();
        let known = answers::verdicts(&mut tx, &hashes, self.services.clock.now()).await?;
        tx.commit().await?;
        let unknown: Vec<&Found> = found.iter().filter(|one| !known.contains_key(&one.hash)).collect();
        let asked = unknown.iter().map(|one| Address::new(&one.address)).collect();
        let answers = self.gathering.ask(&lead, asked, &route.because).await?;
        let (fresh, silence) = self.verdicts(&unknown, answers)?;
        let checked: HashMap<_, _> = known.iter().map(|(hash, verdict)| (*hash, (verdict, true))).collect();
        let checked: HashMap<_, _> =
            checked.into_iter().chain(fresh.iter().map(|verdict| (verdict.hash, (verdict, false)))).collect();
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = told(&found, &checked, silence, (elapsed, lead.attempt));
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        if !fresh.is_empty() {
            answers::keep_verdicts(&mut tx, &fresh).await?;
        }
        work::conclude(&self.services, &lead, STEP, tx, &event).await
    }

    /// The event's addresses in the clear; those of erased people and what is suppressed are left out.
    async fn found(&self, tx: &mut TenantTx, envelope: &Envelope) -> Result<Vec<Found>, WorkError> {
        let mut sealed: Vec<(&'static str, &Pii<String>, bool)> = match &envelope.event {
            Event::LeadExtracted(extracted) => {
                extracted.emails.iter().map(|email| ("email.address", &email.address, email.own_domain)).collect()
            }
            Event::LeadContactsFound(found) => found
                .contacts
                .iter()
                .filter_map(|contact| Some(("contact.email", contact.email.as_ref()?, contact.own_domain)))
                .collect(),
            _ => Vec::new(),
        };
        sealed.sort_by_key(|(_, _, own_domain)| !own_domain);
        sealed.truncate(ADDRESSES_MAX);
        let ids: Vec<SubjectId> = sealed.iter().map(|(_, value, _)| value.subject).collect();
        let keyring = &self.services.keyring;
        let subjects = keyring.subjects(tx, &envelope.tenant, &ids).await?;
        let keys = keyring.tenant(tx, &envelope.tenant).await?;
        let mut found = Vec::with_capacity(sealed.len());
        for (field, value, _) in sealed {
            let Some(subject) = subjects.get(&value.subject) else { continue };
            let address = subject.open(&envelope.tenant, envelope.id, field, value)?.0;
            let address = email_policy::normalise(&address).unwrap_or(address);
            let hash = keys.index.hash(IdentifierKind::Email, &address);
            found.push(Found { subject: value.subject, address, hash });
        }
        // Suppressed since it was found: nobody is told of it, and nothing is paid.
        let addresses: Vec<&str> = found.iter().map(|one| one.address.as_str()).collect();
        let held = addresses::held(tx, &keys, &addresses, None).await?;
        found.retain(|one| !email_policy::is_suppressed(&one.address, &|what| held.holds(what)));
        if !suppressions::companies(tx, envelope.company.as_slice()).await?.is_empty() {
            found.clear();
        }
        Ok(found)
    }

    /// The answers as they are kept. An address without one stays unknown and is asked about in the next run.
    fn verdicts(
        &self,
        asked: &[&Found],
        answers: Vec<Result<zerobounce::Verdict, Unanswered>>,
    ) -> Result<(Vec<Verdict>, Option<Silence>), WorkError> {
        let (mut verdicts, mut silent) = (Vec::new(), None);
        let now = self.services.clock.now();
        for (one, answer) in asked.iter().zip(answers) {
            match answer {
                Ok(said) => verdicts.push(Verdict {
                    hash: one.hash,
                    status: said.status.as_str().to_owned(),
                    sub_status: said.sub_status.clone(),
                    confidence: Some(said.confidence),
                    vendor: VENDOR.to_owned(),
                    checked_at: now,
                    recheck_at: now + Duration::from_std(said.fresh_for()).unwrap_or(Duration::days(1)),
                }),
                Err(error) => silent = Some(asking::silence(error)?),
            }
        }
        Ok((verdicts, silent))
    }
}

fn told(
    found: &[Found],
    checked: &HashMap<[u8; 32], (&Verdict, bool)>,
    silence: Option<Silence>,
    (elapsed_ms, attempt): (u64, u32),
) -> Event {
    let emails: Vec<lead::VerifiedEmail> =
        found.iter().map(|one| email(one, checked.get(&one.hash).copied())).collect();
    let cached = checked.values().filter(|(_, cached)| *cached).count();
    let decision = route::after_verification(match silence {
        None => Verification::Answered,
        Some(silence) if !checked.is_empty() => Verification::Partly(silence),
        Some(silence) => Verification::Unavailable(silence),
    });
    let degraded: Vec<DegradedReason> = decision.degraded.clone();
    let step = Step::done(STEP, elapsed_ms, attempt, degraded).with("addresses", found.len()).with("cached", cached);
    Event::LeadEmailsVerified(lead::EmailsVerified { step, emails, route: decision.route() })
}

fn email(found: &Found, verdict: Option<(&Verdict, bool)>) -> lead::VerifiedEmail {
    match verdict {
        Some((verdict, _)) => lead::VerifiedEmail {
            subject: found.subject,
            status: verdict.status.clone(),
            confidence: verdict.confidence,
            source: verdict.vendor.clone(),
            sub_status: Some(verdict.sub_status.clone()).filter(|sub_status| !sub_status.is_empty()),
            checked_at: Some(verdict.checked_at),
        },
        None => lead::VerifiedEmail {
            subject: found.subject,
            status: VerificationStatus::Unknown.as_str().to_owned(),
            confidence: None,
            source: "none".to_owned(),
            sub_status: None,
            checked_at: None,
        },
    }
}

impl Consumer for Verifier {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        work::outcome_of(self.verify(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The verifier as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<Verifier> {
    Arc::new(Verifier::new(services.clone()))
}
