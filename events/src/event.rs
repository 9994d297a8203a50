//! Every kind of fact there is, one line each.

use schemars::{Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Attempt, DecodeError, Step, audit, lead, privacy, run, tenant, vendor};

/// The permanent name of a kind of event and the version of its newest shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventType {
    /// `<entity>.<type>`: the end of its subject and its CloudEvents `type`.
    pub name: &'static str,
    /// The newest schema version.
    pub version: u32,
}

/// What a document about an event type is made from.
pub(crate) struct EventForm {
    /// Its name and newest version.
    pub event_type: EventType,
    /// What it means.
    pub about: &'static str,
    /// The JSON Schema of its data.
    pub data: fn(&mut SchemaGenerator) -> Schema,
}

macro_rules! events {
    ($(#[doc = $doc:literal] $variant:ident($payload:ty) = $name:literal v $version:literal),* $(,)?) => {
        /// A fact. The names are the storage format: add, never rename.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $(#[doc = $doc] $variant($payload),)* }

        impl Event {
            /// Every type, in the order of a lead's way.
            pub const TYPES: &'static [EventType] = &[$(EventType { name: $name, version: $version }),*];

            /// Its type.
            #[must_use]
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$variant(_) => EventType { name: $name, version: $version },)* }
            }

            /// The step that it reports.
            #[must_use]
            pub fn step(&self) -> &Step {
                match self { $(Self::$variant(payload) => &payload.step,)* }
            }

            /// Its data, to be written as JSON.
            pub(crate) fn data(&self) -> impl Serialize + '_ {
                Data(self)
            }

            /// Reads data of the newest version; older shapes are upcast before.
            pub(crate) fn read(name: &str, data: &RawValue) -> Result<Self, DecodeError> {
                match name {
                    $($name => serde_json::from_str(data.get()).map(Self::$variant)
                        .map_err(|error| DecodeError::Data { name: name.to_owned(), error: shape_only(&error) }),)*
                    _ => Err(DecodeError::UnknownType { name: name.to_owned() }),
                }
            }

            /// The form of each type's data, and what it means in a sentence.
            pub(crate) const FORMS: &'static [EventForm] = &[$(EventForm {
                event_type: EventType { name: $name, version: $version },
                about: $doc.trim_ascii(),
                data: SchemaGenerator::subschema_for::<$payload>,
            }),*];
        }

        /// An event's data without its envelope.
        struct Data<'a>(&'a Event);

        impl Serialize for Data<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0 { $(Event::$variant(payload) => payload.serialize(serializer),)* }
            }
        }

        /// The types by the name of their variant.
        pub mod types {
            use super::EventType;
            $(
                #[doc = concat!("`", $name, "`")]
                #[allow(non_upper_case_globals, reason = "named as the variant is")]
                pub const $variant: EventType = EventType { name: $name, version: $version };
            )*
        }
    };
}

events! {
    /// A tenant was created.
    TenantCreated(tenant::Created) = "tenant.created" v 1,
    /// A tenant that waited for its Odoo is ready.
    TenantReady(tenant::Ready) = "tenant.ready" v 1,
    /// Settings were set.
    SettingsSet(tenant::SettingsSet) = "tenant.settings_set" v 1,
    /// A connection to a tenant's Odoo was set or taken back.
    OdooConnectionSet(tenant::OdooConnectionSet) = "odoo.connection_set" v 1,
    /// A person said which partner in Odoo a company is.
    OdooPartnerLinked(tenant::OdooPartnerLinked) = "odoo.partner_linked" v 1,
    /// A tenant was erased.
    TenantPurged(tenant::Purged) = "tenant.purged" v 1,
    /// The master key was changed.
    MasterKeyRotated(tenant::MasterKeyRotated) = "keys.rotated" v 1,
    /// The database, or both stores, were restored from a backup.
    BackupRestored(tenant::Restored) = "backup.restored" v 1,
    /// An ICP was set.
    IcpSet(tenant::IcpSet) = "icp.set" v 1,
    /// Sample customers were set.
    IcpSamplesSet(tenant::IcpSamplesSet) = "icp.samples_set" v 1,
    /// Companies were taken in.
    CompaniesIngested(tenant::Ingested) = "companies.ingested" v 1,
    /// A run begins.
    RunStarted(run::Started) = "run.started" v 1,
    /// Its candidates are known.
    RunCandidatesRefreshed(run::CandidatesRefreshed) = "run.candidates_refreshed" v 1,
    /// Its target set is chosen.
    RunTargeted(run::Targeted) = "run.targeted" v 1,
    /// A lead may be worked on.
    LeadAdmitted(lead::Admitted) = "lead.admitted" v 1,
    /// Its domain is known.
    LeadDomainResolved(lead::DomainResolved) = "lead.domain_resolved" v 1,
    /// It has no domain.
    LeadDomainMissing(lead::DomainMissing) = "lead.domain_missing" v 1,
    /// Its site was read.
    LeadCrawled(lead::Visit) = "lead.crawled" v 1,
    /// Its site says little.
    LeadThin(lead::Visit) = "lead.thin" v 1,
    /// Its site does not let us read it.
    LeadBlocked(lead::Visit) = "lead.blocked" v 1,
    /// A vendor read its site for us.
    LeadVendorRead(vendor::VendorRead) = "lead.vendor_read" v 1,
    /// What its site says is known.
    LeadExtracted(lead::Extracted) = "lead.extracted" v 1,
    /// A vendor told whom to talk to.
    LeadContactsFound(vendor::ContactsFound) = "lead.contacts_found" v 1,
    /// Its addresses were checked.
    LeadEmailsVerified(lead::EmailsVerified) = "lead.emails_verified" v 1,
    /// It has its score.
    LeadScored(lead::Scored) = "lead.scored" v 1,
    /// It was let go.
    LeadDropped(lead::Dropped) = "lead.dropped" v 1,
    /// It waits for a person.
    LeadParked(lead::Parked) = "lead.parked" v 1,
    /// It took too long.
    LeadTimedOut(lead::TimedOut) = "lead.timed_out" v 1,
    /// A vendor was asked, or was not, and why.
    VendorCalled(vendor::VendorCalled) = "vendor.called" v 1,
    /// Admission stops.
    RunPaused(run::Steered) = "run.paused" v 1,
    /// Admission goes on.
    RunResumed(run::Steered) = "run.resumed" v 1,
    /// The run ends early.
    RunCancelled(run::Steered) = "run.cancelled" v 1,
    /// Its shortlist stands.
    RunShortlisted(run::Shortlisted) = "run.shortlisted" v 1,
    /// It is to be written to Odoo.
    RunSyncRequested(run::SyncRequested) = "run.sync_requested" v 1,
    /// A company of it was written to Odoo, or was not, and why.
    LeadSynced(lead::Synced) = "lead.synced" v 1,
    /// It was written to Odoo.
    RunSynced(run::Synced) = "run.synced" v 1,
    /// It is over.
    RunCompleted(run::Completed) = "run.completed" v 1,
    /// An operator should look.
    AlertRaised(run::Alert) = "alert.raised" v 1,
    /// A tenant's log was verified and signed up to an event.
    AuditCheckpointed(audit::Checkpointed) = "audit.checkpointed" v 1,
    /// Addresses, domains, companies or numbers must not be contacted.
    SuppressionAdded(privacy::Suppressed) = "suppression.added" v 1,
    /// They may be contacted again.
    SuppressionLifted(privacy::Lifted) = "suppression.lifted" v 1,
    /// A person agreed to be written to.
    ConsentRecorded(privacy::Consent) = "consent.recorded" v 1,
    /// And agrees no longer.
    ConsentWithdrawn(privacy::Consent) = "consent.withdrawn" v 1,
    /// A person was told what is known of them.
    SubjectExported(privacy::Exported) = "subject.exported" v 1,
    /// A person was erased: the receipt.
    SubjectErased(privacy::Erased) = "subject.erased" v 1,
    /// What was kept long enough is gone.
    RetentionEnforced(privacy::Forgotten) = "retention.enforced" v 1,
}

impl Event {
    /// Which try at its step this is.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        self.step().attempt
    }

    /// Whether a lead is terminal after this.
    #[must_use]
    pub fn ends_lead(&self) -> bool {
        matches!(self, Self::LeadScored(_) | Self::LeadDropped(_) | Self::LeadParked(_) | Self::LeadTimedOut(_))
    }
}

impl EventType {
    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Event::TYPES.iter().copied().find(|known| known.name == name)
    }
}

/// A JSON error's place and kind, without the text it met: that may be personal.
fn shape_only(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}
