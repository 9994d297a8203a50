//! Databases, models, fields and records.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Account;

/// What an account may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Everything, making fields included.
    Admin,
    /// Contacts and CRM leads.
    Service,
    /// To sign in, and read.
    Limited,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    /// A record of that model.
    Record(&'static str),
}

/// A model's fields and records.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub fields: BTreeMap<String, (Kind, String)>,
    pub rows: BTreeMap<i64, Map<String, Value>>,
    pub last_id: i64,
}

/// A database.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub accounts: Vec<Account>,
    pub tables: BTreeMap<String, Table>,
    /// External id -> model and record.
    pub external: BTreeMap<String, (String, i64)>,
    /// Part of names that a rule of the tenant's own does not allow.
    pub forbidden: Option<&'static str>,
    /// Part of names at which a module of the tenant's fails.
    pub failing: Option<&'static str>,
    /// Seconds, as records tell when they were written.
    pub clock: i64,
}

/// The numbers of Singapore, of those who may sign in to see what is theirs, and of the model of partners.
pub(super) const SINGAPORE: i64 = 197;
pub(super) const PORTAL: i64 = 10;
pub(super) const PARTNER_MODEL: i64 = 90;

impl Database {
    pub fn new(name: &str) -> Self {
        let account = |uid, role: &str, rights| Account {
            uid,
            login: format!("{role}@{name}.test"),
            key: format!("key-of-{role}-at-{name}"),
            rights,
        };
        let partner = [
            ("name", Kind::Text, "char"),
            ("active", Kind::Flag, "boolean"),
            ("is_company", Kind::Flag, "boolean"),
            ("type", Kind::Text, "selection"),
            ("parent_id", Kind::Record("res.partner"), "many2one"),
            ("country_id", Kind::Record("res.country"), "many2one"),
            ("company_id", Kind::Record("res.company"), "many2one"),
            ("street", Kind::Text, "char"),
            ("zip", Kind::Text, "char"),
            ("barcode", Kind::Text, "char"),
            ("website", Kind::Text, "char"),
            ("company_registry", Kind::Text, "char"),
            ("ref", Kind::Text, "char"),
            ("vat", Kind::Text, "char"),
            ("comment", Kind::Text, "html"),
            ("email", Kind::Text, "char"),
            ("phone", Kind::Text, "char"),
            ("function", Kind::Text, "char"),
            ("create_date", Kind::Text, "datetime"),
            ("write_date", Kind::Text, "datetime"),
        ];
        let user = [
            ("name", Kind::Text, "char"),
            ("active", Kind::Flag, "boolean"),
            ("login", Kind::Text, "char"),
            ("partner_id", Kind::Record("res.partner"), "many2one"),
            ("group_ids", Kind::Record("res.groups"), "many2many"),
        ];
        let lead = [
            ("name", Kind::Text, "char"),
            ("active", Kind::Flag, "boolean"),
            ("type", Kind::Text, "selection"),
            ("partner_id", Kind::Record("res.partner"), "many2one"),
            ("user_id", Kind::Record("res.users"), "many2one"),
            ("description", Kind::Text, "html"),
            ("create_date", Kind::Text, "datetime"),
            ("write_date", Kind::Text, "datetime"),
        ];
        let mut tables = BTreeMap::from([
            ("res.partner".to_owned(), table(&partner)),
            ("crm.lead".to_owned(), table(&lead)),
            ("res.country".to_owned(), table(&[("name", Kind::Text, "char")])),
            ("res.users".to_owned(), table(&user)),
            ("res.company".to_owned(), table(&[("name", Kind::Text, "char")])),
            ("res.groups".to_owned(), table(&[("name", Kind::Text, "char")])),
        ]);
        if let Some(countries) = tables.get_mut("res.country") {
            let Value::Object(singapore) = json!({ "name": "Singapore" }) else { unreachable!("an object") };
            countries.rows.insert(SINGAPORE, singapore);
        }
        let accounts = vec![
            account(2, "admin", Rights::Admin),
            account(5, "service", Rights::Service),
            account(6, "limited", Rights::Limited),
        ];
        let external = BTreeMap::from([
            ("base.sg".to_owned(), ("res.country".to_owned(), SINGAPORE)),
            ("base.group_portal".to_owned(), ("res.groups".to_owned(), PORTAL)),
        ]);
        Self { accounts, tables, external, forbidden: None, failing: None, clock: 1_795_392_000 }
    }

    /// The time of a write, as Odoo tells it.
    pub fn written_at(&self) -> String {
        chrono::DateTime::from_timestamp(self.clock, 0).unwrap_or_default().format("%F %T").to_string()
    }
}

fn table(fields: &[(&str, Kind, &str)]) -> Table {
    let fields = fields.iter().map(|(name, kind, told)| ((*name).to_owned(), (*kind, (*told).to_owned()))).collect();
    Table { fields, ..Table::default() }
}
