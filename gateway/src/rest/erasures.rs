//! Erasing people: asked for here, carried out by a scheduler, since an erasure reads the whole log and the gateway may not. Who is meant is
//! sealed until it is done, and nowhere in an answer.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use presdr_events::SubjectId;
use presdr_producers::erasures::{self, Asked};
use presdr_store::erasure_requests::{Meant, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Gateway, Problem,
    http::{Body, Id, Query},
    identity::Caller,
};

/// How much of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// At most so many, 50 unless told.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u16>,
}

/// Whom to erase: one person, by everything that identifies them. Never printed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Addresses.
    #[serde(default)]
    email: Vec<String>,
    /// Profile links.
    #[serde(default)]
    profile: Vec<String>,
    /// Telephone numbers, which are erased as theirs: they identify nobody by themselves.
    #[serde(default)]
    phone: Vec<String>,
    /// Random ids, as `presdr dsar find` lists them.
    #[serde(default)]
    subject: Vec<Uuid>,
}

/// An erasure that was asked for. How much there was of the person, the receipts tell when it is done: finding that out is most of the work.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Erasure {
    erasure_id: Uuid,
    /// `asked`, `under_way`, `done` or `failed`.
    state: &'static str,
    /// Who asked: an opaque id.
    asked_by: String,
    asked_at: DateTime<Utc>,
    /// When it was done or failed; null before.
    finished_at: Option<DateTime<Utc>>,
    /// How often it could not be finished.
    tries: u32,
    /// When it is tried next; null when it is done or failed.
    due_at: Option<DateTime<Utc>>,
    /// Why it failed or has to be tried again, and what cures that.
    problem: Option<String>,
    /// What it came to, once it is done; empty in a list.
    receipts: Vec<Receipt>,
}

/// What was removed of a person.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Receipt {
    /// Its number, among the tenant's.
    number: u32,
    /// The random ids that are left of the person.
    subjects: Vec<Uuid>,
    /// When it was done.
    finished_at: Option<DateTime<Utc>>,
    /// Rows removed or cleared, by place; `keys` are the keys that were destroyed.
    removed: BTreeMap<String, u64>,
    /// Keyed hashes that keep the person from coming back, by kind.
    suppressed: BTreeMap<String, u64>,
    /// Records that are still to be removed elsewhere (`odoo`), as of now: a worker removes them once that can be asked.
    owed: BTreeMap<String, u64>,
}

/// Erasures that were asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Erasures {
    /// Newest first.
    items: Vec<Erasure>,
}

/// `POST /erasures`
pub(crate) async fn ask(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(person): Body<Person>,
) -> Result<Response, Problem> {
    let Person { email: emails, profile: profiles, phone: phones, subject } = person;
    let subjects = subject.into_iter().map(SubjectId).collect();
    let meant = erasures::read(Meant { emails, profiles, phones, subjects })
        .map_err(|error| Problem::unprocessable(error.to_string()))?;
    let desk = gateway.desk_of(&caller).await?;
    let id = erasures::ask(&desk, &caller.tenant, &meant).await?;
    let asked = erasures::show(&desk, &caller.tenant, id).await?.ok_or_else(Problem::internal)?;
    let place = format!("/erasures/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(Erasure::from(asked))).into_response())
}

/// `GET /erasures`
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Erasures>, Problem> {
    let limit = super::page_limit(page.limit)?;
    let requests = erasures::list(gateway.desk(), &caller.tenant, limit.into()).await?;
    Ok(Json(Erasures { items: requests.into_iter().map(Erasure::from).collect() }))
}

/// `GET /erasures/{erasure_id}`
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<Erasure>, Problem> {
    let asked = erasures::show(gateway.desk(), &caller.tenant, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(asked.into()))
}

impl From<Request> for Erasure {
    fn from(request: Request) -> Self {
        Self {
            erasure_id: request.id,
            state: request.state.as_str(),
            asked_by: request.actor,
            asked_at: request.asked_at,
            finished_at: request.finished_at,
            tries: request.tries,
            due_at: request.finished_at.is_none().then_some(request.due_at),
            problem: request.problem,
            receipts: Vec::new(),
        }
    }
}

impl From<Asked> for Erasure {
    fn from(asked: Asked) -> Self {
        let receipts = asked.receipts.into_iter().map(Receipt::from).collect();
        Self { receipts, ..Self::from(asked.request) }
    }
}

impl From<erasures::Receipt> for Receipt {
    fn from(receipt: erasures::Receipt) -> Self {
        let erasures::Receipt { number, subjects, finished_at, removed, suppressed, owed } = receipt;
        let subjects = subjects.into_iter().map(|subject| subject.0).collect();
        Self { number, subjects, finished_at, removed, suppressed, owed }
    }
}
