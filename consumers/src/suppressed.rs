//! Companies that must not be contacted: nothing personal is kept of a site whose domain the tenant suppresses.

use presdr_rules::email_policy;
use presdr_sites::extract::SiteFindings;
use presdr_store::{StoreError, TenantTx};

use crate::{
    Services,
    addresses::suppression_hash,
    lead::{Lead, WorkError},
};

/// What a site says, without its people and phones where the tenant suppresses the domain. Its addresses stay: the policy on addresses drops
/// and counts them.
pub(crate) async fn without_people(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    domain: &str,
    findings: SiteFindings,
) -> Result<SiteFindings, WorkError> {
    if is_suppressed(services, tx, lead, domain).await? {
        return Ok(SiteFindings { people: Vec::new(), phones: Vec::new(), ..findings });
    }
    Ok(findings)
}

/// Whether the tenant must not contact whoever is at the domain.
pub(crate) async fn is_suppressed(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    domain: &str,
) -> Result<bool, WorkError> {
    let keys = services.keyring.tenant(tx, &lead.tenant).await?;
    let asked = std::cell::RefCell::new(Vec::new());
    // Answering "no" to everything makes the policy name every domain it would look up.
    email_policy::is_domain_suppressed(domain, &|what| {
        asked.borrow_mut().push(suppression_hash(&keys, what).1);
        false
    });
    let statement =
        "select exists (select from suppressions where tenant_id = $1 and kind = 'domain' and hash = any($2))";
    let suppressed = sqlx::query_scalar(statement).bind(lead.tenant.as_str()).bind(asked.into_inner());
    Ok(suppressed.fetch_one(&mut **tx).await.map_err(StoreError::from)?)
}
