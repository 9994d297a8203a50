//! A client of one vendor, which asks and reads JSON.

use presdr_sandbox::WebKind;
use presdr_sandbox::vendors::{Limits, Vendor, VendorConfig, VendorSandbox, World};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

/// How many companies the world of these tests has.
pub const COMPANIES: usize = 300;

pub struct Told {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
}

pub struct Caller {
    pub sandbox: VendorSandbox,
    pub vendor: Vendor,
    client: Client,
}

pub fn world() -> World {
    World::new(1, &WebKind::Varied { sites: COMPANIES }).unwrap()
}

pub fn client() -> Client {
    Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

impl Caller {
    pub async fn of(vendor: Vendor) -> Self {
        Self::with(vendor, VendorConfig::default()).await
    }

    pub async fn limited(vendor: Vendor, limits: Limits) -> Self {
        Self::with(vendor, VendorConfig { limits, ..VendorConfig::default() }).await
    }

    pub async fn with(vendor: Vendor, config: VendorConfig) -> Self {
        Self { sandbox: VendorSandbox::start(config, world()).await.unwrap(), vendor, client: client() }
    }

    /// Sends a request with the good key where the vendor wants it.
    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> Told {
        self.ask_as(self.sandbox.key(self.vendor), method, path, body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Told {
        self.ask(Method::GET, path, &Value::Null).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Told {
        self.ask(Method::POST, path, body).await
    }

    /// Sends a request with `key`; an error when no whole answer comes.
    pub async fn ask_as(&self, key: &str, method: Method, path: &str, body: &Value) -> Result<Told, reqwest::Error> {
        let mut body = body.clone();
        let mut url = format!("{}{path}", self.sandbox.base(self.vendor));
        let mut request = match self.vendor {
            Vendor::ZeroBounce if method == Method::GET => {
                url = format!("{url}{}api_key={key}", if url.contains('?') { '&' } else { '?' });
                self.client.request(method, url)
            }
            Vendor::ZeroBounce => {
                body["api_key"] = key.into();
                self.client.request(method, url)
            }
            Vendor::Lusha => self.client.request(method, url).header("api_key", key),
            Vendor::Tavily | Vendor::OpenAi => self.client.request(method, url).bearer_auth(key),
        };
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Told { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }
}

impl Told {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
