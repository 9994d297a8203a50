//! The servers as their users meet them: started, stopped, killed, started again.

#![allow(clippy::unwrap_used, reason = "what a test expects and does not get is its failure")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use presdr_servers::{Durability, Nats, NatsConfig, Postgres, ServerError, testing};
use sqlx::{Connection, PgConnection};

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn rows(url: &str) -> i64 {
    sqlx::query_scalar("select count(*) from kept").fetch_one(&mut connect(url).await).await.unwrap()
}

fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("presdr-servers-").tempdir().unwrap()
}

fn lives(process_id: u32) -> bool {
    Path::new(&format!("/proc/{process_id}")).exists()
}

#[tokio::test]
async fn the_database_keeps_what_was_committed_over_a_stop_and_a_crash() {
    let dir = directory();
    let mut server = Postgres::start(dir.path(), Durability::Full).await.unwrap();
    let mut connection = connect(&server.url()).await;
    sqlx::query("create table kept (id int)").execute(&mut connection).await.unwrap();
    sqlx::query("insert into kept values (1)").execute(&mut connection).await.unwrap();

    let port = server.port();
    server.kill_hard();
    assert!(PgConnection::connect(&server.url()).await.is_err());
    server.restart().await.unwrap();
    assert_eq!((server.port(), rows(&server.url()).await), (port, 1));

    server.stop().await;
    let server = Postgres::start(dir.path(), Durability::Full).await.unwrap();
    assert_eq!(rows(&server.url()).await, 1);
}

#[tokio::test]
async fn the_products_database_asks_for_its_password() {
    let dir = directory();
    let server = Postgres::start(dir.path(), Durability::Full).await.unwrap();
    let without = format!("postgres://postgres@127.0.0.1:{}/presdr?sslmode=disable", server.port());
    let refused = PgConnection::connect(&without).await.unwrap_err().to_string();
    assert!(refused.contains("password"), "{refused}");
}

#[tokio::test]
async fn a_directory_serves_one_process_at_a_time() {
    let dir = directory();
    let server = Postgres::start(dir.path(), Durability::Test).await.unwrap();
    let refused = Postgres::start(dir.path(), Durability::Test).await.err().unwrap();
    assert!(matches!(&refused, ServerError::InUse { pid, .. } if *pid == std::process::id().to_string()), "{refused}");
    assert_eq!(Postgres::url_of_running(dir.path()), Some(server.url()));
    server.stop().await;
    assert_eq!(Postgres::url_of_running(dir.path()), None);
    Postgres::start(dir.path(), Durability::Test).await.unwrap();
}

#[tokio::test]
async fn the_broker_is_back_on_the_same_port_after_a_crash() {
    let mut nats = testing::nats_with(NatsConfig { sync_always: true, ..NatsConfig::default() }).await.unwrap();
    let (port, process_id) = (nats.port(), nats.process_id().unwrap());
    nats.kill_hard();
    assert!(!lives(process_id) && nats.process_id().is_none());
    nats.restart().await.unwrap();
    assert_eq!(nats.port(), port);
    assert!(nats.process_id().is_some_and(lives));
}

#[tokio::test]
async fn a_port_that_is_taken_is_left_to_its_owner() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let nats = testing::nats_with(NatsConfig { port: Some(port), ..NatsConfig::default() }).await.unwrap();
    assert_ne!(nats.port(), port);
}

#[tokio::test]
async fn root_may_keep_the_database_where_only_root_can_go() {
    let dir = directory();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let inner = dir.path().join("postgres");
    let server = Postgres::start(&inner, Durability::Test).await.unwrap();
    connect(&server.url()).await;
    server.stop().await;
    // The data of root's server is outside then: the temporary directory alone does not take it along.
    if let Ok(data) = std::fs::read_link(inner.join("data")) {
        assert!(data.starts_with("/var/lib/presdr") && data.is_dir(), "{}", data.display());
        std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn the_broker_lets_in_only_whom_the_access_file_names() {
    let access = r#"authorization { users: [{ user: "a", password: "b" }] }"#.to_owned();
    let nats = testing::nats_with(NatsConfig { access, ..NatsConfig::default() }).await.unwrap();
    let greeting = tokio::task::spawn_blocking(move || {
        let stream = std::net::TcpStream::connect(("127.0.0.1", nats.port())).unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stream), &mut line).unwrap();
        line
    });
    assert!(greeting.await.unwrap().contains(r#""auth_required":true"#));
}

#[tokio::test]
async fn a_mistake_in_the_access_file_is_said() {
    let access = "authorization { users: nobody-knows }".to_owned();
    let error = testing::nats_with(NatsConfig { access, ..NatsConfig::default() }).await.err().unwrap().to_string();
    assert!(error.contains("access.conf") && error.contains("ended"), "{error}");
}

#[tokio::test]
async fn dropped_servers_leave_no_process() {
    let (postgres, nats) = (testing::postgres().await.unwrap(), testing::nats().await.unwrap());
    let ids = [postgres.process_id().unwrap(), nats.process_id().unwrap()];
    assert!(ids.into_iter().all(lives));
    drop((postgres, nats));
    assert!(!ids.into_iter().any(lives));
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_no_process() {
    let dir = directory();
    let given_up =
        tokio::time::timeout(Duration::from_millis(50), Nats::start(dir.path(), NatsConfig::default())).await;
    drop(given_up);
    let again = Nats::start(dir.path(), NatsConfig::default()).await;
    assert!(again.is_ok(), "the directory is free again");
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own_from_one_template() {
    let key = format!("{}-{:?}", std::process::id(), Instant::now());
    let migrate = async |url: String| {
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::query("create table kept (id int)").execute(&mut connection).await?;
        std::mem::forget(connection); // a migration may leave connections behind
        Ok::<_, sqlx::Error>(())
    };
    let first = testing::database(&key, migrate).await.unwrap();
    let again = async |_: String| Err::<(), _>("the template is there already");
    let second = testing::database(&key, again).await.unwrap();
    sqlx::query("insert into kept values (1)").execute(&mut connect(first.url()).await).await.unwrap();
    assert_eq!((rows(first.url()).await, rows(second.url()).await), (1, 0));

    let (url, _still_connected) = (first.url().to_owned(), connect(first.url()).await);
    drop(first);
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn a_failed_migration_is_said_and_leaves_no_template() {
    let key = format!("{}-{:?}", std::process::id(), Instant::now());
    let failed = testing::database(&key, async |_| Err("no such thing")).await.err().unwrap();
    assert_eq!(failed.to_string(), "could not migrate the template of the test databases: no such thing");
    testing::database(&key, async |_| Ok::<_, String>(())).await.unwrap();
}
