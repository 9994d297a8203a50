//! A tenant's first steps, typed one after another, against a real database and a real broker.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is the test failing")]

use std::{
    convert::Infallible,
    fs,
    process::{Command, Output, Stdio},
};

use presdr_sandbox::{
    WebKind,
    vendors::{self as imitated, Vendor, VendorSandbox},
};
use presdr_servers::{
    Nats,
    testing::{self, Own, TestDatabase},
};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

/// Servers that are empty, and a person before them.
struct Desk {
    database: TestDatabase,
    nats: Own<Nats>,
    folder: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let database = testing::database("empty", async |_| Ok::<(), Infallible>(())).await.unwrap();
        Self { database, nats: testing::nats().await.unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    fn types(&self, arguments: &[&str]) -> Output {
        self.types_with(arguments, Vec::new())
    }

    fn types_with(&self, arguments: &[&str], environment: Vec<(String, String)>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presdr"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PRESDR_")) {
            command.env_remove(name);
        }
        command
            .args(["--as", "user:jo"])
            .args(arguments)
            .env("DATABASE_URL", self.database.url())
            .env("PRESDR_NATS_URL", self.nats.url())
            .env("PRESDR_DATA", self.folder.path())
            .envs(environment)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What the command answers.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.types(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    fn answer(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.told(&[&["--json"], arguments].concat())).unwrap()
    }

    /// Why the command was refused.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.types(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    async fn with_schema() -> Self {
        let desk = Self::new().await;
        desk.told(&["migrate"]);
        desk.told(&["topology", "apply"]);
        desk.file("master.key", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        desk
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bringing_servers_up_to_date_twice_changes_nothing() {
    let desk = Desk::new().await;
    assert_eq!(desk.told(&["migrate"]), "the database is up to date\n");
    desk.told(&["migrate"]);
    let changes = |answer: Value| -> Vec<String> {
        answer.as_array().unwrap().iter().map(|one| one["change"].as_str().unwrap().to_owned()).collect()
    };
    assert!(changes(desk.answer(&["topology", "apply"])).iter().all(|change| change == "created"));
    assert!(changes(desk.answer(&["topology", "apply"])).iter().all(|change| change == "unchanged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_gets_from_nothing_to_a_run() {
    let desk = Desk::with_schema().await;
    let made = desk.answer(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let again = desk.answer(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    assert_eq!((&made["state"], &made), (&"ready".into(), &again));
    let stands = desk.answer(&["tenant", "status", "acme"]);
    assert_eq!((&stands["problem"], &stands["ready_by"]), (&Value::Null, &made["begun_by"]));
    assert!(desk.refused(&["tenant", "status", "nosuch"]).contains("presdr tenant create nosuch"));
    assert_eq!(desk.answer(&["tenant", "list"])[0]["name"], "Acme Pte Ltd");

    let list = desk.file("list.csv", "Domain,Company Name\ntan.example,Tan Logistics\nlim.example,Lim Foods\n");
    let summary = desk.answer(&["ingest", "companies", "--tenant", "acme", &list]);
    assert_eq!((&summary["rows"], &summary["inserted"], &summary["quarantined"]), (&2.into(), &2.into(), &0.into()));

    let icp = desk.file("icp.json", r#"{ "keywords": ["freight"] }"#);
    desk.told(&["icp", "set", "--tenant", "acme", &icp]);
    assert!(desk.told(&["icp", "show", "--tenant", "acme"]).contains("freight"));

    let run = desk.answer(&["run", "start", "--tenant", "acme", "--cap", "5"])["run_id"].to_string();
    assert!(desk.told(&["run", "list", "--tenant", "acme"]).contains("open"));
    desk.told(&["run", "pause", "--tenant", "acme", &run, "--reason", "lunch"]);
    let again = desk.refused(&["run", "pause", "--tenant", "acme", &run]);
    assert!(again.contains("is paused: only a run that is open can pause"), "{again}");
    desk.told(&["run", "resume", "--tenant", "acme", &run]);
    desk.told(&["run", "cancel", "--tenant", "acme", &run]);
    assert_eq!(desk.answer(&["run", "show", "--tenant", "acme", &run])["status"], "cancelled");
    assert_eq!(desk.told(&["parked", "list", "--tenant", "acme"]), "nothing is parked\n");

    let waiting = desk.refused(&["run", "start", "--tenant", "acme", "--wait", "--patience", "1"]);
    assert!(waiting.contains("stands still and no worker is running: start `presdr up`"), "{waiting}");
    assert!(desk.told(&["run", "list", "--tenant", "acme"]).contains("open"), "the run stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_records_who_did_it() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let client = async_nats::connect(desk.nats.url()).await.unwrap();
    let events = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
    let stored = events.get_last_raw_message_by_subject("evt.acme.tenant.created").await.unwrap();
    let event: Value = serde_json::from_slice(&stored.payload).unwrap();
    assert_eq!(event["actor"], "user:jo");

    let address = desk.types(&["--as", "jo@acme.example", "tenant", "list"]);
    assert_eq!(address.status.code(), Some(2), "an address is no opaque id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_erased_when_it_is_said_twice_and_the_receipt_names_who_did_it() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let refused = desk.refused(&["tenant", "purge", "acme", "--confirm", "acme-2"]);
    assert!(refused.contains("nothing was done"), "{refused}");
    let receipt = desk.answer(&["tenant", "purge", "acme", "--confirm", "acme"]);
    assert_eq!((&receipt["removed"]["events"], &receipt["removed"]["tables"]["tenant_keys"]), (&1.into(), &1.into()));
    assert_eq!((&receipt["left"]["rows"], &receipt["left"]["events"]), (&0.into(), &0.into()));
    let tenants = desk.answer(&["tenant", "list"]);
    assert_eq!((&tenants[0]["status"], &tenants[0]["name"]), (&"purged".into(), &"".into()));
    let again = desk.refused(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    assert!(again.contains("its name is never used again"), "{again}");

    let client = async_nats::connect(desk.nats.url()).await.unwrap();
    let events = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
    let stored = events.get_last_raw_message_by_subject("evt.presdr.tenant.purged").await.unwrap();
    let event: Value = serde_json::from_slice(&stored.payload).unwrap();
    assert_eq!((&event["actor"], &event["data"]["purged"]), (&"user:jo".into(), &"acme".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_changed_and_the_old_one_put_aside() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let old = fs::read_to_string(desk.folder.path().join("master.key")).unwrap();
    let next = desk.folder.path().join("next.key");
    let rotate = ["keys", "rotate", "--new-key-file", next.to_str().unwrap()];
    let alone = desk.refused(&[&rotate[..], &["--leave-key-file"]].concat());
    assert!(alone.contains("does not hold the new key"), "{alone}");
    let rotated = desk.answer(&rotate);
    assert_eq!((&rotated["tenants"], &rotated["rewrapped"]), (&1.into(), &1.into()));
    let held = |name: &str| fs::read_to_string(desk.folder.path().join(name)).unwrap();
    assert_eq!((held("master.key"), held("master.retired")), (held("next.key"), old));
    assert_eq!(desk.answer(&rotate)["rewrapped"], 0, "a second time changes nothing");
    desk.told(&["tenant", "create", "globex", "--name", "Globex"]);

    desk.file("master.key", &held("master.retired"));
    let doctor = desk.types(&["doctor"]);
    let found = String::from_utf8(doctor.stdout).unwrap();
    assert!(found.contains("under master key") && found.contains("does not hold"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_whole_set_by_section_and_told_of() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    desk.told(&["tenant", "create", "globex", "--name", "Globex"]);
    let before = desk.answer(&["tenant", "settings", "acme"]);
    assert_eq!((&before["version"], &before["set"]), (&0.into(), &Value::Array(Vec::new())));
    assert_eq!(before["settings"]["schedule"]["daily_cap"], 20);
    assert_eq!(before["settings"]["weights"]["industry_fit"], 20.0);
    assert_eq!(before["settings"]["vendors"]["caps"]["usd"]["day"], "25");

    let some = desk.file("some.json", r#"{"schedule": {"daily_cap": 7}, "thresholds": {"high": 0.8}}"#);
    let set = desk.answer(&["tenant", "settings", "acme", "--set", &some]);
    assert_eq!((&set["version"], &set["sections"]), (&1.into(), &serde_json::json!(["schedule", "thresholds"])));
    let other = desk.file("other.json", r#"{"schedule": null, "vendors": {"contacts": false}}"#);
    assert_eq!(
        desk.told(&["tenant", "settings", "acme", "--set", &other]),
        "acme has version 2 of its settings: schedule, vendors\n"
    );
    let after = desk.answer(&["tenant", "settings", "acme"]);
    assert_eq!(
        after["set"],
        serde_json::json!(["thresholds", "vendors"]),
        "a section that is not given stays, null takes one back"
    );
    assert_eq!(after["settings"]["schedule"]["daily_cap"], 20);
    assert_eq!(
        after["settings"]["thresholds"],
        serde_json::json!({"high": 0.8, "medium": 0.45, "high_confidence": 0.5})
    );
    assert_eq!(after["settings"]["vendors"]["contacts"], false);
    assert_eq!(desk.answer(&["tenant", "settings", "globex"])["version"], 0, "another tenant's are its own");

    let wrong = desk.file(
        "wrong.json",
        r#"{"alerts": {"candidates_mim": 3}, "retention": {"text_days": 0}, "schedule": {"daily_cap": 9}}"#,
    );
    let refused = desk.refused(&["tenant", "settings", "acme", "--set", &wrong]);
    for part in ["alerts: ", "candidates_mim", "retention: text_days"] {
        assert!(refused.contains(part), "{part:?} is not in {refused}");
    }
    assert_eq!(desk.answer(&["tenant", "settings", "acme"]), after, "what is refused changes nothing");

    let client = async_nats::connect(desk.nats.url()).await.unwrap();
    let events = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
    let stored = events.get_last_raw_message_by_subject("evt.acme.tenant.settings_set").await.unwrap();
    let event: Value = serde_json::from_slice(&stored.payload).unwrap();
    assert_eq!((&event["actor"], &event["data"]["version"]), (&"user:jo".into(), &2.into()));
    assert_eq!(event["data"]["sections"], serde_json::json!(["schedule", "vendors"]));
    assert_eq!(event["data"]["content_hash"].as_str().unwrap().len(), 64);
    assert!(!event.to_string().contains("0.8"), "what was set is told by its hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn sample_customers_are_set_from_a_file_shown_and_told_of_without_their_texts() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let empty = desk.told(&["icp", "samples", "--tenant", "acme"]);
    assert!(empty.contains("`presdr icp samples --tenant acme FILE` sets some"), "{empty}");
    let list = desk
        .file("samples.csv", "name,about\nTan Logistics,Moves freight by road\nKelmora,Writes software for clinics\n");
    assert_eq!(
        desk.told(&["icp", "samples", "--tenant", "acme", &list]),
        "acme has 2 sample customers: 2 new or changed, 0 removed\n"
    );
    let fewer = desk.file("fewer.csv", "name,about\nKelmora,Writes software for dentists\n");
    let set = desk.answer(&["icp", "samples", "--tenant", "acme", &fewer]);
    assert_eq!((&set["version"], &set["changed"], &set["removed"]), (&2.into(), &1.into(), &1.into()));
    let wrong = desk.file("wrong.csv", "name,about\nTan,freight\nLim,Write to jo@lim.example please\n");
    let refused = desk.refused(&["icp", "samples", "--tenant", "acme", &wrong]);
    assert!(refused.contains("line 2: about must say") && refused.contains("line 3: about holds"), "{refused}");
    let shown = desk.answer(&["icp", "samples", "--tenant", "acme"]);
    assert_eq!(
        shown,
        serde_json::json!([{"name": "Kelmora", "about": "Writes software for dentists", "embedded": false}]),
        "what is refused changes nothing"
    );
    let client = async_nats::connect(desk.nats.url()).await.unwrap();
    let events = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
    let stored = events.get_last_raw_message_by_subject("evt.acme.icp.samples_set").await.unwrap();
    let event: Value = serde_json::from_slice(&stored.payload).unwrap();
    assert_eq!((&event["actor"], &event["data"]["samples"]), (&"user:jo".into(), &1.into()));
    assert!(!event.to_string().contains("dentists"), "what was set is told by its hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_vendors_tells_what_is_configured_reachable_left_and_used() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let known = imitated::World::new(1, &WebKind::Varied { sites: 3 }).unwrap();
    let vendors = VendorSandbox::start(imitated::VendorConfig::default(), known).await.unwrap();
    let check = |environment| desk.types_with(&["--json", "vendors", "check", "--tenant", "acme"], environment);
    let of = |told: &Output, vendor: &str| {
        let report: Value = serde_json::from_slice(&told.stdout).unwrap();
        report["vendors"].as_array().unwrap().iter().find(|one| one["vendor"] == vendor).unwrap().clone()
    };
    let without_keys = check(Vec::new());
    assert!(without_keys.status.success(), "to have no key is a choice");
    assert_eq!(
        (&of(&without_keys, "lusha")["key"], &of(&without_keys, "lusha")["reach"]),
        (&"missing".into(), &"not_asked".into())
    );

    let with_keys = check(vendors.environment());
    assert!(with_keys.status.success(), "{}", String::from_utf8_lossy(&with_keys.stdout));
    let tavily = of(&with_keys, "tavily");
    assert!(tavily["reach"]["reached"]["latency_ms"].is_number(), "{tavily}");
    assert_eq!(tavily["credits_left"], vendors.credits_left(Vendor::Tavily).to_string());
    assert_eq!(
        (&tavily["used_today"], &tavily["cap_today"], &tavily["breaker"]),
        (&"0".into(), &"500".into(), &"closed".into())
    );

    let mut wrong = vendors.environment();
    wrong.push(("PRESDR_LUSHA_API_KEY".to_owned(), "wrong-lusha-key".to_owned()));
    let refused = check(wrong);
    assert_eq!((refused.status.code(), &of(&refused, "lusha")["reach"]), (Some(1), &"key_refused".into()));
    let said = [refused.stdout, refused.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("wrong-lusha-key"), "no key is ever shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_with_its_cure() {
    let desk = Desk::with_schema().await;
    let unknown = desk.refused(&["icp", "show", "--tenant", "nosuch"]);
    assert!(
        unknown.contains("tenant nosuch does not exist") && unknown.contains("presdr tenant create nosuch"),
        "{unknown}"
    );

    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let icp = desk.file("icp.json", r#"{ "employee_range": { "min": 9, "max": 2 }, "industry": [] }"#);
    let wrong = desk.refused(&["icp", "set", "--tenant", "acme", &icp]);
    assert!(wrong.contains("$.employee_range") && wrong.contains("$.industry"), "{wrong}");
    assert_eq!(wrong.matches("refused").count(), 1, "{wrong}");

    let early = desk.refused(&["run", "start", "--tenant", "acme"]);
    assert!(early.contains("presdr icp set"), "{early}");

    fs::remove_file(desk.folder.path().join("master.key")).unwrap();
    let keyless = desk.refused(&["tenant", "list"]);
    assert!(keyless.contains("master.key is missing"), "{keyless}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_what_is_missing_and_how_to_cure_it() {
    let desk = Desk::new().await;
    let output = desk.types(&["--json", "doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |checks: &Value, what: &str| -> Value {
        checks.as_array().unwrap().iter().find(|check| check["what"] == what).cloned().unwrap_or_default()
    };
    assert_eq!(of(&checks, "database")["status"], "ok");
    assert!(of(&checks, "schema")["cure"].as_str().unwrap().contains("presdr migrate"));
    assert!(of(&checks, "event log")["cure"].as_str().unwrap().contains("presdr topology apply"));

    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let waiting = "insert into erasure_requests (tenant_id, request_id, sealed, actor, asked_at, due_at)
                   values ('acme', gen_random_uuid(), 'x', 'user:jo', now() - interval '1 hour', now())";
    PgConnection::connect(desk.database.url()).await.unwrap().execute(waiting).await.unwrap();
    // The tests' database trades durability for speed, and doctor says so.
    let checks: Value = serde_json::from_slice(&desk.types(&["--json", "doctor"]).stdout).unwrap();
    assert_eq!((&of(&checks, "schema")["status"], &of(&checks, "broker")["status"]), (&"ok".into(), &"ok".into()));
    assert!(of(&checks, "worker")["found"].as_str().unwrap().contains("nobody asks for work"));
    let waits = of(&checks, "tenant");
    assert_eq!(waits["found"], "acme: 1 erasures that were asked for are not done");
    assert!(waits["cure"].as_str().unwrap().contains("presdr schedule"));
    let cures: Vec<&str> = checks.as_array().unwrap().iter().filter_map(|check| check["cure"].as_str()).collect();
    assert!(cures.iter().any(|cure| cure.contains("presdr icp set --tenant acme")), "{cures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told_of_at_once_and_without_its_password() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_presdr"))
        .args(["tenant", "list"])
        .env("DATABASE_URL", format!("postgres://presdr:hunter2@{free}/presdr"))
        .env("PRESDR_NATS_URL", format!("nats://presdr:hunter2@{free}"))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("presdr: ") && !error.contains("hunter2"), "{error}");
    assert!(!error.contains("pool timed out"), "a pool would try for half a minute: {error}");
}

/// What an auditor does, with a file and a key and no server, and what an operator does before.
#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_signed_verified_and_taken_away() {
    let desk = Desk::with_schema().await;
    let path = |name: &str| desk.folder.path().join(name).to_string_lossy().into_owned();
    let (public, file) = (path("audit.pem"), path("acme.jsonl"));
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let icp = desk.file("icp.json", r#"{ "keywords": ["freight"] }"#);
    desk.told(&["icp", "set", "--tenant", "acme", &icp]);
    desk.told(&["project", "rebuild"]);

    let refused = desk.refused(&["audit", "checkpoint"]);
    assert!(
        refused.contains("presdr audit key --make"),
        "a second scheduler must not make a key of its own: {refused}"
    );
    desk.told(&["audit", "key", "--make", "--out", &public]);
    let signed = desk.told(&["--json", "audit", "checkpoint"]);
    let kept = desk.file("kept.jsonl", &signed);
    assert_eq!(signed.lines().count(), 1, "nothing happened to the platform itself: {signed}");
    desk.told(&["project", "rebuild"]);

    let verified = desk.answer(&["audit", "verify", "--public-key", &public, "--checkpoints", &kept]);
    let acme = &verified["verified"][0];
    assert_eq!(
        (&acme["tenant"], &acme["to_checkpoint"], &acme["not_signed_yet"]),
        (&"acme".into(), &1.into(), &1.into())
    );
    desk.told(&["audit", "export", "--tenant", "acme", "--from", "2020-01-01", "--out", &file]);
    let backward =
        ["audit", "export", "--tenant", "acme", "--from", "2026-02-01", "--to", "2026-01-01", "--out", &file];
    assert!(desk.refused(&backward).contains("exchange them"));

    let of_bundle = |file: &str| {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Command::new(env!("CARGO_BIN_EXE_presdr"))
            .args(["audit", "verify", "--public-key", &public, "--bundle", file])
            .env("DATABASE_URL", format!("postgres://presdr@{free}/presdr"))
            .env("PRESDR_NATS_URL", format!("nats://{free}"))
            .output()
            .unwrap()
    };
    let told = of_bundle(&file);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(String::from_utf8(told.stdout).unwrap().contains("checkpoint 1 of"));
    let changed = fs::read_to_string(&file).unwrap().replace("user:jo", "user:al");
    let told = of_bundle(&desk.file("changed.jsonl", &changed));
    assert_eq!(told.status.code(), Some(1));
    assert!(String::from_utf8(told.stdout).unwrap().contains("NOT AS IT WAS: tenant acme, event 1"));
}

/// What happened is read again without workers, and read models are compared and made anew one by one.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_again_and_read_models_are_compared_and_made_anew_by_name() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    let icp = desk.file("icp.json", r#"{ "keywords": ["freight"] }"#);
    desk.told(&["icp", "set", "--tenant", "acme", &icp]);
    let run = desk.answer(&["run", "start", "--tenant", "acme", "--cap", "5"])["run_id"].to_string();
    let told = desk.told(&["replay", "--tenant", "acme"]);
    for expected in ["tenant.created: tenant \"Acme Pte Ltd\" was created", "profile", "a manual run began"] {
        assert!(told.contains(expected), "before anything is projected: {told}");
    }
    desk.told(&["project", "rebuild"]);
    let lines = desk.told(&["--json", "replay", "--tenant", "acme", "--type", "run.*,icp.set", "--from", "2026-01-01"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = lines.iter().map(|line| line["event"]["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["icp.set", "run.started"]);
    assert_eq!(desk.told(&["--json", "replay", "--tenant", "acme", "--run", &run]).lines().count(), 1);
    let fed = desk.answer(&["replay", "--tenant", "acme", "--run", &run, "--into", "enrichment_runs"]);
    assert_eq!((&fed[0]["table"], &fed[0]["rows"][0]["cap"]), (&"enrichment_runs".into(), &5.into()));

    let compared = desk.answer(&["project", "verify"]);
    assert!(compared.as_array().unwrap().iter().all(|table| table["different"] == 0), "{compared}");
    desk.told(&["project", "rebuild", "run_summaries", "lead_features"]);
    assert!(desk.refused(&["project", "rebuild", "lead_scors"]).contains("there are run_event_logs"));

    let weights = desk.file("weights.json", "{}");
    let score = ["replay", "score", "--tenant", "acme", "--run", &run, "--weights", &weights];
    assert!(desk.refused(&score).contains("no lead of run"), "nobody was scored");
    assert!(desk.refused(&["replay", "--tenant", "acme", "--type", "lead.scoored"]).contains("presdr events schema"));
    assert!(desk.refused(&["replay", "--tenant", "acme", "--company", "Orchid"]).contains("no lead is like"));
    assert_eq!(desk.types(&["replay"]).status.code(), Some(2), "whose events?");
}

/// A person whom nobody has found yet is kept away all the same, and what was done can be looked up.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_looked_for_erased_and_not_contacted() {
    let desk = Desk::with_schema().await;
    desk.told(&["tenant", "create", "acme", "--name", "Acme Pte Ltd"]);
    desk.told(&["project", "rebuild"]);
    let address = ["--tenant", "acme", "--email", "Jane@Example.com"];
    let dsar = |what: &str| desk.types(&[&["dsar", what], &address[..]].concat());
    assert_eq!(dsar("find").status.code(), Some(1), "nothing is known of her");
    let asked = dsar("erase");
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8(asked.stdout).unwrap().contains("--confirm"), "nothing is erased by asking");
    assert!(desk.answer(&["dsar", "list", "--tenant", "acme"]).as_array().unwrap().is_empty());

    let receipt = desk.answer(&[&["dsar", "erase", "--confirm"], &address[..]].concat())[0].clone();
    assert_eq!((&receipt["number"], &receipt["suppressed"]["email"]), (&1.into(), &1.into()));
    let again = desk.answer(&[&["dsar", "erase", "--confirm"], &address[..]].concat())[0].clone();
    assert_eq!((&again["subjects"], &again["sequence"]), (&receipt["subjects"], &Value::Null));
    assert_eq!(dsar("find").status.code(), Some(0), "the tombstone is found");
    assert_eq!(desk.answer(&["dsar", "list", "--tenant", "acme"])[0]["actor"], "user:jo");
    assert_eq!(desk.answer(&[&["suppress", "check"], &address[..]].concat())["suppressed"], true);
    let refused = desk.refused(&[&["suppress", "remove"], &address[..]].concat());
    assert!(refused.contains("is not lifted"), "nobody brings an erased person back: {refused}");
    assert!(desk.answer(&["dsar", "resume", "--tenant", "acme"]).as_array().unwrap().is_empty());
    assert_eq!(desk.answer(&["dsar", "reapply"])["receipts"], 1);
    assert!(desk.answer(&["dsar", "scrub"])["tables"].as_array().unwrap().contains(&"lead_texts".into()));
    let given = ["--given-at", "2026-01-01T00:00:00Z", "--how", "form"];
    let refused = desk.refused(&[&["consent", "record"], &address[..], &given].concat());
    assert!(refused.contains("is suppressed"), "nor does a consent: {refused}");
    let guess = desk.refused(&["dsar", "export", "--tenant", "acme", "--name", "Jane", "--out", "copy"]);
    assert!(guess.contains("nobody is identified"), "{guess}");
    assert_eq!(desk.types(&["dsar", "find", "--tenant", "acme"]).status.code(), Some(2), "who?");
}
