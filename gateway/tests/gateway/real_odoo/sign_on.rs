//! One person at the gateway and in Odoo, by one sign-in, in a real browser.

use presdr_gateway::Transport;
use presdr_producers::odoo;
use presdr_servers::testing::{self, OdooTenant};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

use super::{Admin, connection};
use crate::{
    browser::{FOLDER, can_run, certificate, chromium, provider},
    support::World,
};

/// What docs/odoo.md tells an administrator to set up, and how it was before.
struct Arranged<'a> {
    admin: Admin<'a>,
    provider: Value,
    user: Value,
    scope: Value,
}

const SCOPE: &str = "auth_signup.invitation_scope";

async fn arrange<'a>(odoo: &'a OdooTenant, tenant: &str, issuer: &str) -> Arranged<'a> {
    let (admin, client_id) = (Admin::of(odoo), format!("odoo-{tenant}"));
    let at = |path: &str| format!("{issuer}/{path}");
    let provider = admin
        .make(
            "auth.oauth.provider",
            json!({
                "name": "Test SSO", "body": "Sign in with Test SSO", "enabled": true, "flow": "id_token_code", "scope": "openid email profile",
                "client_id": client_id, "client_secret": format!("secret of {client_id}"), "issuer": issuer, "auth_endpoint": at("auth"),
                "token_endpoint": at("token"), "jwks_uri": at("jwks"), "end_session_endpoint": at("session/end"),
            }),
        )
        .await;
    let login = format!("jane@{tenant}.test");
    let subject = format!("jane-at-{tenant}");
    let user = json!({ "name": "Jane", "login": login, "oauth_provider_id": provider, "oauth_uid": subject });
    let user = admin.make("res.users", user).await;
    let scope = admin.setting(SCOPE).await;
    admin.set(SCOPE, &json!("b2b")).await;
    Arranged { admin, provider, user, scope }
}

impl Arranged<'_> {
    async fn take_back(self) {
        self.admin.set(SCOPE, &self.scope).await;
        let contact =
            self.admin.call("res.users", "read", json!({ "ids": [self.user], "fields": ["partner_id"] })).await;
        self.admin.remove("res.users", &[self.user]).await;
        self.admin.remove("res.partner", &[contact[0]["partner_id"][0].clone()]).await;
        self.admin.remove("auth.oauth.provider", &[self.provider]).await;
    }
}

#[tokio::test]
#[ignore = "needs a real Odoo: make test-odoo"]
async fn one_sign_in_opens_both_and_signing_out_of_either_ends_both() {
    let odoos = testing::odoo().unwrap().tenants;
    if !can_run().await || !has_addon(&odoos[0]).await || !has_addon(&odoos[1]).await {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let files = tempfile::tempdir().unwrap();
    let (certificates, key) = certificate(files.path());
    let (acme, globex) = (&odoos[0], &odoos[1]);
    let person = |tenant: &str, odoo: &OdooTenant| json!({ "tenant_id": tenant, "roles": ["ops"], "odoo_db": odoo.db });
    let told = json!({
        "gateway": origin, "seconds": 600, "odoos": { "odoo-acme": acme.url, "odoo-globex": globex.url },
        "accounts": {
            "jane-at-acme": person("acme", acme), "jane-at-globex": person("globex", globex),
            // The address of somebody whom acme's Odoo knows is no way in, whatever the token says of databases.
            "jim-at-globex": { "tenant_id": "globex", "roles": ["ops"], "email": "jane@acme.test" },
            "joe-at-acme": { "tenant_id": "acme", "roles": ["ops"], "odoo_db": acme.db, "email": "jane@acme.test" },
        },
    });
    let (_provider, issuer) = provider(&told, &certificates).await;
    let world = World::on(listener, |config| {
        config.transport = Transport::Tls { certificates, key };
        config.public_url = origin.parse().unwrap();
        config.registration.issuer = issuer.parse().unwrap();
    })
    .await;
    for (slug, odoo) in [("acme", acme), ("globex", globex)] {
        let tenant = world.tenant(slug).await;
        odoo::connect(&world.desk, &tenant, &connection(odoo, &odoo.service)).await.unwrap();
    }
    let (at_acme, at_globex) = (arrange(acme, "acme", &issuer).await, arrange(globex, "globex", &issuer).await);
    let before = (at_acme.admin.count("res.users").await, at_acme.admin.count("res.partner").await);

    let told = json!({ "gateway": origin, "executable": chromium(), "issuer": issuer, "odoo": acme.url }).to_string();
    let done = Command::new("node").arg("odoo.mjs").arg(told).current_dir(FOLDER).output().await.unwrap();
    let after = (at_acme.admin.count("res.users").await, at_acme.admin.count("res.partner").await);
    at_acme.take_back().await;
    at_globex.take_back().await;

    let output = String::from_utf8_lossy(&done.stdout);
    let seen: Value = serde_json::from_str(output.trim())
        .unwrap_or_else(|_| panic!("{output}{}", String::from_utf8_lossy(&done.stderr)));
    assert_eq!(seen["error"], Value::Null, "{seen:#}");
    let (jane, nobody) = (json!(["jane-at-acme", "jane@acme.test"]), json!([401, "odoo.http.SessionExpiredException"]));
    assert_eq!(seen["nobody"], nobody);
    assert_eq!((&seen["link"], &seen["same"]), (&json!("/odoo"), &jane), "one sign-in, one person");
    assert_eq!(seen["afterGateway"], nobody);
    assert_eq!((&seen["first"], &seen["sameAgain"]), (&json!("/odoo"), &jane));
    assert_eq!(seen["afterOdoo"], nobody);
    assert_eq!(seen["twoBrowsers"], json!([["jane-at-acme", nobody[1]], jane]), "Odoo knows one session of a person");
    assert_eq!(seen["oneOfTwo"], json!([nobody, jane]), "another browser's session at the provider goes on");
    assert_eq!((&seen["forged"], &seen["afterForged"]), (&json!([400, 400, 400, 400]), &jane));
    let refused = json!(["refused with 3", nobody[1]]);
    assert_eq!(seen["strangers"], json!([refused, refused, refused]));
    assert_eq!(after, before, "nobody got an account, or a contact");
}

/// Whether our addon is there; says so when not.
async fn has_addon(odoo: &OdooTenant) -> bool {
    let wanted = json!({ "domain": [["name", "=", "presdr_signon"], ["state", "=", "installed"]] });
    let there = Admin::of(odoo).call("ir.module.module", "search_count", wanted).await == 1;
    if !there {
        println!("skipped: signing in to Odoo in a browser: {} at {} has no addon presdr_signon", odoo.db, odoo.url);
    }
    there
}
