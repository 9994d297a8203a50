//! A real Odoo, which `make test-odoo` has at hand: `scripts/odoo.sh` starts it or is told of it. It is shared by all tests, which run one after the
//! other and leave it as they found it.

use std::{env, fs};

use serde::Deserialize;

use crate::ServerError;

/// Names the environment variable with the file that says where the Odoo is.
pub const ODOO_VARIABLE: &str = "PRESDR_TEST_ODOO";

/// A real Odoo.
#[derive(Deserialize)]
pub struct Odoo {
    /// Two at least, each with a database of its own.
    pub tenants: Vec<OdooTenant>,
}

/// A database, and who may do what there.
#[derive(Deserialize)]
pub struct OdooTenant {
    /// Where its Odoo is.
    pub url: String,
    /// The database's name.
    pub db: String,
    /// May everything.
    pub admin: Account,
    /// May what presdr needs: contacts and leads.
    pub service: Account,
    /// May sign in and no more.
    pub limited: Account,
}

/// An account of an Odoo.
#[derive(Deserialize)]
pub struct Account {
    /// Its number.
    pub uid: i64,
    /// What it signs in with.
    pub login: String,
    /// Its password.
    pub password: String,
    /// Its API key.
    pub api_key: String,
}

/// The Odoo that [`ODOO_VARIABLE`] tells of.
///
/// # Errors
/// When it tells of none, or the file cannot be read.
pub fn odoo() -> Result<Odoo, ServerError> {
    let unusable = |why: String| ServerError::Odoo(format!("{ODOO_VARIABLE} {why}: run `make test-odoo`"));
    let file = env::var(ODOO_VARIABLE).map_err(|_| unusable("is not set".to_owned()))?;
    let text = fs::read_to_string(&file).map_err(|error| unusable(format!("names {file}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| unusable(format!("names {file}, which is of another form: {error}")))
}
