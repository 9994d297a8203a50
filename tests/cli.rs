//! The command line as a person meets it: the built program, its answers and its exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is the test failing")]

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Command, Output, Stdio},
};

use axum::{Router, http::Uri, response::Html};
use serde_json::Value;

fn presdr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presdr"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PRESDR_") || name == "DATABASE_URL") {
        command.env_remove(name);
    }
    command
}

fn told(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn told_with(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A web of one page per host, on loopback.
async fn web() -> SocketAddr {
    let page = |uri: Uri| async move {
        match uri.path() {
            "/robots.txt" => Html("User-agent: *\nDisallow: /private/\n".to_owned()),
            "/" => Html(
                "<title>Tan Logistics</title><h1>Tan Logistics Pte Ltd</h1><p>We move freight. \
                 <a href='mailto:sales@tanlogistics.example'>Write</a> <a href='/contact'>Contact</a> <a href='/private/x'>Team</a></p>"
                    .to_owned(),
            ),
            _ => Html("<title>Contact</title><p>Call +65 6123 4567</p>".to_owned()),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await });
    address
}

#[test]
fn help_reads_well() {
    let output = told(&mut presdr(&["help"]));
    assert!(output.status.success());
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn asking_wrongly_exits_with_two() {
    let output = told(&mut presdr(&["robots", "--agent", "presdr"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--url"));
}

#[test]
fn robots_names_the_rule_and_exits_with_the_answer() {
    let robots_txt = "User-agent: *\nDisallow: /private/\nAllow: /private/open\n";
    let ask = |url: &str| told_with(&mut presdr(&["robots", "--agent", "presdr", "--url", url]), robots_txt);
    let refused = ask("https://acme.example/private/list");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(text(&refused.stdout), "not allowed: line 2: Disallow: /private/\n");
    let allowed = ask("https://acme.example/private/open/house");
    assert_eq!(allowed.status.code(), Some(0));
    assert_eq!(text(&allowed.stdout), "allowed: line 3: Allow: /private/open\n");
    assert_eq!(text(&ask("https://acme.example/about").stdout), "allowed: no rule matches\n");
}

#[test]
fn robots_answers_in_json() {
    let output = told_with(
        &mut presdr(&["--json", "robots", "--agent", "x", "--url", "https://a.example/b"]),
        "User-agent: *\nDisallow: /b\n",
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["allowed"], &answer["rule"]), (&Value::Bool(false), &Value::from("line 2: Disallow: /b")));
}

#[tokio::test(flavor = "multi_thread")]
async fn crawl_prints_an_object_a_site() {
    let web = web().await;
    let list = "# two good ones\ntanlogistics.example\nlim.example\n\nhttp://127.0.0.1/\n";
    let output = tokio::task::spawn_blocking(move || {
        let to = web.to_string();
        told_with(&mut presdr(&["crawl", "--resolve-to", &to, "--min-interval", "0", "--urls", "-"]), list)
    })
    .await
    .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "a pipe sees no progress");
    let mut sites: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    sites.sort_by_key(|site| site["asked"].to_string());
    let asked: Vec<&str> = sites.iter().map(|site| site["asked"].as_str().unwrap()).collect();
    assert_eq!(asked, ["http://127.0.0.1/", "lim.example", "tanlogistics.example"]);
    assert_eq!(
        sites[0]["verdict"]["reason"]["reason"], "refused",
        "a loopback address is not reached by number: {}",
        sites[0]
    );
    let site = &sites[2];
    assert_eq!(site["final_url"], "http://tanlogistics.example/");
    assert_eq!(site["extraction"]["emails"][0]["address"], "sales@tanlogistics.example");
    let pages: Vec<&Value> = site["pages"].as_array().unwrap().iter().map(|page| &page["kind"]).collect();
    assert_eq!(pages, ["home", "contact"]);
    assert_eq!(site["skipped"][0]["reason"]["robots"]["rule"], "line 2: Disallow: /private/");
}

#[test]
fn sites_are_sent_elsewhere_only_to_local_addresses() {
    let output = told(&mut presdr(&["crawl", "--resolve-to", "1.1.1.1:80", "acme.example"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("1.1.1.1"), "{}", text(&output.stderr));
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let mut child = presdr(&["events", "schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap(); // and the pipe is closed
    let output = child.wait_with_output().unwrap();
    assert_eq!(first, "{\n");
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn events_are_written_out_as_they_are_committed() {
    let folder = tempfile::tempdir().unwrap();
    let output = told(presdr(&["events", "schema", "--out"]).arg(folder.path()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = std::fs::read(folder.path().join("asyncapi.json")).unwrap();
    let committed = std::fs::read("events/schema/asyncapi.json").unwrap();
    assert!(written == committed, "run `presdr events schema --out events/schema`");
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = told(&mut presdr(&["completions", shell]));
        assert!(output.status.success() && text(&output.stdout).contains("robots"), "{shell}");
    }
}

#[test]
fn a_gateway_that_must_not_run_is_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let there = ["--public-url", "https://presdr.example", "--oidc-issuer", "https://sso.example"];
    let whole = [&there[..], &["--oidc-client-id", "presdr", "--oidc-audience", "presdr"]].concat();
    let development = [&whole[..], &["--listen", "0.0.0.0:8443", "--mode", "development"]].concat();
    for (command, options, why) in [
        ("serve", &[][..], "the gateway is not configured: give --public-url"),
        ("serve", &there[..], "the gateway lacks --oidc-client-id, --oidc-audience"),
        ("serve", &whole[..], "in production the gateway needs TLS"),
        ("up", &whole[..], "in production the gateway needs TLS"),
        ("up", &development[..], "it listens on this machine alone"),
    ] {
        let output = told(presdr(&["--data", data.to_str().unwrap(), command]).args(options));
        let error = text(&output.stderr);
        assert!(!output.status.success() && error.contains(why), "{command} {options:?}: {error}");
        assert!(!data.exists(), "nothing was started");
    }
}
