//! What vendors were asked about one person: the things that the ledger and the stored answers know by keyed hash.

use presdr_events::TenantId;
use presdr_store::{
    keys::TenantKeys,
    ledger::{self, ThingHash},
};

use crate::{
    BatchCall,
    lusha::Reveal,
    zerobounce::{Address, Validate},
};

/// The things that are bought about an address, or about a person by a vendor's own id of them. A new question about one person goes here.
#[must_use]
pub fn things_about(tenant: &TenantId, keys: &TenantKeys, addresses: &[&str], vendor_ids: &[&str]) -> Vec<ThingHash> {
    let validated = addresses.iter().map(|address| thing(&Validate, &Address::new(address), tenant, keys));
    let revealed = vendor_ids.iter().map(|id| thing(&Reveal, &(*id).to_owned(), tenant, keys));
    validated.chain(revealed).collect()
}

fn thing<C: BatchCall>(call: &C, thing: &C::Thing, tenant: &TenantId, keys: &TenantKeys) -> ThingHash {
    let context = ledger::thing_context(tenant, C::VENDOR.as_str(), C::OPERATION);
    keys.index.hash_bytes(&context, &call.canonical(thing))
}
