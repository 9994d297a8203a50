//! Postgres behind one door: tenants, keys, and the records that workers act on.
//!
//! Tenant tables are reached through [`TenantTx`] alone, by roles that own no table and bypass no policy. What a person reads
//! (projections) is not here; what a worker decides is not here either.
//!
//! - [`Database`], [`TenantTx`]: pools per role, transactions per tenant
//! - [`keys`]: master key -> tenant key -> data subject key; sealing and opening
//! - [`suppressions`], [`erasures`]: who must not be contacted, who was erased, and how work in flight minds it
//! - [`erasure_requests`]: erasures that were asked for by whoever cannot carry them out
//! - [`consents`]: who agreed to be written to
//! - [`steps`]: outcomes committed before they are published, and what is still to be published
//! - [`admissions`]: which leads may be worked on; ending one lets the next in
//! - [`runs`]: claims, states, pause, cancel
//! - [`leases`]: one visitor per domain across the fleet
//! - [`ledger`], [`breakers`], [`answers`]: what is bought of vendors, what it may cost, what it brought
//! - [`similarity`]: vectors, and the sample customers they are compared with
//! - [`backups`]: what a backup needs to know, and a database that was read back
//! - [`restoring`]: a restore under way, which keeps services out
//! - [`newer`]: a database that was read back beside a log that is newer
//! - [`purge`]: erasing a tenant, table by table
//! - [`users`]: people who use presdr: an opaque id for events, the address here
//! - [`sessions`]: their browsers, while they are signed in
//! - [`threads`], [`turns`]: conversations, each of one user, and what was told in them
//! - [`odoo`]: each tenant's Odoo: where it is, and as whom presdr works there
//! - [`onboarding`]: how far the setting up of a tenant is
//! - [`migrate`]: roles and schema

pub mod admissions;
pub mod answers;
pub mod backups;
pub mod breakers;
pub mod consents;
mod database;
pub mod erasure_requests;
pub mod erasures;
mod error;
mod exclusive;
pub mod keys;
pub mod leases;
pub mod ledger;
mod migrate;
pub mod newer;
pub mod odoo;
pub mod onboarding;
pub mod parked;
pub mod purge;
pub mod restoring;
pub mod retention;
pub mod runs;
pub mod sessions;
pub mod settings;
pub mod similarity;
pub mod steps;
pub mod suppressions;
pub mod tenants;
#[cfg(feature = "testing")]
pub mod testing;
pub mod texts;
pub mod threads;
pub mod turns;
pub mod users;

pub use database::{Database, Role, TenantTx};
pub use error::{StoreError, is_of_erased_tenant};
pub use migrate::{make_roles, migrate, migrate_restoring, migrations_hash, missing_migrations, newest_migration};
