//! A past run under other weights: its leads are scored anew from the features in their events. Nothing is written, nobody is asked.

use std::collections::BTreeMap;

use presdr_events::{Event, RunId, TenantId};
use presdr_rules::{
    features::Features,
    ranking::{self, Ranked},
    score::{self, Bucket, Thresholds, Weights},
};
use serde::Serialize;

use super::{Filter, Replayed};
use crate::{error::AuditError, verify::Stores};

/// A lead's score as its event told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// What it is ranked by.
    pub ranked: Ranked,
    /// What it was scored from.
    pub features: Features,
    /// The company's name, where there is one.
    pub company: Option<String>,
    /// The try at scoring it.
    attempt: u32,
}

/// What becomes of a lead.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The company.
    pub company_id: i64,
    /// Its name, where there is one.
    pub company: Option<String>,
    /// Its place in the run's ranking as it was, from 1.
    pub rank: usize,
    /// Its place now.
    pub new_rank: usize,
    /// As it was, 0 to 1.
    pub score: f64,
    /// Now.
    pub new_score: f64,
    /// As it was: `High`, `Medium` or `Low`.
    pub bucket: &'static str,
    /// Now.
    pub new_bucket: &'static str,
}

impl Change {
    /// Whether rank or bucket are others now.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.rank != self.new_rank || self.bucket != self.new_bucket
    }
}

/// Scores and ranks leads anew, best first.
#[must_use]
pub fn rescore(leads: &[Scored], weights: &Weights, thresholds: &Thresholds) -> Vec<Change> {
    let anew = |lead: &Scored| {
        let score = score::score(&lead.features, weights, thresholds);
        Ranked { bucket: score.bucket, score: score.value, confidence: score.confidence, ..lead.ranked.clone() }
    };
    let before: Vec<Ranked> = ranking::shortlist(leads.iter().map(|lead| lead.ranked.clone()).collect(), usize::MAX);
    let after: Vec<Ranked> = ranking::shortlist(leads.iter().map(anew).collect(), usize::MAX);
    let was: BTreeMap<i64, (usize, &Ranked)> =
        (1..).zip(&before).map(|(rank, lead)| (lead.company_id, (rank, lead))).collect();
    let names: BTreeMap<i64, &Option<String>> =
        leads.iter().map(|lead| (lead.ranked.company_id, &lead.company)).collect();
    let change = |(new_rank, lead): (usize, &Ranked)| {
        let (rank, was) = was.get(&lead.company_id)?;
        Some(Change {
            company_id: lead.company_id,
            company: names.get(&lead.company_id).and_then(|name| (*name).clone()),
            rank: *rank,
            new_rank,
            score: was.score,
            new_score: lead.score,
            bucket: was.bucket.as_str(),
            new_bucket: lead.bucket.as_str(),
        })
    };
    (1..).zip(&after).filter_map(change).collect()
}

/// The run's scores as its events told them, of each lead the last attempt's.
#[derive(Debug, Default)]
struct Collected(BTreeMap<i64, Scored>);

impl Collected {
    fn take(&mut self, replayed: &Replayed) -> Result<(), AuditError> {
        let Ok(envelope) = &replayed.read else { return Ok(()) };
        let (Event::LeadScored(scored), Some(company)) = (&envelope.event, envelope.company) else { return Ok(()) };
        let unfit =
            |what: &str| AuditError::Refused(format!("event {} has {what} that cannot be read here", envelope.id));
        let features = serde_json::from_value(scored.features.clone()).map_err(|_| unfit("features"))?;
        let bucket = Bucket::read(&scored.bucket).ok_or_else(|| unfit("a bucket"))?;
        let ranked =
            Ranked { company_id: company.get(), uen: None, bucket, score: scored.score, confidence: scored.confidence };
        let attempt = scored.step.attempt;
        let kept = self.0.get(&company.get()).map_or(0, |kept| kept.attempt);
        if attempt > kept {
            self.0.insert(company.get(), Scored { ranked, features, company: None, attempt });
        }
        Ok(())
    }
}

impl Stores<'_> {
    /// The scores of a run, from its events; UENs, by which equals are ranked, from the registry.
    ///
    /// # Errors
    /// [`AuditError::Refused`] when no lead of the run was scored; otherwise what the stores say.
    pub async fn scores(&self, tenant: &TenantId, run: RunId) -> Result<Vec<Scored>, AuditError> {
        let filter = Filter { run: Some(run), types: vec!["lead.scored".to_owned()], ..Filter::default() };
        let mut collected = Collected::default();
        self.replay::<AuditError>(tenant, &filter, false, |replayed| collected.take(&replayed)).await?;
        let mut leads = collected.0;
        if leads.is_empty() {
            return Err(AuditError::Refused(format!("no lead of run {run} of tenant {tenant} was scored")));
        }
        let mut tx = self.database.enter(tenant).await?;
        let known: Vec<(i64, Option<String>, Option<String>)> =
            sqlx::query_as("select company_id, uen, name from tenant_company where company_id = any($1)")
                .bind(leads.keys().copied().collect::<Vec<_>>())
                .fetch_all(&mut *tx)
                .await?;
        for (company, uen, name) in known {
            if let Some(lead) = leads.get_mut(&company) {
                (lead.ranked.uen, lead.company) = (uen, name);
            }
        }
        Ok(leads.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use presdr_rules::features::{Evidence, Feature};

    use super::*;

    fn lead(company_id: i64, site: f64, hiring: f64, weights: &Weights) -> Scored {
        let features = Features::default()
            .with(Feature::HasSite, Evidence::Known(site))
            .with(Feature::Hiring, Evidence::Known(hiring));
        let score = score::score(&features, weights, &Thresholds::default());
        let ranked =
            Ranked { company_id, uen: None, bucket: score.bucket, score: score.value, confidence: score.confidence };
        Scored { ranked, features, company: None, attempt: 1 }
    }

    fn weights(json: &str) -> Weights {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_same_weights_change_nothing() {
        let now = Weights::default();
        let leads = [lead(1, 1.0, 0.0, &now), lead(2, 0.0, 1.0, &now), lead(3, 1.0, 1.0, &now)];
        let changes = rescore(&leads, &now, &Thresholds::default());
        assert_eq!(changes.len(), 3);
        assert!(
            changes.iter().all(|change| !change.differs() && change.score.to_bits() == change.new_score.to_bits()),
            "{changes:?}"
        );
    }

    #[test]
    fn other_weights_change_rank_and_bucket() {
        let site_counts = weights(r#"{"has_site": 1, "hiring": 0}"#);
        let hiring_counts = weights(r#"{"has_site": 0, "hiring": 1}"#);
        let leads = [lead(1, 1.0, 0.0, &site_counts), lead(2, 0.0, 1.0, &site_counts)];
        let changes = rescore(&leads, &hiring_counts, &Thresholds::default());
        let told: Vec<_> =
            changes.iter().map(|change| (change.company_id, change.rank, change.new_rank, change.new_score)).collect();
        assert_eq!(told, [(2, 2, 1, 1.0), (1, 1, 2, 0.0)]);
        assert!(changes.iter().all(|change| change.differs() && change.bucket != change.new_bucket));
    }
}
