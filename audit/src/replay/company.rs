//! Which company is meant: by id, by UEN, or by a name that need not be exact.

use std::collections::BTreeSet;

use presdr_events::{CompanyId, RunId};
use presdr_store::TenantTx;

use crate::error::AuditError;

/// A company that was a lead of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Company {
    /// Its id.
    #[sqlx(rename = "company_id")]
    pub id: i64,
    /// Its unique entity number, if it has one.
    pub uen: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// From this likeness on a name is taken for another's misspelling (0 to 1).
const LIKENESS_MIN: f64 = 0.4;
/// How many are named when it is not clear which is meant.
const NAMED_MAX: usize = 5;

/// The company that `text` means, of those that were leads of the tenant, or of one run.
///
/// # Errors
/// [`AuditError::Refused`] when none is meant, or several are equally.
pub async fn find_company(tx: &mut TenantTx, run: Option<RunId>, text: &str) -> Result<Company, AuditError> {
    let tenant = tx.tenant().clone();
    let leads: Vec<Company> = sqlx::query_as(
        "select l.company_id, c.uen, c.name
         from (select distinct company_id from admissions where tenant_id = $1 and ($2::bigint is null or run_id = $2)) l
         left join tenant_company c on c.company_id = l.company_id order by l.company_id",
    )
    .bind(tenant.as_str())
    .bind(run.map(i64::from))
    .fetch_all(&mut **tx)
    .await?;
    let of = run.map_or_else(|| format!("tenant {tenant}"), |run| format!("run {run} of tenant {tenant}"));
    choose(&leads, text).map_err(|why| AuditError::Refused(format!("of {of} {why}")))
}

fn choose(leads: &[Company], text: &str) -> Result<Company, String> {
    let wanted = text.trim();
    let number = wanted.parse::<CompanyId>().ok().map(CompanyId::get);
    let exact = |lead: &&Company| {
        Some(lead.id) == number || lead.uen.as_deref().is_some_and(|uen| uen.eq_ignore_ascii_case(wanted))
    };
    if let Some(lead) = leads.iter().find(exact) {
        return Ok(lead.clone());
    }
    let mut likely: Vec<(f64, &Company)> = leads
        .iter()
        .filter_map(|lead| Some((likeness(wanted, lead.name.as_deref()?), lead)))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    likely.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.id.cmp(&other.1.id)));
    match likely.as_slice() {
        [] => Err(format!("no lead is like {wanted:?}: give its id, its UEN, or more of its name")),
        [(_, one)] => Ok((*one).clone()),
        [(best, one), (next, _), ..] if best > next => Ok((*one).clone()),
        several => {
            let best = several[0].0;
            let equal = several.iter().take_while(|(likeness, _)| *likeness >= best).take(NAMED_MAX);
            let named: Vec<String> =
                equal.map(|(_, lead)| format!("{} ({})", lead.name.as_deref().unwrap_or("?"), lead.id)).collect();
            Err(format!("several leads are like {wanted:?}: {}; give one's id", named.join(", ")))
        }
    }
}

/// How alike two names are, 0 to 1: the same, the beginning, a part, or as many of the same three letters in a row.
fn likeness(wanted: &str, name: &str) -> f64 {
    let (wanted, name) = (plain(wanted), plain(name));
    if wanted.is_empty() {
        0.0
    } else if name == wanted {
        1.0
    } else if name.starts_with(&wanted) {
        0.95
    } else if name.contains(&wanted) {
        0.9
    } else {
        let (ours, theirs) = (triples(&wanted), triples(&name));
        let (shared, all) = (ours.intersection(&theirs).count(), ours.union(&theirs).count());
        #[expect(clippy::cast_precision_loss, reason = "a share of some dozen")]
        let share = shared as f64 / all.max(1) as f64;
        0.85 * share
    }
}

/// Letters and digits in lower case, words apart by one space, without what every company's name ends in.
fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let told: Vec<&str> = words.filter(|word| !["pte", "ltd", "private", "limited"].contains(word)).collect();
    told.join(" ")
}

fn triples(name: &str) -> BTreeSet<[char; 3]> {
    let letters: Vec<char> = format!("  {name} ").chars().collect();
    letters.windows(3).filter_map(|three| three.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads() -> Vec<Company> {
        let lead = |id, uen: &str, name: &str| Company { id, uen: Some(uen.to_owned()), name: Some(name.to_owned()) };
        vec![
            lead(11, "201900001A", "HARBOUR FREIGHT PTE. LTD."),
            lead(12, "201900002B", "HARBOUR FREIGHT LOGISTICS PTE. LTD."),
            lead(13, "201900003C", "TAN & SONS TRADING"),
            lead(14, "201900004D", "Tan Brothers Pte Ltd"),
            Company { id: 15, uen: None, name: None },
        ]
    }

    fn chosen(text: &str) -> Result<i64, String> {
        choose(&leads(), text).map(|company| company.id)
    }

    #[test]
    fn an_id_a_uen_and_a_name_mean_a_company() {
        for (text, id) in [
            ("13", 13),
            (" 201900002b", 12),
            ("harbour freight pte ltd", 11),
            ("Harbour Freight Logistics", 12),
            ("logistics", 12),
            ("tan & sons", 13),
            ("Habour Freigt Logistic", 12),
            ("tan brother", 14),
        ] {
            assert_eq!(chosen(text), Ok(id), "{text}");
        }
    }

    #[test]
    fn what_means_none_or_several_says_so() {
        assert!(chosen("Orchid").unwrap_err().contains("no lead is like \"Orchid\""));
        let several = chosen("tan").unwrap_err();
        assert!(several.contains("(13)") && several.contains("(14)"), "{several}");
        assert!(chosen("").is_err() && chosen("999").is_err());
    }
}
