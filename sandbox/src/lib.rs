//! Imitations of the outside world, for the demonstration, tests and measurements. All is invented, all follows from a
//! seed, and nothing listens beyond loopback.
//!
//! - [`Sandbox`]: some hundreds of company web sites of every kind, or a folder of real ones
//! - [`company`]: who the made-up companies are
//! - [`write_acra`], [`write_ssic`], [`write_tenant_list`]: files about them as registry, classification and tenants have them
//! - [`vendors`]: the vendors that presdr pays, imitated down to their errors, limits and prices
//! - [`odoo`]: an Odoo, as far as presdr asks it
//! - [`domains`]: companies labelled with their right domain, and how well domain resolution does on them

mod company;
pub mod domains;
pub mod odoo;
mod random;
mod registry;
mod ssic;
mod tenants;
mod trades;
mod uen;
pub mod vendors;
pub mod web;

pub use company::{Address, Company, Form, Person, company};
pub use registry::{WriteError, write_acra};
pub use ssic::write_ssic;
pub use tenants::{DemoTenant, write_tenant_list};
pub use trades::{TRADES, Trade};
pub use web::{Running, Sandbox, SandboxConfig, SandboxError, WebKind};
