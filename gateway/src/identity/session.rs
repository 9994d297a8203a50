//! Browsers that are signed in: a cookie with a random id, a row with its hash, and what is needed to go on in that row, sealed.

use std::{fmt, time::Duration};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::TenantId;
use presdr_store::{
    StoreError, TenantTx,
    keys::{Keyring, random},
    sessions::{self, NewSession, Session, SessionHash},
    tenants, users,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    caller::Caller,
    claims::{self, Claims},
    provider::{ProviderError, Tokens},
    roles::Role,
    token::{self, Expected},
};
use crate::{Gateway, Problem};

/// The cookie's name. Browsers take `__Host-` from a secure page alone, for that host and no other.
pub(super) const COOKIE: &str = "__Host-presdr";
/// A session ends after a working day, whatever the provider says.
const SESSION_MAX: TimeDelta = TimeDelta::hours(12);
/// How long one request has for asking the provider again, while the others wait.
const RENEWAL_MAX: TimeDelta = TimeDelta::seconds(30);
/// How long the others wait for what it learns.
const RENEWAL_WAIT: TimeDelta = TimeDelta::seconds(10);
const RENEWAL_POLL: Duration = Duration::from_millis(100);

/// What the cookie holds: whose session, and its id. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(super) tenant: TenantId,
    id: [u8; 32],
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({}, …)", self.tenant)
    }
}

impl Cookie {
    fn new(tenant: TenantId) -> Self {
        Self { tenant, id: random() }
    }

    /// The session's cookie among those of a request. One that nobody here has sealed is none: the database is not asked about it.
    pub(super) fn read(headers: &HeaderMap, keyring: &Keyring) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie(headers, COOKIE)?).ok()?;
        let content = keyring.open_platform(COOKIE, &sealed)?;
        let (id, tenant) = content.split_first_chunk()?;
        Some(Self { tenant: TenantId::new(std::str::from_utf8(tenant).ok()?).ok()?, id: *id })
    }

    pub(super) fn hash(&self) -> SessionHash {
        SessionHash::of(&self.id)
    }

    fn text(&self, keyring: &Keyring) -> Result<String, Problem> {
        let sealed = keyring.seal_platform(COOKIE, &[&self.id[..], self.tenant.as_str().as_bytes()].concat())?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }
}

/// The value of a cookie; of two with one name none is believed.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all =
        headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(';'));
    let mut named = all.filter_map(|pair| pair.trim().split_once('=')).filter(|(found, _)| *found == name);
    match (named.next(), named.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// A `Set-Cookie` that lasts for so many seconds; 0 takes the cookie away.
pub(super) fn set_cookie(name: &str, value: &str, seconds: i64) -> Result<HeaderValue, Problem> {
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).map_err(|_| Problem::internal())
}

/// What is kept, sealed, of a session.
#[derive(Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) subject: String,
    email: Option<String>,
    roles: Vec<Role>,
    odoo_db: Option<String>,
    refresh_token: Option<String>,
    /// Tells the provider, at sign-out, whom to sign out.
    pub(super) id_token: String,
}

impl Content {
    fn with_refresh_token(&self, token: &str) -> Self {
        let Self { subject, email, roles, odoo_db, id_token, .. } = self;
        Self {
            subject: subject.clone(),
            email: email.clone(),
            roles: roles.clone(),
            odoo_db: odoo_db.clone(),
            refresh_token: Some(token.to_owned()),
            id_token: id_token.clone(),
        }
    }
}

/// What the provider vouched for: the claims of an ID token, and the tokens.
pub(super) struct Vouched {
    pub(super) claims: Claims,
    /// What the provider calls its own session.
    pub(super) provider_session: Option<String>,
    pub(super) nonce: Option<String>,
    id_token: String,
    refresh_token: Option<String>,
}

impl Vouched {
    /// Checks the ID token among `tokens`.
    pub(super) async fn read(gateway: &Gateway, tokens: Tokens) -> Result<Self, Problem> {
        let id_token =
            tokens.id_token.ok_or_else(|| Problem::unauthenticated("the identity provider sent no ID token"))?;
        let client_id = &gateway.provider().registration().client_id;
        let expected = Expected { issuer: gateway.expected().issuer.clone(), audiences: vec![client_id.clone()] };
        let (text, now) = (id_token.as_str(), gateway.desk().now());
        let refused = |error: token::TokenError| super::caller::refusal(&error);
        let read = token::believe(text, &expected, gateway.keys(), now, &[None, Some("jwt")]).await.map_err(refused)?;
        is_for(&read, client_id)?;
        let of = |name| claims::optional(&read, name).map_err(|error| refused(error.into()));
        let (provider_session, nonce) = (of("sid")?, of("nonce")?);
        let claims = Claims::read(&read).map_err(|error| refused(error.into()))?;
        Ok(Self { claims, provider_session, nonce, id_token, refresh_token: tokens.refresh_token })
    }

    /// What is kept of it. A provider that sends no new refresh token means the old one.
    fn content(&self, refresh_before: Option<String>) -> Result<Vec<u8>, Problem> {
        let content = Content {
            subject: self.claims.subject.clone(),
            email: self.claims.email.clone(),
            roles: self.claims.roles.clone(),
            odoo_db: self.claims.odoo_db.clone(),
            refresh_token: self.refresh_token.clone().or(refresh_before),
            id_token: self.id_token.clone(),
        };
        serde_json::to_vec(&content).map_err(|_| Problem::internal())
    }
}

/// OpenID Connect Core 1.0, section 3.1.3.7: a token that was made for another party is not for us, even if we are an audience.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> Result<(), Problem> {
    match claims.get("azp") {
        None => Ok(()),
        Some(party) if party.as_str() == Some(client_id) => Ok(()),
        Some(_) => Err(Problem::unauthenticated("the identity provider's ID token is for another party")),
    }
}

/// Begins a session and ends the one that the browser had, of whichever tenant: nobody has two at once. Gives the cookie.
pub(super) async fn begin(
    gateway: &Gateway,
    vouched: &Vouched,
    before: Option<Cookie>,
    began_at: DateTime<Utc>,
) -> Result<HeaderValue, Problem> {
    let now = gateway.desk().now();
    let (keyring, issuer) = (gateway.desk().keyring(), &gateway.expected().issuer);
    let claims = &vouched.claims;
    // Somebody of a tenant that is still being set up comes in, too: to see that.
    gateway.admit(&claims.tenant, claims.odoo_db.as_deref()).await?;
    if let Some(before) = before {
        end(gateway, &before).await?;
    }
    let (mut tx, _) = tenants::enter_open(gateway.database(), &claims.tenant).await?;
    let user = users::upsert(&mut tx, &keyring, issuer, &claims.subject, claims.email.as_deref()).await?;
    let cookie = Cookie::new(claims.tenant.clone());
    let expires_at = now + SESSION_MAX;
    let new = NewSession {
        hash: cookie.hash(),
        user,
        issuer,
        subject: &claims.subject,
        provider_session: vouched.provider_session.as_deref(),
        content: &vouched.content(None)?,
        began_at,
        renew_at: claims.expires_at,
        expires_at,
    };
    if !sessions::begin(&mut tx, &keyring, &new, now).await? {
        return Err(Problem::forbidden(
            "the identity provider has signed you out while you signed in: go to /login and begin again",
        ));
    }
    tx.commit().await?;
    set_cookie(COOKIE, &cookie.text(&keyring)?, SESSION_MAX.num_seconds())
}

/// Ends a session and gives what was kept of it.
pub(super) async fn end(gateway: &Gateway, cookie: &Cookie) -> Result<Option<Content>, Problem> {
    let mut tx = gateway.database().enter(&cookie.tenant).await?;
    let Some(session) = look(gateway, &mut tx, cookie).await? else { return Ok(None) };
    sessions::end(&mut tx, cookie.hash()).await?;
    tx.commit().await?;
    content(&session).map(Some)
}

/// Who asks with this cookie; `None` when its session has ended.
pub(super) async fn caller(gateway: &Gateway, cookie: &Cookie) -> Result<Option<Caller>, Problem> {
    let Some(mut session) = find(gateway, cookie).await? else { return Ok(None) };
    if session.renew_at <= gateway.desk().now() {
        match renewed(gateway, cookie, &session).await? {
            Some(newer) => session = newer,
            None => return Ok(None),
        }
    }
    let Content { subject, email, roles, odoo_db, .. } = content(&session)?;
    Ok(Some(Caller {
        subject,
        email,
        tenant: cookie.tenant.clone(),
        roles,
        odoo_db,
        expires_at: Some(session.expires_at),
        session: Some(cookie.clone()),
    }))
}

async fn find(gateway: &Gateway, cookie: &Cookie) -> Result<Option<Session>, Problem> {
    look(gateway, &mut gateway.database().enter(&cookie.tenant).await?, cookie).await
}

/// The session, unless it has ended, or its tenant was erased.
async fn look(gateway: &Gateway, tx: &mut TenantTx, cookie: &Cookie) -> Result<Option<Session>, Problem> {
    match sessions::find(tx, &gateway.desk().keyring(), cookie.hash(), gateway.desk().now()).await {
        Ok(session) => Ok(session),
        Err(StoreError::Erased(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn content(session: &Session) -> Result<Content, Problem> {
    serde_json::from_slice(&session.content).map_err(|_| Problem::internal())
}

/// Asks the provider whether the session still holds: one request does, whichever process it is in, and the others wait for what it learns.
async fn renewed(gateway: &Gateway, cookie: &Cookie, session: &Session) -> Result<Option<Session>, Problem> {
    let now = gateway.desk().now();
    let mut tx = gateway.database().enter(&cookie.tenant).await?;
    let mine = sessions::claim_renewal(&mut tx, cookie.hash(), now, now + RENEWAL_MAX).await?;
    tx.commit().await?;
    if mine {
        // Goes on when whoever asked leaves: a refresh token counts once, and its successor must not be lost.
        let (gateway, cookie, content) = (gateway.clone(), cookie.clone(), content(session)?);
        let asking = tokio::spawn(async move {
            let asked = ask_again(&gateway, &cookie, content).await;
            if asked.is_err() {
                let mut tx = gateway.database().enter(&cookie.tenant).await?;
                sessions::release_renewal(&mut tx, cookie.hash()).await?;
                tx.commit().await?;
            }
            asked
        });
        return asking.await.map_err(|_| Problem::internal())?;
    }
    let until = now + RENEWAL_WAIT;
    loop {
        match find(gateway, cookie).await? {
            None => return Ok(None),
            Some(newer) if newer.renew_at > gateway.desk().now() => return Ok(Some(newer)),
            Some(_) if gateway.desk().now() >= until => {
                return Err(Problem::unavailable("your session is being renewed; try again"));
            }
            Some(_) => tokio::time::sleep(RENEWAL_POLL).await,
        }
    }
}

async fn ask_again(gateway: &Gateway, cookie: &Cookie, held: Content) -> Result<Option<Session>, Problem> {
    let Some(refresh) = held.refresh_token.clone() else {
        end(gateway, cookie).await?;
        return Ok(None);
    };
    let tokens = gateway.provider().tokens(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    let vouched = match tokens {
        Ok(tokens) => {
            keep(gateway, cookie, &held, tokens.refresh_token.as_deref()).await?;
            Vouched::read(gateway, tokens).await?
        }
        Err(error @ ProviderError::Refused(_)) => {
            tracing::info!(%error, "a session was not renewed");
            end(gateway, cookie).await?;
            return Ok(None);
        }
        Err(error) => {
            tracing::warn!(%error, "a session could not be renewed");
            return Err(Problem::unavailable(
                "the identity provider cannot be reached, so your session cannot be renewed; try again",
            ));
        }
    };
    // Another person, or another tenant, is another session.
    if vouched.claims.tenant != cookie.tenant || vouched.claims.subject != held.subject {
        end(gateway, cookie).await?;
        return Ok(None);
    }
    let (keyring, renew_at) = (gateway.desk().keyring(), vouched.claims.expires_at);
    let (mut tx, _) = tenants::enter_open(gateway.database(), &cookie.tenant).await?;
    let holds = sessions::renew(&mut tx, &keyring, cookie.hash(), &vouched.content(Some(refresh))?, renew_at).await?;
    tx.commit().await?;
    if holds { find(gateway, cookie).await } else { Ok(None) }
}

/// Keeps the successor of a refresh token before anything else can go wrong: the one before it counts once.
async fn keep(gateway: &Gateway, cookie: &Cookie, held: &Content, successor: Option<&str>) -> Result<(), Problem> {
    let Some(successor) = successor else { return Ok(()) };
    let content = serde_json::to_vec(&held.with_refresh_token(successor)).map_err(|_| Problem::internal())?;
    let (keyring, now) = (gateway.desk().keyring(), gateway.desk().now());
    let mut tx = gateway.database().enter(&cookie.tenant).await?;
    sessions::renew(&mut tx, &keyring, cookie.hash(), &content, now).await?;
    // Still ours to verify.
    sessions::claim_renewal(&mut tx, cookie.hash(), now, now + RENEWAL_MAX).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether a request that a cookie vouches for comes from a page of ours: browsers send the cookie along with what any page asks.
pub(super) fn is_from_our_pages(gateway: &Gateway, method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let config = gateway.config();
    origin.is_some_and(|origin| origin == config.origin() || config.origins.iter().any(|allowed| allowed == origin))
}

#[cfg(test)]
mod tests {
    use presdr_events::Key;

    use super::*;

    fn headers(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|cookie| (header::COOKIE, HeaderValue::from_static(cookie))).collect()
    }

    #[test]
    fn a_cookie_is_read_as_it_was_set() {
        let (cookie, keyring) = (Cookie::new(TenantId::new("acme").unwrap()), keyring(7));
        let with = |text: &str| {
            let value = HeaderValue::from_str(&format!("a=b; {COOKIE}={text}")).unwrap();
            HeaderMap::from_iter([(header::COOKIE, value)])
        };
        let text = cookie.text(&keyring).unwrap();
        let read = Cookie::read(&with(&text), &keyring).unwrap();
        assert_eq!((read.tenant, read.id), (cookie.tenant.clone(), cookie.id));
        let made_up = format!("acme.{}", URL_SAFE_NO_PAD.encode([0; 32]));
        let (cut, foreign) = (&text[..text.len() - 2], cookie.text(&self::keyring(8)).unwrap());
        for other in [made_up.as_str(), cut, &foreign, "", "acme"] {
            assert!(Cookie::read(&with(other), &keyring).is_none(), "{other} is nobody's");
        }
    }

    fn keyring(byte: u8) -> Keyring {
        Keyring::new(Key::new([byte; 32]))
    }

    #[test]
    fn of_two_cookies_none_is_believed() {
        assert_eq!(cookie(&headers(&["x=1; y=2", "z=3"]), "z"), Some("3"));
        assert_eq!(cookie(&headers(&["x=1; x=2"]), "x"), None);
        assert_eq!(cookie(&headers(&["x=1", "x=2"]), "x"), None);
    }
}
