//! How well domain resolution does on the labelled companies.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};
use presdr_sites::Web;
use presdr_sites::domains::{Alone, CompanyIdentity, Evidence, Resolution, ResolvePolicy, resolve};
use serde::Serialize;

use crate::domains::world::{Labelled, Situation};

/// Counts and rates over all labelled companies.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DomainScore {
    /// How many companies were looked for.
    pub companies: usize,
    /// How many truly have a domain.
    pub with_domain: usize,
    /// How many got an answer.
    pub answered: usize,
    /// How many got the right answer.
    pub right: usize,
    /// Right answers among the answers; 1 when there are none.
    pub precision: f64,
    /// Right answers among the companies that have a domain; 1 when none has one.
    pub recall: f64,
    /// The same by situation.
    pub situations: BTreeMap<Situation, SituationScore>,
    /// Every wrong answer, for whoever improves the judge.
    pub wrong: Vec<WrongAnswer>,
}

/// Counts within one situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SituationScore {
    /// How many companies are in it.
    pub companies: usize,
    /// How many truly have a domain.
    pub with_domain: usize,
    /// How many got an answer.
    pub answered: usize,
    /// How many got the right one.
    pub right: usize,
}

/// A domain that was taken for a company's and is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WrongAnswer {
    /// The registered name.
    pub company: String,
    /// What it is up against.
    pub situation: Situation,
    /// The wrong domain.
    pub answer: String,
    /// The right one, if there is one.
    pub domain: Option<String>,
    /// How sure the resolver was.
    pub confidence: f64,
    /// What it relied on.
    pub evidence: Vec<Evidence>,
}

/// Looks for the domain of every labelled company, `concurrency` at once, and compares with the labels.
pub async fn score_domains(
    web: &Web,
    policy: &ResolvePolicy,
    companies: &[Labelled],
    concurrency: usize,
) -> DomainScore {
    let answers: Vec<(&Labelled, Resolution)> = stream::iter(companies)
        .map(|labelled| async move {
            let company = CompanyIdentity {
                name: labelled.company.registered.clone(),
                former_names: vec![],
                uen: Some(labelled.company.uen.clone()),
            };
            (labelled, resolve(web, policy, &company, &Alone(web)).await)
        })
        .buffered(concurrency.max(1))
        .collect()
        .await;
    score(&answers)
}

fn score(answers: &[(&Labelled, Resolution)]) -> DomainScore {
    let mut score = DomainScore::default();
    for (labelled, resolution) in answers {
        let situation = score.situations.entry(labelled.situation).or_default();
        situation.companies += 1;
        situation.with_domain += usize::from(labelled.domain.is_some());
        let Resolution::Resolved { domain, confidence, evidence, .. } = resolution else { continue };
        situation.answered += 1;
        if labelled.domain.as_ref() == Some(domain) {
            situation.right += 1;
        } else {
            score.wrong.push(WrongAnswer {
                company: labelled.company.registered.clone(),
                situation: labelled.situation,
                answer: domain.clone(),
                domain: labelled.domain.clone(),
                confidence: *confidence,
                evidence: evidence.clone(),
            });
        }
    }
    let sum = |of: fn(&SituationScore) -> usize| score.situations.values().map(of).sum::<usize>();
    score.companies = sum(|situation| situation.companies);
    score.with_domain = sum(|situation| situation.with_domain);
    score.answered = sum(|situation| situation.answered);
    score.right = sum(|situation| situation.right);
    score.precision = rate(score.right, score.answered);
    score.recall = rate(score.right, score.with_domain);
    score
}

fn rate(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}
