//! What can go wrong at the broker.

/// Why the broker did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It could not be reached.
    #[error("connecting to NATS at {url}: {source}")]
    Connect {
        /// Where, without credentials.
        url: String,
        /// What the client said.
        source: async_nats::ConnectError,
    },
    /// A stream or consumer could not be read or changed.
    #[error("{what}: {error}")]
    Api {
        /// What was attempted.
        what: String,
        /// What the broker said.
        error: String,
    },
    /// The stream that everything rests on is not there.
    #[error("stream {0} is missing: `presdr topology apply` makes it")]
    NoStream(&'static str),
    /// The broker holds something else than the topology says, and it must not be changed in place.
    #[error("{0}")]
    Topology(String),
    /// Connections with a token cannot be let in.
    #[error("asking to be asked about connections: {0}")]
    Callout(String),
    /// An event could not be stored for longer than the publisher waits.
    #[error("publishing to {subject}: {error}")]
    Publish {
        /// Where to.
        subject: String,
        /// What the broker said last.
        error: String,
    },
}

impl BrokerError {
    pub(crate) fn api(what: impl Into<String>) -> impl FnOnce(String) -> Self {
        let what = what.into();
        move |error| Self::Api { what, error }
    }
}
