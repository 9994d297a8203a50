//! Lists of whom a tenant must not contact, from CSV files. What a line says is stored as a keyed hash alone.

use std::{collections::BTreeMap, path::Path};

use csv::StringRecord;
use presdr_events::CompanyId;
use presdr_store::TenantTx;
use sha2::{Digest, Sha256};

use super::{
    IngestError, Source, Summary,
    list::{self, List},
    loads,
    summary::hex,
};
use crate::suppressions::{Given, ListKind};

pub(crate) use super::repair::is_uen;

/// A file as it was read.
pub(crate) struct Read {
    pub given: Vec<Given>,
    /// Lines that cannot be used, and why.
    pub wrong: Vec<(i64, String)>,
    pub rows: u64,
    pub content_hash: String,
}

/// Reads a file. `otherwise` is the kind and the reason of lines that name none.
pub(crate) async fn read(file: &Path, otherwise: (Option<ListKind>, &str)) -> Result<Read, IngestError> {
    let bytes = list::read(file).await?;
    let list = List::of(&bytes);
    let missing =
        || IngestError::Header { file: file.to_owned(), missing: vec!["value, email, domain, company or phone"] };
    let columns = Columns::of(&list, otherwise.0).ok_or_else(missing)?;
    let mut read = Read { given: Vec::new(), wrong: Vec::new(), rows: 0, content_hash: hex(&Sha256::digest(&bytes)) };
    for (line, record) in list.records() {
        read.rows += 1;
        match record.and_then(|record| columns.entries(&record, otherwise)) {
            Ok(given) => read.given.extend(given),
            Err(reason) => read.wrong.push((line, reason)),
        }
    }
    Ok(read)
}

struct Columns {
    kind: Option<usize>,
    value: Option<usize>,
    by_kind: Vec<(ListKind, usize)>,
    reason: Option<usize>,
}

impl Columns {
    /// `None` when no column can hold an entry.
    fn of(list: &List<'_>, kind: Option<ListKind>) -> Option<Self> {
        let by_kind = list.names().iter().enumerate().filter_map(|(at, name)| Some((name.parse().ok()?, at))).collect();
        let columns =
            Self { kind: list.column("kind"), value: list.column("value"), by_kind, reason: list.column("reason") };
        let has_values = columns.value.is_some() && (columns.kind.is_some() || kind.is_some());
        (has_values || !columns.by_kind.is_empty()).then_some(columns)
    }

    /// A line's entries, or what is wrong with it: then none of it is used.
    fn entries(&self, record: &StringRecord, otherwise: (Option<ListKind>, &str)) -> Result<Vec<Given>, String> {
        let field = |column: Option<usize>| {
            column.and_then(|at| record.get(at)).map(str::trim).filter(|field| !field.is_empty())
        };
        let reason = field(self.reason).unwrap_or(otherwise.1);
        let mut wanted: Vec<(ListKind, &str)> =
            self.by_kind.iter().filter_map(|(kind, at)| Some((*kind, field(Some(*at))?))).collect();
        if let Some(value) = field(self.value) {
            let kind = match field(self.kind) {
                Some(kind) => kind.parse().map_err(|error: crate::suppressions::GivenError| error.to_string())?,
                None => otherwise.0.ok_or("the line names no kind")?,
            };
            wanted.push((kind, value));
        }
        if wanted.is_empty() {
            return Err("the line names nothing".to_owned());
        }
        let read = |(kind, value): (ListKind, &str)| Given::read(kind, value, reason);
        wanted.into_iter().map(read).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }
}

/// The companies of the UENs that are given; a UEN that nobody named before is allotted its id, which the registry takes over.
pub(crate) async fn companies(tx: &mut TenantTx, given: &[Given]) -> Result<BTreeMap<String, CompanyId>, sqlx::Error> {
    let uens: Vec<&str> = given.iter().filter_map(Given::uen).collect();
    if uens.is_empty() {
        return Ok(BTreeMap::new());
    }
    loads::share_ids(tx).await?;
    sqlx::query(
        "insert into company_uens (uen) select distinct uen from unnest($1::text[]) as named (uen)
         where not exists (select from companies c where c.uen = named.uen)
           and not exists (select from company_uens u where u.uen = named.uen)
         on conflict (uen) do nothing",
    )
    .bind(&uens)
    .execute(&mut **tx)
    .await?;
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select named.uen, coalesce(c.company_id, u.company_id) from (select distinct uen from unnest($1::text[]) as n (uen)) named
         left join companies c on c.uen = named.uen left join company_uens u on u.uen = named.uen
         where coalesce(c.company_id, u.company_id) is not null",
    )
    .bind(&uens)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().filter_map(|(uen, id)| Some((uen, CompanyId::new(id).ok()?))).collect())
}

/// Writes the load down, with what could not be used of it.
pub(crate) async fn record(
    tx: &mut TenantTx,
    (file, content_hash, rows): (&str, &str, u64),
    added: &BTreeMap<String, u64>,
    wrong: &[(i64, String)],
) -> Result<(), sqlx::Error> {
    let summary = Summary {
        source: Source::Suppressions,
        files: 1,
        rows,
        quarantined: wrong.len() as u64,
        inserted: added.values().sum(),
        updated: 0,
        content_hash: content_hash.to_owned(),
    };
    let ticket = loads::done_at_once(tx, Source::Suppressions, file, &summary).await?;
    loads::quarantine(tx, &ticket, wrong).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str, kind: Option<ListKind>) -> Option<Vec<Result<usize, String>>> {
        let list = List::of(text.as_bytes());
        let columns = Columns::of(&list, kind)?;
        let read = |record: Result<StringRecord, String>| columns.entries(&record?, (kind, "asked us to"));
        Some(list.records().map(|(_, record)| read(record).map(|given| given.len())).collect())
    }

    #[test]
    fn a_list_has_a_column_of_kinds_or_a_column_per_kind() {
        let kinds = "Kind;Value;Reason\nemail;a@b.example;unsubscribed\nfax;1;\nphone;12;\n;x;\ndomain;;\n";
        let told = |text: &str| Err(text.to_owned());
        assert_eq!(
            entries(kinds, None).unwrap(),
            [
                Ok(1),
                told("the kind is none of email, domain, company, phone"),
                told("that is no phone number of 8 to 15 digits"),
                told("the line names no kind"),
                told("the line names nothing"),
            ]
        );
        assert_eq!(entries("E-mail,phone\na@b.example,+65 6749 2385\n,6749 2385\n", None).unwrap(), [Ok(2), Ok(1)]);
        assert_eq!(entries("value\na@b.example\n", Some(ListKind::Email)).unwrap(), [Ok(1)]);
        assert_eq!(entries("value\na@b.example\n", None), None);
        assert_eq!(entries("name\nJane\n", Some(ListKind::Email)), None);
    }
}
