//! A connection with JetStream.

use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr, jetstream};

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
        let in_url = login_in(url);
        options = match (&login, &in_url) {
            (Some((user, password)), _) => options.user_and_password(user.name().to_owned(), (*password).to_owned()),
            // The client reads no credentials out of a URL.
            (None, Some((user, Some(password)))) => options.user_and_password(user.clone(), password.clone()),
            (None, Some((token, None))) => options.token(token.clone()),
            (None, None) => options,
        };
        // Who comes as one of our users by the URL is answered where that user may listen.
        let named = |name: &str| User::ALL.into_iter().find(|user| user.name() == name);
        options = match login.map(|(user, _)| user).or_else(|| named(&in_url?.0)) {
            Some(user) => options.name(user.name()).custom_inbox_prefix(user.inbox()),
            None => options.name("presdr"),
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

/// The user and the password in a URL; what is there without a password is a token.
fn login_in(url: &str) -> Option<(String, Option<String>)> {
    let address: ServerAddr = url.parse().ok()?;
    Some((decoded(address.username()?), address.password().map(decoded)))
}

/// Undoes percent-encoding. In a form's field a plus would be a space.
fn decoded(text: &str) -> String {
    let field = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(field.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
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
    use super::{login_in, without_credentials};

    #[test]
    fn a_url_may_hold_a_login() {
        let login = |url| login_in(url).map(|(user, password)| (user, password.unwrap_or_default()));
        let own = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(login("nats://worker:s%40cr+t@127.0.0.1:4222"), own("worker", "s@cr+t"));
        assert_eq!(login("projector:x@127.0.0.1"), own("projector", "x"));
        assert_eq!(login("nats://t0ken@127.0.0.1:4222"), own("t0ken", ""));
        assert_eq!(login("nats://127.0.0.1:4222"), None);
    }

    #[test]
    fn an_error_never_shows_a_password() {
        assert_eq!(without_credentials("nats://worker:secret@127.0.0.1:4222"), "nats://127.0.0.1:4222");
        assert_eq!(without_credentials("nats://127.0.0.1:4222"), "nats://127.0.0.1:4222");
    }
}
