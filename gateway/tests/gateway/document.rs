//! The OpenAPI document: the committed copy is current, it leads nowhere that is not there, and the gateway does what it says.

use std::path::Path;

use presdr_gateway::openapi;
use serde_json::Value;
use tokio::process::Command;

use crate::{rest::filled, support::World};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_committed_document_is_current() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let (committed, current) = (std::fs::read_to_string(file).unwrap_or_default(), openapi::text());
    if std::env::var_os("PRESDR_UPDATE_OPENAPI").is_some() {
        std::fs::write(file, current).unwrap();
    } else {
        assert!(
            committed == current,
            "{file} is not what the routes say: set PRESDR_UPDATE_OPENAPI=1 and run this test again"
        );
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let (text, document): (String, Value) = (openapi::text(), openapi::document());
    let references = text.split("\"#/").skip(1).filter_map(|rest| rest.split('"').next());
    for reference in references {
        assert!(document.pointer(&format!("/{reference}")).is_some(), "{reference}");
    }
    assert!(document["paths"].as_object().unwrap().len() > 15);
}

/// Signing in leads to the provider, which is not ours to fuzz; a run that goes on is followed without end.
const LEFT_OUT: &str = "^/login|/events$";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[tokio::test]
async fn whatever_is_asked_the_answer_is_one_that_the_document_tells_of() {
    let installed = Command::new("scripts/python-packages.sh")
        .args(["schemathesis", "gateway/tests/fuzz/requirements.txt"])
        .current_dir(ROOT)
        .output()
        .await
        .unwrap();
    if !installed.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&installed.stderr).trim());
        assert_eq!(installed.status.code(), Some(3));
        return;
    }
    let world = World::with(|config| config.limits.tenant_per_second = u32::MAX.try_into().unwrap()).await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    let program = Path::new(ROOT).join(".tools/schemathesis/bin/schemathesis");
    let folder = tempfile::tempdir().unwrap();
    let fuzzing = Command::new(program.canonicalize().unwrap())
        .arg("run")
        .arg(world.url("/openapi.json"))
        .args([
            "--checks",
            CHECKS,
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "10",
            "--seed",
            "1",
            "--no-color",
        ])
        .args(["--exclude-path-regex", LEFT_OUT, "--suppress-health-check", "all", "--warnings", "off"])
        .args(["-H", &format!("Authorization: Bearer {}", world.token("acme", "admin"))])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output();
    let done = tokio::time::timeout(std::time::Duration::from_secs(60), fuzzing)
        .await
        .expect("fuzzing takes at most a minute")
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{output}{}", String::from_utf8_lossy(&done.stderr));
}
