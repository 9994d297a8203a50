//! Which domain belongs to a registered company.
