//! An Odoo on the wire, without anything of presdr's in between.

use serde_json::{Value, json};

/// A database, with the keys of its accounts.
#[derive(Debug, Clone)]
pub struct Raw {
    pub url: String,
    pub database: String,
    pub admin: String,
    pub service: String,
    pub limited: String,
    pub logins: (String, String),
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Told {
    pub status: u16,
    pub is_json: bool,
    pub body: Value,
}

impl Raw {
    /// Calls a method with a key; the body is as it is given.
    pub async fn call(&self, key: &str, model: &str, method: &str, body: Value) -> Told {
        self.send(&self.database, Some(key), &format!("{model}/{method}"), body.to_string()).await
    }

    pub async fn send(&self, database: &str, key: Option<&str>, path: &str, body: String) -> Told {
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let mut request = client
            .post(format!("{}/json/2/{path}", self.url))
            .header("Content-Type", "application/json")
            .header("X-Odoo-Database", database);
        if let Some(key) = key {
            request = request.header("Authorization", format!("bearer {key}"));
        }
        let response = request.body(body).send().await.unwrap();
        let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
        let status = response.status().as_u16();
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null);
        Told { status, is_json, body }
    }

    /// The same as the administrator, whose answer has to be good.
    pub async fn admin(&self, model: &str, method: &str, body: Value) -> Value {
        let told = self.call(&self.admin, model, method, body).await;
        assert_eq!(told.status, 200, "{model}.{method}: {:?}", told.body);
        told.body
    }

    /// Partners with these names' beginning, archived ones included.
    pub async fn partners(&self, prefix: &str, fields: &[&str]) -> Vec<Value> {
        let domain = json!([["name", "ilike", prefix]]);
        let body = json!({ "domain": domain, "fields": fields, "context": { "active_test": false } });
        self.admin("res.partner", "search_read", body).await.as_array().unwrap().clone()
    }

    /// Writes a field of a partner, as a person does.
    pub async fn edit(&self, id: i64, values: Value) {
        self.admin("res.partner", "write", json!({ "ids": [id], "vals": values })).await;
    }
}
