//! A tenant's own list into `tenant_companies`, for that tenant alone.

mod columns;
mod row;
mod store;

use std::{collections::HashMap, path::Path};

use presdr_events::TenantId;
use presdr_store::Database;
use sha2::{Digest, Sha256};
use sqlx::Connection;

use super::{
    IngestError, Source, Summary,
    list::{self, List},
    loads::{self, Load},
    summary::hex,
};
use columns::Columns;
use row::Listed;

/// Takes in a tenant's list: a name or a UEN, and perhaps website, industry, SSIC code, employees, revenue, year and place, in columns
/// of any order under their common names ("Company Name", "URL", "Headcount", ...). Other columns are passed over.
///
/// A company is known by its UEN, without one by its name and domain. Of two lines about the same company the later one counts. What a
/// former list said of a company is replaced by what this one says; companies that only a former list had stay.
///
/// # Errors
/// [`IngestError::Header`] when there is neither a name nor a UEN column; otherwise what reading or storing came to, and then the
/// tenant's list is as it was.
pub async fn companies(database: &Database, tenant: &TenantId, file: &Path) -> Result<Summary, IngestError> {
    let bytes = list::read(file).await?;
    let (listed, wrong, rows) = parse(file, &bytes)?;
    let name = file.display().to_string();
    let Load { mut connection, ticket } = loads::begin(database, tenant, Source::Companies, vec![name]).await?;
    let mut tx = connection.begin().await?;
    loads::share_ids(&mut tx).await?;
    let (inserted, updated) = store::store(&mut tx, tenant, &listed).await?;
    loads::clear_quarantine(&mut tx, &ticket).await?;
    loads::quarantine(&mut tx, &ticket, &wrong).await?;
    let summary = Summary {
        source: Source::Companies,
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

type Parsed = (Vec<Listed>, Vec<(i64, String)>, u64);

fn parse(file: &Path, bytes: &[u8]) -> Result<Parsed, IngestError> {
    let list = List::of(bytes);
    let columns = Columns::of(list.names());
    let columns = columns.map_err(|missing| IngestError::Header { file: file.to_owned(), missing })?;
    let (mut listed, mut places, mut wrong, mut rows) = (Vec::<Listed>::new(), HashMap::new(), Vec::new(), 0);
    for (line, record) in list.records() {
        rows += 1;
        let read = record.and_then(|record| row::listed(&columns, &record).map_err(|problem| problem.to_string()));
        match read {
            Err(reason) => wrong.push((line, reason)),
            Ok(company) => match places.get(&company.identity) {
                Some(place) => listed[*place] = company,
                None => {
                    places.insert(company.identity.clone(), listed.len());
                    listed.push(company);
                }
            },
        }
    }
    Ok((listed, wrong, rows))
}
