//! What a vendor keeps about one key: its credits, what it has bought, how fast it asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::vendors::limits::{DAY, HOUR, Limits, MINUTE, Window};
use crate::vendors::reply::Receipt;
use crate::vendors::vendor::Vendor;

/// How long ZeroBounce shuts out who batches too fast.
const BATCH_BLOCK: Duration = Duration::from_secs(600);

/// The account behind a key.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// What it held at first.
    pub granted: u64,
    /// What it has spent.
    pub spent: u64,
    /// What was bought and is not charged again where the vendor does not.
    pub owned: BTreeSet<String>,
    /// Work that is not charged yet.
    pub carried: u64,
    /// The vendor's own statistics.
    pub tally: BTreeMap<String, u64>,
    windows: BTreeMap<&'static str, Window>,
}

impl Account {
    fn new(vendor: Vendor, credits: u64, limits: &Limits) -> Self {
        let (owned, tally) = (BTreeSet::new(), BTreeMap::new());
        Self { granted: credits, spent: 0, owned, carried: 0, tally, windows: windows(vendor, limits) }
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.granted.saturating_sub(self.spent)
    }

    /// Charges what was done.
    pub fn settle(&mut self, receipt: &Receipt) {
        self.spent += receipt.credits;
        self.owned.extend(receipt.things.iter().map(|(thing, _)| thing.clone()));
        if let Some(carried) = receipt.carried {
            self.carried = carried;
        }
        for (name, amount) in &receipt.tally {
            *self.tally.entry(name.clone()).or_default() += amount;
        }
    }

    /// A statistic.
    pub fn tally(&self, name: &str) -> u64 {
        self.tally.get(name).copied().unwrap_or(0)
    }

    /// The window of that name; every vendor's windows are made with the account.
    pub fn window(&mut self, name: &'static str) -> &mut Window {
        self.windows.entry(name).or_insert_with(|| Window::new(u64::MAX, MINUTE))
    }
}

fn windows(vendor: Vendor, limits: &Limits) -> BTreeMap<&'static str, Window> {
    let ten_seconds = Duration::from_secs(10);
    match vendor {
        Vendor::Tavily => vec![
            ("minute", Window::new(limits.tavily_per_minute, MINUTE)),
            ("crawl", Window::new(limits.tavily_crawls_per_minute, MINUTE)),
        ],
        Vendor::Lusha => vec![
            ("second", Window::new(limits.lusha_per_second, Duration::from_secs(1))),
            ("minute", Window::new(limits.lusha_per_minute, MINUTE)),
            ("hourly", Window::new(limits.lusha_per_hour, HOUR)),
            ("daily", Window::new(limits.lusha_per_day, DAY)),
            ("usage", Window::new(limits.lusha_usage_per_minute, MINUTE)),
        ],
        Vendor::ZeroBounce => vec![
            ("validate", Window::new(limits.zerobounce_validations_per_ten_seconds, ten_seconds).blocking(MINUTE)),
            ("batch", Window::new(limits.zerobounce_batches_per_minute, MINUTE).blocking(BATCH_BLOCK)),
            ("credits", Window::new(limits.zerobounce_credit_calls_per_hour, HOUR).blocking(DAY)),
            ("bad_requests", Window::new(limits.zerobounce_bad_requests_per_minute, MINUTE).blocking(HOUR)),
            ("odd_batches", Window::new(limits.zerobounce_odd_batches_per_hour, HOUR).blocking(HOUR)),
        ],
        Vendor::OpenAi => vec![
            ("requests", Window::new(limits.openai_requests_per_minute, MINUTE)),
            ("tokens", Window::new(limits.openai_tokens_per_minute, MINUTE)),
        ],
    }
    .into_iter()
    .collect()
}

/// The accounts of one vendor by their keys.
#[derive(Debug)]
pub(crate) struct Accounts {
    vendor: Vendor,
    limits: Limits,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    by_key: HashMap<String, Account>,
    /// Whoever tries keys that are none is shut out as a stranger.
    strangers: Window,
}

impl Accounts {
    /// One account for each of `keys`, each with `credits`.
    pub fn new(vendor: Vendor, keys: &[String], credits: u64, limits: Limits) -> Self {
        let by_key = keys.iter().map(|key| (key.clone(), Account::new(vendor, credits, &limits))).collect();
        let strangers = Window::new(limits.zerobounce_bad_keys_per_hour, HOUR).blocking(HOUR);
        Self { vendor, limits, held: Mutex::new(Held { by_key, strangers }) }
    }

    /// Does something with the account of `key`; none when there is no such account.
    pub fn with<T>(&self, key: &str, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.lock().by_key.get_mut(key).map(act)
    }

    /// Counts a request with a key that is none.
    pub fn stranger(&self, act: impl FnOnce(&mut Window) -> Option<Duration>) -> Option<Duration> {
        act(&mut self.lock().strangers)
    }

    /// Opens an account, or gives the one there is so many credits, with nothing spent.
    pub fn grant(&self, key: &str, credits: u64) {
        let fresh = || Account::new(self.vendor, credits, &self.limits);
        let mut held = self.lock();
        let account = held.by_key.entry(key.to_owned()).or_insert_with(fresh);
        (account.granted, account.spent) = (credits, 0);
    }

    /// What the account of `key` has left.
    pub fn left(&self, key: &str) -> Option<u64> {
        self.lock().by_key.get(key).map(Account::left)
    }

    /// Makes every account as it was at first, with what it was granted last.
    pub fn renew(&self) {
        let mut held = self.lock();
        for account in held.by_key.values_mut() {
            *account = Account::new(self.vendor, account.granted, &self.limits);
        }
        held.strangers = Window::new(self.limits.zerobounce_bad_keys_per_hour, HOUR).blocking(HOUR);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner) // sums are whole even when whoever held them panicked
    }
}
