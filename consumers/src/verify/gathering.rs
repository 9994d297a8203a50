//! Gathers the addresses of leads, so that a request verifies as many as it may.
//!
//! Requests are few (a vendor takes some twenty a minute), addresses come one by one. The first that waits starts a short time in which
//! others join; a full request does not wait for its end. Each tenant has requests of its own.

use std::{collections::BTreeMap, time::Duration};

use presdr_events::TenantId;
use presdr_vendors::{
    BatchCall, Purpose, Unanswered, VendorDesk,
    zerobounce::{Address, Validate, Verdict},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    Services,
    asking::Question,
    lead::{Lead, WorkError},
};

/// How long the first waits for others.
const GATHER: Duration = Duration::from_millis(400);
/// Leads that wait to be gathered; more wait outside.
const WAITING_MAX: usize = 1_024;

type Answers = Vec<Result<Verdict, Unanswered>>;

/// A lead's addresses, and who waits for what is said of them.
struct Waiting {
    lead: Lead,
    because: String,
    addresses: Vec<Address>,
    answer: oneshot::Sender<Answers>,
}

/// The gathering of this process.
pub(super) struct Gathering(Option<mpsc::Sender<Waiting>>);

impl Gathering {
    /// Starts the task that gathers; it ends with this.
    pub fn new(services: Services) -> Self {
        let Some(desk) = services.vendors else { return Self(None) };
        let (sender, received) = mpsc::channel(WAITING_MAX);
        tokio::spawn(gather(desk, received));
        Self(Some(sender))
    }

    /// Asks about a lead's addresses together with others'. In their order.
    pub async fn ask(&self, lead: &Lead, addresses: Vec<Address>, because: &str) -> Result<Answers, WorkError> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let off = || Unanswered::Off("no vendor is configured".to_owned());
        let Some(gathering) = &self.0 else { return Ok(addresses.iter().map(|_| Err(off())).collect()) };
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { lead: lead.clone(), because: because.to_owned(), addresses, answer };
        let stopped = || WorkError::Busy("the verifier stops".to_owned());
        gathering.send(waiting).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }
}

async fn gather(desk: VendorDesk, mut received: mpsc::Receiver<Waiting>) {
    while let Some(first) = received.recv().await {
        let until = Instant::now() + GATHER;
        let mut tenants: BTreeMap<TenantId, Vec<Waiting>> = BTreeMap::new();
        let mut next = Some(first);
        while let Some(waiting) = next.take() {
            let tenant = waiting.lead.tenant.clone();
            let of_tenant = tenants.entry(tenant).or_default();
            // A lead's addresses stay together: one event tells of them.
            if addresses(of_tenant) + waiting.addresses.len() > Validate::THINGS_MAX {
                tokio::spawn(ask(desk.clone(), std::mem::take(of_tenant)));
            }
            of_tenant.push(waiting);
            next = tokio::time::timeout_at(until, received.recv()).await.ok().flatten();
        }
        for (_, of_tenant) in tenants {
            tokio::spawn(ask(desk.clone(), of_tenant));
        }
    }
}

fn addresses(waiting: &[Waiting]) -> usize {
    waiting.iter().map(|one| one.addresses.len()).sum()
}

/// Asks about the addresses of one tenant's leads and tells each what is said of its own.
async fn ask(desk: VendorDesk, waiting: Vec<Waiting>) {
    let questions: Vec<_> = waiting
        .iter()
        .map(|one| Question {
            lead: &one.lead,
            step: "zerobounce.validate",
            purpose: Purpose::Verification,
            because: &one.because,
        })
        .collect();
    let mut things = Vec::with_capacity(addresses(&waiting));
    for (one, question) in waiting.iter().zip(&questions) {
        things.extend(one.addresses.iter().map(|address| (question.asking(), address.clone())));
    }
    let mut answers = desk.ask_many(&Validate, &things).await.into_iter();
    drop(things);
    drop(questions);
    for one in waiting {
        let own = answers.by_ref().take(one.addresses.len()).collect();
        // Whoever waited may be gone: what was bought is kept for their next try.
        let _ = one.answer.send(own);
    }
}
