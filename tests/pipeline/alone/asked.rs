//! How often each site was asked, held against the kills that account for it.
//!
//! A site is asked on behalf of leads: to see whether it is the company's, and for its pages. Each is a piece of work with a beginning (the
//! lead's admission, the first request after its domain was settled) and an end (its outcome is committed). A kill while a site is worked on
//! may cost a repeat of what that takes. A kill before it makes a process forget the home page that it has read for another lead a moment ago: it
//! is read again. A kill at any other time costs nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};
use presdr_events::{Envelope, Event, RunId, TenantId};
use presdr_producers::Desk;
use presdr_sandbox::Running;
use presdr_sites::{domains, registrable_domain};

/// Requests that a home page takes: where it is, and where that leads.
const HOME_PAGE: usize = 2;

/// When each registrable domain was asked for anything but its robots.txt, in order. What that says a process remembers for a while, and a
/// new process asks once more.
pub type Asked = BTreeMap<String, Vec<Instant>>;

/// A kill: from just before it until the killed was seen to be gone.
#[derive(Debug, Clone, Copy)]
pub struct Interruption {
    pub from: Instant,
    pub to: Instant,
}

pub fn asked(sandbox: &Running) -> Asked {
    let mut asked = Asked::new();
    for visit in sandbox.requests().all().into_iter().filter(|visit| visit.path != "/robots.txt") {
        asked.entry(registrable_domain(&visit.host)).or_default().push(visit.at);
    }
    asked
}

/// A piece of work on a domain: no request of it came before `from`, and none was called for after `until`.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub from: Instant,
    pub until: Instant,
}

impl Work {
    /// Whether the kill came between the work's first request and its end.
    fn was_met_by(&self, kill: &Interruption, times: &[Instant]) -> bool {
        self.begun(times).is_some_and(|begun| kill.to >= begun) && kill.from <= self.until
    }

    /// Whether the kill came between the domain's first request and the work's.
    fn came_after(&self, kill: &Interruption, times: &[Instant]) -> bool {
        times.first().is_some_and(|first| kill.to >= *first)
            && self.begun(times).is_some_and(|begun| kill.from <= begun)
    }

    fn begun(&self, times: &[Instant]) -> Option<Instant> {
        times.iter().copied().find(|time| *time >= self.from)
    }
}

/// The domains that were asked more often than the kills can account for: each kill while a domain was worked on may cost at most what it
/// is asked when nobody disturbs the run, and each work that began after a kill a home page.
pub fn without_need(
    asked: &Asked,
    undisturbed: &Asked,
    works: &BTreeMap<String, Vec<Work>>,
    kills: &[Interruption],
) -> Vec<String> {
    let over = asked.iter().filter_map(|(domain, times)| {
        let works = works.get(domain).map(Vec::as_slice).unwrap_or_default();
        let met = kills.iter().filter(|kill| works.iter().any(|work| work.was_met_by(kill, times))).count();
        let forgotten = works.iter().filter(|work| kills.iter().any(|kill| work.came_after(kill, times))).count();
        let once = undisturbed.get(domain).map_or(0, Vec::len);
        (times.len() > once * (met + 1) + forgotten * HOME_PAGE).then(|| {
            format!(
                "{domain}: {} requests, {once} when undisturbed, {met} kills while it was worked on, {forgotten} works begun after one",
                times.len()
            )
        })
    });
    over.collect()
}

/// The work that there was on each domain.
pub async fn works(desk: &Desk, tenant: &TenantId, run: RunId) -> BTreeMap<String, Vec<Work>> {
    type Step = (i64, String, String, Vec<u8>, DateTime<Utc>, DateTime<Utc>);
    let mut tx = desk.database().enter(tenant).await.unwrap();
    let steps: Vec<Step> = sqlx::query_as(
        "select company_id, c.name, s.subject, s.body, a.admitted_at, s.committed_at
         from lead_steps s join tenant_company c using (company_id) join admissions a using (tenant_id, run_id, company_id)
         where s.tenant_id = $1 and s.run_id = $2 and s.step in ('resolve', 'crawl') order by s.committed_at",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let clock = (Instant::now(), DateTime::<Utc>::from(SystemTime::now()));
    let at = |time: DateTime<Utc>| clock.0.checked_sub((clock.1 - time).to_std().unwrap_or_default()).unwrap();
    let mut settled = BTreeMap::new();
    let mut works: BTreeMap<String, Vec<Work>> = BTreeMap::new();
    for (company, name, subject, body, admitted_at, committed_at) in steps {
        let until = at(committed_at);
        let from = settled.insert(company, until).unwrap_or(at(admitted_at));
        for domain in asked_for(&name, &Envelope::decode(&subject, &body).unwrap().event) {
            works.entry(domain).or_default().push(Work { from, until });
        }
    }
    works
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
    // Looked at by its second 3, settled then, and read from its second 10 to 15.
    let works = [Work { from: at(0), until: at(3) }, Work { from: at(3), until: at(15) }];
    let works = [("kopi.example".to_owned(), works.to_vec())].into();
    let kill = |second| Interruption { from: at(second), to: at(second) };
    let named =
        |times: &[u64], kills: &[Interruption]| without_need(&asked(times), &asked(&[1, 11, 12]), &works, kills).len();
    assert_eq!(named(&[1, 11, 12], &[]), 0);
    assert_eq!(named(&[1, 11, 12, 13], &[]), 1, "asked again though nothing was interrupted");
    assert_eq!(named(&[1, 11, 12, 13, 14], &[kill(12)]), 0, "a kill, a repeat");
    assert_eq!(named(&[1, 11, 11, 12, 12], &[kill(7)]), 0, "a home page that was forgotten");
    assert_eq!(named(&[1, 11, 12, 13, 14, 14], &[kill(7)]), 1, "the kill came while nobody worked on it");
    assert_eq!(named(&[1, 11, 12, 17, 18], &[kill(16)]), 1, "the kill came when all was done");
    let twice_too_often = [1, 2, 11, 12, 13, 13, 14, 14, 14];
    assert_eq!(named(&twice_too_often, &[kill(2)]), 1, "one kill is no reason for two repeats");
}
