//! A lead's way so far, as its steps tell it.

use std::collections::BTreeSet;

use presdr_events::{DegradedReason, Envelope, Event, lead, vendor};
use presdr_rules::features::DomainFinding;
use presdr_store::{TenantTx, steps};

use crate::lead::{Lead, WorkError};

/// What the lead's steps of this attempt came to.
#[derive(Default)]
pub(crate) struct Way {
    pub domain: DomainFinding,
    /// The domain's name.
    pub domain_name: Option<String>,
    pub visit: Option<lead::Visit>,
    pub vendor_read: Option<vendor::VendorRead>,
    pub extracted: Option<lead::Extracted>,
    pub contacts: Option<vendor::ContactsFound>,
    pub verified: Option<lead::EmailsVerified>,
    pub degraded: BTreeSet<DegradedReason>,
}

impl Way {
    /// Reads the lead's steps back.
    pub async fn of(tx: &mut TenantTx, lead: &Lead) -> Result<Self, WorkError> {
        let mut way = Self::default();
        for (step, subject, body) in steps::lead(tx, lead.run, lead.company, lead.attempt).await? {
            let envelope = Envelope::decode(&subject, &body)
                .map_err(|error| WorkError::Unfit(format!("stored step {step}: {error}")))?;
            if envelope.event.attempt() == lead.attempt {
                way.add(envelope.event);
            }
        }
        Ok(way)
    }

    fn add(&mut self, event: Event) {
        self.degraded.extend(&event.step().degraded_reasons);
        match event {
            Event::LeadDomainResolved(resolved) => {
                self.domain = DomainFinding::Resolved { confidence: resolved.confidence };
                self.domain_name = Some(resolved.domain);
            }
            // It may be missing to us and then be found by a search: whichever is read first.
            Event::LeadDomainMissing(_) if self.domain_name.is_none() => self.domain = DomainFinding::NotFound,
            Event::LeadCrawled(visit) | Event::LeadThin(visit) => self.visit = Some(visit),
            Event::LeadVendorRead(read) => self.vendor_read = Some(read),
            Event::LeadExtracted(extracted) => self.extracted = Some(extracted),
            Event::LeadContactsFound(found) => self.contacts = Some(found),
            Event::LeadEmailsVerified(verified) => self.verified = Some(verified),
            _ => {}
        }
    }
}
