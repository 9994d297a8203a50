//! Whether a number in Odoo is still the record that we made: numbers are given anew once an Odoo was restored from its backup.

use std::collections::HashMap;

use presdr_events::{CompanyId, TenantId};

use crate::client::{Call, Fault, Odoo};

/// Records that are asked about in one call.
const ASKED: usize = 5_000;

/// The external id of each record that has one, whoever gave it.
pub(crate) async fn external_ids(odoo: &Odoo, model: &'static str, ids: &[i64]) -> Result<HashMap<i64, String>, Fault> {
    let mut told = HashMap::new();
    for ids in ids.chunks(ASKED) {
        let call = Call { model, method: "get_external_id", ids: Some(ids), arguments: Vec::new() };
        let answer: HashMap<i64, String> = odoo.call(call).await?;
        told.extend(answer.into_iter().filter(|(_, name)| !name.is_empty()));
    }
    Ok(told)
}

/// Whether presdr made the record that has this external id, for this tenant.
pub(crate) fn is_ours(tenant: &TenantId, external: Option<&String>) -> bool {
    external.is_some_and(|external| external.starts_with(&format!("presdr.{tenant}_")))
}

/// Whether it is a contact of that company's that we made; whose, its external id may say by an id that was lost with a backup of ours.
pub(crate) fn is_contact_of(tenant: &TenantId, company: CompanyId, external: Option<&String>) -> bool {
    external.is_some_and(|external| external.starts_with(&format!("presdr.{tenant}_contact_{company}_")))
}
