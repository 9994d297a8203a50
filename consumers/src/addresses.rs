//! Which addresses a tenant keeps: its policy and its suppressions, applied to what was found anywhere.

use std::collections::{BTreeMap, HashSet};

use presdr_events::IdentifierKind;
use presdr_rules::{
    email_policy::{self, Kept, Screening, Suppressible, Verdict},
    settings::{EmailPolicy, Section},
};
use presdr_store::{StoreError, TenantTx, keys::TenantKeys, settings};

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
    let suppressed = Suppressions::of(tx, keys, addresses, domain).await?;
    let screening = Screening {
        free_mail: policy.free_mail,
        company_domain: domain,
        suppressed: &|what| suppressed.hold(keys, what),
        consented: &|_| false,
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

/// The tenant's suppressions, as keyed hashes.
struct Suppressions(HashSet<(String, Vec<u8>)>);

impl Suppressions {
    /// Those that could concern what was found: everything that an address could be suppressed by is looked up at once.
    async fn of(
        tx: &mut TenantTx,
        keys: &TenantKeys,
        addresses: &[&str],
        domain: Option<&str>,
    ) -> Result<Self, WorkError> {
        let own = domain.map(|domain| suppression_hash(keys, Suppressible::Domain(domain)));
        let asked = std::cell::RefCell::new(Vec::from_iter(own));
        for address in addresses {
            let address = email_policy::normalise(address).unwrap_or_default();
            // Answering "no" to everything makes the policy name every form it would look up.
            email_policy::is_suppressed(&address, &|what| {
                asked.borrow_mut().push(suppression_hash(keys, what));
                false
            });
        }
        let tenant = tx.tenant().clone();
        let hashes: Vec<Vec<u8>> = asked.into_inner().into_iter().map(|(_, hash)| hash).collect();
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("select kind, hash from suppressions where tenant_id = $1 and kind in ('email', 'domain') and hash = any($2)")
            .bind(tenant.as_str())
            .bind(hashes)
            .fetch_all(&mut **tx)
            .await
            .map_err(StoreError::from)?;
        Ok(Self(rows.into_iter().collect()))
    }

    fn hold(&self, keys: &TenantKeys, what: Suppressible<'_>) -> bool {
        self.0.contains(&suppression_hash(keys, what))
    }
}

/// Under which kind and hash a suppression stands.
pub(crate) fn suppression_hash(keys: &TenantKeys, what: Suppressible<'_>) -> (String, Vec<u8>) {
    match what {
        Suppressible::Address(address) => {
            ("email".to_owned(), keys.index.hash(IdentifierKind::Email, address).to_vec())
        }
        Suppressible::Domain(domain) => {
            ("domain".to_owned(), keys.index.hash(IdentifierKind::Company, domain).to_vec())
        }
    }
}
