//! The registry's published layout (53 columns) filled with made-up companies.

use std::path::{Path, PathBuf};

use crate::company::{Company, Form, company};
use crate::random::Random;

/// Why a made-up data file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write {}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: csv::Error,
}

impl WriteError {
    pub(crate) fn new(path: &Path, source: csv::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// The columns before the former names and audit firms, in the published order.
const LEADING_COLUMNS: [&str; 28] = [
    "uen",
    "issuance_agency_id",
    "entity_name",
    "entity_type_description",
    "business_constitution_description",
    "company_type_description",
    "paf_constitution_description",
    "entity_status_description",
    "registration_incorporation_date",
    "uen_issue_date",
    "address_type",
    "block",
    "street_name",
    "level_no",
    "unit_no",
    "building_name",
    "postal_code",
    "other_address_line1",
    "other_address_line2",
    "account_due_date",
    "annual_return_date",
    "primary_ssic_code",
    "primary_ssic_description",
    "primary_user_described_activity",
    "secondary_ssic_code",
    "secondary_ssic_description",
    "secondary_user_described_activity",
    "no_of_officers",
];
const FORMER_NAMES: usize = 15;
const AUDIT_FIRMS: usize = 5;
/// What the published files write for a missing value.
const MISSING: &str = "na";

/// Writes companies 0 to `rows` of `seed` to `path` as the registry publishes them: some struck off, some values `na`.
pub fn write_acra(path: &Path, seed: u64, rows: usize) -> Result<(), WriteError> {
    let failed = |source: csv::Error| WriteError::new(path, source);
    let mut out = csv::Writer::from_path(path).map_err(failed)?;
    out.write_record(header()).map_err(failed)?;
    for index in 0..rows {
        out.write_record(row(seed, &company(seed, index))).map_err(failed)?;
    }
    out.flush().map_err(|source| WriteError::new(path, source.into()))
}

fn header() -> Vec<String> {
    let mut columns: Vec<String> = LEADING_COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    columns.extend((1..=FORMER_NAMES).map(|number| format!("former_entity_name{number}")));
    for number in 1..=AUDIT_FIRMS {
        columns.push(format!("uen_of_audit_firm{number}"));
        columns.push(format!("name_of_audit_firm{number}"));
    }
    columns
}

fn row(seed: u64, company: &Company) -> Vec<String> {
    let random = &mut Random::new(seed, "registry row", company.index);
    let missing = || MISSING.to_owned();
    let (year, month, day) = company.registered;
    let date = format!("{year}-{month:02}-{day:02}");
    let (kind, constitution, class) = legal_descriptions(company.form);
    let (level, unit) = company.address.unit.clone().unwrap_or_else(|| (missing(), missing()));
    let (code, title) = if random.chance(2) {
        (missing(), missing())
    } else {
        (company.trade.code.to_owned(), company.trade.title.to_uppercase())
    };
    let activity = if random.chance(15) { company.trade.pitch.to_uppercase() } else { missing() };
    let mut row = vec![
        company.uen.clone(),
        "ACRA".to_owned(),
        company.name.clone(),
        kind.to_owned(),
        constitution.to_owned(),
        class.to_owned(),
        missing(),
        status(company, random).to_owned(),
        date.clone(),
        date,
        "LOCAL".to_owned(),
        company.address.block.clone(),
        company.address.street.to_owned(),
        level,
        unit,
        missing(),
        if random.chance(1) { missing() } else { company.address.postal_code.clone() },
    ];
    row.extend([missing(), missing(), missing(), missing(), code, title, activity, missing(), missing(), missing()]);
    row.push(random.between(1, 6).to_string());
    if random.chance(8) {
        row.push(format!("{} VENTURES PTE. LTD.", company.word.to_uppercase()));
    }
    row.resize(LEADING_COLUMNS.len() + FORMER_NAMES + 2 * AUDIT_FIRMS, missing());
    row
}

fn legal_descriptions(form: Form) -> (&'static str, &'static str, &'static str) {
    match form {
        Form::PrivateLimited => ("Local Company", MISSING, "Exempt Private Company Limited by Shares"),
        Form::Business => ("Sole Proprietorship/ Partnership", "Sole-Proprietor", MISSING),
        Form::Partnership => ("Limited Liability Partnership", MISSING, MISSING),
    }
}

fn status(company: &Company, random: &mut Random) -> &'static str {
    match (company.live, company.form) {
        (true, Form::PrivateLimited) => "Live Company",
        (true, Form::Business | Form::Partnership) => "Live",
        (false, Form::PrivateLimited) => random.pick(&["Struck Off", "Dissolved - Members Voluntary Winding Up"]),
        (false, Form::Business) => random.pick(&["Terminated", "Cancelled"]),
        (false, Form::Partnership) => "Struck Off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_the_53_columns_of_the_layout() {
        assert_eq!(header().len(), 53);
        assert!((0..500).all(|index| row(1, &company(1, index)).len() == 53));
    }
}
