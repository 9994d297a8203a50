//! Many sites, each domain one visit at a time.

use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::policy::CrawlPolicy;
use super::report::Visit;
use super::start::VisitRequest;
use super::visit::visit;
use crate::web::Web;

/// What came of one entry of the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SiteReport {
    /// The entry as given.
    pub asked: String,
    /// Why it could not be visited at all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The visit.
    #[serde(flatten)]
    pub visit: Option<Visit>,
}

/// Visits every entry, `concurrency` domains at once; reports come as they are ready. Entries of one registrable domain
/// follow one another, in the order given and with the pause between them. Dropping the stream ends all visits.
pub fn crawl_list(
    web: Web,
    policy: CrawlPolicy,
    entries: Vec<String>,
    concurrency: usize,
) -> impl Stream<Item = SiteReport> + Send {
    let policy = Arc::new(policy);
    stream::iter(by_domain(entries)).flat_map_unordered(concurrency.max(1), move |group| {
        let (web, policy) = (web.clone(), Arc::clone(&policy));
        let first = (group.into_iter(), None);
        Box::pin(stream::unfold(first, move |(mut group, not_before)| {
            let (web, policy) = (web.clone(), Arc::clone(&policy));
            async move {
                let (asked, parsed) = group.next()?;
                let request = match parsed {
                    Ok(request) => VisitRequest { not_before, ..request },
                    Err(error) => {
                        return Some((SiteReport { asked, error: Some(error), visit: None }, (group, not_before)));
                    }
                };
                let visit = visit(&web, &policy, request, &CancellationToken::new()).await;
                let not_before = visit.next_request_not_before.or(not_before);
                Some((SiteReport { asked, error: None, visit: Some(visit) }, (group, not_before)))
            }
        }))
    })
}

type Entry = (String, Result<VisitRequest, String>);

/// Entries by registrable domain, both in the order given.
fn by_domain(entries: Vec<String>) -> Vec<Vec<Entry>> {
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for asked in entries {
        let request = VisitRequest::new(&asked).map_err(|error| error.to_string());
        // An entry without a domain is a group of its own.
        let domain = request.as_ref().map_or_else(|_| asked.clone(), VisitRequest::domain);
        let place = *places.entry(domain).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push((asked, request));
    }
    groups
}
