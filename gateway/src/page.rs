//! The one page for people: it says who is signed in, and in which mode the gateway is. The chat has a page of its own.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{Html, IntoResponse, Response},
};

use presdr_producers::tenants;
use presdr_store::onboarding;

use crate::{
    Gateway, Mode, Problem,
    identity::{self, Caller, roles::Permission},
};

/// `GET /`
pub(crate) async fn start(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let warning = match gateway.config().mode {
        Mode::Production => "",
        Mode::Development => "<p><strong>Development mode: whoever asks is believed to be who they say.</strong></p>",
    };
    let person = match signed_in(&gateway, &headers).await {
        Ok(caller) => format!(
            "{}<p>Signed in as <b id=\"who\">{}</b> for <b id=\"tenant\">{}</b>.</p>\
             <form method=\"post\" action=\"/logout\"><button id=\"logout\">Sign out</button></form>",
            set_up(&gateway, &caller).await,
            text(caller.email.as_deref().unwrap_or(&caller.subject)),
            caller.tenant,
        ),
        Err(_) => "<p><a id=\"login\" href=\"/login\">Sign in</a></p>".to_owned(),
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>presdr</title>{warning}{person}</html>"
    );
    let mut response = Html(page).into_response();
    // Browsers look at where a form's answer leads, too: signing out ends at the provider.
    let provider = gateway.provider().metadata().await.ok().and_then(|metadata| metadata.end_session_endpoint);
    let provider = provider.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self' {provider}");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn signed_in(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, Problem> {
    let caller = identity::identify(gateway, &Method::GET, headers).await?;
    gateway.admit(&caller.tenant, caller.odoo_db.as_deref()).await?;
    Ok(caller)
}

/// Of a tenant that is not ready: how far it is, what stands in the way, and, for whoever may, to go on.
async fn set_up(gateway: &Gateway, caller: &Caller) -> String {
    let stands = match tenants::standing(gateway.desk(), &caller.tenant).await {
        Ok(stands) if stands.state != onboarding::State::Ready => stands,
        _ => return String::new(),
    };
    let button = match caller.may(Permission::FinishOnboarding) {
        true => "<form method=\"post\" action=\"/onboarding/finish\"><button id=\"finish\">Go on</button></form>",
        false => "",
    };
    format!(
        "<p>{} is still being set up: <b id=\"state\">{}</b>. <span id=\"problem\">{}</span></p>{button}",
        text(&stands.name),
        stands.state.as_str(),
        text(stands.problem.as_deref().unwrap_or_default()),
    )
}

/// Text as it may stand in HTML.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
