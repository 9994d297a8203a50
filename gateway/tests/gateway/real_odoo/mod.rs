//! Against a real Odoo (`make test-odoo`): setting tenants up, and signing in to it and to the gateway as one person.

mod onboarding;
mod sign_on;

use presdr_events::Clear;
use presdr_producers::odoo::Given;
use presdr_servers::testing::{Account, OdooTenant};
use presdr_store::odoo::connections::Flavour;
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::body;

/// An administrator of an Odoo.
struct Admin<'a> {
    odoo: &'a OdooTenant,
    client: Client,
}

impl<'a> Admin<'a> {
    fn of(odoo: &'a OdooTenant) -> Self {
        Self { odoo, client: Client::builder().no_proxy().build().unwrap() }
    }

    /// What a method answers to these named arguments.
    async fn call(&self, model: &str, method: &str, arguments: Value) -> Value {
        let request = self.client.post(format!("{}/json/2/{model}/{method}", self.odoo.url));
        let request = request.header("content-type", "application/json").body(arguments.to_string());
        let request = request.bearer_auth(&self.odoo.admin.api_key).header("x-odoo-database", &self.odoo.db);
        let answer = request.send().await.unwrap();
        let (status, mut answer) = (answer.status(), body(answer).await);
        if let Some(fault) = answer.as_object_mut() {
            fault.remove("debug");
        }
        assert!(status.is_success(), "{model}.{method}: {status} {answer}");
        answer
    }

    async fn make(&self, model: &str, values: Value) -> Value {
        let context = json!({ "no_reset_password": true, "tracking_disable": true });
        let made = self.call(model, "create", json!({ "vals_list": [values], "context": context })).await;
        made[0].clone()
    }

    async fn remove(&self, model: &str, ids: &[Value]) {
        self.call(model, "unlink", json!({ "ids": ids })).await;
    }

    /// How many there are, archived ones included.
    async fn count(&self, model: &str) -> i64 {
        let everything = json!({ "domain": [], "context": { "active_test": false } });
        self.call(model, "search_count", everything).await.as_i64().unwrap()
    }

    async fn setting(&self, key: &str) -> Value {
        self.call("ir.config_parameter", "get_param", json!({ "key": key })).await
    }

    async fn set(&self, key: &str, value: &Value) {
        self.call("ir.config_parameter", "set_param", json!({ "key": key, "value": value })).await;
    }
}

/// A connection to that Odoo as that account.
fn connection(odoo: &OdooTenant, account: &Account) -> Given {
    Given {
        base_url: odoo.url.clone(),
        database: odoo.db.clone(),
        login: account.login.clone(),
        key: Clear(account.api_key.clone()),
        flavour: Flavour::Json2,
    }
}
