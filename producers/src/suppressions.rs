//! A tenant's suppression lists: whom it must not contact. Only keyed hashes are kept, so a list tells nobody who is on it.

mod given;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Instant,
};

use presdr_events::{CompanyId, Event, Step, Suppression, SuppressionKind, TenantId, privacy};
use presdr_store::{
    StoreError, TenantTx,
    keys::TenantKeys,
    suppressions::{self, By, Kept, New},
    tenants,
};

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
    ingest::{self, IngestError},
};

pub use given::{Given, GivenError, ListKind};

const ADD: &str = "suppress";
const LIFT: &str = "lift_suppression";

/// What adding to a list came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// How many are new, by kind.
    pub added: BTreeMap<String, u64>,
    /// How many were on it already.
    pub known: u64,
    /// Lines that could not be used, each with why. What they say is kept nowhere.
    pub wrong: Vec<(i64, String)>,
    /// The event's sequence in EVENTS.
    pub sequence: u64,
}

/// Adds to the list.
///
/// # Errors
/// What the database or the broker says.
pub async fn add(desk: &Desk, tenant: &TenantId, given: &[Given]) -> Result<Added, CommandError> {
    let tx = tenants::enter_active(&desk.database, tenant).await?;
    store(desk, tx, given, Vec::new(), None).await
}

/// Adds the lines of a CSV file to the list: with columns `kind` and `value`, or one column per kind (`email`, `domain`, `company`, `phone`);
/// `reason` where there is one. `otherwise` is the kind and the reason of lines that name none. All usable lines or none.
///
/// # Errors
/// [`IngestError`] when the file cannot be used as a whole; otherwise what the database or the broker says.
pub async fn import(
    desk: &Desk,
    tenant: &TenantId,
    file: &Path,
    otherwise: (Option<ListKind>, &str),
) -> Result<Added, ImportError> {
    let read = ingest::suppressions::read(file, otherwise).await?;
    let tx = tenants::enter_active(&desk.database, tenant).await?;
    let from = File { name: file.display().to_string(), rows: read.rows, content_hash: read.content_hash };
    Ok(store(desk, tx, &read.given, read.wrong, Some(from)).await?)
}

/// Why a list was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] IngestError),
    /// The command was not carried out.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Command(error.into())
    }
}

/// A file that was read.
struct File {
    name: String,
    rows: u64,
    content_hash: String,
}

async fn store(
    desk: &Desk,
    mut tx: TenantTx,
    given: &[Given],
    wrong: Vec<(i64, String)>,
    from: Option<File>,
) -> Result<Added, CommandError> {
    let begun = Instant::now();
    let tenant = tx.tenant().clone();
    let keys = desk.keyring.tenant(&mut tx, &tenant).await?;
    let companies = ingest::suppressions::companies(&mut tx, given).await?;
    let new: Vec<New> = given.iter().filter_map(|one| one.entry(&keys, &companies)).collect();
    let source = if from.is_some() { "import" } else { "command" };
    let added = suppressions::add(&mut tx, &new, By { actor: desk.actor(), source }).await?;
    let known = (new.len() as u64).saturating_sub(added.values().sum());
    if let Some(from) = &from {
        ingest::suppressions::record(&mut tx, (&from.name, &from.content_hash, from.rows), &added, &wrong).await?;
    }
    let number = next_number(&mut tx, ADD).await?;
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let event = Event::SuppressionAdded(privacy::Suppressed {
        step: Step::done(ADD, elapsed, number, Vec::new()).with("source", source),
        added: added.clone(),
        known,
        quarantined: wrong.len() as u64,
        content_hash: from.map(|from| from.content_hash),
    });
    let sequence = desk.commit(tx, tenant_step(&tenant, ADD, number), &event).await?;
    Ok(Added { added, known, wrong, sequence })
}

/// Takes off the list; tells how many were on it, by kind, and the event's sequence. What was found until now stays away; an erased person
/// cannot be taken off.
///
/// # Errors
/// [`CommandError::Refused`] when nothing of it is on the list; otherwise what the database or the broker says.
pub async fn lift(
    desk: &Desk,
    tenant: &TenantId,
    given: &[Given],
) -> Result<(BTreeMap<String, u64>, u64), CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let what = hashed(desk, &mut tx, given).await?;
    let lifted = suppressions::lift(&mut tx, &what, desk.now()).await?;
    if lifted.is_empty() {
        let erased = suppressions::kept(&mut tx, &what).await?.iter().any(|kept| kept.subject.is_some());
        return Err(CommandError::Refused(match erased {
            true => "an erased person's suppression is not lifted: it is what keeps them from coming back".to_owned(),
            false => "nothing of that is suppressed".to_owned(),
        }));
    }
    let number = next_number(&mut tx, LIFT).await?;
    let step = Step::done(LIFT, 0, number, Vec::new());
    let event = Event::SuppressionLifted(privacy::Lifted { step, lifted: lifted.clone() });
    let sequence = desk.commit(tx, tenant_step(tenant, LIFT, number), &event).await?;
    Ok((lifted, sequence))
}

/// What the list says of these.
///
/// # Errors
/// What the database says.
pub async fn look(desk: &Desk, tenant: &TenantId, given: &[Given]) -> Result<Vec<Kept>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let what = hashed(desk, &mut tx, given).await?;
    Ok(suppressions::kept(&mut tx, &what).await?)
}

/// The newest of the list, of one kind or of all.
///
/// # Errors
/// What the database says.
pub async fn list(desk: &Desk, tenant: &TenantId, kind: Option<ListKind>, top: u32) -> Result<Vec<Kept>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    Ok(suppressions::list(&mut tx, kind.map(SuppressionKind::from), i64::from(top)).await?)
}

async fn hashed(desk: &Desk, tx: &mut TenantTx, given: &[Given]) -> Result<BTreeSet<Suppression>, CommandError> {
    let tenant = tx.tenant().clone();
    let keys: TenantKeys = desk.keyring.tenant(tx, &tenant).await?;
    let companies: BTreeMap<String, CompanyId> = ingest::suppressions::companies(tx, given).await?;
    Ok(given.iter().filter_map(|one| one.entry(&keys, &companies)).map(|new| new.what).collect())
}
