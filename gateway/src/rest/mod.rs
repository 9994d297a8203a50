//! What the routes do. Each file is one thing that people ask about: what it takes, what it answers, the handlers.

pub mod budgets;
pub mod company;
pub mod costs;
pub mod erasures;
pub mod events;
pub mod export;
pub mod icp;
pub mod meta;
pub mod odoo;
pub mod onboarding;
pub mod runs;
pub mod shortlist;
pub mod suppressions;

use crate::Problem;

const PAGE_DEFAULT: u16 = 50;
const PAGE_MAX: u16 = 200;

/// How many rows a page has: as many as were asked for, or the default.
fn page_limit(asked: Option<u16>) -> Result<u16, Problem> {
    let limit = asked.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is between 1 and {PAGE_MAX}")));
    }
    Ok(limit)
}
