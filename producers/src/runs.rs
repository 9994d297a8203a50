//! Starting and steering runs.

use chrono::NaiveDate;
use presdr_events::{
    CompanyId, Event, RunId, Step, TenantId,
    run::{self, RunKind},
};
pub use presdr_rules::settings::CAP_MAX;
use presdr_rules::{
    chat::PageWish,
    retention::text_expiry,
    settings::{Retention, RunSettings, Section},
};
use presdr_store::{
    StoreError, TenantTx,
    runs::{self, NewRun, Run},
    settings,
    steps::StepKey,
    tenants,
};

use crate::{CommandError, Desk, schedule::local_date};

/// A run that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedRun {
    /// Its id.
    pub run: RunId,
    /// Its event's sequence in EVENTS.
    pub sequence: u64,
}

/// Starts a run of at most `cap` leads, or of the tenant's daily cap.
///
/// # Errors
/// [`CommandError::Refused`] without an ICP, or with a cap out of range; otherwise what the database or the broker says.
pub async fn start(desk: &Desk, tenant: &TenantId, cap: Option<u32>) -> Result<StartedRun, CommandError> {
    let tx = tenants::enter_active(&desk.database, tenant).await?;
    let started = begin(desk, tx, Wanted { kind: RunKind::Manual, cap, ..Wanted::default() }).await?;
    started
        .ok_or_else(|| CommandError::Refused("a manual run needs no claim, and yet was claimed by another".to_owned()))
}

/// Starts the tenant's nightly run for `date`; `None` when it was started before, by whomever.
///
/// # Errors
/// As [`start`].
pub async fn start_nightly(
    desk: &Desk,
    tenant: &TenantId,
    date: NaiveDate,
) -> Result<Option<StartedRun>, CommandError> {
    let tx = tenants::enter_active(&desk.database, tenant).await?;
    begin(desk, tx, Wanted { kind: RunKind::Nightly, date: Some(date), ..Wanted::default() }).await
}

/// Starts a run of these companies, whatever the profile says of them. `include` names kinds of pages that must be read, beside the usual
/// choice.
///
/// # Errors
/// [`CommandError::Refused`] without an ICP, without a company, or for one that neither the registry nor the tenant's list has; otherwise
/// what the database or the broker says.
pub async fn start_named(
    desk: &Desk,
    tenant: &TenantId,
    companies: &[CompanyId],
    include: &[PageWish],
) -> Result<StartedRun, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    if let Some(unknown) = first_unknown(&mut tx, companies).await? {
        return Err(CommandError::Refused(format!(
            "company {unknown} is neither in the registry nor on the list of tenant {tenant}"
        )));
    }
    let wanted = Wanted {
        kind: RunKind::Named,
        date: None,
        cap: Some(u32::try_from(companies.len()).unwrap_or(u32::MAX)),
        companies: companies.to_vec(),
        include: include.iter().map(|page| page.as_str().to_owned()).collect(),
    };
    let started = begin(desk, tx, wanted).await?;
    started
        .ok_or_else(|| CommandError::Refused("a named run needs no claim, and yet was claimed by another".to_owned()))
}

async fn first_unknown(tx: &mut TenantTx, companies: &[CompanyId]) -> Result<Option<i64>, StoreError> {
    let unknown = sqlx::query_scalar(
        "select asked.company_id from unnest($1::bigint[]) as asked (company_id)
         where not exists (select from tenant_company c where c.company_id = asked.company_id) limit 1",
    )
    .bind(companies.iter().map(|company| company.get()).collect::<Vec<_>>())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(unknown)
}

/// A run to begin.
struct Wanted {
    kind: RunKind,
    date: Option<NaiveDate>,
    cap: Option<u32>,
    companies: Vec<CompanyId>,
    include: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { kind: RunKind::Manual, date: None, cap: None, companies: Vec::new(), include: Vec::new() }
    }
}

async fn begin(desk: &Desk, mut tx: TenantTx, wanted: Wanted) -> Result<Option<StartedRun>, CommandError> {
    let Wanted { kind, date, cap, companies, include } = wanted;
    let tenant = tx.tenant().clone();
    let Some((icp_rule, icp_version, _)) = runs::newest_icp(&mut tx).await? else {
        return Err(CommandError::Refused(format!(
            "tenant {tenant} has no ICP: `presdr icp set --tenant {tenant} icp.json` sets one"
        )));
    };
    let cap = match cap {
        Some(cap) => cap,
        None => settings::section::<RunSettings>(&mut tx, RunSettings::NAME).await?.daily_cap,
    };
    if !(1..=CAP_MAX).contains(&cap) {
        return Err(CommandError::Refused(format!("a run's cap is between 1 and {CAP_MAX}, not {cap}")));
    }
    let retention: Retention = settings::section(&mut tx, Retention::NAME).await?;
    let new = NewRun {
        kind,
        local_date: date,
        cap,
        icp_rule,
        icp_version,
        text_expires_on: text_expiry(local_date(desk.now()), &retention),
        company_ids: companies.clone(),
        include: include.clone(),
    };
    let Some(id) = runs::create(&mut tx, &new).await? else { return Ok(None) };
    let step = Step::done("start", 0, 1, Vec::new()).with("cap", cap);
    let event = Event::RunStarted(run::Started {
        step,
        kind,
        local_date: date,
        cap,
        icp_rule,
        icp_version,
        company_ids: companies,
        include,
    });
    let sequence = desk.commit(tx, run_step(&tenant, id, "start", 1), &event).await?;
    Ok(Some(StartedRun { run: id, sequence }))
}

/// Stops admission: leads in flight go on.
///
/// # Errors
/// [`CommandError::Refused`] unless the run is open.
pub async fn pause(desk: &Desk, tenant: &TenantId, run: RunId, reason: Option<String>) -> Result<u64, CommandError> {
    steer(desk, tenant, run, Steering { step: "pause", from: &["open"], to: "paused", event: Event::RunPaused }, reason)
        .await
}

/// Lets admission go on.
///
/// # Errors
/// [`CommandError::Refused`] unless the run is paused.
pub async fn resume(desk: &Desk, tenant: &TenantId, run: RunId, reason: Option<String>) -> Result<u64, CommandError> {
    steer(
        desk,
        tenant,
        run,
        Steering { step: "resume", from: &["paused"], to: "open", event: Event::RunResumed },
        reason,
    )
    .await
}

/// Ends a run with what it has; no paid call starts after this.
///
/// # Errors
/// [`CommandError::Refused`] unless the run is open or paused.
pub async fn cancel(desk: &Desk, tenant: &TenantId, run: RunId, reason: Option<String>) -> Result<u64, CommandError> {
    steer(
        desk,
        tenant,
        run,
        Steering { step: "cancel", from: &["open", "paused"], to: "cancelled", event: Event::RunCancelled },
        reason,
    )
    .await
}

/// A change of a run's course.
struct Steering {
    step: &'static str,
    from: &'static [&'static str],
    to: &'static str,
    event: fn(run::Steered) -> Event,
}

async fn steer(
    desk: &Desk,
    tenant: &TenantId,
    run: RunId,
    steering: Steering,
    reason: Option<String>,
) -> Result<u64, CommandError> {
    let Steering { step, from, to, event } = steering;
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let held = runs::lock(&mut tx, run).await?.ok_or_else(|| {
        CommandError::Refused(format!(
            "tenant {tenant} has no run {run}: `presdr run list --tenant {tenant}` lists them"
        ))
    })?;
    if !runs::change_status(&mut tx, run, from, to).await? {
        return Err(CommandError::Refused(format!(
            "run {run} is {}: only a run that is {} can {step}",
            held.status,
            from.join(" or ")
        )));
    }
    let number = commands_before(&mut tx, run, step).await? + 1;
    let event = event(run::Steered { step: Step::done(step, 0, number, Vec::new()), reason });
    desk.commit(tx, run_step(tenant, run, step, number), &event).await
}

/// Tells the run manager to look at a run again, after parked work was put back.
pub(crate) async fn wake(desk: &Desk, mut tx: TenantTx, run: RunId, reason: &str) -> Result<u64, CommandError> {
    let number = commands_before(&mut tx, run, "resume").await? + 1;
    let event = Event::RunResumed(run::Steered {
        step: Step::done("resume", 0, number, Vec::new()),
        reason: Some(reason.to_owned()),
    });
    let key = run_step(&tx.tenant().clone(), run, "resume", number);
    desk.commit(tx, key, &event).await
}

/// How often the command was given to the run. The caller holds the run's row.
async fn commands_before(tx: &mut TenantTx, run: RunId, step: &str) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    let before: i64 = sqlx::query_scalar(
        "select count(*) from lead_steps where tenant_id = $1 and run_id = $2 and company_id = 0 and step = $3",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(step)
    .fetch_one(&mut **tx)
    .await?;
    Ok(u32::try_from(before).unwrap_or(u32::MAX))
}

/// One run.
///
/// # Errors
/// [`CommandError::Refused`] when the tenant has no such run.
pub async fn show(desk: &Desk, tenant: &TenantId, run: RunId) -> Result<Run, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    runs::get(&mut tx, run).await?.ok_or_else(|| {
        CommandError::Refused(format!(
            "tenant {tenant} has no run {run}: `presdr run list --tenant {tenant}` lists them"
        ))
    })
}

/// The tenant's newest runs.
///
/// # Errors
/// What the database says.
pub async fn list(desk: &Desk, tenant: &TenantId, limit: i64) -> Result<Vec<Run>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    Ok(runs::list(&mut tx, limit).await?)
}

fn run_step(tenant: &TenantId, run: RunId, step: &'static str, number: u32) -> StepKey {
    StepKey { tenant: tenant.clone(), run: Some(run), company: None, step, attempt: number }
}
