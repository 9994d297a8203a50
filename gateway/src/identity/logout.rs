//! Signing out: by the person, who is then signed out at the provider, too; and by the provider, behind the browser's back.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use presdr_store::{StoreError, sessions, tenants};
use serde_json::Value;

use super::{
    claims,
    session::{self, COOKIE, Cookie},
    token::{self, Expected},
};
use crate::{Gateway, Problem};

/// The event that a logout token must tell (OpenID Connect Back-Channel Logout 1.0, section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// A logout token is remembered for so long after it has expired: clocks differ.
const REMEMBERED_LONGER: TimeDelta = TimeDelta::minutes(5);

/// `POST /logout`: ends the browser's session and leads to the provider's own sign-out.
pub(crate) async fn by_person(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Response, Problem> {
    let Some(cookie) = Cookie::read(&headers, &gateway.desk().keyring()) else {
        return Err(Problem::unauthenticated("this browser is not signed in"));
    };
    if !session::is_from_our_pages(&gateway, &Method::POST, &headers) {
        return Err(Problem::forbidden("only a page of ours can sign you out"));
    }
    let ended = session::end(&gateway, &cookie).await?;
    let there = match ended {
        Some(content) => sign_out_at_provider(&gateway, &content.id_token).await,
        None => "/".to_owned(),
    };
    let gone = session::set_cookie(COOKIE, "", 0)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, there)], [(header::SET_COOKIE, gone)]).into_response())
}

/// Where the browser signs out at the provider. The session here has ended whether or not that can be reached.
async fn sign_out_at_provider(gateway: &Gateway, id_token: &str) -> String {
    let endpoint = gateway.provider().metadata().await.ok().and_then(|metadata| metadata.end_session_endpoint);
    let Some(mut there) = endpoint else { return "/".to_owned() };
    there
        .query_pairs_mut()
        .append_pair("id_token_hint", id_token)
        .append_pair("client_id", &gateway.provider().registration().client_id)
        .append_pair("post_logout_redirect_uri", gateway.config().public_url.as_str());
    there.into()
}

/// `POST /logout/backchannel`: the provider says that a person, or one of its sessions, has ended.
pub(crate) async fn by_provider(State(gateway): State<Gateway>, request: Request) -> Result<StatusCode, Problem> {
    let unfit = |why: &'static str| Problem::bad_request(why);
    let body = Bytes::from_request(request, &gateway).await.map_err(|refused| match refused.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(gateway.config().limits.body_bytes),
        _ => unfit("the body cannot be read"),
    })?;
    let sent = url::form_urlencoded::parse(&body).find(|(name, _)| name == "logout_token");
    let (_, token) = sent.ok_or_else(|| unfit("send a form with a logout_token"))?;
    let (now, issuer) = (gateway.desk().now(), gateway.expected().issuer.clone());
    let expected =
        Expected { issuer: issuer.clone(), audiences: vec![gateway.provider().registration().client_id.clone()] };
    let believed =
        token::believe(&token, &expected, gateway.keys(), now, &[Some("logout+jwt"), Some("jwt"), None]).await;
    let read = believed.map_err(|error| {
        tracing::warn!(%error, "a logout token was refused");
        match error {
            token::TokenError::Keys(_) => Problem::unavailable("the token cannot be checked now"),
            error => Problem::bad_request(error.to_string()),
        }
    })?;
    let of = |name| claims::optional(&read, name).map_err(|_| unfit("a claim of the logout token is malformed"));
    let (subject, provider_session, token_id) = (of("sub")?, of("sid")?, of("jti")?);
    // A nonce would make an ID token of it.
    if !read.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object)
        || read.contains_key("nonce")
    {
        return Err(unfit("this is no logout token"));
    }
    if subject.is_none() && provider_session.is_none() {
        return Err(unfit("the logout token names neither a subject nor a session"));
    }
    let token_id = token_id.ok_or_else(|| unfit("the logout token has no jti"))?;
    let token_id = format!("{issuer}\n{token_id}");
    if sessions::is_logout_known(gateway.database(), &token_id).await? {
        return Err(unfit("this logout token was used before"));
    }
    let until = claims::time(&read, "exp").ok().flatten().unwrap_or(now) + REMEMBERED_LONGER;
    // Goes on when the provider does not wait: it does not say so twice.
    let ending = tokio::spawn(async move {
        end_everywhere(&gateway, &issuer, subject.as_deref(), provider_session.as_deref()).await?;
        sessions::remember_logout(gateway.database(), &token_id, until, now).await
    });
    ending.await.map_err(|_| Problem::internal())??;
    Ok(StatusCode::OK)
}

/// Ends the sessions of a person, or one of the provider's, whichever tenant's they are.
async fn end_everywhere(
    gateway: &Gateway,
    issuer: &str,
    subject: Option<&str>,
    provider_session: Option<&str>,
) -> Result<(), StoreError> {
    let keyring = gateway.desk().keyring();
    // People of a tenant that is still being set up have sessions, too.
    let open = tenants::all(gateway.database()).await?.into_iter().filter(|tenant| !tenant.is_closed());
    for tenant in open {
        let end = async {
            let mut tx = gateway.database().enter(&tenant.id).await?;
            sessions::end_of(&mut tx, &keyring, issuer, subject, provider_session, gateway.desk().now()).await?;
            Ok(tx.commit().await?)
        };
        match end.await {
            // A tenant that was erased meanwhile has no sessions, nor has one without keys.
            Ok(()) | Err(StoreError::Erased(_) | StoreError::NoKeys(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
