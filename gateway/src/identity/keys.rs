//! The provider's signing keys: held while they are fresh, fetched again when one is missing, kept through an outage.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    provider::{Provider, ProviderError},
    signature::PublicKey,
    token::{Expected, Parts, TokenError},
};

/// At most so many keys of a provider's list are read.
const KEYS_MAX: usize = 64;

/// How long keys are used, and how often they are asked for.
#[derive(Debug, Clone, Copy)]
pub struct KeyPolicy {
    /// Keys are fetched again in the background once they are older, or sooner if the provider says so.
    pub fresh: Duration,
    /// Between two fetches that a missing key calls for lies at least this.
    pub refetch: Duration,
    /// So long the last known keys are used while the provider cannot be reached.
    pub outage: Duration,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        Self { fresh: 5 * minute, refetch: Duration::from_secs(10), outage: 4 * hour }
    }
}

/// Why there is nothing to check a signature with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeysError {
    /// The provider was not reached for too long.
    #[error("the identity provider's keys are not at hand: {0}")]
    Unavailable(String),
}

/// The keys of one provider.
pub struct Keys {
    provider: Arc<Provider>,
    policy: KeyPolicy,
    held: RwLock<Option<Arc<Held>>>,
    tried: Mutex<Option<Tried>>,
    fetching: tokio::sync::Mutex<()>,
}

/// The last attempt to fetch keys.
#[derive(Clone)]
struct Tried {
    at: Instant,
    failed: Option<String>,
}

/// What was fetched at one time.
struct Held {
    keys: HashMap<Option<String>, PublicKey>,
    /// The key of a token that names none: there must be one alone.
    only: Option<PublicKey>,
    fetched: Instant,
    fresh: Duration,
}

impl Held {
    fn new(list: &[Value], fresh: Duration) -> Self {
        let read: Vec<_> = list.iter().take(KEYS_MAX).filter_map(PublicKey::read).collect();
        let only = match read.as_slice() {
            [(_, key)] => Some(key.clone()),
            _ => None,
        };
        Self { keys: read.into_iter().collect(), only, fetched: Instant::now(), fresh }
    }

    fn find(&self, key_id: Option<&String>) -> Option<&PublicKey> {
        match key_id {
            Some(_) => self.keys.get(&key_id.cloned()),
            None => self.only.as_ref(),
        }
    }
}

impl Keys {
    /// No key yet: the first token fetches them.
    #[must_use]
    pub fn new(provider: Arc<Provider>, policy: KeyPolicy) -> Arc<Self> {
        Arc::new(Self {
            provider,
            policy,
            held: RwLock::default(),
            tried: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// Whether there are keys to check tokens with; fetches them if there never were any.
    ///
    /// # Errors
    /// [`KeysError::Unavailable`] when the provider cannot be reached.
    pub async fn ready(self: &Arc<Self>) -> Result<(), KeysError> {
        match self.usable() {
            Some(_) => Ok(()),
            None => self.refetch(None).await.map(drop),
        }
    }

    /// Checks a signature. A key that is not there is asked for, once for all who wait, and not again for a while.
    pub(super) async fn verify(self: &Arc<Self>, parts: &Parts<'_>, expected: &Expected) -> Result<(), TokenError> {
        let mut held = self.usable();
        // A token that names no key tells nothing that a newer list could answer.
        let missing = match &held {
            None => true,
            Some(held) => parts.key_id.is_some() && held.find(parts.key_id.as_ref()).is_none(),
        };
        if missing {
            held = Some(self.refetch(held.map(|held| held.fetched)).await?);
        }
        let held = held.ok_or(TokenError::Signature)?;
        let key = held.find(parts.key_id.as_ref()).ok_or(TokenError::Signature)?;
        if key.has_signed(parts.token, parts.algorithm, expected) { Ok(()) } else { Err(TokenError::Signature) }
    }

    /// Whether a token's `iss` is how the provider spells itself.
    pub(super) fn is_of_issuer(&self, issuer: Option<&str>) -> bool {
        self.provider.spelled().is_none_or(|spelled| issuer == Some(&spelled))
    }

    /// The keys, unless they are too old to be used at all. Those that are no longer fresh are fetched again meanwhile.
    fn usable(self: &Arc<Self>) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let age = held.fetched.elapsed();
        if age > held.fresh && self.may_try() {
            let (keys, seen) = (Arc::clone(self), held.fetched);
            tokio::spawn(async move { keys.fetch(Some(seen)).await });
        }
        (age <= held.fresh + self.policy.outage).then_some(held)
    }

    fn may_try(&self) -> bool {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.as_ref().is_none_or(|tried| tried.at.elapsed() >= self.policy.refetch)
    }

    /// Newer keys than those of `seen`. Goes on when whoever waits for it leaves, since others may wait, too.
    async fn refetch(self: &Arc<Self>, seen: Option<Instant>) -> Result<Arc<Held>, KeysError> {
        let keys = Arc::clone(self);
        let fetched = tokio::spawn(async move { keys.fetch(seen).await }).await;
        fetched.map_err(|error| KeysError::Unavailable(error.to_string()))?
    }

    async fn fetch(&self, seen: Option<Instant>) -> Result<Arc<Held>, KeysError> {
        let _one = self.fetching.lock().await;
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        let usable = held.filter(|held| held.fetched.elapsed() <= held.fresh + self.policy.outage);
        if let Some(newer) = usable.as_ref().filter(|held| seen.is_none_or(|seen| held.fetched > seen)) {
            return Ok(Arc::clone(newer));
        }
        if !self.may_try() {
            let failed =
                self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone().and_then(|tried| tried.failed);
            return usable
                .ok_or_else(|| KeysError::Unavailable(failed.unwrap_or_else(|| "asked a moment ago".to_owned())));
        }
        let fetched = self.provider.keys().await;
        let failed = fetched.as_ref().err().map(ProviderError::to_string);
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tried { at: Instant::now(), failed });
        match fetched {
            Ok(list) => {
                let fresh =
                    list.max_age.map_or(self.policy.fresh, |age| age.max(self.policy.refetch).min(self.policy.fresh));
                let held = Arc::new(Held::new(&list.keys, fresh));
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&held));
                Ok(held)
            }
            Err(error) => {
                tracing::warn!(%error, "could not fetch the identity provider's keys");
                usable.ok_or_else(|| KeysError::Unavailable(error.to_string()))
            }
        }
    }
}
