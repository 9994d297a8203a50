//! Ending many leads at once.
//!
//! An ending takes its tenant's window lock and keeps it until its commit is on disk, so that endings one by one queue for the disk.
//! Here they gather in memory instead while one transaction of their tenant is under way, and then share the next.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use presdr_events::TenantId;
use presdr_store::steps::Outgoing;
use tokio::sync::{mpsc, oneshot};

use super::finish::{self, Ended};
use crate::{Services, lead::WorkError};

/// Endings on their way to the task; a worker that finds the way full waits.
const WAITING_MAX: usize = 1024;
/// How long one transaction may take.
const COMMIT_MAX: Duration = Duration::from_secs(60);
/// Endings in one transaction, at most: it holds the window's lock all the while.
const TOGETHER_MAX: usize = 256;

/// Ends leads of this process, those of one tenant together. The task behind it ends with it.
pub(crate) struct Endings {
    waiting: mpsc::Sender<Waiting>,
}

struct Waiting {
    ended: Ended,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<(), WorkError>>;

impl Endings {
    /// Starts the task that ends leads.
    pub fn new(services: Services) -> Self {
        let (waiting, received) = mpsc::channel(WAITING_MAX);
        tokio::spawn(gather(services, received));
        Self { waiting }
    }

    /// Ends a lead; returns once that is committed and published. Nothing happens to a lead that is not admitted at that attempt.
    pub async fn end(&self, ended: Ended) -> Result<(), WorkError> {
        let stopping = || WorkError::Busy("the worker stops".to_owned());
        let (answer, answered) = oneshot::channel();
        self.waiting.send(Waiting { ended, answer }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

/// Hands each tenant's endings on, one transaction of a tenant at a time.
async fn gather(services: Services, mut received: mpsc::Receiver<Waiting>) {
    let mut queues: HashMap<TenantId, Vec<Waiting>> = HashMap::new();
    let mut busy: HashSet<TenantId> = HashSet::new();
    let mut running = FuturesUnordered::new();
    loop {
        let tenant = tokio::select! {
            Some(waiting) = received.recv() => {
                let tenant = waiting.ended.lead.tenant.clone();
                queues.entry(tenant.clone()).or_default().push(waiting);
                tenant
            }
            Some(tenant) = running.next(), if !running.is_empty() => {
                busy.remove(&tenant);
                tenant
            }
            else => return,
        };
        if busy.contains(&tenant) {
            continue;
        }
        let Some(group) = next_group(&mut queues, &tenant) else { continue };
        busy.insert(tenant.clone());
        running.push(together(services.clone(), tenant, group));
    }
}

/// The oldest of the tenant's waiting endings; its queue is dropped with the last.
fn next_group(queues: &mut HashMap<TenantId, Vec<Waiting>>, tenant: &TenantId) -> Option<Vec<Waiting>> {
    let queue = queues.get_mut(tenant)?;
    if queue.len() > TOGETHER_MAX {
        return Some(queue.drain(..TOGETHER_MAX).collect());
    }
    queues.remove(tenant)
}

/// Ends a group in one transaction. Publishing does not hold the next group up.
async fn together(services: Services, tenant: TenantId, group: Vec<Waiting>) -> TenantId {
    let (ended, answers): (Vec<Ended>, Vec<_>) = group.into_iter().map(|one| (one.ended, one.answer)).unzip();
    match commit(&services, &tenant, &ended).await {
        Ok(events) => publish(services, events, answers),
        // Something of one lead must not keep the others from ending.
        Err(WorkError::Store(error)) if !error.is_transient() && ended.len() > 1 => {
            tracing::warn!(tenant.id = %tenant, %error, "leads could not end together and are ended one by one");
            for (one, answer) in ended.iter().zip(answers) {
                match commit(&services, &tenant, std::slice::from_ref(one)).await {
                    Ok(events) => publish(services.clone(), events, vec![answer]),
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
        }
        Err(error) => tell(answers, error),
    }
    tenant
}

async fn commit(services: &Services, tenant: &TenantId, ended: &[Ended]) -> Result<Vec<Outgoing>, WorkError> {
    // A connection that says nothing must not hold up all that ends after it.
    let late = |_| Err(WorkError::Busy("the database did not answer in time".to_owned()));
    tokio::time::timeout(COMMIT_MAX, try_commit(services, tenant, ended)).await.unwrap_or_else(late)
}

async fn try_commit(services: &Services, tenant: &TenantId, ended: &[Ended]) -> Result<Vec<Outgoing>, WorkError> {
    let mut tx = services.database.enter(tenant).await?;
    let events = finish::end(services, &mut tx, ended).await?;
    tx.commit().await?;
    Ok(events)
}

fn publish(services: Services, events: Vec<Outgoing>, answers: Vec<Answer>) {
    tokio::spawn(async move {
        match services.outbox.publish(events).await {
            Ok(()) => answers.into_iter().for_each(|answer| drop(answer.send(Ok(())))),
            Err(error) => tell(answers, error.into()),
        }
    });
}

/// Tells everyone of a group what went wrong: the first gets the error itself, the others its words, and try again.
fn tell(answers: Vec<Answer>, error: WorkError) {
    let words = error.to_string();
    let mut error = Some(error);
    for answer in answers {
        let told = error.take().unwrap_or_else(|| WorkError::Busy(words.clone()));
        // A worker that stopped waiting finds the stored outcome when the delivery comes again.
        let _ = answer.send(Err(told));
    }
}
