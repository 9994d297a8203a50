//! Erasing a person: the key first, then everything that names them, then the receipt. Cut off anywhere, the same call goes on from there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use presdr_events::{Actor, Event, Step, SubjectId, TenantId, privacy};
use presdr_store::{
    TenantTx,
    erasures::{self, Erasure},
    steps::StepKey,
    suppressions::{self, By},
    tenants,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    ComplianceError, Office,
    clear::{Clearing, destroy},
    find::Identity,
    known::{self, Known},
    log, odoo, target,
};

/// The step of a receipt.
pub(crate) const STEP: &str = "erase";

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Receipt {
    /// Its number, among the tenant's.
    pub number: u32,
    /// The tombstones.
    pub subjects: Vec<SubjectId>,
    /// Rows removed or cleared, by place; `keys` are the keys that were destroyed.
    pub removed: BTreeMap<String, u64>,
    /// What keeps the person from coming back, by kind.
    pub suppressed: BTreeMap<String, u64>,
    /// Records elsewhere that could not be removed yet, by place: they are tried again until they are.
    pub owed: BTreeMap<String, u64>,
    /// The receipt's sequence in EVENTS; none for an erasure that was told of before.
    pub sequence: Option<u64>,
}

/// Erases whoever is identified. What was begun and cut off is finished first; who is erased already is told of again. An address or a
/// profile link that leads to nobody is erased from what mentions it, and does not come back; so is a number of somebody who is identified.
///
/// # Errors
/// [`ComplianceError::Refused`] when nobody is identified; otherwise what the database or the broker says: call again.
pub async fn erase(
    office: &Office,
    tenant: &TenantId,
    identities: &[Identity],
) -> Result<Vec<Receipt>, ComplianceError> {
    let tx = tenants::enter_active(office.desk.database(), tenant).await?;
    tx.commit().await?;
    let wanted = target::resolve(office, tenant, identities).await?.subjects;
    let mut tx = office.desk.database().enter(tenant).await?;
    let begun = erasures::of(&mut tx, &wanted.iter().copied().collect::<Vec<_>>()).await?;
    let mut people = with_keys(&mut tx, &wanted).await?;
    tx.commit().await?;
    let mut given = target::given(identities)?;
    if !people.is_empty() || given != Known::default() {
        // Whoever is identified says that these numbers are theirs.
        given.phones.extend(identities.iter().filter_map(|identity| match identity {
            Identity::Phone(number) => Some(number.clone()),
            _ => None,
        }));
    }
    if people.is_empty() && !are_held(office, tenant, &given).await? {
        people.insert(SubjectId(Uuid::new_v4())); // a tombstone for whom texts alone know
    }
    if people.is_empty() && begun.is_empty() {
        return Err(ComplianceError::Refused(format!(
            "tenant {tenant} knows nobody by that: give an address, a profile link, or an id that `presdr dsar find` lists"
        )));
    }
    let mut receipts = Vec::new();
    for erasure in begun {
        receipts.push(match erasure.finished_at {
            Some(_) => told_before(office, tenant, erasure).await?,
            None => finish(office, tenant, erasure.number).await?,
        });
    }
    if !people.is_empty() {
        let mut known = learn(office, tenant, &people).await?;
        if let Some(first) = known.values_mut().next() {
            first.extend(given);
        }
        let number = begin(office, tenant, &known, None).await?;
        receipts.push(finish(office, tenant, number).await?);
    }
    Ok(receipts)
}

/// Whether all that was given is kept away already with erased people: an erasure writes down which of them had it.
async fn are_held(office: &Office, tenant: &TenantId, given: &Known) -> Result<bool, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let keys = office.desk.keyring().tenant(&mut tx, tenant).await?;
    let forms = given.forms(&keys.index).into_keys().collect();
    let held = suppressions::kept(&mut tx, &forms).await?;
    tx.commit().await?;
    Ok(held.iter().filter(|held| held.subject.is_some()).count() == forms.len())
}

/// Finishes every erasure of the tenant that was cut off.
///
/// # Errors
/// What the database or the broker says.
pub async fn resume(office: &Office, tenant: &TenantId) -> Result<Vec<Receipt>, ComplianceError> {
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let begun = erasures::unfinished(&mut tx).await?;
    tx.commit().await?;
    let mut receipts = Vec::new();
    for erasure in begun {
        receipts.push(finish(office, tenant, erasure.number).await?);
    }
    Ok(receipts)
}

/// So long ago an erasure must have begun for it to have been cut off: the command that began it may be at it.
const CUT_OFF_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Finishes every tenant's erasures that were cut off a while ago, for whoever runs all the time. One tenant's fault does not keep the others
/// waiting.
///
/// # Errors
/// What the database says when tenants cannot be listed.
pub async fn resume_old(office: &Office) -> Result<(), ComplianceError> {
    let before = office.desk.now() - CUT_OFF_AFTER;
    for tenant in tenants::active(office.desk.database()).await? {
        let resumed = async {
            let mut tx = tenants::enter_active(office.desk.database(), &tenant.id).await?;
            let begun = erasures::unfinished(&mut tx).await?;
            tx.commit().await?;
            for erasure in begun.iter().filter(|erasure| erasure.begun_at < before) {
                finish(office, &tenant.id, erasure.number).await?;
                tracing::info!(tenant.id = %tenant.id, erasure = erasure.number, "finished an erasure that was cut off");
            }
            Ok::<_, ComplianceError>(())
        };
        if let Err(error) = resumed.await {
            tracing::warn!(tenant.id = %tenant.id, %error, "an erasure that was cut off could not be finished; the next look tries again");
        }
    }
    Ok(())
}

/// Those of them who have a key: the others were erased, or never were.
async fn with_keys(tx: &mut TenantTx, wanted: &BTreeSet<SubjectId>) -> Result<BTreeSet<SubjectId>, ComplianceError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "select subject_id from data_subjects where tenant_id = $1 and subject_id = any($2) and erased_at is null",
    )
    .bind(tenant.as_str())
    .bind(wanted.iter().map(|subject| subject.0).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(SubjectId).collect())
}

/// What the log tells of people: their keys are needed for it, so this comes first.
pub(crate) async fn learn(
    office: &Office,
    tenant: &TenantId,
    subjects: &BTreeSet<SubjectId>,
) -> Result<BTreeMap<SubjectId, Known>, ComplianceError> {
    let keyring = office.desk.keyring();
    let mut known: BTreeMap<SubjectId, Known> = subjects.iter().map(|subject| (*subject, Known::default())).collect();
    let mut log = log::naming(office, tenant).await?;
    while let Some(logged) = log.next().await? {
        let ours: Vec<SubjectId> =
            logged.envelope.event.subjects().into_iter().filter(|subject| subjects.contains(subject)).collect();
        if ours.is_empty() {
            continue;
        }
        let mut tx = office.desk.database().enter(tenant).await?;
        let opened = keyring.subjects(&mut tx, tenant, &ours).await?;
        tx.commit().await?;
        for (subject, told) in known::told(&logged.envelope, &opened)? {
            known.entry(subject).or_default().extend(told);
        }
    }
    Ok(known)
}

/// The one transaction after which nobody can open what is known of them, and nothing but keyed hashes is needed to go on.
pub(crate) async fn begin(
    office: &Office,
    tenant: &TenantId,
    known: &BTreeMap<SubjectId, Known>,
    number: Option<u32>,
) -> Result<u32, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    erasures::lock(&mut tx).await?;
    let keys = office.desk.keyring().tenant(&mut tx, tenant).await?;
    let new: Vec<_> = known.iter().flat_map(|(subject, known)| known.suppressions(tenant, &keys, *subject)).collect();
    let by = By { actor: office.desk.actor(), source: "erasure" };
    suppressions::add(&mut tx, &new, by).await?;
    let subjects: Vec<SubjectId> = known.keys().copied().collect();
    bury(&mut tx, &subjects).await?;
    let destroyed = destroy(&mut tx, &subjects, office.desk.actor()).await?;
    let number = erasures::begin(&mut tx, number, &subjects, office.desk.actor(), office.desk.now()).await?;
    erasures::note(&mut tx, number, "keys", destroyed).await?;
    tx.commit().await?;
    Ok(number)
}

/// A tombstone for each whom this database does not know: it is a restored one, or texts alone know them.
async fn bury(tx: &mut TenantTx, subjects: &[SubjectId]) -> Result<(), ComplianceError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into data_subjects (tenant_id, subject_id, erased_at) select $1, subject_id, now() from unnest($2::uuid[]) as subject_id
         on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Clears every place, then commits the receipt with the end of the erasure.
async fn finish(office: &Office, tenant: &TenantId, number: u32) -> Result<Receipt, ComplianceError> {
    let erasure = clear(office, tenant, number).await?;
    let mut tx = office.desk.database().enter(tenant).await?;
    let suppressed = erasures::kept_away(&mut tx, &erasure.subjects).await?;
    let owed = odoo::owed(&mut tx, &erasure.subjects).await?;
    erasures::finish(&mut tx, number, office.desk.now()).await?;
    let event = Event::SubjectErased(privacy::Erased {
        step: Step::done(STEP, 0, number, Vec::new()),
        subjects: erasure.subjects.clone(),
        removed: erasure.removed.clone(),
        suppressed: suppressed.clone(),
        owed: owed.clone(),
    });
    // Whoever goes on with it, it is told of in the name of who asked.
    let asked_by = Actor::new(&*erasure.actor).unwrap_or_else(|_| office.desk.actor().clone());
    let sequence = office.desk.acting(asked_by).commit(tx, key(tenant, number), &event).await?;
    let Erasure { subjects, removed, .. } = erasure;
    Ok(Receipt { number, subjects, removed, suppressed, owed, sequence: Some(sequence) })
}

/// Clears every place of the erasure's people; tells what it came to so far.
pub(crate) async fn clear(office: &Office, tenant: &TenantId, number: u32) -> Result<Erasure, ComplianceError> {
    let subjects = erasure(office, tenant, number).await?.subjects.into_iter().collect();
    Clearing { office, tenant, number, subjects }.clear().await?;
    erasure(office, tenant, number).await
}

async fn erasure(office: &Office, tenant: &TenantId, number: u32) -> Result<Erasure, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let erasure = erasures::get(&mut tx, number).await?;
    tx.commit().await?;
    erasure.ok_or_else(|| ComplianceError::Refused(format!("tenant {tenant} has no erasure {number}")))
}

async fn told_before(office: &Office, tenant: &TenantId, erasure: Erasure) -> Result<Receipt, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let suppressed = erasures::kept_away(&mut tx, &erasure.subjects).await?;
    let owed = odoo::owed(&mut tx, &erasure.subjects).await?;
    tx.commit().await?;
    let Erasure { number, subjects, removed, .. } = erasure;
    Ok(Receipt { number, subjects, removed, suppressed, owed, sequence: None })
}

/// The key of a receipt.
pub(crate) fn key(tenant: &TenantId, number: u32) -> StepKey {
    StepKey { tenant: tenant.clone(), run: None, company: None, step: STEP, attempt: number }
}
