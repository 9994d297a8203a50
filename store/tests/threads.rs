//! Conversations over a real Postgres: one user's each, chained, branched, expired.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::time::Duration;

use presdr_store::{
    Role, TenantTx,
    testing::TestStore,
    threads::{self, NewCheckpoint, Search},
    turns::{self, Told},
};
use serde_json::{Value, json};
use uuid::Uuid;

const JANE: &str = "user:jane";
const JOE: &str = "user:joe";

fn said(parent: Option<Uuid>, text: &str) -> NewCheckpoint {
    let messages = json!([{ "type": "human", "content": text }]);
    NewCheckpoint { parent, run: None, source: "input", messages, pending: None }
}

async fn thread(tx: &mut TenantTx, owner: &str, metadata: Value) -> Uuid {
    let id = Uuid::now_v7();
    assert!(threads::create(tx, owner, id, &metadata, false).await.unwrap());
    id
}

#[tokio::test]
async fn a_thread_is_its_owners_alone() {
    let store = TestStore::new().await.unwrap();
    let (acme, globex) = (store.tenant("acme").await.unwrap(), store.tenant("globex").await.unwrap());
    let producer = store.connect(Role::Producer).await.unwrap();
    let mut tx = producer.enter(&acme).await.unwrap();
    let id = thread(&mut tx, JANE, json!({})).await;
    threads::advance(&mut tx, JANE, id, &said(None, "help")).await.unwrap().unwrap();
    assert!(!threads::create(&mut tx, JOE, id, &json!({}), false).await.unwrap(), "the id is taken");
    tx.commit().await.unwrap();
    for (tenant, owner) in [(&acme, JOE), (&globex, JANE)] {
        let mut tx = producer.enter(tenant).await.unwrap();
        assert_eq!(threads::get(&mut tx, owner, id).await.unwrap(), None);
        assert_eq!(
            threads::search(&mut tx, owner, &Search { limit: 10, ..Search::default() }).await.unwrap(),
            (vec![], 0)
        );
        assert_eq!(threads::merge_metadata(&mut tx, owner, id, &json!({ "a": 1 })).await.unwrap(), None);
        assert_eq!(threads::advance(&mut tx, owner, id, &said(None, "mine")).await.unwrap(), None);
        assert!(!threads::change_status(&mut tx, owner, id, &["idle"], "busy").await.unwrap());
        assert!(!threads::delete(&mut tx, owner, id).await.unwrap());
    }
    let mut tx = producer.enter(&globex).await.unwrap();
    assert_eq!(threads::history(&mut tx, id, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn states_are_chained_and_an_older_one_can_be_gone_on_from() {
    let store = TestStore::new().await.unwrap();
    let acme = store.tenant("acme").await.unwrap();
    let producer = store.connect(Role::Producer).await.unwrap();
    let mut tx = producer.enter(&acme).await.unwrap();
    let id = thread(&mut tx, JANE, json!({})).await;
    let (root, next) = (said(None, "one"), None::<Uuid>);
    let root = threads::advance(&mut tx, JANE, id, &root).await.unwrap().unwrap();
    assert_eq!((root.parent_id, root.step), (next, -1));
    let second = threads::advance(&mut tx, JANE, id, &said(Some(root.checkpoint_id), "two")).await.unwrap().unwrap();
    let branch = threads::advance(&mut tx, JANE, id, &said(Some(root.checkpoint_id), "2b")).await.unwrap().unwrap();
    assert_eq!((second.step, branch.step), (0, 0));
    let unknown = threads::advance(&mut tx, JANE, id, &said(Some(Uuid::now_v7()), "lost")).await.unwrap();
    assert_eq!(unknown, None, "a state that the thread never was in has no successor");
    let held = threads::get(&mut tx, JANE, id).await.unwrap().unwrap();
    assert_eq!(held.head, Some(branch.checkpoint_id));
    let history = threads::history(&mut tx, id, None, 10).await.unwrap();
    assert_eq!(history, [branch.clone(), second.clone(), root.clone()]);
    assert_eq!(threads::history(&mut tx, id, Some(second.checkpoint_id), 10).await.unwrap(), [root]);
    assert_eq!(threads::checkpoint(&mut tx, id, second.checkpoint_id).await.unwrap(), Some(second.clone()));
    let run = Uuid::now_v7();
    let asked = NewCheckpoint { run: Some(run), ..said(Some(second.checkpoint_id), "three") };
    let asked = threads::advance(&mut tx, JANE, id, &asked).await.unwrap().unwrap();
    let answered = NewCheckpoint { run: Some(run), ..said(Some(asked.checkpoint_id), "four") };
    threads::advance(&mut tx, JANE, id, &answered).await.unwrap().unwrap();
    threads::take_back(&mut tx, id, run).await.unwrap();
    let head = threads::get(&mut tx, JANE, id).await.unwrap().unwrap().head;
    assert_eq!(head, Some(branch.checkpoint_id), "where it stood before the turn went back");
    assert_eq!(threads::history(&mut tx, id, None, 10).await.unwrap().len(), 3, "what was taken back is gone");
}

#[tokio::test]
async fn threads_are_found_renamed_and_deleted() {
    let store = TestStore::new().await.unwrap();
    let acme = store.tenant("acme").await.unwrap();
    let producer = store.connect(Role::Producer).await.unwrap();
    let mut tx = producer.enter(&acme).await.unwrap();
    let old = thread(&mut tx, JANE, json!({ "graph_id": "agent" })).await;
    let new = thread(&mut tx, JANE, json!({ "graph_id": "agent", "tenant_id": "acme" })).await;
    let renamed = threads::merge_metadata(&mut tx, JANE, old, &json!({ "title": "ICP" })).await.unwrap().unwrap();
    assert_eq!(renamed.metadata, json!({ "graph_id": "agent", "title": "ICP" }));
    let found = |metadata: Value| Search { metadata: Some(metadata), limit: 1, ..Search::default() };
    let (page, total) = threads::search(&mut tx, JANE, &found(json!({ "graph_id": "agent" }))).await.unwrap();
    assert_eq!((page.len(), total), (1, 2));
    let (page, _) = threads::search(&mut tx, JANE, &found(json!({ "tenant_id": "acme" }))).await.unwrap();
    assert_eq!(page[0].thread_id, new);
    assert!(threads::change_status(&mut tx, JANE, new, &["idle"], "busy").await.unwrap());
    assert!(!threads::change_status(&mut tx, JANE, new, &["idle"], "busy").await.unwrap(), "busy is busy");
    assert!(threads::delete(&mut tx, JANE, new).await.unwrap());
    assert_eq!(threads::history(&mut tx, new, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_turn_tells_in_order_until_it_is_cancelled() {
    let store = TestStore::new().await.unwrap();
    let acme = store.tenant("acme").await.unwrap();
    let producer = store.connect(Role::Producer).await.unwrap();
    let mut tx = producer.enter(&acme).await.unwrap();
    let id = thread(&mut tx, JANE, json!({})).await;
    let run = Uuid::now_v7();
    turns::begin(&mut tx, id, run, &json!({}), (&[], true)).await.unwrap();
    let told = |seq| Told { seq, event: "custom".to_owned(), data: json!({ "seq": seq }) };
    assert!(!turns::tell(&mut tx, run, &told(1)).await.unwrap(), "it does not run yet");
    assert!(turns::change_status(&mut tx, run, &["pending"], "running").await.unwrap());
    for seq in 1..=3 {
        assert!(turns::tell(&mut tx, run, &told(seq)).await.unwrap());
    }
    assert_eq!(turns::told_after(&mut tx, run, 1, 10).await.unwrap(), [told(2), told(3)]);
    assert_eq!(turns::get(&mut tx, JOE, run).await.unwrap(), None);
    assert!(turns::change_status(&mut tx, run, &["pending", "running"], "interrupted").await.unwrap());
    assert!(!turns::tell(&mut tx, run, &told(4)).await.unwrap(), "who was cancelled is silent");
    assert!(turns::get(&mut tx, JANE, run).await.unwrap().unwrap().is_over());
    let lost = Uuid::now_v7();
    turns::begin(&mut tx, id, lost, &json!({}), (&[], true)).await.unwrap();
    assert_eq!(
        turns::end_lost(&mut tx, id, Duration::from_secs(60), &json!({})).await.unwrap(),
        0,
        "its gateway has just spoken"
    );
    tx.commit().await.unwrap();
    let mut tx = producer.enter(&acme).await.unwrap();
    assert_eq!(turns::end_lost(&mut tx, id, Duration::ZERO, &json!({ "error": "lost" })).await.unwrap(), 1);
    assert_eq!(turns::list(&mut tx, id, 10, 0).await.unwrap().len(), 2);
    turns::delete(&mut tx, lost).await.unwrap();
    assert_eq!(turns::list(&mut tx, id, 10, 0).await.unwrap().len(), 1);
}
