//! Who goes and reads the home page of a candidate.

use std::{future::Future, sync::Arc};

use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::crawl::{CrawlPolicy, Visit, VisitRequest, visit};
use crate::web::Web;

/// What to do about a domain that somebody else is visiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfTaken {
    /// Leave it: there are others to ask.
    Leave,
    /// Wait for a while: there is nothing else to ask.
    Wait,
}

/// Whoever reads home pages, and sees to it that a domain has one visitor at a time, across all workers, and its pauses.
pub trait Visitor: Sync {
    /// Reads the home page, or has it from whoever read it a moment ago; none when somebody else is at the domain.
    fn home_page(
        &self,
        policy: &CrawlPolicy,
        request: VisitRequest,
        if_taken: IfTaken,
    ) -> impl Future<Output = Option<Arc<Visit>>> + Send;
}

/// For a process that is the only visitor of the sites it asks.
#[derive(Clone, Copy)]
pub struct Alone<'a>(pub &'a Web);

impl Visitor for Alone<'_> {
    /// Ends when the site may be asked again.
    async fn home_page(&self, policy: &CrawlPolicy, request: VisitRequest, _: IfTaken) -> Option<Arc<Visit>> {
        let answer = visit(self.0, policy, request, &CancellationToken::new()).await;
        if let Some(free) = answer.next_request_not_before {
            sleep_until(free).await;
        }
        Some(Arc::new(answer))
    }
}
