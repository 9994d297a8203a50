//! Whom the tenant must not contact. Only keyed hashes are kept: the list tells nobody who is on it, but whether somebody is.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use presdr_producers::suppressions::{self, Given, ListKind};
use presdr_store::suppressions::Kept;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Gateway, Problem,
    http::{Body, Query},
    identity::Caller,
};

/// More at a time is a file for `presdr suppress import`.
const NAMED_MAX: usize = 1000;
const REASON_DEFAULT: &str = "do not contact";

/// Which of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Only of this kind.
    kind: Option<Kind>,
    /// At most so many, 50 unless told.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u16>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Email,
    Domain,
    Company,
    Phone,
}

/// What is meant, at most 1000 in all. Never printed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Addresses.
    #[serde(default)]
    email: Vec<String>,
    /// Domains: all addresses at and below them, and the companies whose sites they are.
    #[serde(default)]
    domain: Vec<String>,
    /// Companies, by UEN or by number.
    #[serde(default)]
    company: Vec<String>,
    /// Telephone numbers.
    #[serde(default)]
    phone: Vec<String>,
    /// Why, in a few words without anybody's data.
    #[schemars(length(max = 100))]
    reason: Option<String>,
}

/// An entry; what it stands for nobody can read out of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    kind: String,
    reason: String,
    /// `import`, `command`, `erasure` or `consent`.
    source: String,
    /// Who wrote it: an opaque id.
    actor: String,
    created_at: DateTime<Utc>,
    /// When it was lifted, if it was.
    lifted_at: Option<DateTime<Utc>>,
    /// Of an erased person, their random id.
    erased_subject: Option<Uuid>,
}

/// The newest of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    items: Vec<Entry>,
}

/// What the list says of what was named.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Looked {
    /// Whether any of it is suppressed now.
    suppressed: bool,
    entries: Vec<Entry>,
}

/// What was added.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Added {
    /// How many are new, by kind.
    added: BTreeMap<String, u64>,
    /// How many were there already.
    known: u64,
    /// The place of its event in the log.
    sequence: u64,
}

/// What was lifted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lifted {
    /// How many held until now, by kind.
    lifted: BTreeMap<String, u64>,
    /// The place of its event in the log.
    sequence: u64,
}

/// `GET /suppressions`
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    let limit = super::page_limit(asked.limit)?;
    let kind = asked.kind.map(ListKind::from);
    let kept = suppressions::list(gateway.desk(), &caller.tenant, kind, limit.into()).await?;
    Ok(Json(Page { items: kept.into_iter().map(Entry::from).collect() }))
}

/// `POST /suppressions`
pub(crate) async fn add(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(named): Body<Named>,
) -> Result<Json<Added>, Problem> {
    let given = named.read()?;
    let desk = gateway.desk_of(&caller).await?;
    let added = suppressions::add(&desk, &caller.tenant, &given).await?;
    Ok(Json(Added { added: added.added, known: added.known, sequence: added.sequence }))
}

/// `POST /suppressions/check`
pub(crate) async fn check(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(named): Body<Named>,
) -> Result<Json<Looked>, Problem> {
    let kept = suppressions::look(gateway.desk(), &caller.tenant, &named.read()?).await?;
    let suppressed = kept.iter().any(|one| one.lifted_at.is_none());
    Ok(Json(Looked { suppressed, entries: kept.into_iter().map(Entry::from).collect() }))
}

/// `POST /suppressions/lift`
pub(crate) async fn lift(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(named): Body<Named>,
) -> Result<Json<Lifted>, Problem> {
    let given = named.read()?;
    let desk = gateway.desk_of(&caller).await?;
    let (lifted, sequence) = suppressions::lift(&desk, &caller.tenant, &given).await?;
    Ok(Json(Lifted { lifted, sequence }))
}

impl Named {
    /// What is named, checked. A refusal says which of the list is wrong and nothing of what it says.
    fn read(&self) -> Result<Vec<Given>, Problem> {
        let lists = [
            ("email", ListKind::Email, &self.email),
            ("domain", ListKind::Domain, &self.domain),
            ("company", ListKind::Company, &self.company),
            ("phone", ListKind::Phone, &self.phone),
        ];
        if !(1..=NAMED_MAX).contains(&lists.iter().map(|(_, _, list)| list.len()).sum()) {
            return Err(Problem::unprocessable(format!(
                "name 1 to {NAMED_MAX} addresses, domains, companies or phones"
            )));
        }
        let reason = self.reason.as_deref().unwrap_or(REASON_DEFAULT);
        if reason.contains('\0') {
            return Err(Problem::unprocessable("reason holds a NUL"));
        }
        let mut given = Vec::new();
        for (name, kind, list) in lists {
            for (number, value) in list.iter().enumerate() {
                let unfit = |error| Problem::unprocessable(format!("{name}[{number}]: {error}"));
                given.push(Given::read(kind, value, reason).map_err(unfit)?);
            }
        }
        Ok(given)
    }
}

impl From<Kind> for ListKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Domain => Self::Domain,
            Kind::Company => Self::Company,
            Kind::Phone => Self::Phone,
        }
    }
}

impl From<Kept> for Entry {
    fn from(kept: Kept) -> Self {
        Self {
            kind: kept.what.kind.as_str().to_owned(),
            reason: kept.reason,
            source: kept.source,
            actor: kept.actor,
            created_at: kept.created_at,
            lifted_at: kept.lifted_at,
            erased_subject: kept.subject.map(|subject| subject.0),
        }
    }
}
