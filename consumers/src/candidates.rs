use std::collections::BTreeMap;
use presdr_events::*; use presdr_store::*; use presdr_rules::icp::IcpDocument;
pub struct Refresh { pub before: u64, pub after_filters: BTreeMap<String,u64>, pub candidates: u64, pub added: u64, pub removed: u64, pub fallback: bool }
pub struct Target { pub company: CompanyId, pub uen: Option<String> }
pub struct Chosen { pub targets: Vec<Target>, pub candidates: u64, pub never_seen: u32 }
pub async fn refresh(_d: &Database, _t: &TenantId, _r: i64, _i: &IcpDocument) -> Result<Refresh, StoreError> { todo!() }
pub async fn choose(_tx: &mut TenantTx, _r: i64, _c: u32) -> Result<Chosen, StoreError> { todo!() }
