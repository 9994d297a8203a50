//! Connecting a tenant to its Odoo, checking that, and taking it back: also while the tenant is being set up.

use presdr_events::{Clear, Event, Step, TenantId, tenant::OdooConnectionSet};
use presdr_odoo::{
    check::{self, Checked},
    client::base_url,
    desk::{self, OdooError},
};
use presdr_store::{
    odoo::connections::{self, Connection, Flavour, NewConnection},
    tenants,
};

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
};

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
    let event = Event::OdooConnectionSet(OdooConnectionSet {
        step: Step::done("odoo", 0, number, Vec::new()).with("flavour", given.flavour.as_str()),
        version,
        active: true,
        database: Some(new.database.to_owned()),
        flavour: Some(given.flavour.as_str().to_owned()),
    });
    let sequence = desk.commit(tx, tenant_step(tenant, "odoo", number), &event).await?;
    Ok((version, sequence))
}

/// Takes the tenant's connection back: its key is forgotten.
///
/// # Errors
/// [`CommandError::Refused`] when there is none.
pub async fn disconnect(desk: &Desk, tenant: &TenantId) -> Result<u64, CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    let number = next_number(&mut tx, "odoo").await?;
    let Some(version) = connections::take_back(&mut tx, desk.actor(), desk.now()).await? else {
        return Err(OdooError::NotConnected(tenant.clone()).into());
    };
    let event = Event::OdooConnectionSet(OdooConnectionSet {
        step: Step::done("odoo", 0, number, Vec::new()),
        version,
        active: false,
        database: None,
        flavour: None,
    });
    desk.commit(tx, tenant_step(tenant, "odoo", number), &event).await
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
