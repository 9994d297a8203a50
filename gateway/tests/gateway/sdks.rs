//! The official SDKs drive the gateway.

use std::path::Path;

use tokio::process::Command;

use crate::{rest::filled, support::World};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdks");

#[tokio::test]
async fn the_official_sdks_drive_it() {
    let installed = Command::new("scripts/langgraph-sdks.sh").current_dir(ROOT).output().await.unwrap();
    if !installed.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&installed.stderr).trim());
        assert_eq!(installed.status.code(), Some(3), "{}", String::from_utf8_lossy(&installed.stderr));
        return;
    }
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    // By the path of the environment that it belongs to, whatever that links to.
    let python = Path::new(ROOT).canonicalize().unwrap().join(".tools/langgraph-sdk/bin/python");
    let python = python.to_str().unwrap();
    let drivers = [vec!["node", "drive.mjs", "sdk-1"], vec!["node", "drive.mjs", "sdk-2"], vec![python, "drive.py"]];
    let driving = drivers.map(|driver| {
        // Each is somebody else, with threads of their own.
        let mut claims = world.provider.claims("acme", "ops");
        claims["sub"] = driver.concat().into();
        let mut driving = Command::new(driver[0]);
        driving
            .args(&driver[1..])
            .current_dir(FOLDER)
            .env("PRESDR_URL", world.url(""))
            .env("PRESDR_TOKEN", world.signer.sign(&claims))
            .kill_on_drop(true);
        async move { (driver, driving.output().await.unwrap()) }
    });
    for (driver, done) in futures::future::join_all(driving).await {
        let (output, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{driver:?}: {output}{errors}");
    }
}
