//! How long after an event is published those who follow its run see it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use chrono::Utc;
use presdr_events::{Actor, CompanyId, Event, EventId, Header, RunId, Step, TenantId, lead};
use presdr_nats::{Message, Publisher};
use presdr_projections::progress::Progress;
use reqwest::{Client, Response};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

/// Those who follow each run.
pub const FOLLOWERS: usize = 25;
/// Events in a second, of all runs together.
pub const EVENTS_PER_SECOND: usize = 1000;
/// Events are published so many at a time, evenly over the second.
const AT_ONCE: usize = 10;
/// Nobody waits longer than this for what was published.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run that is followed.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub run: RunId,
    /// A token of its tenant's.
    pub(super) token: String,
}

/// An event that was published: its place in the log, and when its publishing began.
type Published = (i64, Instant);
/// What one follower saw: up to which place, and when.
type Seen = Vec<(i64, Instant)>;

/// Follows each run [`FOLLOWERS`] times while `events` events of them are published, and tells how long after the beginning of its publishing each follower saw each event
/// counted.
pub(super) async fn delays(
    address: &str,
    runs: &[Followed],
    publisher: &Publisher,
    events: usize,
) -> anyhow::Result<Vec<Duration>> {
    let client = Client::builder().no_proxy().build()?;
    let mut followers = JoinSet::new();
    for (number, followed) in runs.iter().enumerate() {
        let of_run = (0..events).filter(|event| event % runs.len() == number).count();
        for _ in 0..FOLLOWERS {
            let url = format!("{address}/runs/{}/events", followed.run);
            let answer = client.get(url).bearer_auth(&followed.token).send().await?.error_for_status()?;
            followers.spawn(async move { anyhow::Ok((number, follow(answer, of_run).await?)) });
        }
    }
    let published = publish(runs, publisher, events).await?;
    let mut delays = Vec::new();
    while let Some(follower) = followers.join_next().await {
        let (number, seen): (usize, Seen) = follower??;
        delays.extend(delays_of(&published[number], &seen)?);
    }
    Ok(delays)
}

/// Reads until all `events` companies of the run are done.
async fn follow(mut answer: Response, events: usize) -> anyhow::Result<Seen> {
    let (mut seen, mut text) = (Vec::new(), String::new());
    loop {
        let chunk = timeout(PATIENCE, answer.chunk()).await.context("a follower waited in vain")??;
        let now = Instant::now();
        text += std::str::from_utf8(&chunk.context("a stream ended too soon")?)?;
        while let Some((block, rest)) = text.split_once("\n\n") {
            let told = block.lines().find_map(|line| line.strip_prefix("data: "));
            let progress = told.map(serde_json::from_str::<Progress>).transpose()?;
            text = rest.to_owned();
            if let Some(progress) = progress {
                seen.push((progress.sequence, now));
                if usize::try_from(progress.done).is_ok_and(|done| done >= events) {
                    return Ok(seen);
                }
            }
        }
    }
}

/// Publishes the events evenly, each run's in turn; by run.
async fn publish(runs: &[Followed], publisher: &Publisher, events: usize) -> anyhow::Result<Vec<Vec<Published>>> {
    let mut clock = interval(Duration::from_secs(1) / u32::try_from(EVENTS_PER_SECOND / AT_ONCE)?);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut publishing = JoinSet::new();
    for number in 0..events {
        if number % AT_ONCE == 0 {
            clock.tick().await;
        }
        let (followed, publisher) = (&runs[number % runs.len()], publisher.clone());
        let message = message(followed, i64::try_from(number / runs.len())? + 1)?;
        publishing.spawn(async move {
            let begun = Instant::now();
            let place = publisher.publish(&message).await?;
            anyhow::Ok((number, (i64::try_from(place)?, begun)))
        });
    }
    let mut published: BTreeMap<usize, Vec<Published>> = BTreeMap::new();
    while let Some(done) = publishing.join_next().await {
        let (number, event) = done??;
        published.entry(number % runs.len()).or_default().push(event);
    }
    Ok(published.into_values().collect())
}

/// A company of the run is done.
fn message(followed: &Followed, company: i64) -> anyhow::Result<Message> {
    let dropped = lead::Dropped { step: Step::done("score", 1, 1, Vec::new()), reason: "bench".to_owned() };
    let event = Event::LeadDropped(dropped);
    let company = Some(CompanyId::new(company)?);
    let id = EventId::of(&followed.tenant, Some(followed.run), company, event.event_type().name, event.attempt());
    let header = Header {
        id,
        source: "bench",
        time: Utc::now(),
        tenant: followed.tenant.clone(),
        run: Some(followed.run),
        company,
        actor: Actor::service("bench"),
        correlation: id,
        causation: None,
        traceparent: None,
    };
    Ok(Message { id, subject: header.subject(&event).to_string(), body: header.encode(&event)?.into() })
}

/// Of each event the time until the first news that counts it.
fn delays_of(published: &[Published], seen: &Seen) -> anyhow::Result<Vec<Duration>> {
    let mut published = published.to_vec();
    published.sort_unstable();
    let mut news = seen.iter().peekable();
    let mut delays = Vec::with_capacity(published.len());
    for (place, begun) in published {
        while news.next_if(|(up_to, _)| *up_to < place).is_some() {}
        let seen = news.peek().map(|(_, at)| *at);
        ensure!(seen.is_some(), "a follower did not see an event");
        delays.extend(seen.map(|at| at.saturating_duration_since(begun)));
    }
    Ok(delays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_seen_with_the_first_news_that_counts_it() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let published = [(3, at(1)), (1, at(0)), (4, at(2))];
        let seen = vec![(1, at(5)), (3, at(7)), (9, at(12))];
        let milliseconds: Vec<u128> = delays_of(&published, &seen).unwrap().iter().map(Duration::as_millis).collect();
        assert_eq!(milliseconds, [5, 6, 10]);
        assert!(delays_of(&[(10, at(0))], &seen).is_err());
    }
}
