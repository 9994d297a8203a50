//! Waiting until the read models hold an event.

use std::time::Duration;

use presdr_store::Database;
use tokio::time::{Instant, sleep};

use crate::{ProjectError, checkpoint};

/// How often the checkpoint is looked at: one row by its key.
const POLL: Duration = Duration::from_millis(20);

/// Why a read cannot count on an event.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The read models did not get there in time.
    #[error(
        "the read models are at event {reached} and event {wanted} was waited for {seconds:.1} s: is a projector running (`presdr project`)?"
    )]
    Behind {
        /// The event that was waited for.
        wanted: i64,
        /// How far they are.
        reached: i64,
        /// How long.
        seconds: f64,
    },
    /// The checkpoint could not be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
}

/// Waits until the live read models hold event `sequence` of the log, counts included.
///
/// # Errors
/// [`WaitError::Behind`] when they do not after `patience`.
pub async fn wait_for(database: &Database, sequence: u64, patience: Duration) -> Result<(), WaitError> {
    let (wanted, started) = (i64::try_from(sequence).unwrap_or(i64::MAX), Instant::now());
    loop {
        let reached = checkpoint(database).await?.map_or(0, |checkpoint| checkpoint.settled_sequence);
        if reached >= wanted {
            return Ok(());
        }
        if started.elapsed() >= patience {
            return Err(WaitError::Behind { wanted, reached, seconds: patience.as_secs_f64() });
        }
        sleep(POLL).await;
    }
}
