//! How many waiting leads of a tenant may start now. A window per tenant keeps a large run from holding up another's small one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a run takes new leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// It does.
    Open,
    /// Not before it is resumed; what is in flight goes on.
    Paused,
    /// Never again.
    Cancelled,
}

/// How many of the waiting leads to admit. A window that shrank below what is in flight admits nothing until enough of it
/// is terminal.
pub fn admit(gate: Gate, window: u32, in_flight: u32, waiting: u32) -> u32 {
    match gate {
        Gate::Open => window.saturating_sub(in_flight).min(waiting),
        Gate::Paused | Gate::Cancelled => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_filled_and_never_overfilled() {
        assert_eq!(admit(Gate::Open, 32, 0, 5_000), 32);
        assert_eq!(admit(Gate::Open, 32, 30, 5_000), 2);
        assert_eq!(admit(Gate::Open, 32, 30, 1), 1);
        assert_eq!(admit(Gate::Open, 32, 40, 10), 0);
    }

    #[test]
    fn a_paused_or_cancelled_run_admits_nothing() {
        assert_eq!(admit(Gate::Paused, 32, 0, 10), 0);
        assert_eq!(admit(Gate::Cancelled, 32, 0, 10), 0);
    }
}
