//! What the door asks of each vendor.

use std::time::{Duration, Instant};

use crate::vendors::account::Account;
use crate::vendors::reply::{Ask, Reply};
use crate::vendors::world::World;

/// One imitated vendor: its words for everything that can happen to a request. The order in which things are checked,
/// charged and counted is the door's and the same for all.
pub(crate) trait Imitation: Send + Sync {
    /// The name of what is asked for, or the vendor's words for a path or a method that it does not know.
    fn operation(&self, ask: &Ask) -> Result<&'static str, Reply>;

    /// The key that the request carries.
    fn key(&self, ask: &Ask) -> Option<String>;

    /// The vendor's words for a key that is missing or wrong.
    fn refused(&self, operation: &str, ask: &Ask) -> Reply;

    /// Counts the request against the vendor's limits; the refusal when it is one too many.
    fn limited(&self, operation: &str, ask: &Ask, account: &mut Account, now: Instant) -> Option<Reply>;

    /// The vendor's words for "too often"; `wait` goes where the vendor puts it, when it says at all.
    fn rate_limit(&self, wait: Duration) -> Reply;

    /// The vendor's words for credits that are gone.
    fn quota(&self, operation: &str) -> Reply;

    /// The vendor's words for a fault of its own.
    fn server_error(&self, status: u16) -> Reply;

    /// The answer, with what it costs. Changes nothing: an answer that cannot be paid for is not given.
    fn answer(&self, operation: &str, ask: &Ask, account: &Account, world: &World) -> Reply;

    /// What every answer carries, whatever it says.
    fn dress(&self, reply: Reply, _operation: &str, _account: &mut Account, _now: Instant) -> Reply {
        reply
    }
}
