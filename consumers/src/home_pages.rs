//! Home pages of candidates, read politely and shared: many companies' searches lead to the same directories and magazines, and one read
//! a moment ago answers for all.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use presdr_events::TenantId;
use presdr_sites::{
    CrawlPolicy, Visit, VisitRequest,
    domains::{IfTaken, Visitor},
};
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Services,
    crawl::{domain_lease, visit_under},
    lead::WorkError,
    resolve::never_cancelled,
};

/// For so long a home page says what it said.
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);
/// So many are remembered; the oldest go first.
const REMEMBERED_MAX: usize = 512;

/// Home pages that this process read a moment ago, each for the tenant it was read for. Whoever wants one that is being read waits for it.
#[derive(Clone, Default)]
pub struct HomePages(Arc<Mutex<Remembered>>);

type Key = (TenantId, String);
type Page = Arc<OnceCell<Arc<Visit>>>;

#[derive(Default)]
struct Remembered {
    pages: HashMap<Key, Page>,
    oldest_first: VecDeque<(Key, Instant)>,
}

impl HomePages {
    /// The page, read by `read` unless somebody read it or is reading it. What could not be read is not remembered.
    async fn page<E>(&self, key: Key, read: impl AsyncFnOnce() -> Result<Visit, E>) -> Result<Arc<Visit>, E> {
        let page = self.0.lock().unwrap_or_else(PoisonError::into_inner).page(key, Instant::now());
        page.get_or_try_init(async || read().await.map(Arc::new)).await.cloned()
    }
}

impl Remembered {
    fn page(&mut self, key: Key, now: Instant) -> Page {
        while let Some((oldest, since)) = self.oldest_first.front()
            && (self.oldest_first.len() >= REMEMBERED_MAX || now.duration_since(*since) >= REMEMBERED_FOR)
        {
            self.pages.remove(oldest);
            self.oldest_first.pop_front();
        }
        let page = self.pages.entry(key.clone()).or_insert_with(|| {
            self.oldest_first.push_back((key, now));
            Page::default()
        });
        Arc::clone(page)
    }
}

/// One visitor per domain across the fleet, spaced from whoever asked before.
pub(crate) struct FleetVisitor<'a> {
    pub services: &'a Services,
    pub tenant: &'a TenantId,
}

impl FleetVisitor<'_> {
    async fn read(&self, policy: &CrawlPolicy, request: VisitRequest, if_taken: IfTaken) -> Result<Visit, WorkError> {
        let domain = request.domain();
        let lease = match if_taken {
            IfTaken::Wait => domain_lease(self.services, &domain, &never_cancelled()).await?,
            IfTaken::Leave => (self.services.leases.try_take(&format!("domain/{domain}")).await?)
                .ok_or_else(|| WorkError::Busy(format!("{domain} is being visited")))?,
        };
        visit_under(self.services, policy, request, &lease, &never_cancelled()).await
    }
}

impl Visitor for FleetVisitor<'_> {
    async fn home_page(&self, policy: &CrawlPolicy, request: VisitRequest, if_taken: IfTaken) -> Option<Arc<Visit>> {
        let host = request.start.host_str().unwrap_or_default().to_owned();
        let read = async || self.read(policy, request, if_taken).await;
        let page = self.services.home_pages.page((self.tenant.clone(), host), read).await;
        page.inspect_err(|error| tracing::debug!(%error, "a candidate was not visited")).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use presdr_sites::Web;

    use super::*;

    fn key(tenant: &str, host: &str) -> Key {
        (TenantId::new(tenant).unwrap(), host.to_owned())
    }

    /// A visit that needs no network: nobody may go where it leads.
    async fn visit() -> Visit {
        let request = VisitRequest::new("http://127.0.0.1:1/").unwrap();
        let web = Web::new(presdr_sites::WebConfig::default()).unwrap();
        presdr_sites::visit(&web, &CrawlPolicy::default(), request, &never_cancelled()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_read_once_for_all_who_want_it_within_minutes_and_for_each_tenant() {
        let (pages, reads) = (HomePages::default(), AtomicUsize::new(0));
        let read = |tenant: &'static str| {
            pages.page(key(tenant, "firmlist.example"), async || {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok::<_, WorkError>(visit().await)
            })
        };
        let all = futures::future::join_all((0..20).map(|_| read("acme"))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        read("globex").await.unwrap();
        assert_eq!(reads.load(Ordering::Relaxed), 2, "what a tenant read belongs to it alone");
        tokio::time::advance(REMEMBERED_FOR).await;
        read("acme").await.unwrap();
        assert_eq!(reads.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_asked_for_again() {
        let pages = HomePages::default();
        let taken = async || Err(WorkError::Busy("firmlist.example is being visited".to_owned()));
        assert!(pages.page(key("acme", "firmlist.example"), taken).await.is_err());
        let free = async || Ok::<_, WorkError>(visit().await);
        assert!(pages.page(key("acme", "firmlist.example"), free).await.is_ok());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        for number in 0..2 * REMEMBERED_MAX {
            remembered.page(key("acme", &format!("host{number}.example")), now);
        }
        assert_eq!((remembered.pages.len(), remembered.oldest_first.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
