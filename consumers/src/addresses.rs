//! Which addresses a tenant keeps: its policy and its suppressions, applied to what was found anywhere.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::{Suppressible, Suppression};
use presdr_rules::{
    email_policy::{self, FreeMail, Kept, Screening, Verdict},
    settings::{EmailPolicy, Section},
};
use presdr_store::{TenantTx, consents, keys::TenantKeys, settings, suppressions::Held};

use crate::lead::WorkError;

/// Decides about each address, in its order: the address in its normal form with what the policy knows of it, or nothing. Also counts
/// what was dropped, by reason.
pub(crate) async fn screen(
    tx: &mut TenantTx,
    keys: &TenantKeys,
    addresses: &[&str],
    domain: Option<&str>,
) -> Result<(Vec<Option<(String, Kept)>>, BTreeMap<String, u32>), WorkError> {
    let policy: EmailPolicy = settings::section(tx, EmailPolicy::NAME).await?;
    let held = held(tx, keys, addresses, domain).await?;
    let consented = consented(tx, keys, &policy, addresses).await?;
    let screening = Screening {
        free_mail: policy.free_mail,
        company_domain: domain,
        suppressed: &|what| held.holds(what),
        consented: &|address| consented.contains(&keys.index.suppression(Suppressible::Address(address))),
    };
    let mut dropped = BTreeMap::new();
    let decide = |address: &&str| match email_policy::screen(address, &screening) {
        Verdict::Keep(kept) => Some((email_policy::normalise(address).unwrap_or_else(|| (*address).to_owned()), kept)),
        Verdict::Drop(reason) => {
            *dropped.entry(reason.as_str().to_owned()).or_default() += 1;
            None
        }
    };
    let kept = addresses.iter().map(decide).collect();
    Ok((kept, dropped))
}

/// The addresses for which consent is on record, where the policy asks for one.
async fn consented(
    tx: &mut TenantTx,
    keys: &TenantKeys,
    policy: &EmailPolicy,
    addresses: &[&str],
) -> Result<BTreeSet<Suppression>, WorkError> {
    if policy.free_mail != FreeMail::AllowWithConsent {
        return Ok(BTreeSet::new());
    }
    let asked = addresses.iter().filter_map(|address| email_policy::normalise(address));
    let asked = asked.map(|address| keys.index.suppression(Suppressible::Address(&address))).collect();
    Ok(consents::held(tx, &asked).await?)
}

/// The suppressions that could concern what was found: everything that an address could be suppressed by is looked up at once.
pub(crate) async fn held(
    tx: &mut TenantTx,
    keys: &TenantKeys,
    addresses: &[&str],
    domain: Option<&str>,
) -> Result<Held, WorkError> {
    let held = Held::of(tx, keys, |suppressed| {
        if let Some(domain) = domain {
            email_policy::is_domain_suppressed(domain, suppressed);
        }
        for address in addresses.iter().filter_map(|address| email_policy::normalise(address)) {
            email_policy::is_suppressed(&address, suppressed);
        }
    });
    Ok(held.await?)
}
