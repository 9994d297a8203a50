//! The industry classification into `ssic_ref`, and the industry labels of companies after it.

use std::{collections::BTreeMap, path::Path};

use presdr_events::TenantId;
use presdr_rules::icp::normalise_label;
use presdr_store::Database;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

use super::{
    IngestError, Source, Summary,
    list::{self, List},
    loads::{self, Load},
    summary::hex,
};

const NEEDED: [&str; 4] = ["code", "title", "level", "section"];
/// The five levels with how many characters their codes have.
const LEVELS: [(&str, usize); 5] = [("section", 1), ("division", 2), ("group", 3), ("class", 4), ("subclass", 5)];

/// Takes in the classification: a file with the columns code, title, level and section, and perhaps description and parent.
///
/// Codes that the file no longer has are removed, unless a line of it could not be used. Companies get the label of their code's
/// division anew.
///
/// # Errors
/// As the registry's; also [`IngestError::Empty`], since a file without one usable line would take every industry away.
pub async fn ssic(database: &Database, file: &Path) -> Result<Summary, IngestError> {
    let bytes = list::read(file).await?;
    let (codes, wrong, rows) = parse(file, &bytes)?;
    if codes.is_empty() {
        return Err(IngestError::Empty { file: file.to_owned() });
    }
    let name = file.display().to_string();
    let Load { mut connection, ticket } =
        loads::begin(database, &TenantId::platform(), Source::Ssic, vec![name]).await?;
    let mut tx = connection.begin().await?;
    if wrong.is_empty() {
        remove_others(&mut tx, &codes).await?;
    }
    let (inserted, updated) = store(&mut tx, &codes).await?;
    relabel(&mut tx).await?;
    loads::clear_quarantine(&mut tx, &ticket).await?;
    loads::quarantine(&mut tx, &ticket, &wrong).await?;
    let summary = Summary {
        source: Source::Ssic,
        files: 1,
        rows,
        quarantined: wrong.len() as u64,
        inserted,
        updated,
        content_hash: hex(&Sha256::digest(&bytes)),
    };
    loads::finish(&mut tx, &ticket, &summary).await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(summary)
}

/// One line of the classification.
struct Code {
    title: String,
    description: String,
    level: &'static str,
    section: String,
    parent: Option<String>,
}

type Parsed = (BTreeMap<String, Code>, Vec<(i64, String)>, u64);

fn parse(file: &Path, bytes: &[u8]) -> Result<Parsed, IngestError> {
    let list = List::of(bytes);
    let missing: Vec<&'static str> = NEEDED.into_iter().filter(|name| list.column(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(IngestError::Header { file: file.to_owned(), missing });
    }
    let (mut codes, mut wrong, mut rows) = (BTreeMap::new(), Vec::new(), 0);
    for (line, record) in list.records() {
        rows += 1;
        let parsed = record.and_then(|record| {
            code(&|name| list.column(name).and_then(|index| record.get(index)).unwrap_or_default().trim())
        });
        match parsed {
            Ok((code, entry)) => drop(codes.insert(code, entry)),
            Err(reason) => wrong.push((line, reason)),
        }
    }
    Ok((codes, wrong, rows))
}

/// Reads one line; spreadsheets lose the leading zero of a code, and the level says how long it was.
fn code<'a>(column: &dyn Fn(&'static str) -> &'a str) -> Result<(String, Code), String> {
    let level = column("level").to_lowercase();
    let Some((level, length)) = LEVELS.into_iter().find(|(name, _)| *name == level) else {
        return Err("level is none of section, division, group, class, subclass".into());
    };
    let code = format!("{:0>length$}", column("code").to_uppercase());
    let right = code.len() == length
        && code.bytes().all(|byte| if length == 1 { byte.is_ascii_uppercase() } else { byte.is_ascii_digit() });
    let (title, section) = (column("title"), column("section").to_uppercase());
    if !right {
        Err(format!("code does not have the form of a {level}"))
    } else if title.is_empty() {
        Err("title is missing".into())
    } else if section.len() != 1 {
        Err("section is no letter".into())
    } else {
        let parent = Some(column("parent").to_owned()).filter(|parent| !parent.is_empty());
        let description = column("description").to_owned();
        Ok((code, Code { title: title.to_owned(), description, level, section, parent }))
    }
}

async fn remove_others(tx: &mut PgConnection, codes: &BTreeMap<String, Code>) -> Result<(), sqlx::Error> {
    let codes: Vec<&str> = codes.keys().map(String::as_str).collect();
    sqlx::query("delete from ssic_ref where code <> all($1)").bind(codes).execute(tx).await?;
    Ok(())
}

async fn store(tx: &mut PgConnection, codes: &BTreeMap<String, Code>) -> Result<(u64, u64), sqlx::Error> {
    let of = |field: fn(&Code) -> &str| codes.values().map(field).map(str::to_owned).collect::<Vec<String>>();
    let parents: Vec<Option<&str>> = codes.values().map(|code| code.parent.as_deref()).collect();
    let labels: Vec<String> = codes.values().map(|code| normalise_label(&code.title)).collect();
    let new: Vec<bool> = sqlx::query_scalar(
        "insert into ssic_ref as old (code, title, label, description, level, section, parent)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
         on conflict (code) do update set title = excluded.title, label = excluded.label, description = excluded.description,
             level = excluded.level, section = excluded.section, parent = excluded.parent
         where (old.title, old.label, old.description, old.level, old.section, old.parent)
             is distinct from (excluded.title, excluded.label, excluded.description, excluded.level, excluded.section, excluded.parent)
         returning xmax = 0",
    )
    .bind(codes.keys().cloned().collect::<Vec<_>>())
    .bind(of(|code| &code.title))
    .bind(labels)
    .bind(of(|code| &code.description))
    .bind(of(|code| code.level))
    .bind(of(|code| &code.section))
    .bind(parents)
    .fetch_all(tx)
    .await?;
    let inserted = new.iter().filter(|new| **new).count();
    Ok((inserted as u64, (new.len() - inserted) as u64))
}

/// Gives every company the label of its code's division, where it has another one.
async fn relabel(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update companies c set industry_norm = wanted.label, updated_at = now()
         from (select c.company_id, d.label from companies c
               left join ssic_ref d on d.level = 'division' and d.code = left(c.industry_code, 2)
               where c.industry_norm is distinct from d.label) wanted
         where c.company_id = wanted.company_id",
    )
    .execute(tx)
    .await?;
    Ok(())
}
