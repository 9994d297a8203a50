//! A connection with JetStream.

use std::time::Duration;

use async_nats::{ConnectOptions, jetstream};

use crate::{BrokerError, topology::User};

/// How long a call to the JetStream API may take.
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to the broker. Cheap to clone; reconnects by itself.
#[derive(Debug, Clone)]
pub struct Broker {
    client: async_nats::Client,
    context: jetstream::Context,
}

impl Broker {
    /// Connects as `user` with its password, or as whoever the URL says when there is none.
    ///
    /// # Errors
    /// [`BrokerError::Connect`] when nobody answers or the credentials are refused.
    pub async fn connect(url: &str, login: Option<(User, &str)>) -> Result<Self, BrokerError> {
        let mut options = ConnectOptions::new().connection_timeout(Duration::from_secs(5)).max_reconnects(None);
        options = match login {
            Some((user, password)) => options
                .user_and_password(user.name().to_owned(), password.to_owned())
                .name(user.name())
                .custom_inbox_prefix(user.inbox()),
            // Who comes as one of our users by the URL is answered where that user may listen.
            None => match user_in(url) {
                Some(user) => options.name(user.name()).custom_inbox_prefix(user.inbox()),
                None => options.name("presdr"),
            },
        };
        let client = options
            .connect(url)
            .await
            .map_err(|source| BrokerError::Connect { url: without_credentials(url), source })?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(API_TIMEOUT);
        Ok(Self { client, context })
    }

    /// The plain connection.
    #[must_use]
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    /// JetStream over it.
    #[must_use]
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.context
    }

    /// Whether the connection stands now. It is made again by itself when it does not.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Sends what is buffered and closes.
    pub async fn close(&self) {
        if let Err(error) = self.client.drain().await {
            tracing::debug!(%error, "the broker connection was closed already");
        }
    }
}

fn user_in(url: &str) -> Option<User> {
    let (before, _) = url.split_once('@')?;
    let login = before.rsplit_once('/').map_or(before, |(_, login)| login);
    let name = login.split_once(':').map_or(login, |(name, _)| name);
    User::ALL.into_iter().find(|user| user.name() == name)
}

fn without_credentials(url: &str) -> String {
    match url.split_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("nats", |(scheme, _)| scheme);
            format!("{scheme}://{host}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{user_in, without_credentials};
    use crate::topology::User;

    #[test]
    fn a_url_may_name_one_of_our_users() {
        assert_eq!(user_in("nats://worker:secret@127.0.0.1:4222"), Some(User::Worker));
        assert_eq!(user_in("projector@127.0.0.1"), Some(User::Projector));
        assert_eq!(user_in("nats://somebody:secret@127.0.0.1:4222"), None);
        assert_eq!(user_in("nats://127.0.0.1:4222"), None);
    }

    #[test]
    fn an_error_never_shows_a_password() {
        assert_eq!(without_credentials("nats://worker:secret@127.0.0.1:4222"), "nats://127.0.0.1:4222");
        assert_eq!(without_credentials("nats://127.0.0.1:4222"), "nats://127.0.0.1:4222");
    }
}
