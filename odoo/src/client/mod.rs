//! Asking an Odoo: one transaction a call, in either flavour, with every way in which it can fail told apart.

mod answer;
mod fault;
mod wire;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use presdr_events::Clear;
use presdr_store::odoo::connections::{Connection, Flavour};
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use url::Url;

pub use fault::Fault;
pub(crate) use fault::is_collision;
pub use wire::base_url;

/// The context of every call: nobody is told, written to or made a follower, and archived records are seen.
fn context() -> Value {
    json!({
        "tracking_disable": true,
        "mail_notrack": true,
        "mail_create_nolog": true,
        "mail_create_nosubscribe": true,
        "mail_auto_subscribe_no_notify": true,
        "no_reset_password": true,
        "active_test": false,
        // What it says is read for a few words that tell faults apart.
        "lang": "en_US",
    })
}

/// One method of one model. `arguments` are in the order in which the method takes them: JSON-RPC passes them by place, JSON-2 by name.
#[derive(Debug)]
pub struct Call<'a> {
    /// Such as `res.partner`.
    pub model: &'static str,
    /// Such as `search_read`.
    pub method: &'static str,
    /// The records it is called on, for a method of records.
    pub ids: Option<&'a [i64]>,
    /// What it is given.
    pub arguments: Vec<(&'static str, Value)>,
}

/// What an Odoo was asked so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Calls.
    pub calls: u64,
    /// Of these, calls that write.
    pub writes: u64,
    /// Waiting for its answers, all calls together.
    pub waited: Duration,
}

/// A tenant's Odoo. It never prints its key.
pub struct Odoo {
    http: reqwest::Client,
    base: Url,
    database: String,
    login: String,
    key: Clear<String>,
    flavour: Flavour,
    /// The account's number, which JSON-RPC wants with every call.
    uid: OnceCell<i64>,
    calls: AtomicU64,
    writes: AtomicU64,
    waited_micros: AtomicU64,
}

impl std::fmt::Debug for Odoo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Odoo").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Odoo {
    /// The Odoo that a connection leads to.
    ///
    /// # Errors
    /// [`Fault::FixNeeded`] when the connection's address cannot be used, or no HTTP client can be made.
    pub fn new(connection: &Connection, key: Clear<String>) -> Result<Self, Fault> {
        let base = base_url(&connection.base_url)?;
        Ok(Self {
            http: wire::client(base.scheme() == "https")?,
            base,
            database: connection.database.clone(),
            login: connection.login.clone(),
            key,
            flavour: connection.flavour,
            uid: OnceCell::new(),
            calls: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            waited_micros: AtomicU64::new(0),
        })
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Asked {
        Asked {
            calls: self.calls.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            waited: Duration::from_micros(self.waited_micros.load(Ordering::Relaxed)),
        }
    }

    /// Calls a method and reads its answer.
    ///
    /// # Errors
    /// [`Fault`]: whether to ask again, or what is wrong.
    pub async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Fault> {
        let begun = Instant::now();
        let answer = match self.flavour {
            Flavour::Json2 => self.json2(&call).await,
            Flavour::JsonRpc => self.jsonrpc(&call).await,
        };
        let waited = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waited_micros.fetch_add(waited, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        if matches!(call.method, "load" | "create" | "write" | "unlink" | "action_archive") {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        let told = Told { model: call.model, method: call.method };
        serde_json::from_value(answer?).map_err(|_| fault::not_understood(&told))
    }

    /// Which Odoo it is, such as `19.0`.
    ///
    /// # Errors
    /// [`Fault`], as of every call.
    pub async fn version(&self) -> Result<String, Fault> {
        match self.flavour {
            Flavour::Json2 => {
                let received = wire::send(self.http.get(self.url("web/version"))).await?;
                let told = Told { model: "", method: "version" };
                let answer = answer::json2(&told, &received)?;
                answer["version"].as_str().map(str::to_owned).ok_or_else(|| fault::not_understood(&told))
            }
            Flavour::JsonRpc => {
                let answer = self.service("common", "version", json!([])).await?;
                let told = Told { model: "", method: "version" };
                answer["server_version"].as_str().map(str::to_owned).ok_or_else(|| fault::not_understood(&told))
            }
        }
    }

    async fn json2(&self, call: &Call<'_>) -> Result<Value, Fault> {
        let named = call.arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let mut body: Map<String, Value> = named.collect();
        body.insert("context".to_owned(), context());
        if let Some(ids) = call.ids {
            body.insert("ids".to_owned(), json!(ids));
        }
        let request = self
            .http
            .post(self.url(&format!("json/2/{}/{}", call.model, call.method)))
            .bearer_auth(&self.key.0)
            .header("X-Odoo-Database", &self.database)
            .header(CONTENT_TYPE, "application/json")
            .body(Value::Object(body).to_string());
        answer::json2(&Told { model: call.model, method: call.method }, &wire::send(request).await?)
    }

    async fn jsonrpc(&self, call: &Call<'_>) -> Result<Value, Fault> {
        let uid = self.uid.get_or_try_init(|| self.authenticate()).await?;
        let ids = call.ids.map(|ids| json!(ids));
        let placed: Vec<Value> = ids.into_iter().chain(call.arguments.iter().map(|(_, value)| value.clone())).collect();
        let named = json!({ "context": context() });
        let arguments = json!([self.database, uid, self.key.0, call.model, call.method, placed, named]);
        self.rpc("object", "execute_kw", arguments, &Told { model: call.model, method: call.method }).await
    }

    async fn authenticate(&self) -> Result<i64, Fault> {
        let answer = self.service("common", "authenticate", json!([self.database, self.login, self.key.0, {}])).await?;
        answer.as_i64().ok_or_else(fault::key_refused)
    }

    async fn service(&self, service: &str, method: &'static str, arguments: Value) -> Result<Value, Fault> {
        self.rpc(service, method, arguments, &Told { model: "", method }).await
    }

    async fn rpc(&self, service: &str, method: &str, arguments: Value, told: &Told) -> Result<Value, Fault> {
        let parameters = json!({ "service": service, "method": method, "args": arguments });
        let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters });
        let request =
            self.http.post(self.url("jsonrpc")).header(CONTENT_TYPE, "application/json").body(body.to_string());
        answer::jsonrpc(told, &wire::send(request).await?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }
}

/// That the account may not write records of that model.
pub(crate) fn no_right_to_write(model: &'static str) -> Fault {
    fault::no_right(&Told { model, method: "load" })
}

/// What was called, for errors: names of our own choosing.
#[derive(Debug, Clone, Copy)]
struct Told {
    model: &'static str,
    method: &'static str,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.model {
            "" => f.write_str(self.method),
            model => write!(f, "{model}.{}", self.method),
        }
    }
}
