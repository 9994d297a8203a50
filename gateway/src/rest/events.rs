//! A run while it goes on, as server-sent events.
//!
//! Each event tells how far the run is, in absolute counts, and its id is the place in the log up to which it counts. Whoever comes, or comes
//! back with `Last-Event-ID`, first gets the newest that they have not seen; what lay in between is counted in it.

use std::time::{Duration, Instant};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use presdr_events::{RunId, TenantId};
use presdr_projections::progress::{self, Progress};
use presdr_store::{StoreError, runs};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast::error::RecvError},
    time::timeout,
};

use crate::{
    Gateway, Problem,
    http::Id,
    identity::Caller,
    watch::{News, Watching},
};

/// After so long without news the newest is looked for: something may not have been heard.
const QUIET_MAX: Duration = Duration::from_secs(15);
/// What happened just before a run's end may be heard just after it.
const END_WAIT: Duration = Duration::from_millis(500);
/// Tells the reader, and whatever stands in between, that the stream still goes on.
const STILL_THERE: &str = ": still there\n\n";
const END: &str = "event: end\ndata: {\"reason\":\"run_over\"}\n\n";

/// `GET /runs/{run_id}/events`
pub(crate) async fn follow(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(run): Id<RunId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    runs::get(&mut tx, run).await?.ok_or_else(Problem::not_found)?;
    drop(tx);
    let place = gateway.limits().stream(&caller.tenant)?;
    let following = Following {
        watching: gateway.watch().run(&caller.tenant, run).await,
        gateway,
        tenant: caller.tenant,
        run,
        seen: last_seen(&headers),
        over_at: None,
        next: Next::Look,
        _place: place,
    };
    let kind = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    let events = Body::from_stream(stream::unfold(following, |mut following| async move {
        let chunk = following.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), following))
    }));
    // Proxies that collect answers would keep events back.
    Ok((kind, [("x-accel-buffering", "no")], events).into_response())
}

/// The id of the newest event that the reader has; 0 for who has none, or brings one that is not ours.
fn last_seen(headers: &HeaderMap) -> i64 {
    let given = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    given.and_then(|id| id.trim().parse().ok()).unwrap_or(0)
}

/// Where a reader is.
struct Following {
    gateway: Gateway,
    tenant: TenantId,
    run: RunId,
    watching: Watching,
    /// The id of the newest event that the reader has.
    seen: i64,
    /// When the run's end was seen.
    over_at: Option<Instant>,
    next: Next,
    _place: OwnedSemaphorePermit,
}

/// What is to be done next.
enum Next {
    /// Look for the newest.
    Look,
    /// Wait for news.
    Wait,
    /// End.
    Stop,
}

impl Following {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.next {
                Next::Stop => return None,
                Next::Look => {
                    self.next = Next::Wait;
                    let newest = self.newest().await;
                    return Some(newest.and_then(|newest| self.tell(&newest)).unwrap_or_else(|| STILL_THERE.into()));
                }
                Next::Wait => {}
            }
            let patience = self.over_at.map_or(QUIET_MAX, |over| END_WAIT.saturating_sub(over.elapsed()));
            match timeout(patience, self.watching.news.recv()).await {
                Ok(Ok(news)) => {
                    if let Some(told) = self.tell(&news) {
                        return Some(told);
                    }
                }
                Err(_) if self.over_at.is_some() => {
                    self.next = Next::Stop;
                    return Some(END.into());
                }
                // Nothing for long, or more than this reader takes.
                Err(_) | Ok(Err(RecvError::Lagged(_))) => self.next = Next::Look,
                // Nobody hears for us any more: a client comes back.
                Ok(Err(RecvError::Closed)) => self.next = Next::Stop,
            }
        }
    }

    /// What was published last, or what the read models know, whichever is newer.
    async fn newest(&mut self) -> Option<News> {
        let published = self.gateway.watch().newest(&self.tenant, self.run).await;
        let told = published.as_ref().map_or(0, |progress| progress.sequence);
        let newest = match self.known(told).await {
            Ok(Some(read)) => Some(read),
            Ok(None) => published,
            Err(error) => {
                tracing::warn!(%error, "how far a run is could not be read");
                published
            }
        }?;
        News::of(&newest).ok()
    }

    /// What the read models know, if it is newer, or the broker has forgotten.
    async fn known(&mut self, told: i64) -> Result<Option<Progress>, StoreError> {
        let mut tx = self.gateway.enter(&self.tenant).await?;
        let up_to = progress::known_up_to(&mut tx, self.run).await?.unwrap_or(0);
        if self.seen > up_to.max(told) {
            self.seen = 0; // not an id of ours: the log has not come so far
        }
        match up_to > told {
            true => self.gateway.watch().counted(&mut tx, self.run, up_to).await,
            false => Ok(None),
        }
    }

    /// The event for a reader who has not seen it.
    fn tell(&mut self, news: &News) -> Option<Bytes> {
        if news.over {
            self.over_at.get_or_insert_with(Instant::now);
        }
        if news.sequence <= self.seen {
            return None;
        }
        self.seen = news.sequence;
        Some(news.event.clone())
    }
}
