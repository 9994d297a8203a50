//! An imitation of the web on a loopback address: one server that tells sites apart by the `Host` header.
//!
//! A host that does not exist is answered with 421 (Misdirected Request): whoever sends all names here, in place of
//! asking DNS, reads it as "this name has no address".

pub mod answer;
pub mod content;
pub mod folder;
mod generated;
mod layout;
pub mod profile;
pub mod requests;
pub(crate) mod server;
mod writing;

pub use folder::FolderError;
pub use generated::GeneratedWeb;
pub use layout::path as page_path;
pub use server::{Running, Sandbox, SandboxConfig, SandboxError, WebKind};
pub(crate) use writing::{escaped, phone_text};
