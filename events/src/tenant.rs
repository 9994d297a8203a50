//! Facts about a tenant, and about the registry that all tenants share.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CompanyId, Step, TenantId};

/// A tenant was created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The command.
    pub step: Step,
    /// The organisation's name.
    pub name: String,
}

/// A tenant that waited for its Odoo is ready: the connection works. One that waited for nothing was ready when it was created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// The command.
    pub step: Step,
}

/// A tenant's ideal customer profile was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IcpSet {
    /// The command.
    pub step: Step,
    /// Which rule.
    pub rule_id: i64,
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// The document.
    pub document: serde_json::Value,
}

/// The customers that a tenant's leads are compared with were set: one event for all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IcpSamplesSet {
    /// The command.
    pub step: Step,
    /// How often they were set, from 1.
    pub version: u32,
    /// Customers there are now.
    pub samples: u32,
    /// Of these, new or with another text.
    pub changed: u32,
    /// Customers that are no longer among them.
    pub removed: u32,
    /// SHA-256 over their names and texts, lower-case hex.
    pub content_hash: String,
}

/// Sections of a tenant's settings were set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsSet {
    /// The command.
    pub step: Step,
    /// The settings' version, from 1.
    pub version: u32,
    /// The sections that were given: `weights`, `thresholds`, `email_policy`, ….
    pub sections: Vec<String>,
    /// SHA-256 over all that the tenant has set after this, as JSON with sorted keys, lower-case hex.
    pub content_hash: String,
}

/// A tenant was erased: the receipt. An event of the platform, since the tenant has none any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Purged {
    /// The command.
    pub step: Step,
    /// Which tenant it was; the name is never used again.
    pub purged: TenantId,
    /// Rows that were removed, by table. None is left in any of the tenant's tables.
    pub rows: BTreeMap<String, u64>,
    /// Events that were removed from the log. None is left.
    pub events: u64,
    /// Rows of all others in the same tables, counted in one snapshot before and after each removal: the same.
    pub rows_of_others: u64,
}

/// Every tenant's keys were wrapped anew under another master key. An event of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MasterKeyRotated {
    /// The command.
    pub step: Step,
    /// The name of the new master key: half of a hash, which tells nothing about it.
    pub master_id: String,
    /// The names of those that nothing is wrapped with any more.
    pub retired: Vec<String>,
    /// How many tenants have keys, all of them under the new one.
    pub tenants: u32,
}

/// The database, or both stores, were restored from a backup: what the database held that is newer is lost. An event of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restored {
    /// The command.
    pub step: Step,
    /// Which backup: SHA-256 of what its manifest says, lower-case hex.
    pub backup: String,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// The place of the log's last event when it was taken.
    pub log_ended_at: u64,
    /// Whether the log was kept, with all that is newer; otherwise it ends with the backup, too.
    #[serde(default)]
    pub log_kept: bool,
    /// Erasures of people since, which were done again.
    pub people_erased_again: u64,
    /// Tenants that were erased again.
    pub tenants_erased_again: Vec<TenantId>,
}

/// Registry files, or a tenant's own list, were taken in: one event for the whole of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ingested {
    /// The command.
    pub step: Step,
    /// What was read: `acra`, `ssic`, `companies`.
    pub source: String,
    /// How many files.
    pub files: u32,
    /// Rows read.
    pub rows: u64,
    /// Rows that are quarantined.
    pub quarantined: u64,
    /// Companies that were new.
    pub inserted: u64,
    /// Companies that changed.
    pub updated: u64,
    /// SHA-256 over the files' bytes, lower-case hex.
    pub content_hash: String,
}

/// A person said which partner of the tenant's Odoo a company is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OdooPartnerLinked {
    /// The command.
    pub step: Step,
    /// Which company.
    pub company_id: CompanyId,
    /// The partner's number there.
    pub partner_id: i64,
}

/// A tenant's connection to its Odoo was set or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OdooConnectionSet {
    /// The command.
    pub step: Step,
    /// How often it was set, from 1.
    pub version: u32,
    /// Whether presdr works with it from now on.
    pub active: bool,
    /// The name of the database; none when it was taken back.
    pub database: Option<String>,
    /// How it is asked: `json2`, `jsonrpc`; none when it was taken back.
    pub flavour: Option<String>,
}
