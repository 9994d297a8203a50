//! Company web sites: finding them, reading them politely, and understanding what they say.
//!
//! Talks HTTP and DNS; knows nothing of tenants, the broker or the database.

pub mod domains;
pub mod extract;
