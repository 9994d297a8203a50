//! What an answer is made of. What was found is kept as a reference and read with the sight of whoever reads, so what is stored names nobody.

use std::collections::HashMap;

use presdr_events::{CompanyId, RunId};
use presdr_projections::read::{
    Sight, company,
    shortlist::{self, Filter, Place},
};
use presdr_rules::{
    chat::explained::{self, Scored, cell},
    features::Feature,
    score::{Bucket, Contribution},
};
use presdr_store::{StoreError, TenantTx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A part of an answer, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Markdown that names nobody.
    Text(String),
    /// A run's ranking, best first.
    Shortlist {
        /// Whose.
        run_id: RunId,
        /// At most so many places.
        top: u32,
    },
    /// Why a company scored as it did, by its newest score.
    Explained {
        /// Which.
        company_id: CompanyId,
        /// The bucket that the question took it to be in.
        claimed: Option<Bucket>,
    },
}

/// Blocks as one reader sees them. The same block is read once, however many states show it.
pub struct Reading {
    sight: Sight,
    seen: HashMap<Block, String>,
}

impl Reading {
    /// With this sight.
    pub fn new(sight: Sight) -> Self {
        Self { sight, seen: HashMap::new() }
    }

    /// Writes a block as Markdown behind `text`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write(&mut self, tx: &mut TenantTx, block: &Block, text: &mut String) -> Result<(), StoreError> {
        if let Block::Text(words) = block {
            text.push_str(words);
            return Ok(());
        }
        if !self.seen.contains_key(block) {
            let found = found(tx, block, self.sight).await?;
            self.seen.insert(block.clone(), found);
        }
        text.push_str(self.seen.get(block).map_or("", String::as_str));
        Ok(())
    }
}

async fn found(tx: &mut TenantTx, block: &Block, sight: Sight) -> Result<String, StoreError> {
    match block {
        Block::Text(text) => Ok(text.clone()),
        Block::Shortlist { run_id, top } => {
            let filter = Filter { limit: i64::from(*top), ..Filter::default() };
            Ok(table(&shortlist::places(tx, *run_id, &filter, sight).await?))
        }
        Block::Explained { company_id, claimed } => {
            let known = company::company(tx, *company_id, sight).await?;
            Ok(known.and_then(|known| explanation(&known, *claimed)).unwrap_or_else(|| UNEXPLAINED.to_owned()))
        }
    }
}

const UNEXPLAINED: &str = "There is no score of this company any more.";

/// `None` without a score.
fn explanation(known: &company::Company, claimed: Option<Bucket>) -> Option<String> {
    let score = known.score.as_ref()?;
    let contributions: Vec<Contribution> = serde_json::from_value(score.contributions.clone()).ok()?;
    let scored = Scored {
        company: known.facts.name.as_deref().or(known.facts.uen.as_deref()).unwrap_or("This company"),
        bucket: Bucket::read(&score.bucket)?,
        score: score.score,
        confidence: score.confidence,
        rationale: &score.rationale,
        contributions: &contributions,
        missing: &missing(score.features.as_ref()),
    };
    Some(explained::explain(&scored, claimed))
}

/// Features whose evidence could not be had: they are kept as null.
fn missing(features: Option<&Value>) -> Vec<Feature> {
    let features = features.and_then(Value::as_object);
    let is_missing =
        |feature: &Feature| features.is_some_and(|all| all.get(feature.as_str()).is_some_and(Value::is_null));
    Feature::ALL.into_iter().filter(is_missing).collect()
}

fn table(places: &[Place]) -> String {
    if places.is_empty() {
        return "The shortlist is empty: no lead of the run was scored.".to_owned();
    }
    let mut lines = vec!["| # | Company | Score | Contact |".to_owned(), "|---:|---|---|---|".to_owned()];
    lines.extend(places.iter().map(row));
    let asked = places.iter().find_map(|place| Some((place.company.as_deref()?, place.bucket.as_deref()?)));
    if let Some((company, bucket)) = asked {
        lines.push(format!("\nFor the reasons ask: Explain why {} is {bucket}", cell(company)));
    }
    lines.join("\n")
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-".contains(&byte)
}

/// As much as a chat's column is wide enough for: a company's site is a link behind its name.
fn row(place: &Place) -> String {
    let text = |value: Option<&str>| value.map_or_else(|| "-".to_owned(), cell);
    let name = text(place.company.as_deref());
    let company = match place.domain.as_deref().filter(|domain| domain.bytes().all(is_of_host)) {
        Some(domain) => format!("[{name}](https://{domain})"),
        None => name,
    };
    let contact = place.contact.as_ref().map(shortlist::Contact::told);
    let score = match (place.score, place.bucket.as_deref()) {
        (Some(score), bucket) => format!("{score:.2} {}", bucket.unwrap_or_default()),
        (None, bucket) => text(bucket),
    };
    format!("| {} | {company} | {} | {} |", place.rank, score.trim_end(), text(contact.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_row_with_its_site_behind_the_name() {
        let place = |domain: &str, score| Place {
            rank: 1,
            company_id: 1,
            uen: None,
            company: Some("A | B".to_owned()),
            score,
            bucket: Some("High".to_owned()),
            confidence: None,
            domain: Some(domain.to_owned()),
            contact: None,
            reason: None,
        };
        assert_eq!(
            table(&[place("ab.example", Some(0.934)), place("ab.example/)", None)]),
            "| # | Company | Score | Contact |\n|---:|---|---|---|\n| 1 | [A \\| B](https://ab.example) | 0.93 High | - |\n\
             | 1 | A \\| B | High | - |\n\nFor the reasons ask: Explain why A \\| B is High"
        );
    }

    #[test]
    fn evidence_that_could_not_be_had_is_what_is_null() {
        let features = serde_json::json!({ "contacts": null, "hiring": 0.0 });
        assert_eq!(missing(Some(&features)), [Feature::Contacts]);
        assert_eq!(missing(None), []);
    }
}
