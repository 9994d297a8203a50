//! Where an event holds personal values, and whom it names.

use crate::{Event, EventType, Pii, SubjectId, event::types, lead, vendor};

impl Event {
    /// The kinds of events that name people: whoever looks for a person reads these.
    pub const NAMING: [EventType; 5] = [
        types::LeadExtracted,
        types::LeadContactsFound,
        types::LeadEmailsVerified,
        types::SubjectExported,
        types::SubjectErased,
    ];

    /// Every sealed value with the field that it is sealed for.
    ///
    /// A new kind of event is asked about here by the compiler: what it seals is erased and found through this list.
    #[must_use]
    pub fn personal(&self) -> Vec<(&'static str, &Pii<String>)> {
        match self {
            Self::LeadExtracted(extracted) => of_extracted(extracted),
            Self::LeadContactsFound(found) => found.contacts.iter().flat_map(of_contact).collect(),
            Self::TenantCreated(_)
            | Self::TenantReady(_)
            | Self::SettingsSet(_)
            | Self::OdooConnectionSet(_)
            | Self::OdooPartnerLinked(_)
            | Self::TenantPurged(_)
            | Self::MasterKeyRotated(_)
            | Self::BackupRestored(_)
            | Self::IcpSet(_)
            | Self::IcpSamplesSet(_)
            | Self::CompaniesIngested(_)
            | Self::RunStarted(_)
            | Self::RunCandidatesRefreshed(_)
            | Self::RunTargeted(_)
            | Self::LeadAdmitted(_)
            | Self::LeadDomainResolved(_)
            | Self::LeadDomainMissing(_)
            | Self::LeadCrawled(_)
            | Self::LeadThin(_)
            | Self::LeadBlocked(_)
            | Self::LeadVendorRead(_)
            | Self::LeadEmailsVerified(_)
            | Self::LeadScored(_)
            | Self::LeadDropped(_)
            | Self::LeadParked(_)
            | Self::LeadTimedOut(_)
            | Self::VendorCalled(_)
            | Self::RunPaused(_)
            | Self::RunResumed(_)
            | Self::RunCancelled(_)
            | Self::RunShortlisted(_)
            | Self::RunSyncRequested(_)
            | Self::LeadSynced(_)
            | Self::RunSynced(_)
            | Self::RunCompleted(_)
            | Self::AlertRaised(_)
            | Self::AuditCheckpointed(_)
            | Self::SuppressionAdded(_)
            | Self::SuppressionLifted(_)
            | Self::ConsentRecorded(_)
            | Self::ConsentWithdrawn(_)
            | Self::SubjectExported(_)
            | Self::RetentionEnforced(_)
            | Self::SubjectErased(_) => Vec::new(),
        }
    }

    /// Everyone whom it names, by random id, each once and in order.
    #[must_use]
    pub fn subjects(&self) -> Vec<SubjectId> {
        let mut subjects: Vec<SubjectId> = match self {
            Self::LeadEmailsVerified(verified) => verified.emails.iter().map(|email| email.subject).collect(),
            Self::SubjectErased(erased) => erased.subjects.clone(),
            Self::SubjectExported(exported) => exported.subjects.clone(),
            _ => self.personal().into_iter().map(|(_, value)| value.subject).collect(),
        };
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }
}

fn of_extracted(extracted: &lead::Extracted) -> Vec<(&'static str, &Pii<String>)> {
    let mut values = Vec::new();
    for email in &extracted.emails {
        values.push(("email.address", &email.address));
        values.extend(some("email.first_name", &email.first_name));
        values.extend(some("email.last_name", &email.last_name));
        values.extend(some("email.role_title", &email.role_title));
    }
    for person in &extracted.people {
        values.push(("person.name", &person.name));
        values.extend(some("person.role_title", &person.role_title));
        values.extend(some("person.profile", &person.profile));
    }
    values.extend(extracted.phones.iter().map(|phone| ("phone", phone)));
    values
}

fn of_contact(contact: &vendor::FoundContact) -> Vec<(&'static str, &Pii<String>)> {
    let mut values = vec![("contact.name", &contact.name)];
    values.extend(some("contact.first_name", &contact.first_name));
    values.extend(some("contact.last_name", &contact.last_name));
    values.extend(some("contact.role_title", &contact.role_title));
    values.extend(some("contact.email", &contact.email));
    values.extend(some("contact.phone", &contact.phone));
    values.extend(some("contact.profile", &contact.profile));
    values.extend(some("contact.vendor_id", &contact.vendor_id));
    values
}

fn some<'a>(
    field: &'static str,
    value: &'a Option<Pii<String>>,
) -> impl Iterator<Item = (&'static str, &'a Pii<String>)> {
    value.iter().map(move |value| (field, value))
}
