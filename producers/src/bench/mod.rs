//! What registry work costs beside what Postgres alone would take, measured in the same run on the same server.
//!
//! - [`ingest`]: taking in registry files, beside a plain COPY of them
//! - [`candidates`]: refreshing the candidates of many tenants, beside one materialized view of all
//! - [`report`]: what every bench answers with

pub mod candidates;
pub mod ingest;
pub mod report;
mod rows;
mod server;
