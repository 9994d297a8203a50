//! A gate in front of `load`: what a busy server's queue does to a call, until a test opens it.

use tokio_util::sync::CancellationToken;

/// Where a call waits until it is opened. Its clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate {
    reached: CancellationToken,
    open: CancellationToken,
}

impl Gate {
    /// Waits until a call has come to it.
    pub async fn reached(&self) {
        self.reached.cancelled().await;
    }

    /// Lets the call through, now or when it comes.
    pub fn open(&self) {
        self.open.cancel();
    }

    pub(super) async fn pass(&self) {
        self.reached.cancel();
        self.open.cancelled().await;
    }
}
