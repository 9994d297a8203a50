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
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    Gateway, Transport,
    http::address::{self, Peer},
    routes, tls,
};

/// How long a client may take to say who it is, and to send the head of a request.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long requests may take to finish once the process is asked to end.
const FINISH_WAIT: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes: two tokens and then some.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Answers requests on `listener` until it is stopped; then finishes what is in hand.
///
/// # Errors
/// When certificate or key cannot be used.
pub async fn serve(gateway: Gateway, listener: TcpListener, stopping: CancellationToken) -> io::Result<()> {
    let acceptor = match &gateway.config().transport {
        Transport::Tls { certificates, key } => Some(tls::acceptor(certificates, key)?),
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
        let (router, acceptor, watcher) = (router.clone(), acceptor.clone(), closing.watcher());
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection(stream, peer, router, acceptor, watcher).await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    gateway.stopping().cancel();
    if timeout(FINISH_WAIT, closing.shutdown()).await.is_err() {
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
    acceptor: Option<TlsAcceptor>,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    match acceptor {
        None => speak(stream, peer, router, watcher).await,
        Some(acceptor) => speak(timeout(HEAD_WAIT, acceptor.accept(stream)).await??, peer, router, watcher).await,
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_concurrent_streams(64)
        .keep_alive_interval(Duration::from_secs(20));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    watcher.watch(connection).await
}
