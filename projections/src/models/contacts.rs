//! `contacts`: people with a name or a title at a company.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::{Event, Pii, lead, vendor};
use sqlx::PgConnection;
use uuid::Uuid;

use super::suppressed::Work;
use crate::statement::Statement;
use crate::suppressed::{READS, full_name};
use crate::table::{Group, Newest, Table, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Contacts;

const TABLE: Table = Table {
    name: "contacts",
    key: &["company_id", "subject_id"],
    groups: &[
        Group {
            order: &["run_id", "version"],
            columns: &[
                "name",
                "first_name",
                "last_name",
                "role_title",
                "wanted_title",
                "email",
                "profile_url",
                "source",
                "last_seen_at",
            ],
        },
        // What a vendor alone tells; a site that names the person later leaves it.
        Group { order: &["vendor_run_id", "vendor_version"], columns: &["phone", "vendor_id", "because"] },
    ],
    looked_up: None,
    merged: None,
};

rows! {
    /// A person.
    struct Row in TABLE {
        company_id: i64 = "bigint",
        subject_id: Uuid = "uuid",
        name: Option<String> = "text",
        first_name: Option<String> = "text",
        last_name: Option<String> = "text",
        role_title: Option<String> = "text",
        wanted_title: bool = "boolean",
        email: Option<String> = "text",
        profile_url: Option<String> = "text",
        source: String = "text",
        run_id: i64 = "bigint",
        version: i64 = "bigint",
        last_seen_at: DateTime<Utc> = "timestamptz",
        phone: Option<String> = "text",
        vendor_id: Option<String> = "text",
        because: Option<String> = "text",
        vendor_run_id: i64 = "bigint",
        vendor_version: i64 = "bigint",
    }
}

impl Projection for Contacts {
    fn name(&self) -> &'static str {
        "contacts"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["contacts"]
    }

    fn reads(&self) -> &'static [&'static str] {
        READS
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let (mut on_sites, mut at_vendors) = (Newest::new(), Newest::new());
        for event in &batch.events {
            let Some((run_id, company_id)) = event.lead() else { continue };
            let silenced = silenced(batch, event)?;
            let place = Place { batch, event, run_id, company_id, silenced };
            for row in place.on_site()?.into_iter().filter_map(|row| place.allowed(row)) {
                on_sites.offer((row.company_id, row.subject_id), (row.run_id, row.version), row);
            }
            for row in place.at_vendor()?.into_iter().filter_map(|row| place.allowed(row)) {
                at_vendors.offer((row.company_id, row.subject_id), (row.run_id, row.version), row);
            }
        }
        // One after the other: a person may be in both, and a statement writes a row once.
        Ok(Statement::list([
            Row::statement(&batch.tenant, on_sites.into_rows())?,
            Row::statement(&batch.tenant, at_vendors.into_rows())?,
        ]))
    }

    fn follow<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            match Work::of(connection, batch) {
                Some(mut work) if work.lists_changed => work.take_back_people().await,
                _ => Ok(()),
            }
        })
    }
}

/// Where a person was found.
struct Place<'a> {
    batch: &'a TenantBatch,
    event: &'a Recorded,
    run_id: i64,
    company_id: i64,
    /// People one of whose addresses is suppressed.
    silenced: BTreeSet<Uuid>,
}

/// Whoever has a suppressed address in the event: no row is written of them, whatever else it says.
fn silenced(batch: &TenantBatch, event: &Recorded) -> Result<BTreeSet<Uuid>, ApplyError> {
    let mut silenced = BTreeSet::new();
    if batch.is_unsuppressed() {
        return Ok(silenced);
    }
    for (field, value) in event.envelope.event.personal() {
        let is_address = matches!(field, "email.address" | "contact.email");
        let address = if is_address { batch.open(event, field, value)? } else { None };
        if address.is_some_and(|address| !batch.may_write_to(event, &address)) {
            silenced.insert(value.subject.0);
        }
    }
    Ok(silenced)
}

impl Place<'_> {
    fn on_site(&self) -> Result<Vec<Row>, ApplyError> {
        let Event::LeadExtracted(extracted) = &self.event.envelope.event else { return Ok(vec![]) };
        let written_to = extracted.emails.iter().filter(|email| !email.role_account).map(|email| self.of_email(email));
        let named = extracted.people.iter().map(|person| self.of_person(person));
        written_to.chain(named).filter_map(Result::transpose).collect()
    }

    fn at_vendor(&self) -> Result<Vec<Row>, ApplyError> {
        let Event::LeadContactsFound(found) = &self.event.envelope.event else { return Ok(vec![]) };
        found.contacts.iter().map(|contact| self.of_contact(contact)).filter_map(Result::transpose).collect()
    }

    /// The row as it may be shown: nothing of who is suppressed, and no number that is.
    fn allowed(&self, row: Row) -> Option<Row> {
        let Self { batch, event, .. } = self;
        let shown = batch.may_contact(event)
            && !self.silenced.contains(&row.subject_id)
            && batch.may_list(event, row.name.as_deref(), row.profile_url.as_deref());
        let phone = row.phone.clone().filter(|phone| batch.may_call(event, phone));
        shown.then_some(Row { phone, ..row })
    }

    fn of_contact(&self, found: &vendor::FoundContact) -> Result<Option<Row>, ApplyError> {
        let Some(name) = self.open("contact.name", Some(&found.name))? else { return Ok(None) };
        let row = self.row(found.name.subject.0);
        Ok(Some(Row {
            name: Some(name),
            first_name: self.open("contact.first_name", found.first_name.as_ref())?,
            last_name: self.open("contact.last_name", found.last_name.as_ref())?,
            role_title: self.open("contact.role_title", found.role_title.as_ref())?,
            wanted_title: found.wanted,
            email: self.open("contact.email", found.email.as_ref())?,
            profile_url: self.open("contact.profile", found.profile.as_ref())?,
            phone: self.open("contact.phone", found.phone.as_ref())?,
            vendor_id: self.open("contact.vendor_id", found.vendor_id.as_ref())?,
            because: Some(found.because.clone()),
            source: found.source.clone(),
            vendor_run_id: row.run_id,
            vendor_version: row.version,
            ..row
        }))
    }

    /// The owner of a mailbox, if anything but the address is known of them.
    fn of_email(&self, found: &lead::FoundEmail) -> Result<Option<Row>, ApplyError> {
        let first_name = self.open("email.first_name", found.first_name.as_ref())?;
        let last_name = self.open("email.last_name", found.last_name.as_ref())?;
        let role_title = self.open("email.role_title", found.role_title.as_ref())?;
        let Some(email) = self.open("email.address", Some(&found.address))? else { return Ok(None) };
        let name = full_name(first_name.as_deref(), last_name.as_deref());
        if name.is_none() && role_title.is_none() {
            return Ok(None);
        }
        let row = self.row(found.address.subject.0);
        Ok(Some(Row {
            name,
            first_name,
            last_name,
            role_title,
            email: Some(email),
            source: found.source.clone(),
            ..row
        }))
    }

    fn of_person(&self, found: &lead::FoundPerson) -> Result<Option<Row>, ApplyError> {
        let Some(name) = self.open("person.name", Some(&found.name))? else { return Ok(None) };
        let role_title = self.open("person.role_title", found.role_title.as_ref())?;
        let profile_url = self.open("person.profile", found.profile.as_ref())?;
        let row = self.row(found.name.subject.0);
        let source = found.source.clone();
        Ok(Some(Row { name: Some(name), role_title, profile_url, wanted_title: found.wanted, source, ..row }))
    }

    fn open(&self, field: &'static str, value: Option<&Pii<String>>) -> Result<Option<String>, ApplyError> {
        value.map_or(Ok(None), |value| self.batch.open(self.event, field, value))
    }

    fn row(&self, subject_id: Uuid) -> Row {
        Row {
            company_id: self.company_id,
            subject_id,
            name: None,
            first_name: None,
            last_name: None,
            role_title: None,
            wanted_title: false,
            email: None,
            profile_url: None,
            source: "site".to_owned(),
            run_id: self.run_id,
            version: self.event.version(),
            last_seen_at: self.event.envelope.time,
            phone: None,
            vendor_id: None,
            because: None,
            vendor_run_id: 0,
            vendor_version: 0,
        }
    }
}
