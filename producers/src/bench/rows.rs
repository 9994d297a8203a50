//! Invented registry rows in the published layout of 53 columns, with its oddities, at any size.

use std::{
    io::{self, Write},
    path::Path,
};

/// The columns before the former names and audit firms.
const LEADING: &str = "uen,issuance_agency_id,entity_name,entity_type_description,business_constitution_description,\
company_type_description,paf_constitution_description,entity_status_description,registration_incorporation_date,uen_issue_date,\
address_type,block,street_name,level_no,unit_no,building_name,postal_code,other_address_line1,other_address_line2,account_due_date,\
annual_return_date,primary_ssic_code,primary_ssic_description,primary_user_described_activity,secondary_ssic_code,\
secondary_ssic_description,secondary_user_described_activity,no_of_officers";

const FIRST: [&str; 16] = [
    "GOLDEN",
    "PACIFIC",
    "ORIENTAL",
    "UNITED",
    "SUNRISE",
    "EVERGREEN",
    "LUCKY",
    "MARINA",
    "JADE",
    "APEX",
    "VERTEX",
    "NOVA",
    "ZENITH",
    "HARBOUR",
    "STRAITS",
    "KALLANG",
];
const SECOND: [&str; 16] = [
    "TRADING",
    "ENGINEERING",
    "LOGISTICS",
    "HOLDINGS",
    "CONSULTING",
    "TECHNOLOGIES",
    "SOLUTIONS",
    "MARINE",
    "CONSTRUCTION",
    "FOODS",
    "CAPITAL",
    "MEDIA",
    "EDUCATION",
    "TRAVEL",
    "SHIPPING",
    "FASHION",
];
const STREETS: [&str; 8] = [
    "ANSON ROAD",
    "CECIL STREET",
    "ROBINSON ROAD",
    "UBI AVENUE 3",
    "TOH GUAN ROAD EAST",
    "ANG MO KIO STREET 62",
    "TUAS SOUTH AVENUE 1",
    "ST. MICHAEL'S ROAD",
];
const TITLES: [&str; 6] = [
    "GENERAL WHOLESALE TRADE (INCLUDING GENERAL IMPORTERS AND EXPORTERS)",
    "MANAGEMENT CONSULTANCY SERVICES",
    "DEVELOPMENT OF SOFTWARE AND APPLICATIONS (EXCEPT GAMES AND CYBERSECURITY)",
    "OTHER HOLDING COMPANIES",
    "RESTAURANTS",
    "RENOVATION CONTRACTORS",
];
/// A third of all entities is in business.
const STATUSES: [&str; 6] =
    ["Live Company", "Live", "Struck Off", "Terminated", "Cancelled", "Dissolved - Members Voluntary Winding Up"];

/// A source of numbers that looks random and is the same every time (splitmix64).
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len() as u64) as usize]
    }
}

/// Writes `rows` companies to `path`, each with a UEN of its own, in no order of them.
pub(super) fn write(path: &Path, rows: u64) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    write!(out, "{LEADING}")?;
    for number in 1..=15 {
        write!(out, ",former_entity_name{number}")?;
    }
    for number in 1..=5 {
        write!(out, ",uen_of_audit_firm{number},name_of_audit_firm{number}")?;
    }
    writeln!(out)?;
    let mut numbers = Numbers::new(1);
    for row in 0..rows {
        write_row(&mut out, row, &mut numbers)?;
    }
    out.flush()
}

fn write_row(out: &mut impl Write, row: u64, numbers: &mut Numbers) -> io::Result<()> {
    // A prime step through the numbers below 100 million scatters the UENs and repeats none.
    let serial = row.wrapping_mul(61_803_399) % 100_000_000;
    let (year, month, day) = (1960 + numbers.below(66), 1 + numbers.below(12), 1 + numbers.below(28));
    let name = match numbers.below(100) {
        0..6 => format!("\"{}, {} AND PARTNERS PTE. LTD.\"", numbers.pick(&FIRST), numbers.pick(&FIRST)),
        6..8 => format!("{} CAFÉ {} PTE. LTD.", numbers.pick(&FIRST), numbers.pick(&SECOND)),
        _ => format!("{} {} {} PTE. LTD.", numbers.pick(&FIRST), numbers.pick(&FIRST), numbers.pick(&SECOND)),
    };
    let status = if numbers.below(3) == 0 {
        STATUSES[numbers.below(2) as usize]
    } else {
        STATUSES[2 + numbers.below(4) as usize]
    };
    let postal = if numbers.below(10) == 0 {
        format!("{:05}", numbers.below(100_000))
    } else {
        format!("{:06}", numbers.below(830_000))
    };
    let code = match numbers.below(50) {
        0 => "na".to_owned(),
        1 => format!("{}", 1000 + numbers.below(9000)),
        _ => format!("{:05}", 1000 + numbers.below(98_000)),
    };
    let (street, title) = (numbers.pick(&STREETS), numbers.pick(&TITLES));
    let (block, level, unit, officers) =
        (1 + numbers.below(999), 1 + numbers.below(40), 1 + numbers.below(400), 1 + numbers.below(6));
    write!(
        out,
        "{serial:08}{},ACRA,{name},Local Company,na,Exempt Private Company Limited by Shares,na,{status},\
         {year}-{month:02}-{day:02},{year}-{month:02}-{day:02},LOCAL,{block},{street},{level:02},{unit:02},na,{postal},na,na,\
         2026-{month:02}-{day:02},2025-{month:02}-{day:02},{code},{title},na,na,na,na,{officers}",
        ["A", "B", "C", "D", "E"][(serial % 5) as usize],
    )?;
    out.write_all(b",na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na,na\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_has_the_header_s_width_and_a_uen_of_its_own() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), 2_000).unwrap();
        let mut reader = csv::Reader::from_path(file.path()).unwrap();
        assert_eq!(reader.headers().unwrap().len(), 53);
        let uens: HashSet<String> = reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
        assert_eq!(uens.len(), 2_000);
    }
}
