//! Signing: once a day for each tenant, what was verified since the last checkpoint, and nothing else.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::{Datelike, NaiveDate};
use presdr_events::{
    Event, Step, TenantId,
    audit::{Checkpoint, Checkpointed, SignedCheckpoint},
    run::Alert,
};
use presdr_producers::{Desk, schedule::local_date};
use presdr_store::{steps::StepKey, tenants};
use tokio_util::sync::CancellationToken;

use crate::{
    checkpoints,
    error::AuditError,
    finding::Finding,
    keys::{PublicKeys, SigningKey},
    log::Log,
    verify::Stores,
    walk::Head,
};

/// The permanent name of the step that tells of a checkpoint.
const STEP: &str = "audit_checkpoint";
/// The permanent name of the step that tells that nothing was signed.
const ALERT_STEP: &str = "audit_alert";
const TOOL: &str = "audit.checkpoint";
/// How often it is looked whether a day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Signs checkpoints.
#[derive(Clone)]
pub struct Signer {
    desk: Desk,
    log: Log,
    key: Arc<SigningKey>,
    own: PublicKeys,
    /// Whose checkpoints are believed: this key's, and those before it.
    believed: PublicKeys,
}

impl Signer {
    /// A signer who tells of checkpoints at `desk`. `before` are the public keys that signed earlier.
    ///
    /// # Errors
    /// [`AuditError::Key`] when the key cannot be used.
    pub fn new(desk: Desk, log: Log, key: SigningKey, before: Option<PublicKeys>) -> Result<Self, AuditError> {
        let public = key.public()?;
        let own = PublicKeys::from(public);
        let believed = before.map_or_else(|| own.clone(), |before| before.and(public));
        Ok(Self { desk, log, key: Arc::new(key), own, believed })
    }

    /// Signs what is due, again and again, until `stopping` is cancelled.
    pub async fn run(&self, stopping: CancellationToken) {
        let mut told = HashSet::new();
        let mut beat = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = stopping.cancelled() => return,
            }
            if let Err(error) = self.look(&mut told).await {
                tracing::warn!(%error, "could not look whether checkpoints are due; trying again");
            }
        }
    }

    /// Signs for every tenant that has no checkpoint of today. One tenant's fault does not keep the others waiting.
    async fn look(&self, told: &mut HashSet<(TenantId, NaiveDate)>) -> Result<(), AuditError> {
        let today = local_date(self.desk.now());
        let tenants = tenants::active(self.desk.database()).await?.into_iter().map(|tenant| tenant.id);
        for tenant in tenants.chain([TenantId::platform()]) {
            if told.contains(&(tenant.clone(), today)) || self.newest_day(&tenant).await? >= Some(today) {
                continue;
            }
            match self.sign(&tenant).await {
                Ok(_) => {}
                Err(AuditError::NotSigned(finding)) => {
                    self.alert(&finding, today).await?;
                    told.insert((tenant, today));
                }
                Err(error) => tracing::warn!(tenant.id = %tenant, %error, "could not sign a checkpoint; trying again"),
            }
        }
        Ok(())
    }

    async fn newest_day(&self, tenant: &TenantId) -> Result<Option<NaiveDate>, AuditError> {
        let mut tx = self.desk.database().enter(tenant).await?;
        Ok(checkpoints::kept(&mut tx).await?.last().map(|newest| newest.checkpoint.day))
    }

    /// Verifies what happened since the last checkpoint, and signs it. Nothing when nothing happened, or somebody else was quicker.
    ///
    /// # Errors
    /// [`AuditError::NotSigned`] when something is not as it was.
    pub async fn sign(&self, tenant: &TenantId) -> Result<Option<SignedCheckpoint>, AuditError> {
        let begun = std::time::Instant::now();
        let stores = Stores { database: self.desk.database(), log: &self.log };
        let (head, kept) = stores.read(tenant).await?;
        let newest = kept.last();
        let not_signed = |finding| AuditError::NotSigned(Box::new(finding));
        // Our own newest binds all before it, whoever signed those: after a change of key nobody has to keep the old public keys at hand.
        let ours = kept.iter().rposition(|signed| self.own.verify(signed)).unwrap_or(0);
        checkpoints::check(&kept[ours..], &self.believed).map_err(not_signed)?;
        let start = newest.map_or_else(|| Head::genesis(tenant), |newest| Head::of(&newest.checkpoint));
        let (reached, _) = stores.walk(tenant, start, &head, &kept).await?.map_err(not_signed)?;
        if reached == start {
            return Ok(None);
        }
        let checkpoint = Checkpoint {
            tenant: tenant.clone(),
            number: newest.map_or(0, |newest| newest.checkpoint.number) + 1,
            day: local_date(self.desk.now()),
            sequence: reached.sequence,
            events: reached.events,
            chain: reached.chain,
            previous: newest.map(|newest| newest.checkpoint.digest()),
        };
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tell(self.key.sign(checkpoint)?, reached.events - start.events, took).await
    }

    async fn tell(
        &self,
        signed: SignedCheckpoint,
        events: u64,
        took: u64,
    ) -> Result<Option<SignedCheckpoint>, AuditError> {
        let Checkpoint { tenant, number, sequence, .. } = &signed.checkpoint;
        let mut tx = self.desk.database().enter(tenant).await?;
        if !checkpoints::keep(&mut tx, &signed).await? {
            return Ok(None);
        }
        let key = StepKey { tenant: tenant.clone(), run: None, company: None, step: STEP, attempt: *number };
        let step = Step::done(TOOL, took, *number, vec![]).with("events", events);
        let event = Event::AuditCheckpointed(Checkpointed { step, signed: signed.clone() });
        self.desk.commit(tx, key, &event).await?;
        // A third copy for whoever keeps the logs elsewhere.
        let digest = signed.checkpoint.digest();
        tracing::info!(
            tenant.id = %tenant, event.sequence = sequence, checkpoint.digest = %digest, checkpoint.signature = signed.signature,
            "signed checkpoint {number} of tenant {tenant}, which covers events up to {sequence}"
        );
        Ok(Some(signed))
    }

    /// Tells an operator that nothing was signed, once a day.
    async fn alert(&self, finding: &Finding, today: NaiveDate) -> Result<(), AuditError> {
        tracing::error!(tenant.id = %finding.tenant, "nothing was signed: {finding}");
        let number = u32::try_from(today.num_days_from_ce()).unwrap_or(0);
        let tenant = finding.tenant.clone();
        let tx = self.desk.database().enter(&tenant).await?;
        let key = StepKey { tenant, run: None, company: None, step: ALERT_STEP, attempt: number };
        let alert = Alert {
            step: Step::done(TOOL, 0, number, vec![]),
            alert: "audit_chain_broken".to_owned(),
            value: None,
            limit: None,
            message: format!("{finding}; `presdr audit verify` tells it again, docs/audit.md what to do"),
            degraded: None,
        };
        self.desk.commit(tx, key, &Event::AlertRaised(alert)).await?;
        Ok(())
    }
}
