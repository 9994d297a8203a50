//! Which candidates a run takes.

use presdr_rules::targets::{self, Candidate};

use super::Fixture;
use crate::candidates::choose;

#[tokio::test]
async fn the_query_chooses_what_the_rule_chooses() {
    let fixture = Fixture::new().await;
    fixture.refresh("{}").await;
    let seen = [(3, 30), (5, 10), (6, 10), (1, 20)];
    let mut tx = fixture.worker.enter(&fixture.acme).await.unwrap();
    for (company, day) in seen {
        sqlx::query("insert into seen_companies (tenant_id, company_id, last_seen_at) values ('acme', $1, timestamptz '2026-01-01' + $2 * interval '1 day')")
            .bind(company)
            .bind(day)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    let candidates = [1, 3, 4, 5, 6, 7].map(|company_id| Candidate {
        company_id,
        last_seen_at: seen.iter().find(|(seen, _)| i64::from(*seen) == company_id).map(|(_, day)| *day),
    });
    for cap in [0, 1, 2, 4, 6, 50] {
        let chosen = choose(&mut tx, 1, cap).await.unwrap();
        let by_rule = targets::choose(candidates.to_vec(), cap as usize);
        let by_query: Vec<i64> = chosen.targets.iter().map(|target| target.company.get()).collect();
        assert_eq!(by_query, by_rule, "cap {cap}");
        assert_eq!((chosen.candidates, u64::from(chosen.never_seen)), (6, 2.min(u64::from(cap))));
    }
    let first = choose(&mut tx, 1, 1).await.unwrap();
    assert_eq!(first.targets[0].uen.as_deref(), Some("201000004D"));
}

#[tokio::test]
async fn a_company_of_the_tenant_alone_brings_its_own_uen() {
    let fixture = Fixture::new().await;
    fixture.list("(900, '202600009Z', 'Own', null, 'own trade', null, null)").await;
    fixture.refresh(r#"{"industries": ["own trade"]}"#).await;
    let mut tx = fixture.worker.enter(&fixture.acme).await.unwrap();
    let chosen = choose(&mut tx, 1, 5).await.unwrap();
    assert_eq!((chosen.targets.len(), chosen.targets[0].uen.as_deref()), (1, Some("202600009Z")));
    assert_eq!(choose(&mut tx, 2, 5).await.unwrap().candidates, 0, "another rule has candidates of its own");
}
