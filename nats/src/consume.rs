//! The one loop in which workers consume: pulls what free slots start now, and acknowledges each delivery exactly once.
//!
//! A worker implements [`Consumer::handle`] and says what a delivery came to; acknowledging, waiting, giving signs of life and parking
//! happen here alone.

use std::{future::Future, sync::Arc, time::Duration};

use async_nats::jetstream::{AckKind, Message, consumer::PullConsumer};
use futures::StreamExt;
use presdr_events::Envelope;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{Broker, BrokerError, topology};

/// How one kind of worker consumes in this process.
#[derive(Debug, Clone)]
pub struct ConsumeConfig {
    /// Deliveries handled at the same time.
    pub slots: usize,
    /// A delivery that came more often than this is parked before it is handled: it may kill who handles it.
    pub deliveries_max: i64,
    /// How long one handling may take.
    pub handle_timeout: Duration,
}

impl Default for ConsumeConfig {
    fn default() -> Self {
        Self { slots: 16, deliveries_max: 8, handle_timeout: Duration::from_secs(300) }
    }
}

/// What one delivery came to. The loop turns it into exactly one acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do.
    Done,
    /// Not now: deliver again after a while.
    Retry {
        /// After how long.
        after: Duration,
        /// Why, without personal data.
        reason: String,
    },
    /// Cannot be done: a person should look.
    Park {
        /// Why, without personal data.
        reason: String,
    },
}

/// A delivery that is to be parked.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The subject it came on.
    pub subject: &'a str,
    /// Its place in EVENTS.
    pub stream_sequence: u64,
    /// How often it was delivered, this time included.
    pub deliveries: i64,
    /// The event, if it could be read.
    pub envelope: Option<&'a Envelope>,
}

/// A kind of worker.
pub trait Consumer: Send + Sync + 'static {
    /// The durable's permanent name.
    const NAME: &'static str;

    /// Does what the event calls for. Called again for the same event after a crash: it must find what it did before.
    fn handle(&self, envelope: Envelope, stopping: &CancellationToken) -> impl Future<Output = Outcome> + Send;

    /// Sets a delivery aside with its error; `false` when that failed and the delivery must come again.
    fn park(&self, delivery: Delivery<'_>, reason: &str) -> impl Future<Output = bool> + Send;
}

/// Consumes until `stopping` is cancelled; then finishes what is in hand.
///
/// # Errors
/// [`BrokerError`] when the durable is not there. Later faults of the broker are waited out.
pub async fn consume<C: Consumer>(
    broker: &Broker,
    consumer: Arc<C>,
    config: ConsumeConfig,
    stopping: CancellationToken,
) -> Result<(), BrokerError> {
    let durable: PullConsumer = topology::events(broker).await?.get_consumer(C::NAME).await.map_err(|error| {
        BrokerError::Topology(format!("durable {} is missing ({error}): `presdr topology apply` makes it", C::NAME))
    })?;
    let signs_of_life = durable.cached_info().config.ack_wait / 3;
    let slots = Slots::new(config.slots);
    let mut tasks = JoinSet::new();
    while !stopping.is_cancelled() {
        let Some(free) = slots.free(&stopping).await else {
            break;
        };
        let mut free = free;
        let pulled = pull(&durable, free.len(), &stopping, |message| {
            let Some(slot) = free.pop() else { unreachable!("no more is pulled than there are slots") };
            tasks.spawn(handle_one(
                Arc::clone(&consumer),
                message,
                config.clone(),
                signs_of_life,
                (slot, slots.clone()),
                stopping.clone(),
            ));
        });
        if let Err(error) = pulled.await {
            tracing::warn!(consumer = C::NAME, %error, "could not pull work; trying again");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = stopping.cancelled() => {}
            }
        }
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// How many deliveries one pull asks for at most.
const PULL_MAX: usize = 64;
/// How long one pull waits for work.
const PULL_WAIT: Duration = Duration::from_secs(2);
/// The longest pause before a delivery that could not be done is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// For each slot, so many deliveries may wait beside it for what is away.
const WAITING_OF_SLOT: usize = 4;
/// Within this a pull brings a message or ends.
const PULL_SILENCE_MAX: Duration = Duration::from_secs(4);

/// The process's slots, and room beside them for deliveries that wait.
#[derive(Clone)]
struct Slots {
    slots: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Slots {
    fn new(slots: usize) -> Self {
        let waiting = Arc::new(Semaphore::new(slots * WAITING_OF_SLOT));
        Self { slots: Arc::new(Semaphore::new(slots)), waiting }
    }

    /// At least one free slot, and all that are free besides, up to a pull's worth. `None` when the worker stops.
    async fn free(&self, stopping: &CancellationToken) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = tokio::select! {
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok()?,
            () = stopping.cancelled() => return None,
        };
        let mut free = vec![first];
        while free.len() < PULL_MAX {
            match Arc::clone(&self.slots).try_acquire_owned() {
                Ok(slot) => free.push(slot),
                Err(_) => break,
            }
        }
        Some(free)
    }

    /// Waits without a slot, as long as there is room for those that wait, and takes one again. `None` when the worker stops.
    async fn pause(
        &self,
        slot: OwnedSemaphorePermit,
        pause: Duration,
        stopping: &CancellationToken,
    ) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.waiting).try_acquire_owned();
        let kept = room.is_err().then_some(slot);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => return None,
        }
        match kept {
            Some(slot) => Some(slot),
            None => Arc::clone(&self.slots).acquire_owned().await.ok(),
        }
    }
}

async fn pull(
    durable: &PullConsumer,
    most: usize,
    stopping: &CancellationToken,
    mut start: impl FnMut(Message),
) -> Result<(), String> {
    let mut batch =
        durable.batch().max_messages(most).expires(PULL_WAIT).messages().await.map_err(|error| error.to_string())?;
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(PULL_SILENCE_MAX, batch.next()) => next,
            // What the broker already sent for this pull comes again after ack_wait; nothing of it was begun.
            () = stopping.cancelled() => return Ok(()),
        };
        match next {
            Ok(Some(Ok(message))) => start(message),
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Ok(None) => return Ok(()),
            // A broker that went away does not end its pulls.
            Err(_) => return Err(format!("the broker said nothing for {PULL_SILENCE_MAX:?}")),
        }
    }
}

async fn handle_one<C: Consumer>(
    consumer: Arc<C>,
    message: Message,
    config: ConsumeConfig,
    signs_of_life: Duration,
    (slot, slots): (OwnedSemaphorePermit, Slots),
    stopping: CancellationToken,
) {
    let (sequence, deliveries) = message.info().map_or((0, i64::MAX), |info| (info.stream_sequence, info.delivered));
    let decoded = Envelope::decode(&message.subject, &message.payload);
    let outcome = match (&decoded, deliveries > config.deliveries_max) {
        (_, true) => Outcome::Park { reason: format!("delivered {deliveries} times without an answer") },
        (Err(error), _) => Outcome::Park { reason: error.to_string() },
        (Ok(envelope), _) => {
            let handling = handle_patiently(&*consumer, envelope, &config, (slot, &slots), &stopping);
            while_giving_signs_of_life(&message, signs_of_life, handling).await
        }
    };
    let acknowledgement = match outcome {
        Outcome::Done => AckKind::Ack,
        Outcome::Retry { after, reason } => {
            tracing::debug!(consumer = C::NAME, subject = %message.subject, sequence, %reason, "not now");
            AckKind::Nak(Some(after))
        }
        Outcome::Park { reason } => {
            tracing::warn!(consumer = C::NAME, subject = %message.subject, sequence, deliveries, %reason, "parked");
            let delivery = Delivery {
                subject: &message.subject,
                stream_sequence: sequence,
                deliveries,
                envelope: decoded.as_ref().ok(),
            };
            match consumer.park(delivery, &reason).await {
                true => AckKind::Ack,
                false => AckKind::Nak(Some(Duration::from_secs(5))),
            }
        }
    };
    if let Err(error) = message.ack_with(acknowledgement).await {
        // Harmless: the delivery comes again and finds its outcome stored.
        tracing::debug!(consumer = C::NAME, sequence, %error, "could not acknowledge");
    }
}

/// Handles an event, again after a while when it cannot be done now: a database that is away comes back. Waiting here, however long,
/// leaves the count of deliveries to what it is for, deliveries that ended with their worker; and it does not hold a slot, so that
/// what waits for one thing does not keep back what waits for nothing.
async fn handle_patiently<C: Consumer>(
    consumer: &C,
    envelope: &Envelope,
    config: &ConsumeConfig,
    (mut slot, slots): (OwnedSemaphorePermit, &Slots),
    stopping: &CancellationToken,
) -> Outcome {
    let mut pause = Duration::ZERO;
    loop {
        let handling = tokio::time::timeout(config.handle_timeout, consumer.handle(envelope.clone(), stopping));
        let outcome = handling.await.unwrap_or_else(|_| Outcome::Retry {
            after: Duration::from_secs(5),
            reason: format!("took longer than {:?}", config.handle_timeout),
        });
        let Outcome::Retry { after, reason } = &outcome else { return outcome };
        tracing::debug!(consumer = C::NAME, event.id = %envelope.id, %reason, "not now");
        pause = (pause * 2).clamp(*after, PAUSE_MAX.max(*after));
        match slots.pause(slot, pause, stopping).await {
            Some(again) => slot = again,
            None => return outcome,
        }
    }
}

/// Awaits `work` and tells the broker every now and then that it goes on.
async fn while_giving_signs_of_life<T>(message: &Message, every: Duration, work: impl Future<Output = T>) -> T {
    let mut beat = tokio::time::interval(every.max(Duration::from_millis(100)));
    beat.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = beat.tick() => {
                if let Err(error) = message.ack_with(AckKind::Progress).await {
                    tracing::debug!(%error, "could not say that the work goes on");
                }
            }
        }
    }
}
