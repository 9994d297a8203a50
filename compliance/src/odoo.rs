//! An erased person's records in the tenant's Odoo: removed while the erasure runs, if Odoo can be asked; owed otherwise, and then a worker
//! removes them once it can.

use std::{collections::BTreeMap, time::Duration};

use presdr_events::{SubjectId, TenantId};
use presdr_odoo::{
    desk::{self, OdooError},
    sync::Writer,
};
use presdr_store::{TenantTx, leases::Leases, odoo::records};
use tokio::time::timeout;

use crate::{ComplianceError, Office};

/// How long an erasure waits for a sync that is under way; after that the worker that runs it removes what is owed.
const SYNC_WAIT: Duration = Duration::from_secs(20);
/// How long it waits for an Odoo that does not answer; after that the worker does.
const ODOO_WAIT: Duration = Duration::from_secs(60);

/// Marks the people's records as owed, then removes what can be removed now; tells how many were.
pub(crate) async fn remove(office: &Office, tenant: &TenantId, subjects: &[SubjectId]) -> Result<u64, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let owed = records::owe(&mut tx, subjects, office.desk.now()).await?;
    tx.commit().await?;
    if owed == 0 {
        return Ok(0);
    }
    // Whoever writes to the tenant's Odoo has the lease.
    let leases = Leases::new(office.desk.database().clone());
    let Some(_lease) = leases.take_within(&format!("odoo/{tenant}"), SYNC_WAIT).await? else { return Ok(0) };
    match timeout(ODOO_WAIT, Box::pin(remove_now(office, tenant))).await {
        Ok(Ok(())) => {}
        Ok(Err(OdooError::Store(error))) => return Err(error.into()),
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, %error, "an erased person is still in Odoo, which takes too long: a worker removes them");
        }
        Ok(Err(error)) => {
            tracing::warn!(tenant.id = %tenant, %error, "an erased person is still in Odoo: a worker removes them once it can be asked");
        }
    }
    let mut tx = office.desk.database().enter(tenant).await?;
    let left = records::owed_of(&mut tx, subjects).await?;
    tx.commit().await?;
    Ok(owed.saturating_sub(left))
}

async fn remove_now(office: &Office, tenant: &TenantId) -> Result<(), OdooError> {
    let (database, keyring) = (office.desk.database(), office.desk.keyring());
    let (connection, odoo) = desk::open(database, &keyring, tenant).await?;
    let now = || office.desk.now();
    let writer = Writer::new(database, &keyring, tenant, (&connection, &odoo), &now);
    while writer.remove_owed().await? > 0 {}
    Ok(())
}

/// What of these people is still to be removed there, as receipts tell it.
pub(crate) async fn owed(tx: &mut TenantTx, subjects: &[SubjectId]) -> Result<BTreeMap<String, u64>, ComplianceError> {
    let owed = records::owed_of(tx, subjects).await?;
    Ok(if owed == 0 { BTreeMap::new() } else { BTreeMap::from([("odoo".to_owned(), owed)]) })
}
