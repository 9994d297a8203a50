//! The vendors while they run: start, where they are, what tests may do to them, stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::SandboxError;
use crate::vendors::account::Accounts;
use crate::vendors::calls::Calls;
use crate::vendors::door::{House, Shared, handle};
use crate::vendors::faults::{Fault, Faults};
use crate::vendors::imitation::Imitation;
use crate::vendors::limits::Limits;
use crate::vendors::lusha::Lusha;
use crate::vendors::openai::OpenAi;
use crate::vendors::tavily::Tavily;
use crate::vendors::vendor::Vendor;
use crate::vendors::world::World;
use crate::vendors::zerobounce::ZeroBounce;

/// How long a stop waits for answers under way.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// How the vendors are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorConfig {
    /// Where they listen; must be a loopback address.
    pub address: SocketAddr,
    /// How much later every answer comes.
    pub latency: Duration,
    /// How often they may be asked.
    pub limits: Limits,
    /// Faults from the start.
    pub faults: Vec<Fault>,
    /// What accounts hold other than the usual: credits, or tokens of OpenAI.
    pub credits: Vec<(Vendor, u64)>,
}

impl Default for VendorConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            limits: Limits::default(),
            faults: vec![],
            credits: vec![],
        }
    }
}

/// The four vendors while they run, each below a path of its own. Dropping it lets the server end in the background.
pub struct VendorSandbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
}

impl std::fmt::Debug for VendorSandbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("VendorSandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl VendorSandbox {
    /// Starts the vendors, who know of `world`, and returns once they can be asked.
    ///
    /// # Errors
    /// When the address is not loopback, or cannot be had.
    pub async fn start(config: VendorConfig, world: World) -> Result<Self, SandboxError> {
        if !config.address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(config.address));
        }
        let failed = |source| SandboxError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            houses: Vendor::ALL.into_iter().map(|vendor| (vendor, house(vendor, &config))).collect(),
            world: Arc::new(world),
            faults: Faults::default(),
            calls: Calls::default(),
            latency_ms: AtomicU64::new(milliseconds(config.latency)),
            stop: stop.clone(),
        });
        config.faults.into_iter().for_each(|fault| shared.faults.add(fault));
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let stopped = stop.cancelled_owned();
        let server = tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Ok(Self { address, shared, server })
    }

    /// Where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stands for the vendor's own base URL, without a slash at its end.
    pub fn base(&self, vendor: Vendor) -> String {
        format!("http://{}/{vendor}{}", self.address, vendor.version_path())
    }

    /// The key that the vendor takes.
    pub fn key(&self, vendor: Vendor) -> &str {
        self.shared.houses.get(&vendor).map_or("", |house| &house.key)
    }

    /// Where the running sandbox is steered from outside; see [`crate::vendors`].
    pub fn admin(&self) -> String {
        format!("http://{}/{}", self.address, crate::vendors::admin::FOLDER)
    }

    /// The environment that points presdr at these vendors.
    pub fn environment(&self) -> Vec<(String, String)> {
        let of = |vendor: Vendor| {
            let name = vendor.as_str().to_uppercase();
            [
                (format!("PRESDR_{name}_URL"), self.base(vendor)),
                (format!("PRESDR_{name}_API_KEY"), self.key(vendor).into()),
            ]
        };
        Vendor::ALL.into_iter().flat_map(of).collect()
    }

    /// The faults that are still to show.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What was asked and paid for.
    pub fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// What the vendors know.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// What the vendor's account has left: credits, or tokens of OpenAI.
    pub fn credits_left(&self, vendor: Vendor) -> u64 {
        let house = self.shared.houses.get(&vendor);
        house.and_then(|house| house.accounts.left(&house.key)).unwrap_or(0)
    }

    /// Gives the vendor's account so much, with nothing spent.
    pub fn set_credits(&self, vendor: Vendor, credits: u64) {
        self.open_account(vendor, self.key(vendor), credits);
    }

    /// Lets the vendor take another key, whose account holds so much.
    pub fn open_account(&self, vendor: Vendor, key: &str, credits: u64) {
        if let Some(house) = self.shared.houses.get(&vendor) {
            house.accounts.grant(key, credits);
        }
    }

    /// What the account of another key has left; none when there is no such account.
    pub fn credits_left_of(&self, vendor: Vendor, key: &str) -> Option<u64> {
        self.shared.houses.get(&vendor)?.accounts.left(key)
    }

    /// How much later every answer comes from here on.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.latency_ms.store(milliseconds(latency), Ordering::Relaxed);
    }

    /// Calls, faults and accounts as at the start. What accounts were granted last, and the latency, stay.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Stops listening, lets answers under way finish for a moment, and returns.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        if tokio::time::timeout(STOP_WAIT, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for VendorSandbox {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn house(vendor: Vendor, config: &VendorConfig) -> House {
    let imitation: Box<dyn Imitation> = match vendor {
        Vendor::Tavily => Box::new(Tavily::default()),
        Vendor::Lusha => Box::new(Lusha::default()),
        Vendor::ZeroBounce => Box::new(ZeroBounce),
        Vendor::OpenAi => Box::new(OpenAi::default()),
    };
    let given = config.credits.iter().find(|(of, _)| *of == vendor);
    let credits = given.map_or_else(|| vendor.default_credits(), |(_, credits)| *credits);
    let key = vendor.default_key().to_owned();
    let accounts = Accounts::new(vendor, std::slice::from_ref(&key), credits, config.limits);
    House { vendor, key, accounts, imitation }
}

fn milliseconds(latency: Duration) -> u64 {
    u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)
}
