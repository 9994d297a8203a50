//! A run's shortlist in the tenant's Odoo: what is there, what would be written, and letting it be written.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use presdr_events::RunId;
use presdr_odoo::sync::{Company, Report};
use presdr_producers::odoo;
use presdr_store::{
    odoo::{
        records::{Model, Record},
        syncs::Sync,
    },
    runs,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Gateway, Problem,
    http::{Id, Query},
    identity::{Caller, roles::Permission},
};

/// So many syncs of a run are told.
const SYNCS_MAX: i64 = 10;

/// Whether Odoo is to be asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Ask Odoo what writing the shortlist would change now; who may let it be written may ask.
    preview: Option<bool>,
}

/// A run's shortlist in Odoo.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Standing {
    run_id: RunId,
    /// Whether the tenant has an active connection to an Odoo.
    connected: bool,
    /// What was wrong with the connection when it was last tried, and what cures that.
    connection_problem: Option<String>,
    /// The newest writes of this run, the newest first.
    syncs: Vec<Written>,
    /// What has this run's values there, companies before their contacts.
    records: Vec<There>,
    /// What writing it now would do, where that was asked for.
    preview: Option<Preview>,
}

/// A write of a run's shortlist.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Written {
    /// Which write of the run, from 1.
    attempt: u32,
    /// Who let it be written: an opaque id.
    asked_by: String,
    asked_at: DateTime<Utc>,
    /// When it was done; null while it waits or goes on.
    finished_at: Option<DateTime<Utc>>,
    /// Tries that failed.
    tries: u32,
    /// Why the last of them did, and what cures that.
    problem: Option<String>,
    /// Records by what was done with them.
    counts: BTreeMap<String, u32>,
}

/// A record in Odoo.
#[derive(Debug, Serialize, JsonSchema)]
pub struct There {
    company_id: i64,
    /// `company`, `contact` or `lead`.
    kind: &'static str,
    /// Its number in Odoo.
    odoo_id: Option<i64>,
    /// `held`, `sending`, `archived`, `deleted`, `ambiguous`, `refused`, `owed` or `erased`.
    state: &'static str,
    /// What was done with it last.
    outcome: String,
    problem: Option<String>,
}

/// What writing would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// The shortlist, best first; suppressed companies last.
    companies: Vec<Would>,
    /// Records by kind and what would be done with them.
    counts: BTreeMap<String, u32>,
    /// Fields of our own that this Odoo does not have.
    missing_fields: Vec<&'static str>,
    /// Which right would let us make them.
    cure: Option<String>,
}

/// What would be done for a company.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Would {
    company_id: i64,
    /// `created`, `adopted`, `updated`, `kept`, `unchanged`, `archived`, `deleted`, `ambiguous`, `refused`, `superseded`, `suppressed`.
    outcome: &'static str,
    /// Its number in Odoo, where it has one.
    partner_id: Option<i64>,
    /// Fields that would be written.
    wrote: Vec<&'static str>,
    /// Fields that a person changed, which would be left.
    kept: Vec<&'static str>,
    /// Its contacts by what would be done with them.
    contacts: BTreeMap<&'static str, u32>,
    /// What would be done with its lead in Odoo's CRM, where the tenant wants one.
    lead: Option<&'static str>,
    problem: Option<String>,
}

/// A write that was let go.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Approved {
    run_id: RunId,
    /// Which write of the run, from 1.
    attempt: u32,
    /// The place of its event in the log.
    sequence: u64,
}

/// `GET /runs/{run_id}/odoo`
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(run_id): Id<RunId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Standing>, Problem> {
    is_there(&gateway, &caller, run_id).await?;
    let (tenant, desk) = (&caller.tenant, gateway.desk());
    let preview = match asked.preview {
        Some(true) if !caller.may(Permission::Approve) => {
            return Err(Problem::forbidden("your role does not allow this: without preview it tells what is there"));
        }
        Some(true) => Some(Box::pin(odoo::preview_sync(desk, tenant, run_id)).await?.into()),
        _ => None,
    };
    let connection = odoo::connection(desk, tenant).await?.filter(|connection| connection.active);
    let syncs = odoo::list_syncs(desk, tenant, Some(run_id), SYNCS_MAX).await?;
    let records = odoo::records_of(desk, tenant, run_id).await?;
    Ok(Json(Standing {
        run_id,
        connected: connection.is_some(),
        connection_problem: connection.and_then(|connection| connection.problem),
        syncs: syncs.into_iter().map(Written::from).collect(),
        records: records.into_iter().map(There::from).collect(),
        preview,
    }))
}

/// `POST /runs/{run_id}/odoo`
pub(crate) async fn approve(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(run_id): Id<RunId>,
) -> Result<Json<Approved>, Problem> {
    is_there(&gateway, &caller, run_id).await?;
    let desk = gateway.desk_of(&caller).await?;
    let (attempt, sequence) = odoo::request_sync(&desk, &caller.tenant, run_id).await?;
    Ok(Json(Approved { run_id, attempt, sequence }))
}

async fn is_there(gateway: &Gateway, caller: &Caller, run: RunId) -> Result<(), Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    runs::get(&mut tx, run).await?.map(drop).ok_or_else(Problem::not_found)
}

impl From<Sync> for Written {
    fn from(sync: Sync) -> Self {
        let Sync { attempt, cause, asked_at, finished_at, tries, problem, counts, .. } = sync;
        Self { attempt, asked_by: cause.actor.as_str().to_owned(), asked_at, finished_at, tries, problem, counts }
    }
}

impl From<Record> for There {
    fn from(record: Record) -> Self {
        let kind = match (record.key.model, record.key.subject) {
            (Model::Lead, _) => "lead",
            (Model::Partner, Some(_)) => "contact",
            (Model::Partner, None) => "company",
        };
        Self {
            company_id: record.key.company.get(),
            kind,
            odoo_id: record.odoo_id,
            state: record.state.as_str(),
            outcome: record.outcome,
            problem: record.problem,
        }
    }
}

impl From<Report> for Preview {
    fn from(report: Report) -> Self {
        let Report { companies, counts, missing_fields, cure, .. } = report;
        Self { companies: companies.into_iter().map(Would::from).collect(), counts, missing_fields, cure }
    }
}

impl From<Company> for Would {
    fn from(company: Company) -> Self {
        let Company { company_id, outcome, partner_id, wrote, kept, contacts, lead, problem } = company;
        Self { company_id: company_id.get(), outcome, partner_id, wrote, kept, contacts, lead, problem }
    }
}
