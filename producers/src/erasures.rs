//! Asking for a person to be erased: written down here, carried out by a service that can read the log.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use presdr_events::{SubjectId, TenantId};
use presdr_rules::email_policy;
use presdr_store::{
    TenantTx,
    erasure_requests::{self, Meant, Request, WAITING_MAX},
    erasures,
    odoo::records,
    tenants,
};
use uuid::Uuid;

use crate::{CommandError, Desk};

/// No link is longer.
const PROFILE_CHARACTERS_MAX: usize = 500;
/// No number is longer, however it is written.
const PHONE_CHARACTERS_MAX: usize = 40;
/// One person has not more of all together.
const NAMED_MAX: usize = 20;

/// A request, and the receipts of what it came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// One for each erasure.
    pub receipts: Vec<Receipt>,
}

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Its number, among the tenant's.
    pub number: u32,
    /// The tombstones.
    pub subjects: Vec<SubjectId>,
    /// When it was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// Rows removed or cleared, by place.
    pub removed: BTreeMap<String, u64>,
    /// What keeps the person from coming back, by kind.
    pub suppressed: BTreeMap<String, u64>,
    /// Records that are still to be removed elsewhere, by place, as of now.
    pub owed: BTreeMap<String, u64>,
}

/// What is named, checked. A refusal says which of the list is wrong and nothing of what it says.
///
/// # Errors
/// [`CommandError::Refused`] when something is not what it should be, or nothing named identifies anybody.
pub fn read(named: Meant) -> Result<Meant, CommandError> {
    let refused = |what: String| CommandError::Refused(what);
    let Meant { emails, profiles, phones, subjects } = named;
    if !(1..=NAMED_MAX).contains(&(emails.len() + profiles.len() + subjects.len())) || phones.len() > NAMED_MAX {
        return Err(refused(format!(
            "name the person by 1 to {NAMED_MAX} addresses, profile links and random ids, with at most {NAMED_MAX} numbers of theirs: \
             a number alone identifies nobody"
        )));
    }
    let mut checked = Meant { subjects, ..Meant::default() };
    for (number, address) in emails.iter().enumerate() {
        let address = email_policy::normalise(address);
        checked.emails.push(address.ok_or_else(|| refused(format!("email[{number}]: that is no e-mail address")))?);
    }
    let is_text = |text: &str, most| (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    for (number, link) in profiles.into_iter().enumerate() {
        if !is_text(&link, PROFILE_CHARACTERS_MAX) || !link.contains('/') {
            return Err(refused(format!("profile[{number}]: that is no profile link")));
        }
        checked.profiles.push(link);
    }
    for (number, phone) in phones.into_iter().enumerate() {
        if !is_text(&phone, PHONE_CHARACTERS_MAX) || phone.chars().filter(char::is_ascii_digit).count() < 7 {
            return Err(refused(format!("phone[{number}]: that is no phone number")));
        }
        checked.phones.push(phone);
    }
    Ok(checked)
}

/// Asks for a person to be erased, and tells the request's id.
///
/// # Errors
/// [`CommandError::Refused`] when too many requests wait.
pub async fn ask(desk: &Desk, tenant: &TenantId, meant: &Meant) -> Result<Uuid, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let id = Uuid::new_v4();
    if !erasure_requests::ask(&mut tx, &desk.keyring, id, meant, desk.actor(), desk.now()).await? {
        return Err(CommandError::Refused(format!(
            "{WAITING_MAX} erasures wait already: ask again when they are done, and see that a scheduler runs"
        )));
    }
    tx.commit().await?;
    Ok(id)
}

/// A request as it stands.
///
/// # Errors
/// What the database says.
pub async fn show(desk: &Desk, tenant: &TenantId, id: Uuid) -> Result<Option<Asked>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let Some(request) = erasure_requests::get(&mut tx, id).await? else { return Ok(None) };
    let mut receipts = Vec::new();
    for number in &request.erasures {
        receipts.extend(receipt(&mut tx, *number).await?);
    }
    Ok(Some(Asked { request, receipts }))
}

/// The newest requests, at most so many.
///
/// # Errors
/// What the database says.
pub async fn list(desk: &Desk, tenant: &TenantId, limit: i64) -> Result<Vec<Request>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    Ok(erasure_requests::list(&mut tx, limit).await?)
}

async fn receipt(tx: &mut TenantTx, number: u32) -> Result<Option<Receipt>, CommandError> {
    let Some(erasure) = erasures::get(tx, number).await? else { return Ok(None) };
    let suppressed = erasures::kept_away(tx, &erasure.subjects).await?;
    let owed = records::owed_of(tx, &erasure.subjects).await?;
    Ok(Some(Receipt {
        number,
        subjects: erasure.subjects,
        finished_at: erasure.finished_at,
        removed: erasure.removed,
        suppressed,
        owed: (owed > 0).then(|| ("odoo".to_owned(), owed)).into_iter().collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_meant_is_identified_and_a_refusal_repeats_nothing_of_it() {
        let of = |emails: &[&str], profiles: &[&str], phones: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
            read(Meant {
                emails: owned(emails),
                profiles: owned(profiles),
                phones: owned(phones),
                subjects: Vec::new(),
            })
        };
        let read_well = of(&[" Jane@Acme.example "], &["linkedin.com/in/jane"], &["+65 6123 4567"]).unwrap();
        assert_eq!(read_well.emails, ["jane@acme.example"]);
        assert_eq!((read_well.profiles.len(), read_well.phones.len()), (1, 1));
        assert_eq!(format!("{read_well:?}"), "Meant(…)");
        let many = vec!["jane@acme.example"; NAMED_MAX + 1];
        for (wrong, says) in [
            (of(&[], &[], &["+65 6123 4567"]), "a number alone identifies nobody"),
            (of(&[], &[], &[]), "name the person by"),
            (of(&many, &[], &[]), "name the person by"),
            (of(&["jane@acme.example", "jane"], &[], &[]), "email[1]: that is no e-mail address"),
            (of(&[], &["jane"], &[]), "profile[0]: that is no profile link"),
            (of(&[], &["linkedin.com/in/jane\0"], &[]), "profile[0]: that is no profile link"),
            (of(&["jane@acme.example"], &[], &["jane 12"]), "phone[0]: that is no phone number"),
        ] {
            let error = wrong.unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("jane"), "{error}");
        }
    }
}
