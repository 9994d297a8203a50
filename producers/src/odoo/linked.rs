//! A person's word on which partner a company is.

use std::collections::BTreeMap;

use presdr_events::{CompanyId, Event, Step, TenantId, tenant::OdooPartnerLinked};
use presdr_odoo::{
    client::{Call, Odoo},
    desk::{self, OdooError},
    fields, gather,
    matching::{self, objection},
    plan::Present,
};
use presdr_store::{
    odoo::{
        connections,
        records::{self, Key, Model, Origin, Record, State},
    },
    tenants,
};
use serde_json::{Map, Value, json};

use super::{SYNC_WAIT, writers_lease};
use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
};

/// Says which partner a company is, where nobody could tell, where it was deleted, or where another was taken for it; the next sync writes there.
/// Tells the event's sequence.
///
/// # Errors
/// [`CommandError::Refused`] when the company needs no such word, the partner cannot be it, or Odoo cannot be asked.
pub async fn link(desk: &Desk, tenant: &TenantId, company: CompanyId, partner: i64) -> Result<u64, CommandError> {
    tenants::enter_active(&desk.database, tenant).await?.commit().await?;
    // A sync that is under way would write over it what it found.
    let Some(_lease) = writers_lease(desk, tenant, SYNC_WAIT).await? else {
        return Err(CommandError::Refused("a sync is under way: try it again once it has ended".to_owned()));
    };
    let (connection, odoo) = desk::open(&desk.database, &desk.keyring, tenant).await?;
    let present = look_up(&odoo, partner).await?;
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    if !connections::stands(&mut tx, connection.version).await? {
        return Err(OdooError::NotConnected(tenant.clone()).into());
    }
    let place = connection.place();
    let key = Key { model: Model::Partner, company, subject: None };
    let known = records::of_companies(&mut tx, place, &[company]).await?;
    let Some(known) = known.into_iter().find(|record| record.key == key && may_be_linked(record)) else {
        return Err(CommandError::Refused(format!(
            "company {company} does not wait for anybody to say which partner it is"
        )));
    };
    if known.odoo_id != Some(partner) && !records::taken(&mut tx, place, &[partner]).await?.is_empty() {
        return Err(CommandError::Refused(format!("partner {partner} is another company or contact of the tenant's")));
    }
    let uen = gather::uen(&mut tx, company).await?;
    if let Some(why) = objection(&present, uen.as_deref()) {
        return Err(CommandError::Refused(why));
    }
    let linked = Record {
        odoo_id: Some(partner),
        origin: Origin::Adopted,
        state: State::Held,
        // What is remembered is of another record, or of none.
        fields: BTreeMap::new(),
        outcome: "adopted".to_owned(),
        problem: None,
        ..known
    };
    records::put(&mut tx, place, &[linked], desk.now()).await?;
    let number = next_number(&mut tx, "odoo").await?;
    let step = Step::done("odoo", 0, number, Vec::new());
    let event = Event::OdooPartnerLinked(OdooPartnerLinked { step, company_id: company, partner_id: partner });
    desk.commit(tx, tenant_step(tenant, "odoo", number), &event).await
}

/// Whether a person's word on the record counts: it waits for one, it was deleted, or the partner that was taken for it is not one that we made.
fn may_be_linked(record: &Record) -> bool {
    match record.state {
        State::Ambiguous | State::Deleted => true,
        State::Held | State::Archived => record.origin == Origin::Adopted,
        _ => false,
    }
}

/// The partner as Odoo holds it.
async fn look_up(odoo: &Odoo, partner: i64) -> Result<Present, CommandError> {
    let fields = fields::look(odoo).await.map_err(OdooError::from)?;
    let asked: Vec<&str> = matching::asked(&fields).chain(["is_company", "active"]).collect();
    let arguments = vec![("domain", json!([["id", "=", partner]])), ("fields", json!(asked))];
    let call = Call { model: fields::PARTNER, method: "search_read", ids: None, arguments };
    let found: Vec<Map<String, Value>> = odoo.call(call).await.map_err(OdooError::from)?;
    let present = found.into_iter().find_map(Present::read);
    present.ok_or_else(|| {
        CommandError::Refused(format!("there is no partner {partner} in Odoo that the service account sees"))
    })
}
