//! Hearing of requests as they are committed.

use presdr_events::TenantId;
use presdr_store::erasure_requests;
use sqlx::postgres::PgListener;
use tokio::time::{Instant, sleep_until};

use super::queue::Pause;
use crate::Office;

/// An ear for requests. While it cannot hear, the regular look finds them; it tries to hear again at growing intervals.
pub(super) struct Hearing {
    listener: Option<PgListener>,
    again_at: Instant,
    pause: Pause,
}

impl Default for Hearing {
    fn default() -> Self {
        Self { listener: None, again_at: Instant::now(), pause: Pause::default() }
    }
}

impl Hearing {
    /// The tenant that a request was asked for; `None` when some may have been missed.
    pub(super) async fn next(&mut self, office: &Office) -> Option<TenantId> {
        loop {
            let Some(listener) = &mut self.listener else {
                sleep_until(self.again_at).await;
                if self.listen(office).await {
                    return None;
                }
                continue;
            };
            match listener.try_recv().await {
                Ok(Some(told)) => {
                    if let Ok(tenant) = TenantId::new(told.payload()) {
                        return Some(tenant);
                    }
                }
                Ok(None) => return None,
                Err(_) => self.listener = None,
            }
        }
    }

    async fn listen(&mut self, office: &Office) -> bool {
        match erasure_requests::listen(office.desk.database()).await {
            Ok(listener) => (self.listener, self.pause) = (Some(listener), Pause::default()),
            Err(error) => {
                tracing::warn!(%error, "cannot hear of erasures that are asked for; looking for them meanwhile");
                self.again_at = Instant::now() + self.pause.next();
            }
        }
        self.listener.is_some()
    }
}
