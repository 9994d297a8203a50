//! Which companies a refresh finds, and what it counts.

use std::collections::BTreeMap;

use presdr_rules::icp::CompanyFacts;
use presdr_store::Role;
use sqlx::{Executor, Row};

use super::{Fixture, candidates, document};
use crate::candidates::{Classification, refresh};

fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn live_companies_that_fit_are_candidates_and_every_filter_is_counted() {
    let fixture = Fixture::new().await;
    let icp = r#"{"industries": ["Software", "computer programming"], "ssic_codes": ["52"], "incorporation_year": {"min": 1985},
                  "employee_range": {"max": 100}, "geography": ["SG"], "keywords": ["cloud"]}"#;
    let refreshed = fixture.refresh(icp).await;
    assert_eq!(
        fixture.candidates().await,
        [3, 4],
        "unknown employees pass, an unknown year passes, company 5 has too many people"
    );
    assert_eq!(refreshed.before, 6);
    let after = [("industry", 4), ("incorporation_year", 3), ("employees", 2), ("geography", 2)];
    assert_eq!(refreshed.after_filters, counts(&after));
    assert_eq!((refreshed.candidates, refreshed.added, refreshed.removed, refreshed.fallback), (2, 2, 0, false));
}

#[tokio::test]
async fn only_the_difference_is_written() {
    let fixture = Fixture::new().await;
    fixture.refresh(r#"{"industries": ["computer programming"]}"#).await;
    let again = fixture.refresh(r#"{"industries": ["computer programming"]}"#).await;
    assert_eq!((again.candidates, again.added, again.removed), (3, 0, 0));
    let other = fixture.refresh(r#"{"ssic_codes": ["H", "62011"]}"#).await;
    assert_eq!((other.candidates, other.added, other.removed), (3, 1, 1));
    assert_eq!(fixture.candidates().await, [1, 3, 4]);
}

#[tokio::test]
async fn a_profile_that_asks_for_nothing_takes_every_live_company() {
    let fixture = Fixture::new().await;
    let refreshed = fixture.refresh("{}").await;
    assert_eq!(fixture.candidates().await, [1, 3, 4, 5, 6, 7]);
    assert_eq!((refreshed.before, refreshed.after_filters), (6, BTreeMap::new()));
}

#[tokio::test]
async fn words_domains_and_uens_exclude() {
    let mut fixture = Fixture::new().await;
    fixture
        .owner
        .execute("update companies set website_domain = 'www.delta.example' where company_id = 3")
        .await
        .unwrap();
    let refreshed = fixture
        .refresh(r#"{"exclude": ["café games", "DELTA.example", "201000004d", "warehousing", "corner", "shopping"]}"#)
        .await;
    assert_eq!(fixture.candidates().await, [7]);
    assert_eq!(refreshed.after_filters, counts(&[("exclude", 1)]));
}

#[tokio::test]
async fn when_nothing_fits_the_industries_alone_are_used_and_exclusions_still_hold() {
    let fixture = Fixture::new().await;
    let icp = r#"{"industries": ["software"], "incorporation_year": {"min": 2024}, "exclude": ["omega"]}"#;
    let refreshed = fixture.refresh(icp).await;
    assert_eq!((refreshed.fallback, fixture.candidates().await), (true, vec![3]));
    assert_eq!(refreshed.after_filters, counts(&[("industry", 2), ("incorporation_year", 0), ("exclude", 0)]));
    let refreshed = fixture.refresh(r#"{"incorporation_year": {"min": 2024}, "geography": ["Malaysia"]}"#).await;
    assert_eq!(
        (refreshed.fallback, refreshed.candidates),
        (false, 0),
        "without industries there is nothing to fall back on"
    );
    let refreshed = fixture.refresh(r#"{"industries": ["piracy"]}"#).await;
    assert_eq!(
        (refreshed.fallback, refreshed.candidates, refreshed.unknown_industries),
        (true, 0, vec!["piracy".to_owned()])
    );
}

#[tokio::test]
async fn what_the_tenant_lists_comes_before_the_registry() {
    let fixture = Fixture::new().await;
    // Company 3 is far larger than the registry knows, 6 writes software on the side, 900 and 901 are in no registry, 2 is struck off.
    fixture
        .list(
            "(3, '199000003C', null, null, null, null, 900),
             (6, null, null, null, 'custom software', null, 20),
             (900, null, 'Own Soft', 'own.example', 'Software', null, 30),
             (901, null, 'Own Shop', 'shop.example', 'retail', null, 30),
             (2, null, null, null, 'software', null, 30)",
        )
        .await;
    let refreshed = fixture.refresh(r#"{"industries": ["software"], "employee_range": {"min": 5, "max": 100}}"#).await;
    assert_eq!(fixture.candidates().await, [4, 6, 900]);
    assert_eq!(refreshed.before, 8);
    assert_eq!(refreshed.after_filters, counts(&[("industry", 4), ("employees", 3)]));
    let abroad = fixture.refresh(r#"{"industries": ["software"], "geography": ["johor"]}"#).await;
    assert_eq!((abroad.candidates, fixture.candidates().await), (1, vec![900]), "where company 900 is nobody knows");
}

#[tokio::test]
async fn a_tenant_s_candidates_are_its_own() {
    let fixture = Fixture::new().await;
    let other = fixture.store.tenant("other").await.unwrap();
    fixture.list("(900, null, 'Own Soft', null, 'software', null, null)").await;
    fixture.refresh(r#"{"industries": ["software"]}"#).await;
    refresh(&fixture.worker, &other, 1, &document(r#"{"industries": ["software", "logistics"]}"#)).await.unwrap();
    assert_eq!(candidates(&fixture.worker, &other).await, [1, 3, 4]);
    assert_eq!(fixture.candidates().await, [3, 4, 900]);
}

#[tokio::test]
async fn the_count_of_the_last_load_is_used_where_there_is_one() {
    let mut fixture = Fixture::new().await;
    fixture.owner.execute("insert into registry_state (live_companies) values (1000)").await.unwrap();
    assert_eq!(fixture.refresh(r#"{"ssic_codes": ["62"]}"#).await.before, 1000);
}

/// Profiles for which the query and the rule must say the same of every company of the registry.
const PROFILES: [&str; 8] = [
    "{}",
    r#"{"industries": ["software"]}"#,
    r#"{"industries": ["Computer Programming", "logistics"], "exclude": ["pte ltd"]}"#,
    r#"{"ssic_codes": ["G", "62011"], "employee_range": {"min": 5}}"#,
    r#"{"incorporation_year": {"min": 1981, "max": 2010}, "employee_range": {"max": 50}}"#,
    r#"{"exclude": ["CAFÉ", "retail", "199000003c"], "geography": ["singapore"]}"#,
    r#"{"geography": ["johor"]}"#,
    r#"{"revenue_bucket": "1-5m", "employee_range": {"min": 9000000}}"#,
];

#[tokio::test]
async fn the_query_admits_what_the_rule_admits() {
    let fixture = Fixture::new().await;
    let mut reader = fixture.store.connect(Role::Worker).await.unwrap().dedicated().await.unwrap();
    let classification = Classification::load(&mut reader).await.unwrap();
    let rows =
        sqlx::query("select * from companies where live order by company_id").fetch_all(&mut reader).await.unwrap();
    for profile in PROFILES {
        fixture.refresh(profile).await;
        let by_query = fixture.candidates().await;
        let (icp, _) = classification.with_codes(&document(profile));
        let admitted = rows.iter().filter(|row| icp.admits(&facts(row, &classification)).is_ok());
        let by_rule: Vec<i64> = admitted.map(|row| row.get("company_id")).collect();
        assert_eq!(by_query, by_rule, "{profile}");
    }
}

fn facts(row: &sqlx::postgres::PgRow, classification: &Classification) -> CompanyFacts {
    let number = |name: &str| row.get::<Option<i32>, _>(name).map(|number| u32::try_from(number).unwrap());
    let code: Option<String> = row.get("industry_code");
    CompanyFacts {
        name: row.get("name"),
        uen: row.get("uen"),
        industry: row.get("industry_norm"),
        ssic_section: code.as_deref().and_then(|code| classification.section_of(code)).map(str::to_owned),
        ssic_code: code,
        employees: number("employees_est"),
        revenue_bucket: row.get("revenue_bucket"),
        incorporation_year: number("incorporation_year"),
        places: vec!["singapore".to_owned()],
        domain: row.get("website_domain"),
    }
}
