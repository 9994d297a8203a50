//! A body of bounded size, within a bound for all bodies together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body up to this size needs nobody's leave; 256 of them are 48 MiB.
const SMALL_BYTES_MAX: usize = 192 * 1024;
/// How many larger bodies are held at once.
const LARGE_BODIES_MAX: usize = 12;

/// What was received of a body.
#[derive(Debug, Default)]
pub struct Body {
    /// The bytes, decompressed.
    pub bytes: Vec<u8>,
    /// There was more than the limit; the rest was not received.
    pub truncated: bool,
    /// A large body holds its place until it is dropped.
    _place: Option<OwnedSemaphorePermit>,
}

/// The places for large bodies, shared by all requests of a client.
#[derive(Clone)]
pub(super) struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_BODIES_MAX)))
    }
}

/// Reads up to `bytes_max` decompressed bytes, then hangs up: a small answer that unpacks to gigabytes costs no more.
pub(super) async fn read(
    response: &mut reqwest::Response,
    bytes_max: usize,
    large: &LargeBodies,
) -> Result<Body, reqwest::Error> {
    let mut body = Body::default();
    while let Some(chunk) = response.chunk().await? {
        let room = bytes_max - body.bytes.len();
        if body.bytes.len() + chunk.len().min(room) > SMALL_BYTES_MAX && body._place.is_none() {
            // The semaphore is never closed, so there is a permit or a wait, never an error.
            body._place = Arc::clone(&large.0).acquire_owned().await.ok();
        }
        body.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            body.truncated = true;
            break;
        }
    }
    Ok(body)
}
