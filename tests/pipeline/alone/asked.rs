//! How often each site was asked, held against the kills that account for it.
//!
//! A site is asked on behalf of leads: first to see whether it is the company's, then for its pages. From its first request until those
//! leads' outcomes are committed a kill may cost a repeat of what it was asked until then; before and after it costs nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};
use presdr_events::{Envelope, Event, RunId, TenantId};
use presdr_producers::Desk;
use presdr_sandbox::Running;
use presdr_sites::{domains, registrable_domain};

/// When each registrable domain was asked, in order.
pub type Asked = BTreeMap<String, Vec<Instant>>;

/// A kill: from just before it until the killed was seen to be gone.
#[derive(Debug, Clone, Copy)]
pub struct Interruption {
    pub from: Instant,
    pub to: Instant,
}

pub fn asked(sandbox: &Running) -> Asked {
    let mut asked = Asked::new();
    for visit in sandbox.requests().all() {
        asked.entry(registrable_domain(&visit.host)).or_default().push(visit.at);
    }
    asked
}

/// The domains that were asked more often than the kills can account for: each kill while a domain was being read may cost at most what
/// reading it takes when nobody disturbs it.
pub fn without_need(
    asked: &Asked,
    undisturbed: &Asked,
    done: &BTreeMap<String, Instant>,
    interruptions: &[Interruption],
) -> Vec<String> {
    let over = asked.iter().filter_map(|(domain, times)| {
        let until = done.get(domain)?;
        let begun = times.first()?;
        let open = interruptions.iter().filter(|one| one.to >= *begun && one.from <= *until).count();
        let once = undisturbed.get(domain).map_or(0, Vec::len);
        let allowed = once * (open + 1);
        (times.len() > allowed).then(|| {
            format!("{domain}: {} requests, {once} when undisturbed, {open} kills while it was read", times.len())
        })
    });
    over.collect()
}

/// Until when each domain was read: when the outcomes of the leads on whose behalf it was asked were committed.
pub async fn done(desk: &Desk, tenant: &TenantId, run: RunId) -> BTreeMap<String, Instant> {
    let mut tx = desk.database().enter(tenant).await.unwrap();
    let steps: Vec<(String, String, Vec<u8>, DateTime<Utc>)> = sqlx::query_as(
        "select c.name, s.subject, s.body, s.committed_at
         from lead_steps s join tenant_company c using (company_id)
         where s.tenant_id = $1 and s.run_id = $2 and s.step in ('resolve', 'crawl')",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let clock = (Instant::now(), DateTime::<Utc>::from(SystemTime::now()));
    let mut done = BTreeMap::new();
    for (company, subject, body, committed_at) in steps {
        let at = clock.0.checked_sub((clock.1 - committed_at).to_std().unwrap_or_default()).unwrap();
        for domain in asked_for(&company, &Envelope::decode(&subject, &body).unwrap().event) {
            let until = done.entry(domain).or_insert(at);
            *until = at.max(*until);
        }
    }
    done
}

/// The domains that a step asked, or may have asked.
fn asked_for(company: &str, outcome: &Event) -> Vec<String> {
    let suggested = || domains::candidates(company, &[]).into_iter().map(|candidate| candidate.domain);
    match outcome {
        Event::LeadDomainResolved(found) if found.method == "guessed" => suggested().collect(),
        Event::LeadDomainMissing(_) => suggested().collect(),
        Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => vec![visit.domain.clone()],
        _ => Vec::new(),
    }
}

#[test]
fn a_repeat_that_no_kill_accounts_for_is_named() {
    let start = Instant::now();
    let at = |second: u64| start + Duration::from_secs(second);
    let asked =
        |times: &[u64]| Asked::from([("kopi.example".to_owned(), times.iter().map(|time| at(*time)).collect())]);
    let done = [("kopi.example".to_owned(), at(5))].into();
    let kill = |second| Interruption { from: at(second), to: at(second) };
    let named =
        |times: &[u64], kills: &[Interruption]| without_need(&asked(times), &asked(&[1, 2]), &done, kills).len();
    assert_eq!(named(&[1, 2], &[]), 0);
    assert_eq!(named(&[1, 2, 3], &[]), 1, "asked again though nothing was interrupted");
    assert_eq!(named(&[1, 2, 3, 4], &[kill(2)]), 0, "a kill, a repeat");
    assert_eq!(named(&[1, 2, 7, 8], &[kill(6)]), 1, "the kill came when all was done");
    assert_eq!(named(&[1, 2, 3, 4, 5], &[kill(2)]), 1, "one kill is no reason for two repeats");
}
