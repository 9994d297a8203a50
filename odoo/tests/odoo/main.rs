//! What a sync does to an Odoo, from the first night on: against the imitation, and against a real one where one is given.
//!
//! Those of module `real_odoo` run with `make test-odoo`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod between;
mod conformance;
mod erasures;
mod hindered;
mod imitated;
mod raw;
mod real_odoo;
mod scenarios;
mod support;
