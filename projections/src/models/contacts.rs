//! `contacts`: people with a name or a title at a company.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::{Event, Pii, lead};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::table::{Group, Newest, Table, rows};
use crate::{ApplyError, Projection, Recorded, TenantBatch};

/// The read model.
pub(crate) struct Contacts;

const TABLE: Table = Table {
    name: "contacts",
    key: &["company_id", "subject_id"],
    groups: &[Group {
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
    }],
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
    }
}

impl Projection for Contacts {
    fn name(&self) -> &'static str {
        "contacts"
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut people = Newest::new();
            for event in batch.events {
                let (Some((run_id, company_id)), Event::LeadExtracted(extracted)) =
                    (event.lead(), &event.envelope.event)
                else {
                    continue;
                };
                let place = Place { batch, event, run_id, company_id };
                let written_to =
                    extracted.emails.iter().filter(|email| !email.role_account).map(|email| place.of_email(email));
                let named = extracted.people.iter().map(|person| place.of_person(person));
                for row in written_to.chain(named) {
                    if let Some(row) = row? {
                        people.offer((row.company_id, row.subject_id), (row.run_id, row.version), row);
                    }
                }
            }
            Row::write(connection, batch.tenant, people.into_rows()).await?;
            Ok(())
        })
    }
}

/// Where a person was found.
struct Place<'a> {
    batch: &'a TenantBatch<'a>,
    event: &'a Recorded,
    run_id: i64,
    company_id: i64,
}

impl Place<'_> {
    /// The owner of a mailbox, if anything but the address is known of them.
    fn of_email(&self, found: &lead::FoundEmail) -> Result<Option<Row>, ApplyError> {
        let first_name = self.open("email.first_name", found.first_name.as_ref())?;
        let last_name = self.open("email.last_name", found.last_name.as_ref())?;
        let role_title = self.open("email.role_title", found.role_title.as_ref())?;
        let Some(email) = self.open("email.address", Some(&found.address))? else { return Ok(None) };
        let name = [&first_name, &last_name].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let name = Some(name).filter(|name| !name.is_empty());
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
        Ok(Some(Row { name: Some(name), role_title, profile_url, wanted_title: found.wanted, ..row }))
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
        }
    }
}
