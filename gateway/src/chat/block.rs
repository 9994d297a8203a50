//! What an answer is made of. Tables of leads are kept as references and read with the sight of whoever reads, so what is stored names nobody.

use presdr_events::RunId;
use presdr_projections::read::{
    Sight,
    shortlist::{self, Filter, Place},
};
use presdr_rules::chat::explained::cell;
use presdr_store::{StoreError, TenantTx};
use serde::{Deserialize, Serialize};

/// A part of an answer, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Block {
    /// The block as Markdown for this sight.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shown(&self, tx: &mut TenantTx, sight: Sight) -> Result<String, StoreError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Shortlist { run_id, top } => {
                let filter = Filter { limit: i64::from(*top), ..Filter::default() };
                Ok(table(&shortlist::places(tx, *run_id, &filter, sight).await?))
            }
        }
    }
}

fn table(places: &[Place]) -> String {
    if places.is_empty() {
        return "The shortlist is empty: no lead of the run was scored.".to_owned();
    }
    let mut lines = vec![
        "| # | Company | Score | Bucket | Site | Contact | Why |".to_owned(),
        "|---:|---|---:|---|---|---|---|".to_owned(),
    ];
    lines.extend(places.iter().map(|place| {
        let text = |value: Option<&str>| value.map_or_else(|| "-".to_owned(), cell);
        let contact = place.contact.as_ref().map(shortlist::Contact::told);
        let score = place.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
        format!(
            "| {} | {} | {score} | {} | {} | {} | {} |",
            place.rank,
            text(place.company.as_deref()),
            text(place.bucket.as_deref()),
            text(place.domain.as_deref()),
            text(contact.as_deref()),
            text(place.reason.as_deref()),
        )
    }));
    lines.join("\n")
}
