//! Whoever reads during a refresh sees the old set or the new one.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::Executor;

use super::{Fixture, candidates};

/// Enough companies for a refresh to take a while, half of them of each industry.
const MANY: &str = "insert into companies (company_id, uen, name, live, industry_code)
    select n, lpad(n::text, 9, '0') || 'X', 'COMPANY ' || n, true, case when n % 2 = 0 then '62011' else '52292' end
    from generate_series(1000, 21000) n";

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_reader_never_sees_an_empty_or_mixed_set() {
    let mut fixture = Fixture::new().await;
    fixture.owner.execute(MANY).await.unwrap();
    let profiles = [r#"{"ssic_codes": ["62011"]}"#, r#"{"ssic_codes": ["52292"]}"#];
    let mut sets = Vec::new();
    for profile in profiles {
        fixture.refresh(profile).await;
        sets.push(fixture.candidates().await);
    }
    let done = AtomicBool::new(false);
    let refreshing = async {
        for round in 0..6 {
            fixture.refresh(profiles[round % 2]).await;
        }
        done.store(true, Ordering::SeqCst);
    };
    let reading = async {
        let mut reads = 0;
        while !done.load(Ordering::SeqCst) {
            let seen = candidates(&fixture.worker, &fixture.acme).await;
            assert!(sets.contains(&seen), "{} candidates are neither set", seen.len());
            reads += 1;
        }
        reads
    };
    let ((), reads) = tokio::join!(refreshing, reading);
    assert!(reads > 0);
}

#[tokio::test]
async fn a_refresh_that_is_dropped_changes_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.refresh(r#"{"ssic_codes": ["62011"]}"#).await;
    // Whoever holds the companies keeps the refresh waiting in the middle of its transaction.
    fixture.owner.execute("begin; lock table companies in access exclusive mode").await.unwrap();
    let refreshed =
        tokio::time::timeout(std::time::Duration::from_millis(300), fixture.refresh(r#"{"ssic_codes": ["52"]}"#)).await;
    assert!(refreshed.is_err(), "the refresh cannot end while it waits");
    fixture.owner.execute("rollback").await.unwrap();
    assert_eq!(fixture.candidates().await, [3, 4]);
    assert_eq!(fixture.refresh(r#"{"ssic_codes": ["52"]}"#).await.candidates, 1, "its lock is free again");
}

#[tokio::test]
async fn refreshes_of_one_rule_take_turns() {
    let fixture = Fixture::new().await;
    let (one, two) =
        tokio::join!(fixture.refresh(r#"{"ssic_codes": ["62"]}"#), fixture.refresh(r#"{"ssic_codes": ["62"]}"#));
    let mut added = [one.added, two.added];
    added.sort_unstable();
    assert_eq!(added, [0, 3], "the second finds nothing to do");
}
