//! A log that was kept beside an older database: what it tells of the time between is taken in before anybody may use the two together.
//!
//! The log has the events, and not the records behind them: keys of people who were met since, texts, answers that were paid for, settings, lists.
//! Those are lost. What keeps the two from contradicting each other is here.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc, Weekday};
use futures::TryStreamExt;
use presdr_audit::{Log, checkpoints};
use presdr_events::{Envelope, Event, RunId, Step, TenantId, audit::SignedCheckpoint, run::Steered, tenant::IcpSet};
use presdr_producers::Desk;
use presdr_store::{
    Database, TenantTx,
    newer::{self, ToldRun, Used},
    runs,
    steps::{self, Outgoing, StepKey},
    tenants, texts,
};
use serde::Serialize;
use uuid::Uuid;

/// Commands of a tenant that are counted: the next of each must get a new number.
const COUNTED: [&str; 9] =
    ["suppress", "lift_suppression", "consent", "withdraw_consent", "dsar_export", "keys", "ingest", "restore", "odoo"];
/// The longest that text is kept.
const TEXT_DAYS: TimeDelta = TimeDelta::days(365);
const WHY: &str = "the database was restored from a backup";

/// What the log tells of the time since the backup.
#[derive(Default)]
pub struct Newer {
    events: u64,
    used: Used,
    tenants: BTreeMap<TenantId, OfTenant>,
}

#[derive(Default)]
struct OfTenant {
    created: Option<String>,
    runs: BTreeMap<RunId, ToldRun>,
    checkpoints: Vec<SignedCheckpoint>,
    icps: Vec<(IcpSet, DateTime<Utc>)>,
    settings: u32,
    samples: u32,
    withdrawn: Vec<(Uuid, DateTime<Utc>)>,
    consents: u64,
    commands: Vec<(StepKey, Outgoing)>,
}

/// What was taken in, and what has to be given again.
#[derive(Debug, Default, Serialize)]
pub struct TakenIn {
    /// Events since the backup.
    pub events: u64,
    /// Runs that were under way then or began since, and are over now.
    pub runs_ended: u64,
    /// Tenants that were created since: their keys are lost, and they have new ones.
    pub tenants_made_anew: BTreeSet<TenantId>,
    /// Tenants whose settings or samples were set since: to be set again.
    pub settings_lost: BTreeSet<TenantId>,
    /// Consents that were recorded since: to be recorded again.
    pub consents_lost: u64,
}

impl Newer {
    /// Reads what every tenant's events behind `after` tell.
    ///
    /// # Errors
    /// What the broker says.
    pub async fn read(log: &Log, of: impl Iterator<Item = TenantId>, after: u64) -> anyhow::Result<Self> {
        let mut newer = Self::default();
        let last = log.last_sequence().await?;
        for tenant in of {
            let messages = log.of_tenant(&tenant, after, last).await?;
            let mut messages = std::pin::pin!(messages);
            while let Some(message) = messages.try_next().await? {
                newer.events += 1;
                match Envelope::decode(&message.subject, &message.body) {
                    Ok(envelope) => newer.take(envelope, message.subject, &message.body),
                    Err(error) => {
                        tracing::warn!(event.sequence = message.sequence, %error, "an event cannot be read by this version");
                    }
                }
            }
        }
        Ok(newer)
    }

    fn take(&mut self, envelope: Envelope, subject: String, body: &[u8]) {
        let Envelope { id, time, tenant, run, company, event, .. } = envelope;
        let attempt = event.attempt();
        self.used.run = self.used.run.max(run.map_or(0, RunId::get));
        self.used.company = self.used.company.max(company.map_or(0, presdr_events::CompanyId::get));
        let of = self.tenants.entry(tenant.clone()).or_default();
        if let Some(run) = run {
            let told = of.runs.entry(run).or_default();
            match (event, company) {
                (Event::RunStarted(started), _) => told.started = Some((started, time)),
                (Event::RunTargeted(_) | Event::RunShortlisted(_), _) => told.attempt = told.attempt.max(attempt),
                (Event::RunCompleted(over), _) => {
                    (told.over, told.attempt) = (Some((over.status, time)), told.attempt.max(attempt));
                }
                (Event::RunCancelled(_), _) => told.cancelled = told.cancelled.max(attempt),
                (Event::LeadScored(_), Some(company)) => told.ended.push((company, "scored")),
                (Event::LeadDropped(_), Some(company)) => told.ended.push((company, "dropped")),
                (Event::LeadParked(_), Some(company)) => told.ended.push((company, "parked")),
                (Event::LeadTimedOut(_), Some(company)) => told.ended.push((company, "timed_out")),
                _ => {}
            }
            return;
        }
        let key = |step| StepKey { tenant: tenant.clone(), run: None, company: None, step, attempt };
        if let Some(key) = COUNTED.into_iter().map(key).find(|key| key.event_id() == id) {
            of.commands.push((key, Outgoing { tenant: tenant.clone(), id, subject, body: body.to_vec() }));
        }
        match event {
            Event::TenantCreated(created) => of.created = Some(created.name),
            Event::TenantPurged(_) => self.used.purge = self.used.purge.max(attempt.into()),
            Event::IcpSet(set) => {
                self.used.rule = self.used.rule.max(set.rule_id);
                of.icps.push((set, time));
            }
            Event::SettingsSet(set) => of.settings = of.settings.max(set.version),
            Event::IcpSamplesSet(set) => of.samples = of.samples.max(set.version),
            Event::ConsentRecorded(_) => of.consents += 1,
            Event::ConsentWithdrawn(taken) => of.withdrawn.push((taken.consent_id, taken.at)),
            Event::AuditCheckpointed(told) => of.checkpoints.push(told.signed),
            _ => {}
        }
    }

    /// Makes every number that is given out from here on a new one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn raise(&self, owner: &Database) -> anyhow::Result<()> {
        Ok(newer::raise(owner, self.used).await?)
    }

    /// Takes in what there is to take in: after the erasures, so that nothing is made for a tenant that is gone.
    ///
    /// # Errors
    /// What the database or the broker says.
    pub async fn take_in(self, owner: &Database, desk: &Desk) -> anyhow::Result<TakenIn> {
        let mut taken = TakenIn { events: self.events, ..TakenIn::default() };
        let known: BTreeMap<TenantId, bool> =
            tenants::all(owner).await?.into_iter().map(|tenant| (tenant.id.clone(), tenant.is_closed())).collect();
        for (tenant, of) in self.tenants {
            match known.get(&tenant) {
                Some(true) => continue,
                Some(false) => {}
                None if tenant == TenantId::platform() => {}
                None => {
                    let name = of.created.clone().unwrap_or_else(|| tenant.to_string());
                    let mut tx = desk.database().enter(&tenant).await?;
                    // Ready at once, even one that waited for its Odoo: the connection's key is lost, and a person makes it anew.
                    tenants::create(&mut tx, &desk.keyring(), &name).await?;
                    tx.commit().await?;
                    taken.tenants_made_anew.insert(tenant.clone());
                }
            }
            of.take_in(owner, desk, &tenant, &mut taken).await.with_context(|| format!("tenant {tenant}"))?;
        }
        Ok(taken)
    }
}

impl OfTenant {
    async fn take_in(
        mut self,
        owner: &Database,
        desk: &Desk,
        tenant: &TenantId,
        taken: &mut TakenIn,
    ) -> anyhow::Result<()> {
        let mut tx = owner.enter(tenant).await?;
        for signed in &self.checkpoints {
            checkpoints::keep(&mut tx, signed).await?;
        }
        for (set, at) in &self.icps {
            newer::set_icp(&mut tx, set, *at).await?;
        }
        for (consent, at) in &self.withdrawn {
            newer::withdraw(&mut tx, *consent, *at).await?;
        }
        newer::raise_versions(&mut tx, self.settings, self.samples).await?;
        for (key, event) in &self.commands {
            steps::adopt(&mut tx, key, event).await?;
        }
        for (run, told) in &self.runs {
            write_run(&mut tx, *run, told).await?;
        }
        for open in runs::unfinished(&mut tx).await? {
            self.runs.entry(open.id).or_default();
        }
        tx.commit().await?;
        for (run, told) in &self.runs {
            taken.runs_ended += u64::from(end(owner, desk, tenant, *run, told).await?);
        }
        taken.consents_lost += self.consents;
        if self.settings > 0 || self.samples > 0 {
            taken.settings_lost.insert(tenant.clone());
        }
        Ok(())
    }
}

/// Ends a run, and tells so unless the log does: nobody has its leads in hand any more.
async fn end(owner: &Database, desk: &Desk, tenant: &TenantId, run: RunId, told: &ToldRun) -> anyhow::Result<bool> {
    let mut tx = owner.enter(tenant).await?;
    let ended = newer::end_run(&mut tx, run, told, desk.now()).await?;
    if !ended || told.over.is_some() {
        tx.commit().await?;
        return Ok(ended);
    }
    let attempt = told.cancelled.max(newer::cancelled(&mut tx, run).await?) + 1;
    let key = StepKey { tenant: tenant.clone(), run: Some(run), company: None, step: "cancel", attempt };
    let event = Event::RunCancelled(Steered {
        step: Step::done("cancel", 0, attempt, Vec::new()),
        reason: Some(WHY.to_owned()),
    });
    desk.commit(tx, key, &event).await?;
    Ok(true)
}

/// Writes down a run that began after the backup: its date is claimed again. The texts that it read are lost, so it does not matter that they
/// might have gone earlier than is written here.
async fn write_run(tx: &mut TenantTx, run: RunId, told: &ToldRun) -> anyhow::Result<()> {
    let Some((started, at)) = &told.started else { return Ok(()) };
    let tenant = tx.tenant().clone();
    let expires_on = (*at + TEXT_DAYS).date_naive().week(Weekday::Mon).first_day();
    texts::ensure_partitions(tx, expires_on).await?;
    sqlx::query(
        "insert into runs (tenant_id, run_id, kind, local_date, cap, icp_rule, icp_version, created_at, text_expires_on, company_ids, include)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(started.kind.as_str())
    .bind(started.local_date)
    .bind(i32::try_from(started.cap).unwrap_or(i32::MAX))
    .bind(started.icp_rule)
    .bind(i32::try_from(started.icp_version).unwrap_or(i32::MAX))
    .bind(at)
    .bind(expires_on)
    .bind(started.company_ids.iter().map(|company| company.get()).collect::<Vec<_>>())
    .bind(&started.include)
    .execute(&mut **tx)
    .await?;
    let Some(date) = started.local_date else { return Ok(()) };
    sqlx::query(
        "insert into run_claims (tenant_id, kind, local_date, run_id) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(started.kind.as_str())
    .bind(date)
    .bind(run.get())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
