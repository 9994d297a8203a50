//! What a person may ask of a tenant: what it knows of them, a copy of it, and to be forgotten.
//!
//! An address or a profile link identifies a person; a phone number or a name only suggests one, and somebody picks. Clear values are in
//! memory while a command runs, and nowhere else; texts are searched by keyed hashes (`presdr_rules::named`).
//!
//! - [`Office`]: who asks, and with what
//! - [`PLACES`], [`STREAMS`]: every place that can hold a person, and how they are found and erased there
//! - [`find`](find::find): what is known of a person, without telling it
//! - [`export`](export::export): a copy of it, with where it came from, when, and on what basis
//! - [`erase`](erase::erase): keys destroyed, rows, answers and pages removed, and what keeps the person from coming back
//! - [`requests`]: erasures that were asked for over HTTP, carried out
//! - [`receipts`]: what an older backup cannot know: who was erased since, and who must not be contacted
//! - [`reapply`](reapply::reapply): the erasures that a restored database does not know, done again
//! - [`retention`]: what was kept long enough, removed by a scheduled job
//! - [`scrub`](scrub::scrub): what deleted rows leave in the files, overwritten

mod clear;
pub mod erase;
pub mod export;
pub mod find;
mod known;
mod log;
mod odoo;
mod office;
mod places;
pub mod reapply;
pub mod receipts;
pub mod requests;
pub mod retention;
mod rows;
pub mod scrub;
mod target;

pub use office::{ComplianceError, Office};
pub use places::{PLACES, Path, Place, STREAMS};
