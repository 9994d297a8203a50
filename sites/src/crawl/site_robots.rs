//! Asking a host for its robots.txt: RFC 9309, 2.3.

use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

use super::asker::{Asker, Trouble, authority_of};
use super::report::RobotsState;
use crate::robots::{ROBOTS_BYTES_MAX, Robots};
use crate::web::Fetched;

/// RFC 9309, 2.3.1.2: at least five redirects are followed, across hosts too; beyond, the file counts as missing.
const ROBOTS_REDIRECTS_MAX: usize = 5;

/// What one host asks of us.
#[derive(Debug)]
pub(super) struct SiteRobots {
    pub url: Url,
    pub status: Option<u16>,
    known: Known,
}

#[derive(Debug)]
enum Known {
    Rules {
        rules: Arc<Robots>,
        state: RobotsState,
    },
    /// Everything is disallowed.
    Unreachable,
}

impl SiteRobots {
    /// The rules, or `None` when they could not be learnt, which disallows everything.
    pub fn rules(&self) -> Option<&Robots> {
        match &self.known {
            Known::Rules { rules, .. } => Some(rules),
            Known::Unreachable => None,
        }
    }

    pub fn state(&self) -> RobotsState {
        match &self.known {
            Known::Rules { state, .. } => *state,
            Known::Unreachable => RobotsState::Unreachable,
        }
    }
}

impl Asker<'_> {
    /// What the host of `url` asks of us: from this visit, from the last day's visits, or from the host.
    pub async fn robots_of(&mut self, url: &Url) -> Result<Arc<SiteRobots>, Trouble> {
        let authority = authority_of(url);
        if let Some(robots) = self.robots.get(&authority) {
            return Ok(Arc::clone(robots));
        }
        let remembered = self.web.robots_cache().get(&authority, Instant::now());
        let robots = match remembered {
            Some(rules) => {
                let known = Known::Rules { rules, state: RobotsState::Remembered };
                SiteRobots { url: robots_url(url), status: None, known }
            }
            None => self.fetch_robots(url).await?,
        };
        self.honour_crawl_delay(robots.rules().and_then(Robots::crawl_delay));
        let robots = Arc::new(robots);
        self.robots.insert(authority, Arc::clone(&robots));
        Ok(robots)
    }

    async fn fetch_robots(&mut self, of: &Url) -> Result<SiteRobots, Trouble> {
        let url = robots_url(of);
        let known = |rules, state| Known::Rules { rules: Arc::new(rules), state };
        let (status, known) = match self.robots_answer(&url).await {
            // Nobody is there: not a question of robots.txt.
            Err(Trouble::Fetch(error)) if error.before_any_answer() => {
                return Err(Trouble::Fetch(error));
            }
            Err(Trouble::Fetch(_)) => (None, Known::Unreachable),
            Err(halt) => return Err(halt),
            Ok(answer) => match answer.status {
                200..=299 => {
                    let rules = Robots::parse(&answer.body.bytes, &self.web.user_agent().product);
                    (Some(answer.status), known(rules, RobotsState::Read))
                }
                500.. => (Some(answer.status), Known::Unreachable),
                _ => (Some(answer.status), known(Robots::allow_all(), RobotsState::Missing)),
            },
        };
        // A failure is not remembered: the next visit may find the host well again.
        if let Known::Rules { rules, .. } = &known {
            self.web.robots_cache().put(authority_of(of), Arc::clone(rules), Instant::now());
        }
        Ok(SiteRobots { url, status, known })
    }

    /// The answer at the end of the redirects; the last redirect itself when there are too many.
    async fn robots_answer(&mut self, url: &Url) -> Result<Fetched, Trouble> {
        let mut answer = self.file(url, ROBOTS_BYTES_MAX).await?;
        for _ in 0..ROBOTS_REDIRECTS_MAX {
            let Some(next) = answer.location.clone() else {
                break;
            };
            answer = match self.file(&next, ROBOTS_BYTES_MAX).await {
                // The host answered; that its redirect leads nowhere makes its file unreachable, not the host.
                Err(Trouble::Fetch(_)) => Fetched { status: 500, location: None, ..answer },
                other => other?,
            };
        }
        Ok(answer)
    }
}

fn robots_url(of: &Url) -> Url {
    let mut url = of.clone();
    url.set_path("/robots.txt");
    url.set_query(None);
    url.set_fragment(None);
    url
}
