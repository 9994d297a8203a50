//! `lead_phones`: phone numbers in the clear.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::{Event, Pii};
use sqlx::PgConnection;
use uuid::Uuid;

use super::suppressed::Work;
use crate::statement::Statement;
use crate::suppressed::READS;
use crate::table::{Group, Newest, Table, rows};
use crate::{ApplyError, Projection, TenantBatch};

/// The read model.
pub(crate) struct Phones;

const TABLE: Table = Table {
    name: "lead_phones",
    key: &["company_id", "phone"],
    groups: &[Group { order: &["run_id", "version"], columns: &["subject_id", "last_seen_at"] }],
    looked_up: None,
    merged: None,
};

rows! {
    /// A number of a company.
    struct Row in TABLE {
        company_id: i64 = "bigint",
        phone: String = "text",
        subject_id: Uuid = "uuid",
        run_id: i64 = "bigint",
        version: i64 = "bigint",
        last_seen_at: DateTime<Utc> = "timestamptz",
    }
}

impl Projection for Phones {
    fn name(&self) -> &'static str {
        "lead_phones"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["lead_phones"]
    }

    fn reads(&self) -> &'static [&'static str] {
        READS
    }

    fn statements(&self, batch: &TenantBatch) -> Result<Vec<Statement>, ApplyError> {
        let mut phones = Newest::new();
        for event in &batch.events {
            let Some((run_id, company_id)) = event.lead() else { continue };
            if !batch.may_contact(event) {
                continue;
            }
            for (field, sealed) in sealed(&event.envelope.event) {
                let Some(phone) = batch.open(event, field, sealed)? else { continue };
                if !batch.may_call(event, &phone) {
                    continue;
                }
                let (subject_id, version, last_seen_at) = (sealed.subject.0, event.version(), event.envelope.time);
                let row = Row { company_id, phone: phone.clone(), subject_id, run_id, version, last_seen_at };
                phones.offer((company_id, phone), (run_id, version), row);
            }
        }
        Ok(Statement::list([Row::statement(&batch.tenant, phones.into_rows())?]))
    }

    fn follow<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        batch: &'a TenantBatch,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            match Work::of(connection, batch) {
                Some(mut work) if work.lists_changed => work.take_back_numbers().await,
                _ => Ok(()),
            }
        })
    }
}

/// The numbers of an event, each with its field.
fn sealed(event: &Event) -> Vec<(&'static str, &Pii<String>)> {
    match event {
        Event::LeadExtracted(extracted) => extracted.phones.iter().map(|phone| ("phone", phone)).collect(),
        Event::LeadContactsFound(found) => {
            found.contacts.iter().filter_map(|contact| Some(("contact.phone", contact.phone.as_ref()?))).collect()
        }
        _ => Vec::new(),
    }
}
