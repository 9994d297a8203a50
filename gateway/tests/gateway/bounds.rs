//! What one client, or one tenant, can take from all others: a bounded amount.

use std::time::Duration;

use presdr_projections::read::costs;
use presdr_store::{Database, Role, threads};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{PATIENCE, World, body};

const SOON: Duration = Duration::from_millis(100);

/// What is said on a connection until the gateway closes it.
async fn heard(world: &World, said: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    connection.write_all(said).await.unwrap();
    let mut heard = Vec::new();
    let closed = timeout(PATIENCE, connection.read_to_end(&mut heard)).await.expect("the connection is held");
    closed.unwrap();
    heard
}

#[tokio::test]
async fn a_connection_on_which_nothing_happens_is_closed() {
    let world = World::with(|config| (config.limits.head, config.limits.quiet) = (SOON, SOON)).await;
    assert!(heard(&world, b"").await.is_empty());
    // The beginning of what HTTP/2 begins with, and of a request.
    for half in [&b"PRI * HTTP/2.0\r\n"[..], b"GET / HTTP/1.1\r\nhost: a\r\n"] {
        heard(&world, half).await;
    }
    let answered = heard(&world, b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answered.starts_with(b"HTTP/1.1 200"), "one that was kept open after an answer ends, too");
}

#[tokio::test]
async fn no_tenant_has_more_answers_given_than_its_places() {
    let world = World::with(|config| config.limits.tenant_turns = 0).await;
    let acme = world.tenant("acme").await;
    let said = json!({ "assistant_id": "agent", "input": { "messages": [{ "type": "human", "content": "help" }] } });
    let request = world.client.post(world.url("/runs")).bearer_auth(world.token("acme", "viewer"));
    let answer = request.body(said.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let kept: i64 = sqlx::query_scalar("select count(*) from threads").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(kept, 0, "nothing is begun");
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_is_ended() {
    let world = World::new().await;
    let short = Database::connect_within(world.store.url(), Role::Producer, 1, SOON).await.unwrap();
    let mut tx = short.shared().await.unwrap();
    let slept = timeout(PATIENCE, sqlx::query("select pg_sleep(3600)").execute(&mut *tx)).await.unwrap();
    assert!(slept.unwrap_err().to_string().contains("statement timeout"));
}

#[tokio::test]
async fn what_lists_states_and_threads_is_cut_where_it_is_long_enough() {
    const STATES: usize = 50;
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let token = world.token("acme", "viewer");
    let post = async |path: &str, asked: Value| {
        let request = world.client.post(world.url(path)).bearer_auth(&token).body(asked.to_string());
        request.send().await.unwrap()
    };
    let thread = body(post("/threads", json!({})).await).await["thread_id"].as_str().unwrap().to_owned();
    // Long states, put in as turns put them in.
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let owner: String = sqlx::query_scalar("select owner from threads").fetch_one(&mut *tx).await.unwrap();
    let long = json!([{ "id": "1", "by": "human", "blocks": [{ "text": "x".repeat(250 * 1024) }] }]);
    let (id, mut parent) = (thread.parse().unwrap(), None);
    for _ in 0..STATES {
        let new = threads::NewCheckpoint { parent, run: None, source: "update", messages: long.clone(), pending: None };
        parent = threads::advance(&mut tx, &owner, id, &new).await.unwrap().map(|kept| kept.checkpoint_id);
    }
    tx.commit().await.unwrap();
    let (mut before, mut seen) = (Value::Null, 0);
    loop {
        let states = post(&format!("/threads/{thread}/history"), json!({ "limit": 1000, "before": before })).await;
        let text = states.text().await.unwrap();
        assert!(text.len() < 10 << 20, "{} bytes", text.len());
        let states: Vec<Value> = serde_json::from_str(&text).unwrap();
        let Some(last) = states.last() else { break };
        (before, seen) = (last["checkpoint"].clone(), seen + states.len());
        assert!(states.len() < STATES);
    }
    assert_eq!(seen, STATES, "whoever reads on reads all of it");
}

#[tokio::test]
async fn what_a_day_cost_is_read_of_that_day_alone() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&acme).await.unwrap();
    for statement in [
        "insert into lead_scores (tenant_id, company_id, run_id, score, bucket, confidence, rationale, contributions, cache_key, created_at, version)
         select $1, n, 1, 0.5, 'Low', 0.5, 'x', '[]', 'k', now() - n * interval '1 hour', 1 from generate_series(1, 8000) n",
        "insert into lead_emails (tenant_id, company_id, email, subject_id, first_name, last_name, role_account, own_domain, source, run_id, version,
             last_seen_at, verification_status, last_verified_at)
         select $1, n, 'x', gen_random_uuid(), 'x', 'x', false, true, 'x', 1, 1, now(), 'valid', now() - n * interval '1 hour'
         from generate_series(1, 8000) n",
    ] {
        sqlx::query(statement).bind(acme.as_str()).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut superuser = PgConnection::connect(world.store.url()).await.unwrap();
    superuser.execute("analyze lead_scores; analyze lead_emails").await.unwrap();
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let day = (chrono::Utc::now() - chrono::TimeDelta::days(30)).date_naive();
    let told = costs::costs(&mut tx, day, day, costs::By::Day).await.unwrap();
    assert_eq!((told.leads, told.verified_contacts), (24, 24));
    // What was read is told of when the connection rests.
    tx.execute("select pg_stat_force_next_flush()").await.unwrap();
    tx.commit().await.unwrap();
    let used = "select count(*) from pg_stat_user_indexes where idx_scan > 0
                and indexrelname in ('lead_scores_tenant_id_created_at_idx', 'lead_emails_tenant_id_last_verified_at_idx')";
    let both = async {
        while sqlx::query_scalar::<_, i64>(used).fetch_one(&mut superuser).await.unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, both).await.expect("an index of days is used for each");
    let all = "select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables where relname in ('lead_scores', 'lead_emails')";
    assert!(sqlx::query_scalar::<_, i64>(all).fetch_one(&mut superuser).await.unwrap() < 8000 * 3);
}
