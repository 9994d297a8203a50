//! `lead_emails`: business addresses in the clear, with what their checks came to.
//!
//! Finding and checking are told by different events and may be read in either order, so checks have a table of their own, and an
//! address takes its newest check from there.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::{Event, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::suppressed::Work;
use crate::statement::Statement;
use crate::suppressed::{READS, full_name};
use crate::table::{Group, Lookup, Newest, Table, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Emails;

/// Across runs the newest run tells; run ids are allotted upwards.
const ORDER: &[&str] = &["run_id", "version"];

const EMAILS: Table = Table {
    name: "lead_emails",
    key: &["company_id", "email"],
    groups: &[
        Group {
            order: ORDER,
            columns: &[
                "subject_id",
                "first_name",
                "last_name",
                "role_title",
                "role_account",
                "own_domain",
                "source",
                "last_seen_at",
                "verification_status",
                "smtp_confidence",
                "verification_source",
                "verification_detail",
                "last_verified_at",
            ],
        },
        // What a vendor alone tells; a site that shows the address later leaves it.
        Group { order: &["vendor_run_id", "vendor_version"], columns: &["vendor_id", "because"] },
    ],
    looked_up: Some(Lookup {
        join: "left join lateral (select * from lead_email_verifications as checked where checked.tenant_id = $1 \
               and checked.company_id = given.company_id and checked.subject_id = given.subject_id limit 1) as checked on true",
        columns: &[
            ("verification_status", "coalesce(checked.status, 'unknown')"),
            ("smtp_confidence", "checked.confidence"),
            ("verification_source", "checked.source"),
            ("verification_detail", "checked.detail"),
            ("last_verified_at", "checked.verified_at"),
        ],
    }),
    merged: None,
};

const CHECKS: Table = Table {
    name: "lead_email_verifications",
    key: &["company_id", "subject_id"],
    groups: &[Group { order: ORDER, columns: &["status", "confidence", "source", "detail", "verified_at"] }],
    looked_up: None,
    merged: None,
};

rows! {
    /// An address of a company.
    struct Email in EMAILS {
        company_id: i64 = "bigint",
        email: String = "text",
        subject_id: Uuid = "uuid",
        first_name: Option<String> = "text",
        last_name: Option<String> = "text",
        role_title: Option<String> = "text",
        role_account: bool = "boolean",
        own_domain: bool = "boolean",
        source: String = "text",
        run_id: i64 = "bigint",
        version: i64 = "bigint",
        last_seen_at: DateTime<Utc> = "timestamptz",
        vendor_id: Option<String> = "text",
        because: Option<String> = "text",
        vendor_run_id: i64 = "bigint",
        vendor_version: i64 = "bigint",
    }
}

rows! {
    /// A check of a subject's address.
    struct Check in CHECKS {
        company_id: i64 = "bigint",
        subject_id: Uuid = "uuid",
        status: String = "text",
        confidence: Option<f64> = "double precision",
        source: String = "text",
        detail: Option<String> = "text",
        verified_at: DateTime<Utc> = "timestamptz",
        run_id: i64 = "bigint",
        version: i64 = "bigint",
    }
}

impl Projection for Emails {
    fn name(&self) -> &'static str {
        "lead_emails"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["lead_emails", "lead_email_verifications"]
    }

    fn reads(&self) -> &'static [&'static str] {
        READS
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let (mut on_sites, mut at_vendors, mut checks) = (Newest::new(), Newest::new(), Newest::new());
        for event in &batch.events {
            for email in on_site(batch, event)? {
                on_sites.offer((email.company_id, email.email.clone()), (email.run_id, email.version), email);
            }
            for email in at_vendor(batch, event)? {
                at_vendors.offer((email.company_id, email.email.clone()), (email.run_id, email.version), email);
            }
            for check in checked(batch, event) {
                checks.offer((check.company_id, check.subject_id), (check.run_id, check.version), check);
            }
        }
        let checks: Vec<_> = checks.into_rows().collect();
        let checked = checks.iter().map(|check| (check.company_id, check.subject_id)).collect();
        // Checks first: an address that is written takes its check from there, and few that were there before need it afterwards.
        Ok(Statement::list([
            Check::statement(&batch.tenant, checks)?,
            Email::statement(&batch.tenant, on_sites.into_rows())?,
            Email::statement(&batch.tenant, at_vendors.into_rows())?,
            take_newest_checks(&batch.tenant, checked)?,
        ]))
    }

    fn follow<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            match Work::of(connection, batch) {
                Some(mut work) if work.lists_changed => work.take_back_addresses().await,
                _ => Ok(()),
            }
        })
    }
}

fn on_site(batch: &TenantBatch, event: &Recorded) -> Result<Vec<Email>, ApplyError> {
    let (Some((run_id, company_id)), Event::LeadExtracted(extracted)) = (event.lead(), &event.envelope.event) else {
        return Ok(vec![]);
    };
    if !batch.may_contact(event) {
        return Ok(vec![]);
    }
    let mut emails = Vec::with_capacity(extracted.emails.len());
    for found in &extracted.emails {
        let Some(address) = batch.open(event, "email.address", &found.address)? else { continue };
        let open = |field, value: &Option<_>| value.as_ref().map_or(Ok(None), |value| batch.open(event, field, value));
        let first_name = open("email.first_name", &found.first_name)?;
        let last_name = open("email.last_name", &found.last_name)?;
        let name = full_name(first_name.as_deref(), last_name.as_deref());
        if !batch.may_write_to(event, &address) || !batch.may_list(event, name.as_deref(), None) {
            continue;
        }
        emails.push(Email {
            company_id,
            email: address,
            subject_id: found.address.subject.0,
            first_name,
            last_name,
            role_title: open("email.role_title", &found.role_title)?,
            role_account: found.role_account,
            own_domain: found.own_domain,
            source: found.source.clone(),
            run_id,
            version: event.version(),
            last_seen_at: event.envelope.time,
            vendor_id: None,
            because: None,
            vendor_run_id: 0,
            vendor_version: 0,
        });
    }
    Ok(emails)
}

fn at_vendor(batch: &TenantBatch, event: &Recorded) -> Result<Vec<Email>, ApplyError> {
    let (Some((run_id, company_id)), Event::LeadContactsFound(found)) = (event.lead(), &event.envelope.event) else {
        return Ok(vec![]);
    };
    if !batch.may_contact(event) {
        return Ok(vec![]);
    }
    let mut emails = Vec::with_capacity(found.contacts.len());
    for contact in &found.contacts {
        let open = |field, value: &Option<_>| value.as_ref().map_or(Ok(None), |value| batch.open(event, field, value));
        let (Some(sealed), Some(address)) = (&contact.email, open("contact.email", &contact.email)?) else { continue };
        let name = batch.open(event, "contact.name", &contact.name)?;
        let profile = open("contact.profile", &contact.profile)?;
        if !batch.may_write_to(event, &address) || !batch.may_list(event, name.as_deref(), profile.as_deref()) {
            continue;
        }
        emails.push(Email {
            company_id,
            email: address,
            subject_id: sealed.subject.0,
            first_name: open("contact.first_name", &contact.first_name)?,
            last_name: open("contact.last_name", &contact.last_name)?,
            role_title: open("contact.role_title", &contact.role_title)?,
            role_account: contact.role_account,
            own_domain: contact.own_domain,
            source: contact.source.clone(),
            run_id,
            version: event.version(),
            last_seen_at: event.envelope.time,
            vendor_id: open("contact.vendor_id", &contact.vendor_id)?,
            because: Some(contact.because.clone()),
            vendor_run_id: run_id,
            vendor_version: event.version(),
        });
    }
    Ok(emails)
}

fn checked<'a>(batch: &'a TenantBatch, event: &'a Recorded) -> impl Iterator<Item = Check> + 'a {
    let verified = match (event.lead(), &event.envelope.event) {
        (Some(lead), Event::LeadEmailsVerified(verified)) => Some((lead, verified)),
        _ => None,
    };
    verified.into_iter().flat_map(move |((run_id, company_id), verified)| {
        verified.emails.iter().filter(|email| batch.may_name(email.subject)).map(move |email| Check {
            company_id,
            subject_id: email.subject.0,
            status: email.status.clone(),
            confidence: email.confidence,
            source: email.source.clone(),
            detail: email.sub_status.clone(),
            // A verdict that was bought before is as old as it is.
            verified_at: email.checked_at.unwrap_or(event.envelope.time),
            run_id,
            version: event.version(),
        })
    })
}

fn take_newest_checks(tenant: &TenantId, checked: Vec<(i64, Uuid)>) -> Result<Option<Statement>, sqlx::Error> {
    if checked.is_empty() {
        return Ok(None);
    }
    let (companies, subjects): (Vec<i64>, Vec<Uuid>) = checked.into_iter().unzip();
    let update = Statement::new(
        "update lead_emails as kept
         set verification_status = checked.status, smtp_confidence = checked.confidence, verification_source = checked.source,
             verification_detail = checked.detail, last_verified_at = checked.verified_at
         from unnest($2::bigint[], $3::uuid[]) as touched (company_id, subject_id)
         join lead_email_verifications as checked
             on checked.tenant_id = $1 and checked.company_id = touched.company_id and checked.subject_id = touched.subject_id
         where kept.tenant_id = $1 and kept.company_id = touched.company_id and kept.subject_id = touched.subject_id
             and (kept.verification_status, kept.smtp_confidence, kept.verification_source, kept.verification_detail, kept.last_verified_at)
                 is distinct from (checked.status, checked.confidence, checked.source, checked.detail, checked.verified_at)",
    );
    Ok(Some(update.bind(tenant.as_str().to_owned())?.bind(companies)?.bind(subjects)?))
}
