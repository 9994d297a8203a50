//! Connections on which nothing happens end: who says nothing, sends nothing but pings, or does not read what was asked for, takes no place for
//! ever.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// When a connection has been quiet for too long. Requests that come and pieces of answers that are taken put it off.
#[derive(Debug, Clone)]
pub(crate) struct Quiet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    until: Mutex<Instant>,
    longest: Duration,
}

impl Quiet {
    /// The first request is to come within `first`; afterwards nothing may happen for at most `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self(Arc::new(Inner { until: Mutex::new(Instant::now() + first), longest }))
    }

    /// Something happens.
    pub(crate) fn broken(&self) {
        *self.0.until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + self.0.longest;
    }

    /// Resolves when nothing has happened for too long.
    pub(crate) async fn too_long(&self) {
        loop {
            let until = *self.0.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// The same body; each piece of it that is taken is noted.
    pub(crate) fn noting(&self, body: Body) -> Body {
        Body::new(Noted { body, quiet: self.clone() })
    }
}

struct Noted {
    body: Body,
    quiet: Quiet,
}

impl hyper::body::Body for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.quiet.broken();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn it_is_over_when_nothing_happens_and_put_off_when_something_does() {
        Quiet::new(Duration::ZERO, LONG).too_long().await;
        let quiet = Quiet::new(Duration::ZERO, LONG);
        quiet.broken();
        assert!(tokio::time::timeout(Duration::ZERO, quiet.too_long()).await.is_err());
    }

    #[tokio::test]
    async fn what_is_taken_of_an_answer_is_noted_and_the_answer_stays_as_it_is() {
        let quiet = Quiet::new(Duration::ZERO, LONG);
        let body = quiet.noting(Body::from("answer"));
        assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(6));
        assert_eq!(axum::body::to_bytes(body, 100).await.unwrap(), "answer");
        assert!(tokio::time::timeout(Duration::ZERO, quiet.too_long()).await.is_err());
    }
}
