//! Coalescing: while one transaction of a tenant is under way, the next requests gather and share the one after it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use presdr_events::TenantId;

/// So many jobs share a transaction at most.
const BATCH_MAX: usize = 128;

/// Does a batch of a tenant's jobs; each job has its own way to be answered.
type Work<Job> = Arc<dyn Fn(TenantId, Vec<Job>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Jobs by tenant: one batch of each tenant is under way at a time.
pub(crate) struct Gather<Job> {
    waiting: Arc<Mutex<HashMap<TenantId, VecDeque<Job>>>>,
    work: Work<Job>,
}

impl<Job: Send + 'static> Gather<Job> {
    pub fn new(work: impl Fn(TenantId, Vec<Job>) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self { waiting: Arc::default(), work: Arc::new(work) }
    }

    /// Hands a job in. When the tenant has nothing under way, this begins it.
    pub fn push(&self, tenant: &TenantId, job: Job) {
        let mut waiting = lock(&self.waiting);
        if let Some(jobs) = waiting.get_mut(tenant) {
            jobs.push_back(job);
            return;
        }
        waiting.insert(tenant.clone(), VecDeque::from([job]));
        tokio::spawn(drain(Arc::clone(&self.waiting), Arc::clone(&self.work), tenant.clone()));
    }
}

/// Works until nothing waits. A tenant's entry stands for as long as somebody drains it.
async fn drain<Job: Send + 'static>(
    waiting: Arc<Mutex<HashMap<TenantId, VecDeque<Job>>>>,
    work: Work<Job>,
    tenant: TenantId,
) {
    loop {
        let batch: Vec<Job> = {
            let mut waiting = lock(&waiting);
            let Some(jobs) = waiting.get_mut(&tenant).filter(|jobs| !jobs.is_empty()) else {
                waiting.remove(&tenant);
                return;
            };
            let count = jobs.len().min(BATCH_MAX);
            jobs.drain(..count).collect()
        };
        // In a task of its own: should it panic, its jobs are dropped, who waits for them is told so, and the others go on.
        if tokio::spawn(work(tenant.clone(), batch)).await.is_err() {
            tracing::error!(tenant.id = %tenant, "a batch of vendor work ended unexpectedly");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn what_comes_while_a_batch_is_under_way_shares_the_next() {
        let (told, mut batches) = mpsc::unbounded_channel();
        let (go_on, wait) = oneshot::channel::<()>();
        let wait = Arc::new(Mutex::new(Some(wait)));
        let gather = Gather::new(move |_, jobs: Vec<u32>| {
            let (told, wait) = (told.clone(), lock(&wait).take());
            Box::pin(async move {
                told.send(jobs).unwrap();
                if let Some(wait) = wait {
                    wait.await.unwrap();
                }
            })
        });
        let tenant = TenantId::new("acme").unwrap();
        gather.push(&tenant, 1);
        assert_eq!(batches.recv().await, Some(vec![1]));
        for job in 2..=4 {
            gather.push(&tenant, job);
        }
        go_on.send(()).unwrap();
        assert_eq!(batches.recv().await, Some(vec![2, 3, 4]));
        gather.push(&TenantId::new("beta").unwrap(), 5);
        assert_eq!(batches.recv().await, Some(vec![5]), "another tenant does not wait");
    }

    #[tokio::test]
    async fn a_panic_loses_its_own_jobs_alone() {
        let gather = Gather::new(|_, jobs: Vec<(bool, oneshot::Sender<()>)>| {
            Box::pin(async move {
                for (fine, done) in jobs {
                    assert!(fine, "as the test wants it");
                    let _ = done.send(());
                }
            })
        });
        let tenant = TenantId::new("acme").unwrap();
        let (lost, lost_done) = oneshot::channel();
        gather.push(&tenant, (false, lost));
        assert!(lost_done.await.is_err());
        let (kept, kept_done) = oneshot::channel();
        gather.push(&tenant, (true, kept));
        kept_done.await.unwrap();
    }
}
