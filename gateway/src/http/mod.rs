//! What holds for every request, whatever it asks for.
//!
//! - [`door`]: who may come in to a route, and how many at once
//! - [`headers`]: the headers of every answer
//! - [`cors`]: pages of other origins
//! - [`address`]: where a request comes from
//! - [`quiet`]: connections on which nothing happens
//! - [`take`]: reading bodies, queries and ids

pub(crate) mod address;
mod cors;
mod door;
mod headers;
pub(crate) mod quiet;
mod take;

pub(crate) use cors::cors;
pub(crate) use door::{Cut, Way, in_langgraph_shape, in_time, open};
pub(crate) use headers::headers;
pub(crate) use take::{Body, Id, Named, Query};
