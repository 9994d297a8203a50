//! The retention job: what was kept for as long as a tenant's settings say is removed, every night.
//!
//! Each pass counts first what is to go and writes that down; then it removes by the cut-offs that it wrote down. Text goes with whole
//! partitions, other rows in small transactions. Whose key is destroyed loses it in the log, too: what the log holds of them opens no more.

use std::{collections::BTreeMap, time::Duration, time::Instant};

use chrono::NaiveDate;
use presdr_events::{Event, Step, SubjectId, TenantId, privacy::Forgotten};
use presdr_producers::schedule::local_date;
use presdr_projections::{erasure, retention::forget_logs};
use presdr_rules::{
    retention::Cutoffs,
    settings::{Retention, Section},
};
use presdr_store::{
    StoreError,
    retention::{self, Pass, RetentionLock},
    sessions, settings,
    steps::StepKey,
    tenants, threads,
};
use tokio_util::sync::CancellationToken;

use crate::{ComplianceError, Office, erase};

/// The permanent name of the step that tells of a pass.
const STEP: &str = "retention";
/// How often it is looked whether a day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// How often a partition is tried that somebody reads.
const DROP_TRIES: usize = 5;

/// What would go now, by table: nothing is removed, and nothing written down.
///
/// # Errors
/// What the database says.
pub async fn plan(office: &Office, tenant: &TenantId) -> Result<Pass, ComplianceError> {
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let window: Retention = settings::section(&mut tx, Retention::NAME).await?;
    let now = office.desk.now();
    let cutoffs = Cutoffs::at(now, &window);
    let oldest = retention::oldest_checkpoint(&mut tx, cutoffs.logs).await?;
    let mut pass = Pass {
        number: 0,
        day: local_date(now),
        text_before: cutoffs.text,
        logs_before: cutoffs.logs,
        people_before: cutoffs.people,
        threads_before: cutoffs.threads,
        log_number: oldest.map(|(number, _)| number),
        log_sequence: oldest.map(|(_, sequence)| sequence),
        planned: BTreeMap::new(),
        removed: BTreeMap::new(),
        forgetting: Vec::new(),
        actor: office.desk.actor().as_str().to_owned(),
        planned_at: now,
        finished_at: None,
    };
    pass.planned = retention::count(&mut tx, &pass).await?;
    Ok(pass)
}

/// Makes passes every day, and finishes erasures that were cut off, until `stopping` is cancelled.
pub async fn run(office: &Office, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(LOOK_EVERY);
    let mut done: Option<NaiveDate> = None;
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => return,
        }
        if let Err(error) = Box::pin(erase::resume_old(office)).await {
            tracing::warn!(%error, "could not look for erasures that were cut off; trying again");
        }
        let today = local_date(office.desk.now());
        if done == Some(today) {
            continue;
        }
        // Boxed, since futures that hold one another grow deeper than the compiler follows.
        match Box::pin(pass(office, Some(today))).await {
            Ok(Some(told)) if told.values().all(Result::is_ok) => done = Some(today),
            Ok(_) => {} // another process is at it, or a tenant is left: the next look tells
            Err(error) => tracing::warn!(%error, "could not look at what was kept long enough; trying again"),
        }
    }
}

/// What became of each tenant's pass.
pub type Told = BTreeMap<TenantId, Result<Vec<Pass>, ComplianceError>>;

/// Makes a pass for every tenant; with `unless`, for those that had none on that day. One that was cut off goes on first. `None` when another
/// process makes passes. One tenant's fault does not keep the others waiting.
///
/// # Errors
/// What the database says when tenants cannot be listed or text not dropped.
pub async fn pass(office: &Office, unless: Option<NaiveDate>) -> Result<Option<Told>, ComplianceError> {
    let database = office.desk.database();
    let Some(_lock) = RetentionLock::take(database).await? else { return Ok(None) };
    let mut told = Told::new();
    for tenant in tenants::active(database).await? {
        let begun = begin(office, &tenant.id, unless).await;
        told.insert(tenant.id, begun);
    }
    let any = told.values().flatten().any(|passes| !passes.is_empty());
    if any && let Err(error) = drop_text(office).await {
        tracing::warn!(%error, "text whose day has come was not dropped; the next pass tries again");
    }
    for (tenant, passes) in &mut told {
        let Ok(begun) = passes else { continue };
        let mut done = Vec::new();
        for pass in std::mem::take(begun) {
            match enforce(office, tenant, pass).await {
                Ok(pass) => done.push(pass),
                Err(error) => {
                    tracing::warn!(tenant.id = %tenant, %error, "a retention pass was cut off; the next look goes on with it");
                    *passes = Err(error);
                    break;
                }
            }
        }
        if let Ok(passes) = passes {
            *passes = done;
        }
    }
    Ok(Some(told))
}

/// The tenant's passes that are to be made: those that were cut off, and a new one unless there was one on that day.
async fn begin(office: &Office, tenant: &TenantId, unless: Option<NaiveDate>) -> Result<Vec<Pass>, ComplianceError> {
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let mut passes = retention::unfinished(&mut tx).await?;
    let newest = retention::list(&mut tx, 1).await?.pop();
    tx.commit().await?;
    if unless.is_some() && newest.map(|newest| newest.day) >= unless {
        return Ok(passes);
    }
    let planned = plan(office, tenant).await?;
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let pass = retention::begin(&mut tx, &planned, office.desk.actor()).await?;
    tx.commit().await?;
    tracing::info!(tenant.id = %tenant, pass = pass.number, planned = ?pass.planned, "what was kept long enough goes");
    passes.push(pass);
    Ok(passes)
}

/// Whoever reads such a table is waited for, a few seconds at a time.
async fn drop_text(office: &Office) -> Result<(), ComplianceError> {
    let today = local_date(office.desk.now());
    for _ in 1..DROP_TRIES {
        match retention::drop_text(office.desk.database(), today).await {
            Err(error) if is_busy(&error) => {}
            dropped => {
                let dropped = dropped?;
                if !dropped.is_empty() {
                    tracing::info!(partitions = ?dropped, "dropped text whose day has come");
                }
                return Ok(());
            }
        }
    }
    retention::drop_text(office.desk.database(), today).await?;
    Ok(())
}

fn is_busy(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03"))
}

/// Removes what a pass is to remove, and tells of it in an event if there was anything.
async fn enforce(office: &Office, tenant: &TenantId, pass: Pass) -> Result<Pass, ComplianceError> {
    let begun = Instant::now();
    let database = office.desk.database();
    forget_texts(office, tenant, &pass).await?;
    loop {
        let mut tx = database.enter(tenant).await?;
        let removed = retention::remove_some(&mut tx, &pass).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
    }
    // After the checkpoints: verifying begins at the oldest that is kept, and what is before it is not looked at.
    forget_log_rows(office, tenant, &pass).await?;
    forget_people(office, tenant, &pass).await?;
    // What is kept for minutes goes with what comes after it, or at the latest here.
    let (mut tx, now) = (database.enter(tenant).await?, office.desk.now());
    threads::forget_named(&mut tx, Some(now - threads::NAMED_WAITS_MAX)).await?;
    sessions::forget_ends(&mut tx, now).await?;
    tx.commit().await?;

    let mut tx = database.enter(tenant).await?;
    let pass = retention::finish(&mut tx, pass.number, office.desk.now()).await?;
    if pass.removed.is_empty() {
        tx.commit().await?;
        return Ok(pass);
    }
    let attempt = pass.number.unsigned_abs();
    let step = Step::done(STEP, u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX), attempt, Vec::new());
    let told = Forgotten { step, day: pass.day, planned: pass.planned.clone(), removed: pass.removed.clone() };
    let key = StepKey { tenant: tenant.clone(), run: None, company: None, step: STEP, attempt };
    office.desk.commit(tx, key, &Event::RetentionEnforced(told)).await?;
    Ok(pass)
}

async fn forget_texts(office: &Office, tenant: &TenantId, pass: &Pass) -> Result<(), ComplianceError> {
    let database = office.desk.database();
    let mut tx = database.enter(tenant).await?;
    let runs = retention::due(&mut tx, pass).await?;
    // What went with a partition was counted before it was dropped.
    for table in ["site_visits", "lead_texts"] {
        if !pass.removed.contains_key(table) {
            retention::note(&mut tx, pass.number, table, pass.planned.get(table).copied().unwrap_or(0)).await?;
        }
    }
    tx.commit().await?;
    for run in runs {
        let mut tx = database.enter(tenant).await?;
        let companies = retention::forget_text(&mut tx, run).await?;
        tx.commit().await?;
        let leads: Vec<(i64, i64)> = companies.iter().map(|company| (run.get(), company.get())).collect();
        let emptied = erasure::forget_texts(&office.projector, tenant, &leads).await?;
        let mut tx = database.enter(tenant).await?;
        retention::note(&mut tx, pass.number, "company_enrichment_runs", emptied).await?;
        retention::text_is_forgotten(&mut tx, run, office.desk.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn forget_log_rows(office: &Office, tenant: &TenantId, pass: &Pass) -> Result<(), ComplianceError> {
    let (Some(sequence), database) = (pass.log_sequence, office.desk.database()) else { return Ok(()) };
    let mut tx = database.enter(tenant).await?;
    let newest: Option<i64> =
        sqlx::query_scalar("select max(run_id) from runs where tenant_id = $1 and created_at < $2")
            .bind(tenant.as_str())
            .bind(pass.logs_before)
            .fetch_one(&mut *tx)
            .await?;
    tx.commit().await?;
    let removed = forget_logs(&office.projector, tenant, sequence, newest.unwrap_or(0)).await?;
    let mut tx = database.enter(tenant).await?;
    for (table, rows) in removed {
        retention::note(&mut tx, pass.number, table, rows).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn forget_people(office: &Office, tenant: &TenantId, pass: &Pass) -> Result<(), ComplianceError> {
    let mut whom: Vec<SubjectId> = pass.forgetting.iter().copied().map(SubjectId).collect();
    loop {
        forget_rows(office, tenant, pass, &whom).await?;
        let mut tx = office.desk.database().enter(tenant).await?;
        whom = retention::destroy_some_keys(&mut tx, pass).await?;
        tx.commit().await?;
        if whom.is_empty() {
            return Ok(());
        }
    }
}

/// What is shown of people whose key is gone.
async fn forget_rows(
    office: &Office,
    tenant: &TenantId,
    pass: &Pass,
    whom: &[SubjectId],
) -> Result<(), ComplianceError> {
    if whom.is_empty() {
        return Ok(());
    }
    let removed = erasure::forget(&office.projector, tenant, whom).await?;
    let mut tx = office.desk.database().enter(tenant).await?;
    for (table, rows) in removed {
        retention::note(&mut tx, pass.number, &table, rows).await?;
    }
    retention::forgetting(&mut tx, pass.number, &[]).await?;
    tx.commit().await?;
    Ok(())
}
