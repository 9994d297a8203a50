//! What a profile excludes among the registry's companies.
//!
//! Postgres only narrows down, by a pattern that lets through everything the rule could mean; the rule itself decides.

use presdr_rules::icp::{CompanyFacts, IcpDocument};
use sqlx::{FromRow, PgConnection};

#[derive(Debug, FromRow)]
struct Suspect {
    company_id: i64,
    uen: String,
    name: String,
    industry_norm: Option<String>,
    website_domain: Option<String>,
}

/// Those of `ids` that the profile excludes.
pub(super) async fn among(tx: &mut PgConnection, document: &IcpDocument, ids: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    if document.exclude.is_empty() || ids.is_empty() {
        return Ok(Vec::new());
    }
    let patterns: Vec<String> = document.exclude.iter().map(|entry| pattern(entry)).collect();
    let uens: Vec<String> = document.exclude.iter().map(|entry| entry.to_ascii_uppercase()).collect();
    let suspects: Vec<Suspect> = sqlx::query_as(
        "select company_id, uen, name, industry_norm, website_domain
         from unnest($1::bigint[]) as candidate(company_id) join companies using (company_id)
         where name ilike any($2) or industry_norm ilike any($2) or uen = any($3) or website_domain is not null",
    )
    .bind(ids)
    .bind(patterns)
    .bind(uens)
    .persistent(false)
    .fetch_all(tx)
    .await?;
    Ok(suspects.into_iter().filter_map(|suspect| excluded(document, suspect)).collect())
}

fn excluded(document: &IcpDocument, suspect: Suspect) -> Option<i64> {
    let facts = CompanyFacts {
        name: suspect.name,
        uen: Some(suspect.uen),
        industry: suspect.industry_norm,
        domain: suspect.website_domain,
        ..CompanyFacts::default()
    };
    document.excludes(&facts).then_some(suspect.company_id)
}

/// A pattern that every text with the entry's words matches: its longest run of ASCII letters and digits, since Postgres and the rule
/// may fold the case of other letters differently.
fn pattern(entry: &str) -> String {
    let runs = entry.split(|character: char| !character.is_ascii_alphanumeric());
    format!("%{}%", runs.max_by_key(|run| run.len()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_lets_through_all_the_rule_could_mean() {
        assert_eq!((pattern("café & bakery"), pattern("進出口")), ("%bakery%".into(), "%%".into()));
    }
}
