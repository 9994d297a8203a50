//! Auth callout (NATS ADR-26): whoever connects with a token instead of one of our users is let in for a short while, to listen to what the
//! token's tenant may hear, and to nothing else.
//!
//! The server asks on [`SUBJECT`], in a message that only we can read: sealed for our curve key, with a claim that the server has signed. The
//! answer is sealed for that server alone, and holds a user signed by the issuer that the server was told to believe.

mod claims;

use std::{fmt, net::IpAddr, sync::Arc};

use async_nats::HeaderMap;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use nkeys::{KeyPair, KeyPairType, XKey};
use presdr_events::Digest;
use tokio_util::sync::CancellationToken;

use crate::{Broker, BrokerError};

/// Where servers ask.
pub const SUBJECT: &str = "$SYS.REQ.USER.AUTH";
/// Of several gateways one answers.
const GROUP: &str = "presdr-callout";
/// The server's own curve key, for the answer.
const SERVER_KEY: &str = "Nats-Server-Xkey";
/// Questions answered at the same time; more wait, and the server gives up on those that wait too long.
const AT_ONCE: usize = 32;

/// What servers believe, and what they seal their questions for. Both are made from one key.
pub struct CalloutKeys {
    issuer: KeyPair,
    curve: XKey,
}

/// Why a question is not answered. Never holds anything of a token.
#[derive(Debug, thiserror::Error)]
pub enum CalloutError {
    /// A key that is none.
    #[error("a key of the auth callout: {0}")]
    Key(#[from] nkeys::error::Error),
    /// The question has another form.
    #[error("this is no sealed, signed question of a server: {0}")]
    Question(&'static str),
    /// An answer that has no JSON form.
    #[error("an answer has no JSON form: {0}")]
    Json(#[from] serde_json::Error),
}

impl CalloutKeys {
    /// The keys that are made from `key`.
    ///
    /// # Errors
    /// [`CalloutError::Key`] when no key pair can be made of it.
    pub fn new(key: &[u8; 32]) -> Result<Self, CalloutError> {
        let made = |what: &[u8]| *Digest::of_parts(&[key, what]).bytes();
        let issuer = KeyPair::new_from_raw(KeyPairType::Account, made(b"presdr callout issuer"))?;
        Ok(Self { issuer, curve: XKey::new_from_raw(made(b"presdr callout curve")) })
    }

    /// The public key of the issuer: `auth_callout.issuer` of a server's configuration.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.issuer.public_key()
    }

    /// The public curve key: `auth_callout.xkey` of a server's configuration.
    #[must_use]
    pub fn curve(&self) -> String {
        self.curve.public_key()
    }

    /// Reads a server's question.
    ///
    /// # Errors
    /// [`CalloutError::Question`] when it is not sealed for us, or no server has signed it.
    pub fn open(&self, payload: &[u8], headers: Option<&HeaderMap>) -> Result<Question, CalloutError> {
        let server = headers.and_then(|headers| headers.get(SERVER_KEY));
        let server = server.ok_or(CalloutError::Question("the server has no curve key"))?;
        let server = XKey::from_public_key(server.as_str())?;
        let opened = self.curve.open(payload, &server)?;
        let claims: claims::Asked = claims::read(&opened)?;
        if claims.aud != "nats-authorization-request" || claims.iss != claims.nats.server_id.id {
            return Err(CalloutError::Question("it is for somebody else"));
        }
        let (connect, from) = (claims.nats.connect_opts, claims.nats.client_info.host);
        let token = connect.auth_token.or(connect.pass).unwrap_or_default();
        let from = from.and_then(|host| host.parse().ok());
        Ok(Question { server_id: claims.iss, server, user: claims.nats.user_nkey, from, token: Token(token) })
    }

    /// The sealed answer to a question.
    ///
    /// # Errors
    /// [`CalloutError::Key`] when it cannot be signed or sealed.
    pub fn answer(
        &self,
        question: &Question,
        granted: Result<&Grant, &str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, CalloutError> {
        let user = match granted {
            Ok(grant) => Ok(claims::sign(&self.issuer, &claims::user(&self.issuer, &question.user, grant, now))?),
            Err(refused) => Err(refused),
        };
        let answer = claims::answer(&self.issuer, question, user, now);
        Ok(self.curve.seal(claims::sign(&self.issuer, &answer)?.as_bytes(), &question.server)?)
    }
}

impl fmt::Debug for CalloutKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CalloutKeys").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

/// What somebody connects with. Never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// A server's question: may this connection in?
#[derive(Debug)]
pub struct Question {
    server_id: String,
    server: XKey,
    /// The public key that the connection is known by, made by the server.
    user: String,
    /// The address that the connection comes from, as the server sees it.
    pub from: Option<IpAddr>,
    /// What it connects with.
    pub token: Token,
}

/// What a connection may hear, and until when. It may say nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Subjects that it may subscribe to.
    pub hears: Vec<String>,
    /// When the server ends the connection.
    pub until: DateTime<Utc>,
}

/// Answers servers' questions until `stopping` is cancelled. `decide` says what a token from an address is good for, or why it is good for
/// nothing, in words that may stand in a server's log.
///
/// # Errors
/// [`BrokerError::Callout`] when questions cannot be subscribed to.
pub async fn serve<F>(
    broker: &Broker,
    keys: Arc<CalloutKeys>,
    now: impl Fn() -> DateTime<Utc>,
    decide: impl Fn(Token, Option<IpAddr>) -> F,
    stopping: CancellationToken,
) -> Result<(), BrokerError>
where
    F: Future<Output = Result<Grant, &'static str>>,
{
    let client = broker.client();
    let questions = client.queue_subscribe(SUBJECT, GROUP.to_owned()).await;
    let questions = questions.map_err(|error| BrokerError::Callout(error.to_string()))?;
    let (keys, now, decide) = (&keys, &now, &decide);
    questions
        .take_until(stopping.cancelled())
        .for_each_concurrent(AT_ONCE, |message| async move {
            let Some(reply) = message.reply.clone() else { return };
            let answered = async {
                let question = keys.open(&message.payload, message.headers.as_ref())?;
                let granted = decide(question.token.clone(), question.from).await;
                keys.answer(&question, granted.as_ref().map_err(|refused| *refused), now())
            };
            match answered.await {
                Ok(answer) => {
                    if let Err(error) = client.publish(reply, answer.into()).await {
                        tracing::warn!(%error, "an answer to a server's question about a connection was not sent");
                    }
                }
                // Without an answer the server refuses the connection.
                Err(error) => tracing::warn!(%error, "a question about a connection was not answered"),
            }
        })
        .await;
    Ok(())
}

#[cfg(test)]
mod tests;
