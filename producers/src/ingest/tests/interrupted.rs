//! A load that is killed half-way and started again gives what one clean run gives.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use sqlx::Executor;

use super::Fixture;
use crate::ingest::{Phase, acra};

/// Enough lines for several batches, some of them bad, some twice.
const LINES: usize = 24_000;

fn content() -> String {
    let mut text = format!("{}\n", super::ACRA_HEADER);
    for line in 0..LINES {
        let (number, name) = (line % (LINES - 500), "A NAME LONG ENOUGH TO FILL BATCHES ".repeat(2));
        let uen = if line % 97 == 0 { "na".to_owned() } else { format!("{number:08}X") };
        text.push_str(&format!("{name}{line},{uen},na,Local Company,Live Company,1990-01-01,52292,123456\n"));
    }
    text
}

/// Drops the load when it has reported progress for the `nth` time; false when it was done before that.
async fn killed_at(fixture: &Fixture, file: &PathBuf, nth: usize) -> bool {
    let (seen, killed) = (AtomicUsize::new(0), tokio::sync::Notify::new());
    let progress = |progress: crate::ingest::Progress| {
        let enough = seen.fetch_add(1, Ordering::SeqCst) + 1 >= nth;
        // Once merging has begun, the load is dropped in the middle of whatever statement runs then.
        if enough || progress.phase == Phase::Merging {
            killed.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = killed.notified() => true,
        done = acra(&fixture.producer, std::slice::from_ref(file), &progress) => {
            done.unwrap();
            false
        }
    }
}

#[tokio::test]
async fn a_load_killed_at_any_batch_and_run_again_equals_one_clean_run() {
    let (clean, fixture) = tokio::join!(Fixture::new(), Fixture::new());
    let file = fixture.file("all.csv", content());
    clean.ssic().await;
    clean.acra(std::slice::from_ref(&file)).await;
    fixture.ssic().await;
    for nth in 1..=6 {
        assert!(killed_at(&fixture, &file, nth).await, "the load has more than {nth} batches");
        assert_eq!(fixture.registry().await, [""; 0], "nothing of a killed load is seen");
    }
    fixture.acra(std::slice::from_ref(&file)).await;
    assert_eq!(fixture.registry().await, clean.registry().await);
    let states = fixture.rows("select state || $1 from ingest_loads where source = 'acra' order by load_id", "").await;
    assert_eq!(states, ["abandoned", "abandoned", "abandoned", "abandoned", "abandoned", "abandoned", "done"]);
}

#[tokio::test]
async fn a_load_whose_connection_is_cut_leaves_the_companies_as_they_were() {
    let fixture = Fixture::new().await;
    let file = fixture.file("all.csv", content());
    let before = fixture.acra_file("before.csv", &["BEFORE,00000005X,na,na,Live,na,na,na"]);
    fixture.acra(&[before]).await;
    let registry = fixture.registry().await;
    let owner = presdr_store::Database::connect(fixture.store.url(), presdr_store::Role::Owner, 1).await.unwrap();
    let mut administrator = owner.dedicated().await.unwrap();
    administrator.execute("reset role").await.unwrap();
    let (notify, load) = (tokio::sync::Notify::new(), std::slice::from_ref(&file));
    let progress = |progress: crate::ingest::Progress| {
        if progress.rows > 0 {
            notify.notify_one()
        }
    };
    let cut = async {
        notify.notified().await;
        let cut = "select pg_terminate_backend(pid) from pg_locks where locktype = 'relation' and relation = 'staging_acra_companies'::regclass
                   and mode = 'AccessExclusiveLock' and database = (select oid from pg_database where datname = current_database())";
        administrator.execute(cut).await.unwrap();
    };
    let (loaded, ()) = tokio::join!(acra(&fixture.producer, load, &progress), cut);
    assert!(loaded.is_err(), "the connection was cut");
    assert_eq!(fixture.registry().await, registry);
    fixture.acra(load).await;
    assert_eq!(fixture.rows("select name || $1 from companies where uen = '00000005X'", "").await.len(), 1);
}
