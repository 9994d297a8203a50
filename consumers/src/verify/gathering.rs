//! Gathers the addresses of leads, so that a request verifies as many as it may.
//!
//! Requests are few (a vendor takes some twenty a minute), addresses come one by one. The first that waits starts a short time in which
//! others join, and while a tenant's requests are under way, or wait for their turn, the next one goes on gathering. A full request waits
//! for nobody to join.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use presdr_events::TenantId;
use presdr_vendors::{
    BatchCall, Purpose, Unanswered, VendorDesk,
    zerobounce::{Address, Validate, Verdict},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    Services,
    asking::Question,
    lead::{Lead, WorkError},
};

/// How long the first waits for others.
const GATHER: Duration = Duration::from_millis(400);
/// Requests of a tenant at the same time in this process: a slow one holds up half of what comes after it.
const UNDER_WAY_MAX: usize = 2;
/// Leads of a tenant that wait to be gathered; more wait outside.
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
pub(super) struct Gathering {
    desk: Option<VendorDesk>,
    tenants: Mutex<HashMap<TenantId, mpsc::Sender<Waiting>>>,
}

impl Gathering {
    /// Gathers from its first use on. Needs a Tokio runtime then.
    pub fn new(services: Services) -> Self {
        Self { desk: services.vendors, tenants: Mutex::default() }
    }

    /// Asks about a lead's addresses together with others'. In their order.
    pub async fn ask(&self, lead: &Lead, addresses: Vec<Address>, because: &str) -> Result<Answers, WorkError> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let off = || Unanswered::Off("no vendor is configured".to_owned());
        let Some(desk) = &self.desk else { return Ok(addresses.iter().map(|_| Err(off())).collect()) };
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { lead: lead.clone(), because: because.to_owned(), addresses, answer };
        let stopped = || WorkError::Busy("the verifier stops".to_owned());
        self.of_tenant(desk, &lead.tenant).send(waiting).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }

    /// Where the tenant's addresses are gathered: a task that ends with this.
    fn of_tenant(&self, desk: &VendorDesk, tenant: &TenantId) -> mpsc::Sender<Waiting> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = tenants.get(tenant).filter(|sender| !sender.is_closed()) {
            return sender.clone();
        }
        let (sender, received) = mpsc::channel(WAITING_MAX);
        tokio::spawn(gather(desk.clone(), received));
        tenants.insert(tenant.clone(), sender.clone());
        sender
    }
}

async fn gather(desk: VendorDesk, mut received: mpsc::Receiver<Waiting>) {
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut left_over = None;
    loop {
        let first = match left_over.take() {
            Some(first) => first,
            None => match received.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let mut together = vec![first];
        let gathered = tokio::time::sleep(GATHER);
        let place = Arc::clone(&places).acquire_owned();
        tokio::pin!(gathered, place);
        let (mut is_over, mut taken) = (false, None);
        while taken.is_none() && left_over.is_none() && addresses(&together) < Validate::THINGS_MAX {
            tokio::select! {
                biased;
                more = received.recv() => match more {
                    // A lead's addresses stay together: one event tells of them.
                    Some(more) if addresses(&together) + more.addresses.len() > Validate::THINGS_MAX => {
                        left_over = Some(more);
                    }
                    Some(more) => together.push(more),
                    None => break,
                },
                () = &mut gathered, if !is_over => is_over = true,
                place = &mut place, if is_over => taken = Some(place),
            }
        }
        let place = match taken {
            Some(place) => place,
            None => place.await,
        };
        let Ok(place) = place else { return }; // nobody closes the places
        tokio::spawn(ask(desk.clone(), together, place));
    }
}

fn addresses(waiting: &[Waiting]) -> usize {
    waiting.iter().map(|one| one.addresses.len()).sum()
}

/// Asks about the addresses of one tenant's leads and tells each what is said of its own. Holds its place until then.
async fn ask(desk: VendorDesk, waiting: Vec<Waiting>, _place: OwnedSemaphorePermit) {
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
