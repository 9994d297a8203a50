//! An imitation of Odoo 19, as far as presdr asks it: JSON-2 and JSON-RPC over partners and CRM leads, in databases of their own, with Odoo's
//! statuses, errors and habits. `odoo/tests/odoo/conformance.rs` holds it against the real one.

mod answer;
mod data;
mod domain;
mod gate;
mod load;
mod methods;
mod serve;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio_util::sync::{CancellationToken, DropGuard};

use data::Database;
pub use data::Rights;
pub use gate::Gate;

/// An account of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: i64,
    /// Its login.
    pub login: String,
    /// Its API key.
    pub key: String,
    /// What it may.
    pub rights: Rights,
}

/// A running imitation.
pub struct OdooSandbox {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _stop: DropGuard,
}

/// What it holds.
#[derive(Default)]
pub(crate) struct State {
    databases: BTreeMap<String, Database>,
    is_down: bool,
    /// So many of the next `load`s meet another transaction.
    collisions: u32,
    /// Every `load` fails like this, whatever it is given: a module is broken, or being upgraded.
    broken: Option<&'static str>,
    /// Where the next `load` waits before it is looked at.
    gate: Option<Gate>,
    /// Of the next calls of a method: whether what they did is done and never told.
    lost: BTreeMap<String, VecDeque<bool>>,
    calls: BTreeMap<String, u64>,
    /// How long it takes over each `load`: half before, half after.
    latency: Duration,
}

/// A database as it was.
pub struct Backup(Database);

impl OdooSandbox {
    /// Starts one with these databases, each with the accounts `admin`, `service` and `limited`.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start(databases: &[&str]) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let databases = databases.iter().map(|name| ((*name).to_owned(), Database::new(name))).collect();
        let state = Arc::new(Mutex::new(State { databases, ..State::default() }));
        let stop = CancellationToken::new();
        let (router, until) = (serve::router(Arc::clone(&state)), stop.clone());
        tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(until.cancelled_owned());
            serving.await
        });
        Ok(Self { address, state, _stop: stop.drop_guard() })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An account of a database.
    #[must_use]
    pub fn account(&self, database: &str, rights: Rights) -> Option<Account> {
        let state = self.lock();
        state.databases.get(database)?.accounts.iter().find(|account| account.rights == rights).cloned()
    }

    /// Takes it away, or brings it back: away it answers 503, as a proxy in front of a stopped Odoo does.
    pub fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// Lets so many of the next `load`s meet another transaction.
    pub fn collide(&self, loads: u32) {
        self.lock().collisions = loads;
    }

    /// Adds a rule to a database, written in Python as a tenant's own is: no name has this in it.
    pub fn forbid(&self, database: &str, part: &'static str) {
        if let Some(database) = self.lock().databases.get_mut(database) {
            database.forbidden = Some(part);
        }
    }

    /// Lets a module of a database's fail at whatever has this in its name.
    pub fn fail_at(&self, database: &str, part: &'static str) {
        if let Some(database) = self.lock().databases.get_mut(database) {
            database.failing = Some(part);
        }
    }

    /// Lets every `load` fail with this class of Python's from now on; `None` ends it.
    pub fn set_broken(&self, class: Option<&'static str>) {
        self.lock().broken = class;
    }

    /// Lets the next `load` wait until the gate is opened, whether anybody still waits for its answer or not.
    #[must_use]
    pub fn hold_load(&self) -> Gate {
        let gate = Gate::default();
        self.lock().gate = Some(gate.clone());
        gate
    }

    /// Gives a partner one more external id, as merging another into it does. It tells of the first, by name.
    pub fn also_call(&self, database: &str, partner: i64, external: &str) {
        if let Some(database) = self.lock().databases.get_mut(database) {
            database.external.insert(external.to_owned(), ("res.partner".to_owned(), partner));
        }
    }

    /// Takes a partner's external ids away, as an administrator may.
    pub fn forget_names(&self, database: &str, partner: i64) {
        if let Some(database) = self.lock().databases.get_mut(database) {
            database.external.retain(|_, (model, id)| (model.as_str(), *id) != ("res.partner", partner));
        }
    }

    /// Says of the next calls of a method whether their answers are lost: what they did is done, and 502 is what is told.
    pub fn lose_answers(&self, method: &str, lost: &[bool]) {
        self.lock().lost.insert(method.to_owned(), lost.iter().copied().collect());
    }

    /// A backup of a database.
    #[must_use]
    pub fn backup(&self, database: &str) -> Option<Backup> {
        self.lock().databases.get(database).cloned().map(Backup)
    }

    /// Puts a database back to what it was: numbers that were given since are given anew.
    pub fn restore(&self, database: &str, backup: Backup) {
        self.lock().databases.insert(database.to_owned(), backup.0);
    }

    /// Takes so long over each `load`, half of it after everything is done and before that is told.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Calls so far, by method.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock().calls.clone()
    }

    /// The records of a model as they are kept.
    #[must_use]
    pub fn records(&self, database: &str, model: &str) -> Vec<Map<String, Value>> {
        let state = self.lock();
        let table = state.databases.get(database).and_then(|database| database.tables.get(model));
        table.map(|table| table.rows.values().cloned().collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
