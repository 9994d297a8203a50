//! What answers say of erased people is not kept: an answer may come after the erasure, to a question that was asked before.

use std::{borrow::Cow, collections::BTreeSet};

use presdr_events::CompanyId;
use presdr_rules::named::{self, Left};
use presdr_store::{
    StoreError, TenantTx,
    keys::TenantKeys,
    suppressions::{self, Held},
};
use serde_json::Value;

/// The erased people whom some answers may name.
pub(crate) struct Erased {
    held: Held,
    /// Where names are looked for.
    companies: BTreeSet<CompanyId>,
}

impl Erased {
    /// Looks them up. True until the transaction ends.
    pub async fn among(
        tx: &mut TenantTx,
        keys: &TenantKeys,
        answers: &[(Option<CompanyId>, &[u8])],
    ) -> Result<Self, StoreError> {
        let among: Vec<CompanyId> = answers.iter().filter_map(|(company, _)| *company).collect();
        let companies = suppressions::with_erased_names(tx, &among).await?;
        let held = Held::of(tx, keys, |known| {
            for (company, answer) in answers {
                let company = company.filter(|company| companies.contains(company));
                let Ok(document) = serde_json::from_slice(answer) else { continue };
                named::without_entries(&document, &|text| named::names(text, company, known));
            }
        })
        .await?;
        Ok(Self { held, companies })
    }

    /// An answer as it may be kept: without the entries that name erased people; nothing, when it names them otherwise.
    pub fn taken_out<'a>(&self, company: Option<CompanyId>, answer: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.held.is_empty() {
            return Some(Cow::Borrowed(answer));
        }
        let company = company.filter(|company| self.companies.contains(company));
        let Ok(document) = serde_json::from_slice::<Value>(answer) else { return Some(Cow::Borrowed(answer)) };
        let is_named = |text: &str| named::names(text, company, &|what| self.held.is_erased(what));
        match named::without_entries(&document, &is_named) {
            Left::All => Some(Cow::Borrowed(answer)),
            Left::Less(less) => Some(Cow::Owned(less.to_string().into_bytes())),
            Left::Nothing => None,
        }
    }
}
