//! Connecting a tenant to its Odoo, checking that, and taking it back: also while the tenant is being set up.

mod linked;

use std::time::Duration;

use presdr_events::{Cause, Clear, Event, RunId, Step, TenantId, run::SyncRequested, tenant::OdooConnectionSet};
use presdr_odoo::{
    check::{self, Checked},
    client::base_url,
    desk::{self, OdooError},
    gather,
    sync::{Job, Report, Writer},
};
use presdr_store::{
    StoreError,
    leases::{Lease, Leases},
    odoo::{
        connections::{self, Connection, Flavour, NewConnection},
        records::{self, Record},
        syncs::{self, Sync},
    },
    runs,
    steps::StepKey,
    tenants,
};

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
};

pub use linked::link;

/// How long a command waits for a sync that is under way: it ends at the next call, and no call takes longer than two minutes.
const SYNC_ENDS: Duration = Duration::from_secs(150);
/// The same of a command that lets the sync go on.
const SYNC_WAIT: Duration = Duration::from_secs(20);
/// No API key of Odoo is longer; what is was given by mistake.
const KEY_CHARACTERS_MAX: usize = 512;

/// What a connection is made of, as a person gives it.
#[derive(Debug)]
pub struct Given {
    /// The Odoo's address.
    pub base_url: String,
    /// The database's name.
    pub database: String,
    /// The service account's login.
    pub login: String,
    /// Its API key.
    pub key: Clear<String>,
    /// How it is asked.
    pub flavour: Flavour,
}

impl From<OdooError> for CommandError {
    fn from(error: OdooError) -> Self {
        match error {
            OdooError::Store(error) => Self::Store(error),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Sets the tenant's connection, and tells its version and the event's sequence. Nothing is asked of the Odoo.
///
/// # Errors
/// [`CommandError::Refused`] when something is not what it should be, or the database is another tenant's.
///
/// A database that the tenant was connected to before is free for another only once nothing is under way there any more.
pub async fn connect(desk: &Desk, tenant: &TenantId, given: &Given) -> Result<(u32, u64), CommandError> {
    let refused = |what: &str| Err(CommandError::Refused(what.to_owned()));
    let base = base_url(&given.base_url).map_err(|fault| CommandError::Refused(fault.to_string()))?;
    let key = given.key.0.trim();
    if key.is_empty() || key.len() > KEY_CHARACTERS_MAX || key.chars().any(char::is_whitespace) {
        return refused("that is no API key: give the one that Odoo showed when it was made, alone");
    }
    if given.database.trim().is_empty() || given.login.trim().is_empty() {
        return refused("give the database's name and the service account's login");
    }
    let new = NewConnection {
        base_url: base.as_str().trim_end_matches('/'),
        database: given.database.trim(),
        login: given.login.trim(),
        key: &Clear(key.to_owned()),
        flavour: given.flavour,
    };
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    let number = next_number(&mut tx, "odoo").await?;
    let version = connections::set(&mut tx, &desk.keyring, &new, desk.actor(), desk.now()).await?;
    syncs::wake(&mut tx, desk.now()).await?;
    let event = Event::OdooConnectionSet(OdooConnectionSet {
        step: Step::done("odoo", 0, number, Vec::new()).with("flavour", given.flavour.as_str()),
        version,
        active: true,
        database: Some(new.database.to_owned()),
        flavour: Some(given.flavour.as_str().to_owned()),
    });
    let sequence = desk.commit(tx, tenant_step(tenant, "odoo", number), &event).await?;
    free(desk, tenant).await?;
    Ok((version, sequence))
}

/// Frees the databases that the tenant is not connected to any more, once no sync is under way: it may still have a call there.
async fn free(desk: &Desk, tenant: &TenantId) -> Result<(), CommandError> {
    let mut tx = desk.database.enter(tenant).await?;
    let holds = connections::holds_others(&mut tx).await?;
    tx.commit().await?;
    if !holds {
        return Ok(());
    }
    let Some(_lease) = writers_lease(desk, tenant, SYNC_ENDS).await? else {
        return Err(CommandError::Refused(
            "done, but a call to Odoo is still under way: the database stays the tenant's until this is run once more"
                .to_owned(),
        ));
    };
    let mut tx = desk.database.enter(tenant).await?;
    connections::free_others(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// The lease that whoever writes to the tenant's Odoo has.
async fn writers_lease(desk: &Desk, tenant: &TenantId, patience: Duration) -> Result<Option<Lease>, StoreError> {
    Leases::new(desk.database.clone()).take_within(&format!("odoo/{tenant}"), patience).await
}

/// Takes the tenant's connection back: its key is forgotten, a sync that is under way ends, and then the database may be another's.
///
/// # Errors
/// [`CommandError::Refused`] when there is none, or a call to Odoo does not end: then the same once more frees the database.
pub async fn disconnect(desk: &Desk, tenant: &TenantId) -> Result<u64, CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    let number = next_number(&mut tx, "odoo").await?;
    let Some(version) = connections::take_back(&mut tx, desk.actor(), desk.now()).await? else {
        if connections::holds_others(&mut tx).await? {
            drop(tx);
            free(desk, tenant).await?;
        }
        return Err(OdooError::NotConnected(tenant.clone()).into());
    };
    let event = Event::OdooConnectionSet(OdooConnectionSet {
        step: Step::done("odoo", 0, number, Vec::new()),
        version,
        active: false,
        database: None,
        flavour: None,
    });
    let sequence = desk.commit(tx, tenant_step(tenant, "odoo", number), &event).await?;
    free(desk, tenant).await?;
    Ok(sequence)
}

/// Tries the tenant's connection and writes down how it was found. The fields of our own are made, if the account may.
///
/// # Errors
/// [`CommandError::Refused`] when there is no connection; that it does not work is an answer.
pub async fn check(desk: &Desk, tenant: &TenantId) -> Result<Checked, CommandError> {
    drop(tenants::enter_open(&desk.database, tenant).await?);
    let (connection, odoo) = desk::open(&desk.database, &desk.keyring, tenant).await?;
    let checked = check::check(&odoo, true).await;
    let mut tx = desk.database.enter(tenant).await?;
    connections::note(&mut tx, connection.version, checked.problem(), desk.now()).await?;
    tx.commit().await?;
    Ok(checked)
}

/// The tenant's connection as it stands, without its key; `None` when there never was one.
///
/// # Errors
/// What the database says.
pub async fn connection(desk: &Desk, tenant: &TenantId) -> Result<Option<Connection>, CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    let connection = connections::get(&mut tx).await?;
    tx.commit().await?;
    Ok(connection)
}

/// Asks for the run's shortlist to be written to the tenant's Odoo; tells which sync of the run that is, and the event's sequence. A worker
/// does it. One that is due already is the one, however often it is asked for.
///
/// # Errors
/// [`CommandError::Refused`] when there is no connection, or the run has no shortlist, or none any more.
pub async fn request_sync(desk: &Desk, tenant: &TenantId, run: RunId) -> Result<(u32, u64), CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    if connections::get(&mut tx).await?.is_none_or(|connection| !connection.active) {
        return Err(OdooError::NotConnected(tenant.clone()).into());
    }
    match runs::get(&mut tx, run).await? {
        None => return Err(CommandError::Refused(format!("tenant {tenant} has no run {run}"))),
        Some(held) if held.finished_at.is_none() => {
            return Err(CommandError::Refused(format!("run {run} goes on: it has no shortlist before it ends")));
        }
        Some(_) => {}
    }
    gather::shortlist(&mut tx, run).await?;
    let due = syncs::due_already(&mut tx, run, desk.now()).await?;
    let attempt = match due {
        Some(attempt) => attempt,
        None => syncs::next_attempt(&mut tx, run).await?,
    };
    let key = StepKey { tenant: tenant.clone(), run: Some(run), company: None, step: "sync_request", attempt };
    if due.is_none() {
        let id = key.event_id();
        let cause = Cause { id, correlation: id, actor: desk.actor().clone(), traceparent: None };
        syncs::ask(&mut tx, run, &cause, desk.now()).await?;
    }
    let event = Event::RunSyncRequested(SyncRequested { step: Step::done("sync_request", 0, attempt, Vec::new()) });
    let sequence = desk.commit(tx, key, &event).await?;
    Ok((attempt, sequence))
}

/// What writing the run's shortlist would do. Nothing is written, here or there.
///
/// # Errors
/// [`CommandError::Refused`] when there is no connection, Odoo cannot be asked, or the run has no shortlist.
pub async fn preview_sync(desk: &Desk, tenant: &TenantId, run: RunId) -> Result<Report, CommandError> {
    tenants::enter_active(&desk.database, tenant).await?.commit().await?;
    let (connection, odoo) = desk::open(&desk.database, &desk.keyring, tenant).await?;
    let now = || desk.now();
    let writer = Writer::new(&desk.database, &desk.keyring, tenant, (&connection, &odoo), &now);
    let job = Job { run, attempt: 0, actor: desk.actor().as_str().to_owned(), tried_since: None };
    Ok(Box::pin(writer.preview(&job)).await?)
}

/// The newest syncs of the tenant, or of one run.
///
/// # Errors
/// What the database says.
pub async fn list_syncs(
    desk: &Desk,
    tenant: &TenantId,
    run: Option<RunId>,
    limit: i64,
) -> Result<Vec<Sync>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let syncs = syncs::list(&mut tx, run, limit).await?;
    tx.commit().await?;
    Ok(syncs)
}

/// The records whose values a run's shortlist gave them, companies before their contacts.
///
/// # Errors
/// What the database says.
pub async fn records_of(desk: &Desk, tenant: &TenantId, run: RunId) -> Result<Vec<Record>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let records = records::of_run(&mut tx, run.get()).await?;
    tx.commit().await?;
    Ok(records)
}

/// How many records there are in the database that the tenant is connected to: kind (`company`, `contact`, `lead`), state, count.
///
/// # Errors
/// What the database says.
pub async fn record_counts(desk: &Desk, tenant: &TenantId) -> Result<Vec<(&'static str, String, i64)>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let Some(connection) = connections::get(&mut tx).await? else { return Ok(Vec::new()) };
    let counts = records::count(&mut tx, connection.place()).await?;
    tx.commit().await?;
    Ok(counts)
}
