//! The server: dispatch by host, the request log, start and stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domains::LabelledWeb;
use crate::web::answer::{Answer, Request};
use crate::web::folder::{FolderError, FolderWeb};
use crate::web::generated::GeneratedWeb;
use crate::web::profile::Profile;
use crate::web::requests::{Requests, Visit};

/// How long a stop waits for answers under way.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Which web the sandbox imitates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebKind {
    /// Company sites of every kind, good and bad.
    Varied {
        /// How many.
        sites: usize,
    },
    /// Ordinary company sites with the same number of pages, for measurements.
    Uniform {
        /// How many.
        sites: usize,
        /// Pages of each, 1 to 12.
        pages: usize,
    },
    /// A folder of sites as found.
    Folder(PathBuf),
    /// The sites around which domain resolution is scored.
    Labelled {
        /// How many companies.
        companies: usize,
    },
}

/// How the sandbox web is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxConfig {
    /// Where it listens; must be a loopback address.
    pub address: SocketAddr,
    /// What all invention derives from.
    pub seed: u64,
    /// Which web.
    pub web: WebKind,
    /// How much later every answer comes.
    pub delay: Duration,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            web: WebKind::Varied { sites: 300 },
            delay: Duration::ZERO,
        }
    }
}

/// Why the sandbox web did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Imitations must not be reachable from elsewhere.
    #[error("the sandbox listens on loopback addresses only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The port could not be had.
    #[error("could not listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The folder of sites cannot be served.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The imitation of the outside world.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Starts the web and returns once it can be asked.
    pub async fn start(config: SandboxConfig) -> Result<Running, SandboxError> {
        if !config.address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(config.address));
        }
        let seed = config.seed;
        let web = Arc::new(Web::of(seed, &config.web)?);
        let failed = |source| SandboxError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let requests = Arc::new(Requests::default());
        let shared = Shared { web: Arc::clone(&web), requests: Arc::clone(&requests), delay: config.delay };
        let router = Router::new().fallback(handle).with_state(shared);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Ok(Running { address, seed, web, requests, stop, server })
    }
}

/// The sandbox web while it runs. Dropping it lets the server end in the background.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    seed: u64,
    web: Arc<Web>,
    requests: Arc<Requests>,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Every host name that exists, in alphabetical order.
    pub fn hosts(&self) -> Vec<String> {
        self.web.hosts()
    }

    /// The made-up sites, in order; none when another kind of web is served.
    pub fn profiles(&self) -> &[Profile] {
        match &*self.web {
            Web::Generated(web) => web.profiles(),
            Web::Folder(_) | Web::Labelled(_) => &[],
        }
    }

    /// What all invention derives from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The web itself.
    pub(crate) fn web(&self) -> Arc<Web> {
        Arc::clone(&self.web)
    }

    /// What was asked so far.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Stops listening, lets answers under way finish for a moment, and returns.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_WAIT, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What is served.
#[derive(Debug)]
pub(crate) enum Web {
    Generated(GeneratedWeb),
    Folder(FolderWeb),
    Labelled(LabelledWeb),
}

impl Web {
    /// The web of this kind that follows from `seed`.
    pub(crate) fn of(seed: u64, kind: &WebKind) -> Result<Self, FolderError> {
        Ok(match kind {
            WebKind::Varied { sites } => Self::Generated(GeneratedWeb::new(
                seed,
                (0..*sites).map(|index| Profile::varied(seed, index)).collect(),
            )),
            WebKind::Uniform { sites, pages } => {
                let profiles = (0..*sites).map(|index| Profile::uniform(seed, index, *pages)).collect();
                Self::Generated(GeneratedWeb::new(seed, profiles))
            }
            WebKind::Folder(folder) => Self::Folder(FolderWeb::open(folder)?),
            WebKind::Labelled { companies } => Self::Labelled(LabelledWeb::new(seed, *companies)),
        })
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = match self {
            Self::Generated(web) => web.hosts().map(str::to_owned).collect(),
            Self::Folder(web) => web.hosts().map(str::to_owned).collect(),
            Self::Labelled(web) => web.hosts().map(str::to_owned).collect(),
        };
        hosts.sort_unstable();
        hosts
    }

    /// The answer to `request`; none for a host that does not exist.
    pub(crate) fn known(&self, request: &Request<'_>) -> Option<Answer> {
        match self {
            Self::Generated(web) => web.answer(request),
            Self::Folder(web) => web.answer(request),
            Self::Labelled(web) => web.answer(request),
        }
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        // Closing first keeps the side that is asked about thousands of names from running out of ports.
        self.known(request).unwrap_or_else(|| {
            Answer::new(421, "text/plain", "no site of this name").with_header("connection", "close")
        })
    }
}

#[derive(Debug, Clone)]
struct Shared {
    web: Arc<Web>,
    requests: Arc<Requests>,
    delay: Duration,
}

async fn handle(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let at = Instant::now();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or_else(|| uri.host()).map(without_port).unwrap_or_default();
    let request = Request {
        host: &host,
        path: uri.path(),
        if_none_match: text(header::IF_NONE_MATCH),
        if_modified_since: text(header::IF_MODIFIED_SINCE),
    };
    let answer = if matches!(method, Method::GET | Method::HEAD) {
        shared.web.answer(&request)
    } else {
        Answer::new(405, "text/plain", "only GET and HEAD")
    };
    shared.requests.record(Visit {
        host: host.clone(),
        path: uri.path().to_owned(),
        status: answer.status,
        user_agent: text(header::USER_AGENT).unwrap_or_default().to_owned(),
        at,
    });
    let delay = shared.delay + answer.delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    response(answer)
}

/// `host:port` without the port, in lower case.
fn without_port(host: &str) -> String {
    host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase()
}

fn response(answer: Answer) -> Response<Body> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::from(answer.body)).unwrap_or_else(|_| {
        let mut response = Response::new(Body::from("the imitation made an answer that is no HTTP"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
