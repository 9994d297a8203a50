//! Who asks: a token of the identity provider, and nothing else but it.
//!
//! - [`token`]: checking one, with bounded work
//! - `signature`: the algorithms, and keys that check them
//! - [`keys`], [`provider`]: the provider's keys, and the provider over HTTP
//! - [`claims`], [`roles`]: what a token says, and what that allows
//! - `session`, `login`, `logout`: browsers, which hold no token but a cookie
//! - `over`: until when somebody may read a stream
//! - [`Caller`]: who asks, as handlers get it

mod caller;
pub mod claims;
mod json;
pub mod keys;
pub(crate) mod login;
pub(crate) mod logout;
mod over;
pub mod provider;
pub mod roles;
mod session;
mod signature;
pub mod token;

pub use caller::Caller;
pub(crate) use caller::{has_token, identify};
pub(crate) use over::{Over, over};
