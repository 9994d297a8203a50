//! Where requests come in: which vendor, which key, how fast, which fault; then the answer, its price and its way out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::vendors::account::{Account, Accounts};
use crate::vendors::admin;
use crate::vendors::calls::{Asked, Calls, canonical};
use crate::vendors::faults::{FaultKind, Faults};
use crate::vendors::imitation::Imitation;
use crate::vendors::reply::{Ask, Reply};
use crate::vendors::vendor::Vendor;
use crate::vendors::world::World;

/// The largest body that is read: OpenAI takes 300,000 tokens in one request.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a vendor that never answers keeps the connection.
const NEVER: Duration = Duration::from_secs(3_600);
/// In how many pieces a slow answer drips.
const DRIPS: usize = 20;

/// One vendor with its accounts.
pub(crate) struct House {
    pub vendor: Vendor,
    pub key: String,
    pub accounts: Accounts,
    pub imitation: Box<dyn Imitation>,
}

/// All that the sandbox's vendors share.
pub(crate) struct Shared {
    pub houses: BTreeMap<Vendor, House>,
    pub world: Arc<World>,
    pub faults: Faults,
    pub calls: Calls,
    pub latency_ms: AtomicU64,
    pub stop: CancellationToken,
}

impl Shared {
    /// Calls, faults and accounts as at the start. What accounts were granted and the latency stay.
    pub fn reset(&self) {
        self.calls.clear();
        self.faults.clear();
        for house in self.houses.values() {
            house.accounts.renew();
        }
    }

    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms.load(Ordering::Relaxed))
    }
}

/// Answers every request that reaches the sandbox.
pub(crate) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    if first == admin::FOLDER {
        return admin::handle(&shared, rest, request).await;
    }
    let house = first.parse::<Vendor>().ok().and_then(|vendor| shared.houses.get(&vendor));
    let Some(house) = house else {
        return wire(Reply::json(404, &json!({ "error": "the sandbox has no such vendor" })));
    };
    let Ok(ask) = read(request, format!("/{rest}")).await else {
        return wire(Reply::html(413, "Request Entity Too Large"));
    };
    // What is charged is settled before the wait, so that a caller who gives up waiting has paid all the same.
    let (reply, fault) = serve(&shared, house, ask);
    let latency = shared.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    send(reply, fault, &shared.stop).await
}

async fn read(request: Request, path: String) -> Result<Ask, axum::Error> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
    let mut fields: BTreeMap<String, String> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        fields.extend(url::form_urlencoded::parse(&body).into_owned());
    }
    let json = serde_json::from_slice(&body).ok();
    Ok(Ask { method: parts.method, path, fields, headers: parts.headers, json, fault: None })
}

/// The answer and the fault that happens to it on its way out.
fn serve(shared: &Shared, house: &House, mut ask: Ask) -> (Reply, Option<FaultKind>) {
    let operation = match house.imitation.operation(&ask) {
        Ok(operation) => operation,
        Err(reply) => return (note(shared, house, "unknown", &ask, reply, None), None),
    };
    let account = house.imitation.key(&ask);
    let known = account.and_then(|key| {
        house.accounts.with(&key, |account| {
            let now = Instant::now();
            if let Some(reply) = house.imitation.limited(operation, &ask, account, now) {
                return (house.imitation.dress(reply, operation, account, now), None);
            }
            ask.fault = shared.faults.take(house.vendor, operation);
            let reply = paid(shared, house, operation, &ask, account);
            (house.imitation.dress(reply, operation, account, now), ask.fault)
        })
    });
    let (reply, fault) = known.unwrap_or_else(|| (stranger(house, operation, &ask), None));
    (note(shared, house, operation, &ask, reply, fault), fault)
}

/// The answer to a request with a good key within the limits, paid for.
fn paid(shared: &Shared, house: &House, operation: &str, ask: &Ask, account: &mut Account) -> Reply {
    let imitation = &house.imitation;
    match ask.fault {
        Some(FaultKind::RateLimit { seconds }) => return imitation.rate_limit(Duration::from_secs(seconds)),
        Some(FaultKind::ServerError { status }) => return imitation.server_error(status),
        Some(FaultKind::Html403) => return Reply::html(403, "Forbidden"),
        Some(FaultKind::Quota) => return imitation.quota(operation),
        Some(FaultKind::KeyRefused) => return imitation.refused(operation, ask),
        _ => {}
    }
    let reply = imitation.answer(operation, ask, account, &shared.world);
    let Some(receipt) = &reply.receipt else { return reply };
    if receipt.credits > account.left() || account.left() == 0 {
        return imitation.quota(operation);
    }
    account.settle(receipt);
    reply
}

fn stranger(house: &House, operation: &str, ask: &Ask) -> Reply {
    let blocked = house.accounts.stranger(|window| window.take(Instant::now(), 1).err());
    match (house.vendor, blocked) {
        (Vendor::ZeroBounce, Some(wait)) => house.imitation.rate_limit(wait),
        _ => house.imitation.refused(operation, ask),
    }
}

fn note(shared: &Shared, house: &House, operation: &str, ask: &Ask, reply: Reply, fault: Option<FaultKind>) -> Reply {
    let mut request = json!({});
    let mut fields = ask.fields.clone();
    fields.remove("api_key");
    if !fields.is_empty() {
        request["fields"] = json!(fields);
    }
    if let Some(json) = &ask.json {
        request["body"] = json.clone();
    }
    let route = format!("{} {}", ask.method, ask.path);
    let asked = Asked { vendor: house.vendor, operation, route, request: canonical(&request).to_string() };
    let ending = match fault {
        Some(FaultKind::Timeout) => "timeout".to_owned(),
        Some(FaultKind::Half) => "half".to_owned(),
        Some(FaultKind::InvalidJson) => "invalid_json".to_owned(),
        Some(FaultKind::Slow { .. }) => "slow".to_owned(),
        _ => reply.status.to_string(),
    };
    shared.calls.note(asked, &ending, reply.receipt.as_deref());
    reply
}

async fn send(reply: Reply, fault: Option<FaultKind>, stop: &CancellationToken) -> Response<Body> {
    match fault {
        Some(FaultKind::Timeout) => {
            tokio::select! {
                () = tokio::time::sleep(NEVER) => {}
                () = stop.cancelled() => {}
            }
            wire(Reply::html(504, "Gateway Time-out"))
        }
        Some(FaultKind::Half) => {
            let whole = reply.body.len();
            let half = Bytes::from(reply.body.as_bytes()[..whole / 2].to_vec());
            let dropped = || Err(io::Error::new(io::ErrorKind::ConnectionReset, "dropped as told"));
            let body = Body::from_stream(stream::iter([Ok(half), dropped()]));
            head(&reply).header(header::CONTENT_LENGTH, whole).body(body).unwrap_or_else(|_| no_http())
        }
        Some(FaultKind::InvalidJson) => {
            let mut end = reply.body.len() / 2;
            while !reply.body.is_char_boundary(end) {
                end -= 1;
            }
            wire(Reply { body: reply.body[..end].to_owned(), ..reply })
        }
        Some(kind) if kind.drip().is_some() => drip(&reply, kind.drip().unwrap_or_default()),
        _ => wire(reply),
    }
}

/// The same answer, in pieces over `time`.
fn drip(reply: &Reply, time: Duration) -> Response<Body> {
    let size = reply.body.len().div_ceil(DRIPS).max(1);
    let pieces: Vec<Bytes> = reply.body.as_bytes().chunks(size).map(|piece| Bytes::from(piece.to_vec())).collect();
    let pause = time / u32::try_from(pieces.len().max(1)).unwrap_or(1);
    let body = stream::unfold(pieces.into_iter(), move |mut left| async move {
        let piece = left.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<Bytes, io::Error>(piece), left))
    });
    head(reply)
        .header(header::CONTENT_LENGTH, reply.body.len())
        .body(Body::from_stream(body))
        .unwrap_or_else(|_| no_http())
}

fn head(reply: &Reply) -> axum::http::response::Builder {
    let mut builder = Response::builder().status(reply.status).header(header::CONTENT_TYPE, reply.content_type);
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    builder
}

/// The answer as bytes on the wire.
pub(crate) fn wire(reply: Reply) -> Response<Body> {
    let head = head(&reply);
    head.body(Body::from(reply.body)).unwrap_or_else(|_| no_http())
}

/// A JSON answer of the sandbox itself.
pub(crate) fn own(status: u16, body: &Value) -> Response<Body> {
    wire(Reply::json(status, body))
}

fn no_http() -> Response<Body> {
    let mut response = Response::new(Body::from("the imitation made an answer that is no HTTP"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
