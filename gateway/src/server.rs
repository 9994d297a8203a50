//! Connections: accepted up to a number, with TLS where it ends here, closed gently when the process is asked to end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    Gateway, Transport,
    http::{
        address::{self, Peer},
        quiet::Quiet,
    },
    limits::LimitPolicy,
    routes,
    tls::Certified,
};

/// How long requests may take to finish once the process is asked to end.
const FINISH_WAIT: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes: two tokens and then some.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Answers requests on `listener` until it is stopped; then finishes what is in hand.
///
/// # Errors
/// When certificate or key cannot be used.
pub async fn serve(gateway: Gateway, listener: TcpListener, stopping: CancellationToken) -> io::Result<()> {
    let tls = match &gateway.config().transport {
        Transport::Tls { certificates, key } => Some(Arc::new(Certified::read(certificates, key)?)),
        Transport::Plain | Transport::Behind(_) => None,
    };
    let router = routes::router(gateway.clone());
    let places = Arc::new(Semaphore::new(gateway.config().limits.connections));
    let closing = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            () = stopping.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
        };
        let (stream, peer) = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = accepted(&listener) => accepted,
        };
        // What does not come through the proxy is not answered: it could say of itself whatever it likes.
        if !address::is_answered(gateway.config(), peer.ip()) {
            continue;
        }
        // Behind a proxy all come from one address: there the proxy counts.
        let of_address = match gateway.config().transport {
            Transport::Behind(_) => None,
            Transport::Plain | Transport::Tls { .. } => match gateway.limits().connection(peer.ip()) {
                Some(place) => Some(place),
                None => continue,
            },
        };
        let (router, tls, watcher) = (router.clone(), tls.clone(), closing.watcher());
        let limits = gateway.config().limits;
        tokio::spawn(async move {
            let _places = (place, of_address);
            if let Err(error) = connection(stream, peer, router, tls, watcher, &limits).await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    gateway.stopping().cancel();
    gateway.turns().close();
    if timeout(FINISH_WAIT, async { tokio::join!(closing.shutdown(), gateway.turns().wait()) }).await.is_err() {
        tracing::warn!("some requests did not finish in {FINISH_WAIT:?}");
    }
    Ok(())
}

/// The next connection. A fault is the moment's, such as too many open files: a pause is all that helps.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<Arc<Certified>>,
    watcher: hyper_util::server::graceful::Watcher,
    limits: &LimitPolicy,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    match tls {
        None => speak(stream, peer, router, watcher, limits).await,
        Some(tls) => {
            let stream = timeout(limits.head, tls.acceptor().accept(stream)).await??;
            speak(stream, peer, router, watcher, limits).await
        }
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    limits: &LimitPolicy,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_concurrent_streams(64)
        .keep_alive_interval(Duration::from_secs(20));
    let quiet = Quiet::new(limits.head, limits.quiet);
    let noted = quiet.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        noted.broken();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let (router, noted) = (router.clone(), noted.clone());
        async move { router.oneshot(request).await.map(|answer| answer.map(|body| noted.noting(body))) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    tokio::select! {
        over = watcher.watch(connection) => over,
        // Not even the builder looks at the clock before it has heard which version is spoken.
        () = quiet.too_long() => Err("nothing happened for too long".into()),
    }
}
