//! What presdr knows of each tenant's Odoo.
//!
//! - [`connections`]: where it is, as whom presdr works there, and whose a database is

pub mod connections;
