//! Setting a tenant's ideal customer profile.

use presdr_events::{Event, Step, TenantId, tenant};
use presdr_rules::icp::IcpDocument;
use presdr_store::{StoreError, TenantTx, tenants};
use serde_json::Value;

use crate::{CommandError, Desk, desk::tenant_step};

/// A tenant has one profile so far, of this name.
const NAME: &str = "default";

/// What was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcpSet {
    /// The rule.
    pub rule: i64,
    /// Its new version.
    pub version: u32,
    /// The event's sequence in EVENTS.
    pub sequence: u64,
}

/// Checks and sets a profile. The newest counts for runs that start from now on.
///
/// # Errors
/// [`CommandError::Icp`] names every offending key; otherwise what the database or the broker says.
pub async fn set(desk: &Desk, tenant: &TenantId, text: &str) -> Result<IcpSet, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let checked = checked(&mut tx, text).await?;
    let document = serde_json::to_value(&checked)
        .map_err(|error| CommandError::Refused(format!("the ICP has no JSON form: {error}")))?;
    let (rule, version) = store(&mut tx, &document).await?;
    let event = Event::IcpSet(tenant::IcpSet {
        step: Step::done("icp", 0, version, Vec::new()),
        rule_id: rule,
        name: NAME.to_owned(),
        version,
        document,
    });
    let sequence = desk.commit(tx, tenant_step(tenant, "icp", version), &event).await?;
    Ok(IcpSet { rule, version, sequence })
}

/// Checks a profile as [`set`] does, without setting it.
///
/// # Errors
/// As [`set`].
pub async fn check(desk: &Desk, tenant: &TenantId, text: &str) -> Result<IcpDocument, CommandError> {
    checked(&mut tenants::enter_active(&desk.database, tenant).await?, text).await
}

async fn checked(tx: &mut TenantTx, text: &str) -> Result<IcpDocument, CommandError> {
    let known = known_codes(tx).await?;
    Ok(IcpDocument::parse_with(text, &|code| known.is_empty() || known.contains(code))?)
}

/// The tenant's newest profile.
///
/// # Errors
/// What the database says.
pub async fn show(desk: &Desk, tenant: &TenantId) -> Result<Option<(u32, Value)>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    Ok(presdr_store::runs::newest_icp(&mut tx).await?.map(|(_, version, document)| (version, document)))
}

/// Every SSIC code of the reference, on all levels; empty before the classification was ingested, and then nothing can be checked.
async fn known_codes(tx: &mut TenantTx) -> Result<std::collections::HashSet<String>, StoreError> {
    let codes: Vec<String> = sqlx::query_scalar("select code from ssic_ref").fetch_all(&mut **tx).await?;
    Ok(codes.into_iter().collect())
}

/// Versions count per tenant, so that a version alone names a profile's state.
async fn store(tx: &mut TenantTx, document: &Value) -> Result<(i64, u32), StoreError> {
    let tenant = tx.tenant().clone();
    let (rule, version): (i64, i32) = sqlx::query_as(
        "with set_rule as (
             insert into icp_rules (tenant_id, name, payload) values ($1, $2, $3)
             on conflict (tenant_id, name) do update set payload = excluded.payload, version = icp_rules.version + 1, updated_at = now()
             returning tenant_id, rule_id, version, payload),
         kept as (insert into icp_rule_versions (tenant_id, rule_id, version, payload) select tenant_id, rule_id, version, payload from set_rule)
         select rule_id, version from set_rule",
    )
    .bind(tenant.as_str())
    .bind(NAME)
    .bind(document)
    .fetch_one(&mut **tx)
    .await?;
    Ok((rule, version.unsigned_abs()))
}
