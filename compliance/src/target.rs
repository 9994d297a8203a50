//! Whom to look for: the subjects, and the forms under which they are known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use presdr_events::{CompanyId, IndexKey, SubjectId, Suppressible, Suppression, TenantId};
use presdr_rules::{email_policy, named};
use presdr_store::{TenantTx, suppressions};
use sqlx::Row;
use uuid::Uuid;

use crate::{
    ComplianceError, Office,
    known::{self, Known},
    log,
};

/// How a person is named by whoever asks. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// By address: identifies.
    Email(String),
    /// By profile link: identifies.
    Profile(String),
    /// By phone number: suggests.
    Phone(String),
    /// By name, at one company or anywhere: suggests.
    Name(String, Option<CompanyId>),
    /// By random id: whom somebody picked.
    Subject(SubjectId),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email(…)",
            Self::Profile(_) => "Profile(…)",
            Self::Phone(_) => "Phone(…)",
            Self::Name(..) => "Name(…)",
            Self::Subject(_) => "Subject(…)",
        })
    }
}

/// Somebody who may be the one, for a person to pick.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suggestion {
    /// The random id to pick.
    pub subject: SubjectId,
    /// What speaks for it: `phone`, `name`.
    pub because: BTreeSet<&'static str>,
    /// Where they were found.
    pub companies: BTreeSet<CompanyId>,
}

/// Whom to look for.
#[derive(Clone, Default)]
pub(crate) struct Target {
    pub subjects: BTreeSet<SubjectId>,
    /// What they are known by, as far as their keys still open it.
    pub known: Known,
    pub forms: BTreeMap<Suppression, Option<CompanyId>>,
    pub suggestions: Vec<Suggestion>,
}

impl Target {
    /// Whether a text that is kept of a company, or of none, names them.
    pub fn is_named(&self, index: &IndexKey, text: &str, company: Option<CompanyId>) -> bool {
        let company = company.filter(|company| self.forms.values().any(|at| at.as_ref() == Some(company)));
        named::names(text, company, &|what| self.forms.contains_key(&index.suppression(what)))
    }

    /// Whether a text that is of no company names them as they are known at any.
    pub fn is_named_anywhere(&self, index: &IndexKey, text: &str) -> bool {
        let companies: BTreeSet<CompanyId> = self.forms.values().flatten().copied().collect();
        self.is_named(index, text, None) || companies.iter().any(|company| self.is_named(index, text, Some(*company)))
    }
}

/// Finds out who is meant. Whoever shares an address or a profile link with them is the same person, and so is whoever is known by nothing but
/// their name, at the same company; whoever else shares a number or a name is suggested.
pub(crate) async fn resolve(
    office: &Office,
    tenant: &TenantId,
    identities: &[Identity],
) -> Result<Target, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let keys = office.desk.keyring().tenant(&mut tx, tenant).await?;
    let (mut target, mut loose) = (Target::default(), Known::default());
    target.known = given(identities)?;
    let addresses = target.known.addresses.iter().map(|address| Suppressible::Address(address));
    let profiles = target.known.profiles.iter().map(|link| Suppressible::Profile(link));
    for form in addresses.chain(profiles).map(|what| keys.index.suppression(what)) {
        target.subjects.extend(identified(&mut tx, form).await?);
    }
    for identity in identities {
        match identity {
            Identity::Subject(subject) => drop(target.subjects.insert(*subject)),
            Identity::Email(_) | Identity::Profile(_) => {}
            Identity::Phone(number) => drop(loose.phones.insert(number.clone())),
            Identity::Name(name, Some(company)) => drop(loose.names.insert((*company, name.clone()))),
            Identity::Name(name, None) => {
                let companies = companies(&mut tx).await?;
                loose.names.extend(companies.into_iter().map(|company| (company, name.clone())));
            }
        }
    }
    tx.commit().await?;
    loop {
        let before = target.subjects.len();
        learn(office, tenant, &keys.index, &mut target, &loose).await?;
        if target.subjects.len() == before {
            break;
        }
    }
    target.forms = target.known.forms(&keys.index);
    target.forms.extend(suppressed(office, tenant, &target.subjects).await?);
    Ok(target)
}

/// What identifies a person, as it was given: addresses and profile links.
pub(crate) fn given(identities: &[Identity]) -> Result<Known, ComplianceError> {
    let mut given = Known::default();
    for identity in identities {
        match identity {
            Identity::Email(address) => {
                let address = email_policy::normalise(address)
                    .ok_or_else(|| ComplianceError::Refused("that is no e-mail address".to_owned()))?;
                given.addresses.insert(address);
            }
            Identity::Profile(link) => drop(given.profiles.insert(link.clone())),
            Identity::Phone(_) | Identity::Name(..) | Identity::Subject(_) => {}
        }
    }
    Ok(given)
}

/// Reads the log once: what is said of the subjects, who shares an identifying form with them, and who a loose one.
async fn learn(
    office: &Office,
    tenant: &TenantId,
    index: &IndexKey,
    target: &mut Target,
    loose: &Known,
) -> Result<(), ComplianceError> {
    let identifying = Known { names: BTreeSet::new(), phones: BTreeSet::new(), ..target.known.clone() }.forms(index);
    let mut suggesting = target.known.forms(index);
    suggesting.extend(loose.forms(index));
    let (mut subjects, mut learnt) = (target.subjects.clone(), Known::default());
    let mut suggested: HashMap<SubjectId, Suggestion> = HashMap::new();
    let mut others: HashMap<SubjectId, Known> = HashMap::new();
    let keyring = office.desk.keyring();
    let mut log = log::naming(office, tenant).await?;
    while let Some(logged) = log.next().await? {
        let ids = logged.envelope.event.subjects();
        let mut tx = office.desk.database().enter(tenant).await?;
        let opened = keyring.subjects(&mut tx, tenant, &ids).await?;
        tx.commit().await?;
        for (subject, known) in known::told(&logged.envelope, &opened)? {
            let forms = known.forms(index);
            if subjects.contains(&subject) || forms.keys().any(|form| identifying.contains_key(form)) {
                subjects.insert(subject);
                learnt.extend(known);
                continue;
            }
            others.entry(subject).or_default().extend(known);
            let because: BTreeSet<&'static str> =
                forms.keys().filter(|form| suggesting.contains_key(form)).map(|form| form.kind.as_str()).collect();
            if !because.is_empty() {
                let new = || Suggestion { subject, because: BTreeSet::new(), companies: BTreeSet::new() };
                let suggestion = suggested.entry(subject).or_insert_with(new);
                suggestion.because.extend(because);
                suggestion.companies.extend(logged.envelope.company);
            }
        }
    }
    let names = Known { names: target.known.names.clone(), ..Known::default() }.forms(index);
    for (subject, known) in others {
        if known.has_names_alone() && known.forms(index).keys().any(|form| names.contains_key(form)) {
            subjects.insert(subject);
            learnt.extend(known);
        }
    }
    suggested.retain(|subject, _| !subjects.contains(subject));
    target.known.extend(learnt);
    target.subjects = subjects;
    target.suggestions = suggested.into_values().collect();
    target.suggestions.sort();
    Ok(())
}

/// Whom an address or a profile link leads to: the subject of the identifier, or the tombstone of an erased person.
async fn identified(tx: &mut TenantTx, form: Suppression) -> Result<Vec<SubjectId>, ComplianceError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<Option<Uuid>> = sqlx::query_scalar(
        "select subject_id from subject_identifiers where tenant_id = $1 and kind = $2 and hash = $3
         union select subject_id from suppressions where tenant_id = $1 and kind = $2 and hash = $3",
    )
    .bind(tenant.as_str())
    .bind(form.kind.as_str())
    .bind(form.hash.as_slice())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().flatten().map(SubjectId).collect())
}

/// Every company that a lead of the tenant was about: where a name without a company may be somebody's.
async fn companies(tx: &mut TenantTx) -> Result<Vec<CompanyId>, ComplianceError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<i64> = sqlx::query_scalar("select distinct company_id from admissions where tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().filter_map(|id| CompanyId::new(id).ok()).collect())
}

/// The forms under which erased people are kept away.
pub(crate) async fn suppressed(
    office: &Office,
    tenant: &TenantId,
    subjects: &BTreeSet<SubjectId>,
) -> Result<BTreeMap<Suppression, Option<CompanyId>>, ComplianceError> {
    let mut tx = office.desk.database().enter(tenant).await?;
    let rows =
        sqlx::query("select kind, hash, company_id from suppressions where tenant_id = $1 and subject_id = any($2)")
            .bind(tenant.as_str())
            .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
    tx.commit().await?;
    let form = |row: &sqlx::postgres::PgRow| {
        let (kind, hash): (String, Vec<u8>) = (row.get("kind"), row.get("hash"));
        let company: Option<i64> = row.get("company_id");
        Some((suppressions::read(&kind, &hash)?, company.and_then(|id| CompanyId::new(id).ok())))
    };
    Ok(rows.iter().filter_map(form).collect())
}
