//! `presdr sandbox` as whoever develops against it meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is the test failing")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// The body of the answer to one request; `host` is the place to connect to.
fn asked(host: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_sandbox_says_where_it_is_and_what_was_charged() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_presdr"))
        .args([
            "sandbox",
            "--json",
            "--companies",
            "40",
            "--fault",
            "tavily/search:rate_limit=9:1",
            "--credits",
            "tavily=1",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let environment = &ready["environment"];
    assert_eq!(environment["PRESDR_TAVILY_URL"], ready["vendors"]["tavily"]["url"]);
    assert_eq!(environment["PRESDR_RESOLVE_TO"], ready["sites"]);
    assert!(environment["PRESDR_OPENAI_API_KEY"].is_string() && environment["PRESDR_ZEROBOUNCE_URL"].is_string());

    let base = ready["vendors"]["tavily"]["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let (host, folder) = base.split_once('/').unwrap();
    let key = ready["vendors"]["tavily"]["key"].as_str().unwrap();
    let body = r#"{"query":"anything"}"#;
    let request = format!(
        "POST /{folder}/search HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let limited = asked(host, &request);
    assert!(limited.starts_with("HTTP/1.1 429") && limited.contains("retry-after: 9"), "{limited}");
    assert!(asked(host, &request).starts_with("HTTP/1.1 200"));
    assert!(asked(host, &request).starts_with("HTTP/1.1 432"), "one credit is all there was");
    let sites = ready["sites"].as_str().unwrap();
    let nobody = asked(sites, "GET / HTTP/1.1\r\nhost: nobody.example\r\nconnection: close\r\n\r\n");
    assert!(nobody.starts_with("HTTP/1.1 421"), "{nobody}");

    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    line.clear();
    said.read_line(&mut line).unwrap();
    let totals: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&totals["tavily"]["requests"], &totals["tavily"]["credits"]), (&Value::from(3), &Value::from(1)));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_fault_that_is_none_is_told() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_presdr")).args(["sandbox", "--fault", "tavily:tired"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("rate_limit"));
}
