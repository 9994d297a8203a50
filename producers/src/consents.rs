//! Consents to be written to at a private address. Only a keyed hash of the address is kept.

use chrono::{DateTime, Utc};
use presdr_events::{Event, Step, Suppressible, Suppression, TenantId, privacy};
use presdr_rules::email_policy;
use presdr_store::{
    TenantTx,
    consents::{self, Consent},
    suppressions::{self, By, New},
    tenants,
};
use uuid::Uuid;

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
};

const RECORD: &str = "consent";
const WITHDRAW: &str = "withdraw_consent";
/// How a suppression came that a withdrawal made: a new consent lifts it.
const SOURCE: &str = "consent";

/// Records that whoever reads `address` agreed to be written to: when, and where and how. Tells the event's sequence.
///
/// # Errors
/// [`CommandError::Refused`] for what is no address, a time to come, or an address that is suppressed otherwise than by a withdrawal;
/// otherwise what the database or the broker says.
pub async fn record(
    desk: &Desk,
    tenant: &TenantId,
    address: &str,
    given_at: DateTime<Utc>,
    basis: &str,
) -> Result<u64, CommandError> {
    let now = desk.now();
    if given_at > now {
        return Err(CommandError::Refused("nobody agreed yet: the time is still to come".to_owned()));
    }
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let what = hashed(desk, &mut tx, address).await?;
    let what_holds = suppressions::kept(&mut tx, &[what].into()).await?;
    if what_holds.iter().any(|kept| kept.lifted_at.is_none() && kept.source != SOURCE) {
        let refused =
            "the address is suppressed: take it off with `presdr suppress remove` first, unless the person was erased";
        return Err(CommandError::Refused(refused.to_owned()));
    }
    suppressions::lift(&mut tx, &[what].into(), now).await?;
    let actor = desk.actor().as_str().to_owned();
    let consent = Consent { id: Uuid::new_v4(), given_at, basis: basis.to_owned(), actor, withdrawn_at: None };
    consents::record(&mut tx, what, &consent, now).await?;
    let number = next_number(&mut tx, RECORD).await?;
    let step = Step::done(RECORD, 0, number, Vec::new());
    let event = Event::ConsentRecorded(privacy::Consent { step, consent_id: consent.id, at: given_at });
    desk.commit(tx, tenant_step(tenant, RECORD, number), &event).await
}

/// Takes a consent back: the address is suppressed from now on, and leaves what is shown. Tells the event's sequence.
///
/// # Errors
/// [`CommandError::Refused`] for what is no address, or when no consent holds; otherwise what the database or the broker says.
pub async fn withdraw(desk: &Desk, tenant: &TenantId, address: &str) -> Result<u64, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let what = hashed(desk, &mut tx, address).await?;
    let now = desk.now();
    let Some(consent_id) = consents::withdraw(&mut tx, what, now).await? else {
        return Err(CommandError::Refused("no consent is on record for that address".to_owned()));
    };
    let new = New { what, company: None, reason: "consent was taken back".to_owned(), subject: None };
    suppressions::add(&mut tx, &[new], By { actor: desk.actor(), source: SOURCE }).await?;
    let number = next_number(&mut tx, WITHDRAW).await?;
    let step = Step::done(WITHDRAW, 0, number, Vec::new());
    let event = Event::ConsentWithdrawn(privacy::Consent { step, consent_id, at: now });
    desk.commit(tx, tenant_step(tenant, WITHDRAW, number), &event).await
}

/// What is on record for an address.
///
/// # Errors
/// [`CommandError::Refused`] for what is no address; otherwise what the database says.
pub async fn look(desk: &Desk, tenant: &TenantId, address: &str) -> Result<Option<Consent>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let what = hashed(desk, &mut tx, address).await?;
    Ok(consents::get(&mut tx, what).await?)
}

async fn hashed(desk: &Desk, tx: &mut TenantTx, address: &str) -> Result<Suppression, CommandError> {
    let address = email_policy::normalise(address)
        .ok_or_else(|| CommandError::Refused("that is no e-mail address".to_owned()))?;
    let tenant = tx.tenant().clone();
    let keys = desk.keyring.tenant(tx, &tenant).await?;
    Ok(keys.index.suppression(Suppressible::Address(&address)))
}
