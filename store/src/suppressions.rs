//! Who must not be contacted, and who was erased: keyed hashes that outlive the person's key.
//!
//! Whoever is about to commit something about people asks [`Held`] first, in the same transaction. It takes the tenant's erasure lock
//! shared, so that an erasure either is seen here or waits for this transaction and then clears what it left.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use chrono::{DateTime, Utc};
use presdr_events::{Actor, CompanyId, IndexKey, SubjectId, Suppressible, Suppression, SuppressionKind};
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, TenantTx, erasures, keys::TenantKeys};

/// Rows that go to Postgres in one statement.
const ROWS_MAX: usize = 5_000;

/// What of a tenant's suppressions concerns the things that were asked about. True until the transaction ends.
pub struct Held {
    index: IndexKey,
    /// Those in force, and whether each is of an erased person.
    found: HashMap<Suppression, bool>,
}

impl Held {
    /// Looks up everything that `ask` asks about: it is given a question that answers "no", and repeats what it will ask [`Held`] later.
    ///
    /// # Errors
    /// What the database says.
    pub async fn of(
        tx: &mut TenantTx,
        keys: &TenantKeys,
        ask: impl FnOnce(&dyn Fn(Suppressible<'_>) -> bool),
    ) -> Result<Self, StoreError> {
        let found = in_force(tx, &asked(&keys.index, ask)).await?;
        Ok(Self { index: keys.index.clone(), found })
    }

    /// Whether it must not be contacted. False for what was not asked about.
    #[must_use]
    pub fn holds(&self, what: Suppressible<'_>) -> bool {
        self.found.contains_key(&self.index.suppression(what))
    }

    /// Whether it is an erased person's.
    #[must_use]
    pub fn is_erased(&self, what: Suppressible<'_>) -> bool {
        self.found.get(&self.index.suppression(what)).copied().unwrap_or_default()
    }

    /// Whether nothing that was asked about is suppressed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Those of the suppressions that are in force, and whether each is of an erased person. True until the transaction ends.
///
/// # Errors
/// What the database says.
pub async fn in_force(
    tx: &mut TenantTx,
    wanted: &BTreeSet<Suppression>,
) -> Result<HashMap<Suppression, bool>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    erasures::hold_off(tx).await?;
    let tenant = tx.tenant().clone();
    let (kinds, hashes) = columns(wanted.iter());
    let rows: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(
        "select s.kind, s.hash, s.subject_id is not null from unnest($2::text[], $3::bytea[]) as w (kind, hash)
         join suppressions s on s.tenant_id = $1 and s.kind = w.kind and s.hash = w.hash where s.lifted_at is null",
    )
    .bind(tenant.as_str())
    .bind(kinds)
    .bind(hashes)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter_map(|(kind, hash, erased)| Some((read(kind, hash)?, *erased))).collect())
}

/// What `ask` asks about, as keyed hashes.
#[must_use]
pub fn asked(index: &IndexKey, ask: impl FnOnce(&dyn Fn(Suppressible<'_>) -> bool)) -> BTreeSet<Suppression> {
    let asked = RefCell::new(BTreeSet::new());
    ask(&|what| {
        asked.borrow_mut().insert(index.suppression(what));
        false
    });
    asked.into_inner()
}

/// Those of the companies in whose texts the names of erased people are to be looked for. Takes the erasure lock shared, too.
///
/// # Errors
/// What the database says.
pub async fn with_erased_names(tx: &mut TenantTx, among: &[CompanyId]) -> Result<BTreeSet<CompanyId>, StoreError> {
    erasures::hold_off(tx).await?;
    let tenant = tx.tenant().clone();
    let rows: Vec<i64> = sqlx::query_scalar(
        "select distinct company_id from suppressions where tenant_id = $1 and company_id = any($2) and kind = 'name'",
    )
    .bind(tenant.as_str())
    .bind(among.iter().map(|company| company.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().filter_map(|id| CompanyId::new(id).ok()).collect())
}

/// Those of the companies that are suppressed by themselves.
///
/// # Errors
/// What the database says.
pub async fn companies(tx: &mut TenantTx, among: &[CompanyId]) -> Result<BTreeSet<CompanyId>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<i64> = sqlx::query_scalar(
        "select company_id from suppressions
         where tenant_id = $1 and company_id = any($2) and kind = 'company' and lifted_at is null",
    )
    .bind(tenant.as_str())
    .bind(among.iter().map(|company| company.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().filter_map(|id| CompanyId::new(id).ok()).collect())
}

/// Whether the tenant suppresses any domain.
///
/// # Errors
/// What the database says.
pub async fn any_domain(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let any = "select exists (select from suppressions where tenant_id = $1 and kind = 'domain' and lifted_at is null)";
    Ok(sqlx::query_scalar(any).bind(tenant.as_str()).fetch_one(&mut **tx).await?)
}

/// A suppression about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// What is suppressed.
    pub what: Suppression,
    /// Which company: of a company itself, and of a name the one where it is looked for.
    pub company: Option<CompanyId>,
    /// Why, without personal data.
    pub reason: String,
    /// Of an erased person: the tombstone.
    pub subject: Option<SubjectId>,
}

/// Who writes suppressions, and how they came.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// `import`, `command`, `erasure` or `consent`.
    pub source: &'static str,
}

/// Writes suppressions: what was lifted holds again, what holds already stays. Tells how many are new, by kind. An erased person's stays one
/// whatever comes later.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut TenantTx, new: &[New], by: By<'_>) -> Result<BTreeMap<String, u64>, StoreError> {
    let tenant = tx.tenant().clone();
    let once: BTreeMap<Suppression, &New> = new.iter().map(|one| (one.what, one)).collect();
    let once: Vec<&New> = once.into_values().collect();
    let mut added = BTreeMap::new();
    for rows in once.chunks(ROWS_MAX) {
        let (kinds, hashes) = columns(rows.iter().map(|one| &one.what));
        let kinds: Vec<String> = sqlx::query_scalar(
            "insert into suppressions as kept (tenant_id, kind, hash, company_id, reason, subject_id, source, actor)
             select $1, kind, hash, company_id, reason, subject_id, $7, $8
             from unnest($2::text[], $3::bytea[], $4::bigint[], $5::text[], $6::uuid[]) as w (kind, hash, company_id, reason, subject_id)
             on conflict (tenant_id, kind, hash) do update set reason = excluded.reason, subject_id = excluded.subject_id,
                 source = excluded.source, actor = excluded.actor, created_at = now(), lifted_at = null,
                 company_id = coalesce(excluded.company_id, kept.company_id)
             where kept.subject_id is null and (kept.lifted_at is not null or excluded.subject_id is not null)
             returning kind",
        )
        .bind(tenant.as_str())
        .bind(kinds)
        .bind(hashes)
        .bind(rows.iter().map(|one| one.company.map(CompanyId::get)).collect::<Vec<_>>())
        .bind(rows.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|one| one.subject.map(|subject| subject.0)).collect::<Vec<Option<Uuid>>>())
        .bind(by.source)
        .bind(by.actor.as_str())
        .fetch_all(&mut **tx)
        .await?;
        kinds.into_iter().for_each(|kind| *added.entry(kind).or_default() += 1);
    }
    Ok(added)
}

/// A suppression as it stands; what it stands for nobody can read out of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What is suppressed.
    pub what: Suppression,
    /// Why.
    pub reason: String,
    /// `import`, `command`, `erasure` or `consent`.
    pub source: String,
    /// Who wrote it.
    pub actor: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when, if it was lifted.
    pub lifted_at: Option<DateTime<Utc>>,
    /// Of an erased person: the tombstone.
    pub subject: Option<SubjectId>,
}

/// What is written about these.
///
/// # Errors
/// What the database says.
pub async fn kept(tx: &mut TenantTx, what: &BTreeSet<Suppression>) -> Result<Vec<Kept>, StoreError> {
    let tenant = tx.tenant().clone();
    let (kinds, hashes) = columns(what.iter());
    let rows = sqlx::query(
        "select s.* from unnest($2::text[], $3::bytea[]) as w (kind, hash)
         join suppressions s on s.tenant_id = $1 and s.kind = w.kind and s.hash = w.hash",
    )
    .bind(tenant.as_str())
    .bind(kinds)
    .bind(hashes)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter_map(one).collect())
}

/// The newest, at most so many, of one kind or of all.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, kind: Option<SuppressionKind>, limit: i64) -> Result<Vec<Kept>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select * from suppressions where tenant_id = $1 and ($2::text is null or kind = $2) order by created_at desc, kind, hash limit $3",
    )
    .bind(tenant.as_str())
    .bind(kind.map(SuppressionKind::as_str))
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter_map(one).collect())
}

/// Lifts these; tells how many held until now, by kind. An erased person's cannot be lifted and is not counted.
///
/// # Errors
/// What the database says.
pub async fn lift(
    tx: &mut TenantTx,
    what: &BTreeSet<Suppression>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let tenant = tx.tenant().clone();
    let (kinds, hashes) = columns(what.iter());
    let kinds: Vec<String> = sqlx::query_scalar(
        "update suppressions s set lifted_at = $4 from unnest($2::text[], $3::bytea[]) as w (kind, hash)
         where s.tenant_id = $1 and s.kind = w.kind and s.hash = w.hash and s.lifted_at is null and s.subject_id is null
         returning s.kind",
    )
    .bind(tenant.as_str())
    .bind(kinds)
    .bind(hashes)
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    let mut lifted = BTreeMap::new();
    kinds.into_iter().for_each(|kind| *lifted.entry(kind).or_default() += 1);
    Ok(lifted)
}

fn one(row: &sqlx::postgres::PgRow) -> Option<Kept> {
    let (kind, hash): (String, Vec<u8>) = (row.get("kind"), row.get("hash"));
    Some(Kept {
        what: read(&kind, &hash)?,
        reason: row.get("reason"),
        source: row.get("source"),
        actor: row.get("actor"),
        created_at: row.get("created_at"),
        lifted_at: row.get("lifted_at"),
        subject: row.get::<Option<Uuid>, _>("subject_id").map(SubjectId),
    })
}

/// Suppressions as columns travel.
pub fn columns<'a>(what: impl Iterator<Item = &'a Suppression>) -> (Vec<&'static str>, Vec<&'a [u8]>) {
    what.map(|one| (one.kind.as_str(), one.hash.as_slice())).unzip()
}

/// A suppression as it is stored.
#[must_use]
pub fn read(kind: &str, hash: &[u8]) -> Option<Suppression> {
    Some(Suppression { kind: SuppressionKind::named(kind)?, hash: hash.try_into().ok()? })
}
