//! `contacts`: people with a name or a title at a company.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::Event;
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
        columns: &["first_name", "last_name", "role_title", "email", "source", "last_seen_at"],
    }],
    looked_up: &[],
    merged: None,
};

rows! {
    /// A person.
    struct Row in TABLE {
        company_id: i64 = "bigint",
        subject_id: Uuid = "uuid",
        first_name: Option<String> = "text",
        last_name: Option<String> = "text",
        role_title: Option<String> = "text",
        email: String = "text",
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
                for person in people_of(batch, event)? {
                    people.offer((person.company_id, person.subject_id), (person.run_id, person.version), person);
                }
            }
            Row::write(connection, batch.tenant, people.into_rows()).await?;
            Ok(())
        })
    }
}

fn people_of(batch: &TenantBatch<'_>, event: &Recorded) -> Result<Vec<Row>, ApplyError> {
    let (Some((run_id, company_id)), Event::LeadExtracted(extracted)) = (event.lead(), &event.envelope.event) else {
        return Ok(vec![]);
    };
    let mut people = Vec::new();
    for found in extracted.emails.iter().filter(|found| !found.role_account) {
        let open = |field, value: &Option<_>| value.as_ref().map_or(Ok(None), |value| batch.open(event, field, value));
        let (first_name, last_name) =
            (open("email.first_name", &found.first_name)?, open("email.last_name", &found.last_name)?);
        let role_title = open("email.role_title", &found.role_title)?;
        if first_name.is_none() && last_name.is_none() && role_title.is_none() {
            continue;
        }
        let Some(email) = batch.open(event, "email.address", &found.address)? else { continue };
        people.push(Row {
            company_id,
            subject_id: found.address.subject.0,
            first_name,
            last_name,
            role_title,
            email,
            source: found.source.clone(),
            run_id,
            version: event.version(),
            last_seen_at: event.envelope.time,
        });
    }
    Ok(people)
}
