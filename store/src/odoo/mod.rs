//! What presdr knows of each tenant's Odoo.
//!
//! - [`connections`]: where it is, as whom presdr works there, and whose a database is
//! - [`records`]: what was written there, and what Odoo held after
//! - [`syncs`]: runs whose shortlist is to be written there

pub mod connections;
pub mod records;
pub mod syncs;
