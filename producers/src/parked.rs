//! Parked work, listed and put back as a new attempt.

use presdr_events::{CompanyId, RunId, TenantId};
use presdr_store::{
    admissions,
    parked::{self, Parked},
    runs, tenants,
};

use crate::{CommandError, Desk};

/// What waits for a person, newest first.
///
/// # Errors
/// What the database says.
pub async fn list(desk: &Desk, tenant: &TenantId, limit: i64) -> Result<Vec<Parked>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    Ok(parked::list(&mut tx, limit).await?)
}

/// One parked message.
///
/// # Errors
/// [`CommandError::Refused`] when the tenant has no such message.
pub async fn show(desk: &Desk, tenant: &TenantId, id: i64) -> Result<Parked, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    parked::get(&mut tx, id).await?.ok_or_else(|| unknown(tenant, id))
}

/// Puts a parked lead back as a new attempt from its first step on; a run that is over is opened again and ranks once more when it is done.
/// What is about a run as a whole is taken up where it stopped.
///
/// # Errors
/// [`CommandError::Refused`] when it was put back before, or is about no run that could go on.
pub async fn retry(desk: &Desk, tenant: &TenantId, id: i64) -> Result<u64, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let message = parked::get(&mut tx, id).await?.ok_or_else(|| unknown(tenant, id))?;
    if message.retried_at.is_some() {
        return Err(CommandError::Refused(format!("parked message {id} was put back already")));
    }
    let Some(run) = message.run.and_then(|run| RunId::new(run).ok()) else {
        return Err(CommandError::Refused(format!(
            "parked message {id} is about no run: cure its cause ({})",
            message.error
        )));
    };
    admissions::lock_window(&mut tx).await?;
    let held = runs::lock(&mut tx, run).await?.ok_or_else(|| CommandError::Refused(format!("run {run} is gone")))?;
    let Some(company) = message.company.and_then(|company| CompanyId::new(company).ok()) else {
        // The run itself: its start, or its end, is taken up where it stopped.
        if held.finished_at.is_some() {
            return Err(CommandError::Refused(format!("run {run} is over: there is nothing to put back")));
        }
        parked::mark_retried(&mut tx, id).await?;
        return crate::runs::wake(desk, tx, run, "parked work was put back").await;
    };
    if held.status == "cancelled" {
        return Err(CommandError::Refused(format!("run {run} was cancelled: start a new run")));
    }
    if admissions::put_back(&mut tx, run, company).await?.is_none() {
        return Err(CommandError::Refused(format!("company {company} of run {run} is not parked any more")));
    }
    if held.status == "completed" {
        runs::reopen(&mut tx, run).await?;
    }
    parked::mark_retried(&mut tx, id).await?;
    crate::runs::wake(desk, tx, run, "parked work was put back").await
}

fn unknown(tenant: &TenantId, id: i64) -> CommandError {
    CommandError::Refused(format!(
        "tenant {tenant} has no parked message {id}: `presdr parked list --tenant {tenant}` lists them"
    ))
}
