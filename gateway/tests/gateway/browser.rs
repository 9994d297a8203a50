//! A real browser, a real OpenID provider: signing in, going on, signing out, two tenants of one person.

use std::{path::Path, process::Stdio, time::Duration};

use presdr_gateway::Transport;
use presdr_producers::odoo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::support::{World, connection};

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/provider");

/// Whether node, provider and browser are there; says so when not.
pub async fn can_run() -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/oidc-provider.sh");
    let installed = Command::new(script).output().await.unwrap();
    if !installed.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&installed.stderr).trim());
        assert_eq!(installed.status.code(), Some(3), "{}", String::from_utf8_lossy(&installed.stderr));
    }
    installed.status.success()
}

/// The provider that is told of this, and its issuer. It ends with this value, since its standard input does.
pub async fn provider(told: &Value, trusted: &Path) -> (Child, String) {
    let mut node = Command::new("node");
    let mut child = node
        .arg("provider.mjs")
        .current_dir(FOLDER)
        .env("NODE_EXTRA_CA_CERTS", trusted)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(format!("{told}\n").as_bytes()).await.unwrap();
    let mut issuer = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut issuer).await.unwrap();
    (child, issuer.trim().to_owned())
}

pub fn chromium() -> &'static str {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("chromium")
}

#[tokio::test]
async fn people_sign_in_work_and_sign_out_in_a_browser() {
    if !can_run().await {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let files = tempfile::tempdir().unwrap();
    let (certificates, key) = certificate(files.path());
    let person = |tenant: &str| json!({ "email": "jane@people.example", "tenant_id": tenant, "roles": ["ops"] });
    let accounts = json!({
        "jane-at-acme": person("acme"), "jane-at-globex": person("globex"), "joe-at-nowhere": person("nowhere"),
        "jim-at-acme": { "tenant_id": "acme", "roles": ["ops"], "odoo_db": "globex" },
    });
    let told = json!({ "gateway": origin, "seconds": 2, "accounts": accounts });
    let (_provider, issuer) = provider(&told, &certificates).await;
    let world = World::on(listener, |config| {
        config.transport = Transport::Tls { certificates, key };
        config.public_url = origin.parse().unwrap();
        config.registration.issuer = issuer.parse().unwrap();
        config.limits.stream_look = Duration::from_millis(200);
    })
    .await;
    for slug in ["acme", "globex"] {
        let tenant = world.tenant(slug).await;
        odoo::connect(&world.desk, &tenant, &connection("http://127.0.0.1:1", slug)).await.unwrap();
    }
    let told = json!({ "gateway": origin, "executable": chromium() }).to_string();
    let done =
        Command::new("node").arg("browser.mjs").arg(told).arg(&issuer).current_dir(FOLDER).output().await.unwrap();
    let output = String::from_utf8_lossy(&done.stdout);
    let seen: Value = serde_json::from_str(output.trim())
        .unwrap_or_else(|_| panic!("{output}{}", String::from_utf8_lossy(&done.stderr)));
    assert_eq!(seen["error"], Value::Null, "{seen:#}");
    assert_eq!(seen["nobody"], 401);
    assert_eq!(seen["signedIn"], json!({ "who": "jane@people.example", "tenant": "acme" }));
    assert_eq!((&seen["who"]["status"], &seen["who"]["body"]["sub"]), (&json!(200), &json!("jane-at-acme")));
    assert_eq!(seen["cookie"], json!({ "httpOnly": true, "secure": true, "sameSite": "Lax", "path": "/" }));
    assert_eq!(seen["script"], "", "scripts see no cookie");
    assert_eq!(seen["forged"], json!([403, 403]), "another page changes nothing");
    assert_eq!(seen["ours"], 409, "our page is heard, and told that there is no profile yet");
    assert_eq!(seen["renewed"], json!([200, 200, 200, 200, 200]));
    assert_eq!(seen["watchesOn"], true, "a stream goes on when the token that it began with has run out");
    assert_eq!((&seen["signedOutHere"], &seen["watchedUntil"]), (&json!(401), &json!("signed_out")));
    assert_eq!(seen["works"], 200, "what the cookie holds is all that a request needs");
    assert_eq!(seen["stolenAfterwards"], 401, "a cookie that somebody kept is worth nothing");
    assert_eq!(seen["second"], json!({ "who": "jane@people.example", "tenant": "globex" }));
    assert_eq!((&seen["secondWho"], &seen["firstAfterSecond"]), (&json!("globex"), &json!(401)));
    assert_eq!(seen["backchannel"], json!([200, 401]));
    assert_eq!(seen["strangers"], json!([403, 403]), "of a tenant that is not here; of another Odoo than the tenant's");
}

/// A certificate of this test, for 127.0.0.1.
pub fn certificate(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}
