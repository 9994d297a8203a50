//! The broker that a command works with: the one it was told of, the one that `presdr up` runs, or presdr's own.

use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use presdr_nats::{
    Broker,
    callout::CalloutKeys,
    topology::{self, Applied, TopologyConfig, User},
};
use presdr_servers::{Nats, NatsConfig};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::Url;

use crate::{config::Config, key_file};

/// A broker. One that was started here ends with this value.
pub struct BrokerServer {
    url: SecretString,
    /// From which the users' passwords on presdr's own broker are made; elsewhere the URL has user and password.
    key: Option<[u8; 32]>,
    own: Option<Nats>,
    /// The folder of presdr's own broker that another process runs.
    running: Option<PathBuf>,
    /// For the auditor, where the URL's user may not read the log.
    auditor: Option<SecretString>,
}

impl BrokerServer {
    /// Finds the broker, or starts presdr's own in the data folder for as long as this value lives, with its streams.
    ///
    /// # Errors
    /// When there is no broker and none can be started.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let broker = Self::open_as_it_is(config).await?;
        if broker.own.is_some() {
            broker.apply_topology(&TopologyConfig::default()).await?;
        }
        Ok(broker)
    }

    /// The same, and nothing is made in it.
    ///
    /// # Errors
    /// As [`BrokerServer::open`].
    pub async fn open_as_it_is(config: &Config) -> anyhow::Result<Self> {
        if let Some(found) = Self::find(config)? {
            return Ok(found);
        }
        let key = key_file::read_or_make(&key_path(config))?;
        let access = topology::authorization_with_callout(|user| password(&key, user), &callout_keys(&key)?);
        let nats = NatsConfig { sync_always: true, access, websocket: true, ..NatsConfig::default() };
        let own = Nats::start(&config.nats_dir(), nats).await?;
        Ok(Self { url: own.url().into(), key: Some(key), own: Some(own), running: None, auditor: None })
    }

    /// The broker that the command was told of, or the one that `presdr up` runs.
    ///
    /// # Errors
    /// When the key of presdr's own broker cannot be read.
    pub fn find(config: &Config) -> anyhow::Result<Option<Self>> {
        if let Some(url) = config.nats_url.clone() {
            let auditor = config.audit_nats_url.clone();
            return Ok(Some(Self { url, key: None, own: None, running: None, auditor }));
        }
        let Some(url) = Nats::url_of_running(&config.nats_dir()) else { return Ok(None) };
        let key = Some(key_file::read_or_make(&key_path(config))?);
        Ok(Some(Self { url: url.into(), key, own: None, running: Some(config.nats_dir()), auditor: None }))
    }

    /// Makes streams and durables as this version needs them.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn apply_topology(&self, config: &TopologyConfig) -> anyhow::Result<Vec<Applied>> {
        let broker = self.connect(User::Topology).await?;
        let applied = topology::apply(&broker, config).await;
        broker.close().await;
        Ok(applied?)
    }

    /// A connection as `user`, or as whoever the URL names.
    ///
    /// # Errors
    /// When the broker cannot be reached or does not let that user in.
    pub async fn connect(&self, user: User) -> anyhow::Result<Broker> {
        let password = self.key.map(|key| password(&key, user));
        let url = self.auditor.as_ref().filter(|_| user == User::Auditor).unwrap_or(&self.url);
        Ok(Broker::connect(url.expose_secret(), password.as_deref().map(|password| (user, password))).await?)
    }

    /// Where presdr's own broker listens for WebSockets, if it does.
    ///
    /// # Errors
    /// When what it says is no URL.
    pub fn websocket_url(&self) -> anyhow::Result<Option<Url>> {
        let said = match &self.own {
            Some(own) => own.websocket_url(),
            None => self.running.as_deref().and_then(Nats::websocket_of_running),
        };
        Ok(said.map(|url| url.parse()).transpose()?)
    }

    /// With what presdr's own broker asks about connections; elsewhere a file says it.
    ///
    /// # Errors
    /// When no key pair can be made.
    pub fn callout_keys(&self) -> anyhow::Result<Option<CalloutKeys>> {
        self.key.as_ref().map(callout_keys).transpose()
    }

    /// Ends the broker if it was started here, without blocking the runtime.
    pub async fn stop(self) {
        if let Some(own) = self.own {
            own.stop().await;
        }
    }
}

/// What presdr's own broker asks about connections with, made from the same key.
fn callout_keys(key: &[u8; 32]) -> anyhow::Result<CalloutKeys> {
    Ok(CalloutKeys::new(&derived(key, "callout"))?)
}

/// The file with the key from which presdr's own broker's passwords are made.
fn key_path(config: &Config) -> PathBuf {
    config.data.join("broker.key")
}

/// Each user's password is made from one key, so that one file is all there is to keep.
fn password(key: &[u8; 32], user: User) -> String {
    derived(key, user.name()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn derived(key: &[u8; 32], what: &str) -> [u8; 32] {
    let mut mac = match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    };
    mac.update(what.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_user_has_a_password_of_its_own() {
        let passwords: BTreeSet<String> = User::ALL.into_iter().map(|user| password(&[7; 32], user)).collect();
        assert_eq!(passwords.len(), User::ALL.len());
    }
}
