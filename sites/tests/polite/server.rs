//! A web server and what it was asked.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, UserAgent, Visit, VisitRequest, Web, WebConfig, visit};
use tokio_util::sync::CancellationToken;

pub const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Instant,
    pub host: String,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
}

/// A server that answers for every host until it is dropped.
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    /// Answers each request by a function of it.
    pub async fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind((LOCAL, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        let router = Router::new().fallback(move |request: Request| {
            let asked = Asked::new(&request);
            seen.lock().unwrap().push(asked.clone());
            let answer = Arc::clone(&answer);
            async move {
                let response = answer(&asked);
                // A test asks for silence with this status.
                if response.status() == SILENCE {
                    std::future::pending::<()>().await;
                }
                response
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, asked, serving }
    }

    /// Serves these pages (path, HTML) and 404 for all else.
    pub async fn with_pages(pages: &[(&'static str, &str)]) -> Self {
        let pages: Vec<(&str, String)> = pages.iter().map(|(path, html)| (*path, (*html).to_owned())).collect();
        Self::start(move |asked| {
            let page = pages.iter().find(|(path, _)| *path == asked.path);
            page.map_or_else(not_found, |(_, html)| self::html(html))
        })
        .await
    }

    /// What it was asked, in order of arrival.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The paths it was asked for, in order.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// A client that reaches this server under every name.
    pub fn web(&self) -> Web {
        Web::new(self.config()).unwrap()
    }

    pub fn config(&self) -> WebConfig {
        WebConfig {
            user_agent: UserAgent::with_contact("https://operator.example/crawler".parse().unwrap()),
            resolve_to: Some(ResolveTo::new(DevelopmentOnly::confirmed(), LOCAL, self.port, None)),
            ..WebConfig::default()
        }
    }

    /// Visits `start` in a hurry.
    pub async fn visit(&self, start: &str) -> Visit {
        visit_with(&self.web(), &quick(), VisitRequest::new(start).unwrap()).await
    }
}

impl Asked {
    fn new(request: &Request) -> Self {
        let headers = request.headers().clone();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Self { at: Instant::now(), host, path, headers }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Never sent: the request is left unanswered.
const SILENCE: StatusCode = StatusCode::IM_A_TEAPOT;

pub async fn visit_with(web: &Web, policy: &CrawlPolicy, request: VisitRequest) -> Visit {
    visit(web, policy, request, &CancellationToken::new()).await
}

/// The default policy with next to no pauses.
pub fn quick() -> CrawlPolicy {
    CrawlPolicy { min_interval: Duration::from_millis(1), ..CrawlPolicy::default() }
}

pub fn html(page: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.to_owned()).into_response()
}

pub fn text(content: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], content.to_owned()).into_response()
}

pub fn not_found() -> Response {
    status(404)
}

pub fn status(status: u16) -> Response {
    (StatusCode::from_u16(status).unwrap(), "").into_response()
}

pub fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned())]).into_response()
}

/// Leaves the request without an answer.
pub fn silence() -> Response {
    SILENCE.into_response()
}

pub fn bytes(content_type: &str, content: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, content_type.to_owned())], Body::from(content)).into_response()
}

/// A page with these links (address, words) and some hundred readable words about `subject`.
pub fn page(subject: &str, links: &[(&str, &str)]) -> String {
    let links: String = links.iter().map(|(to, words)| format!("<li><a href=\"{to}\">{words}</a></li>")).collect();
    let sentence = format!("The workshop in Tuas builds and repairs {subject} for shipyards across the strait. ");
    format!(
        "<!doctype html><html><head><title>{subject}</title></head><body><nav><ul>{links}</ul></nav>\
         <main><h1>{subject}</h1><p>{}</p><p>{}</p></main></body></html>",
        sentence.repeat(6),
        sentence.repeat(8)
    )
}
