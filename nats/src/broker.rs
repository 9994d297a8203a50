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
        let mut options = ConnectOptions::new()
            .connection_timeout(Duration::from_secs(5))
            .max_reconnects(None);
        options = match login {
            Some((user, password)) => options
                .user_and_password(user.name().to_owned(), password.to_owned())
                .name(user.name()),
            None => options.name("presdr"),
        };
        let client = options
            .connect(url)
            .await
            .map_err(|source| BrokerError::Connect {
                url: without_credentials(url),
                source,
            })?;
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

    /// Sends what is buffered and closes.
    pub async fn close(&self) {
        if let Err(error) = self.client.drain().await {
            tracing::debug!(%error, "the broker connection was closed already");
        }
    }
}

fn without_credentials(url: &str) -> String {
    match url.split_once('@') {
        Some((before, host)) => {
            let scheme = before
                .split_once("://")
                .map_or("nats", |(scheme, _)| scheme);
            format!("{scheme}://{host}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn an_error_never_shows_a_password() {
        assert_eq!(
            without_credentials("nats://worker:secret@127.0.0.1:4222"),
            "nats://127.0.0.1:4222"
        );
        assert_eq!(
            without_credentials("nats://127.0.0.1:4222"),
            "nats://127.0.0.1:4222"
        );
    }
}
