//! Which column of a tenant's list is which.

use csv::StringRecord;

/// What a list may say of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Column {
    Name,
    Domain,
    Uen,
    Industry,
    IndustryCode,
    Employees,
    Revenue,
    Year,
    Place,
}

/// The names under which people keep them, in lower case, a space for whatever stands between words.
const NAMES: [(Column, &[&str]); 9] = [
    (
        Column::Name,
        &[
            "name",
            "company",
            "company name",
            "organisation",
            "organization",
            "organisation name",
            "organization name",
            "account",
            "account name",
            "business",
            "business name",
            "entity name",
            "registered name",
            "legal name",
        ],
    ),
    (
        Column::Domain,
        &[
            "domain",
            "website",
            "url",
            "web",
            "web site",
            "site",
            "homepage",
            "home page",
            "website domain",
            "website url",
        ],
    ),
    (
        Column::Uen,
        &[
            "uen",
            "uen no",
            "uen number",
            "company uen",
            "registration number",
            "registration no",
            "roc number",
            "acra number",
        ],
    ),
    (Column::Industry, &["industry", "industry norm", "sector", "vertical", "line of business", "business activity"]),
    (Column::IndustryCode, &["ssic", "ssic code", "industry code", "primary ssic", "primary ssic code"]),
    (
        Column::Employees,
        &[
            "employees",
            "employees est",
            "employee count",
            "number of employees",
            "no of employees",
            "headcount",
            "head count",
            "staff",
            "staff count",
            "size",
            "company size",
            "team size",
        ],
    ),
    (Column::Revenue, &["revenue", "revenue bucket", "revenue range", "annual revenue", "turnover", "annual turnover"]),
    (
        Column::Year,
        &[
            "year",
            "founded",
            "year founded",
            "founded year",
            "founded in",
            "established",
            "year established",
            "incorporated",
            "incorporation year",
            "year of incorporation",
            "incorporation date",
            "date of incorporation",
            "registration incorporation date",
        ],
    ),
    (Column::Place, &["place", "country", "city", "location", "geography", "hq", "headquarters"]),
];

/// A column whose name ends so, such as "company website", is the domain when no other is.
const DOMAIN_ENDINGS: [&str; 3] = ["domain", "website", "url"];

/// The place of each known column in a list. Others are passed over.
#[derive(Debug)]
pub(super) struct Columns {
    places: Vec<(Column, usize)>,
}

impl Columns {
    /// Finds the columns by their names; of two columns for the same thing the one whose name comes first above counts. There must be
    /// a name or a UEN.
    pub(super) fn of(header: &[String]) -> Result<Self, Vec<&'static str>> {
        let place = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|found| found == name));
        let ends_like_domain =
            |name: &String| name.split(' ').next_back().is_some_and(|last| DOMAIN_ENDINGS.contains(&last));
        let find = |column, names| match column {
            Column::Domain => place(names).or_else(|| header.iter().position(ends_like_domain)),
            _ => place(names),
        };
        let places: Vec<_> =
            NAMES.into_iter().filter_map(|(column, names)| find(column, names).map(|place| (column, place))).collect();
        let identifies = places.iter().any(|(column, _)| matches!(column, Column::Name | Column::Uen));
        if identifies { Ok(Self { places }) } else { Err(vec!["name (or uen)"]) }
    }

    /// What a record has in a column: trimmed, `None` when it is empty or says that nothing is known.
    pub(super) fn get<'r>(&self, record: &'r StringRecord, column: Column) -> Option<&'r str> {
        let (_, place) = self.places.iter().find(|(found, _)| *found == column)?;
        let value = record.get(*place)?.trim();
        let nothing =
            ["", "-", "na", "n/a", "none", "null", "unknown"].iter().any(|nothing| value.eq_ignore_ascii_case(nothing));
        (!nothing).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::list::normalise_name;

    fn places(header: &str) -> Result<Vec<(Column, usize)>, Vec<&'static str>> {
        let names: Vec<String> = header.split(',').map(normalise_name).collect();
        Columns::of(&names).map(|columns| columns.places)
    }

    #[test]
    fn columns_are_found_under_their_common_names() {
        assert_eq!(
            places("Headcount,Company Website,slug,Company_Name,SSIC Code").unwrap(),
            [(Column::Name, 3), (Column::Domain, 1), (Column::IndustryCode, 4), (Column::Employees, 0)]
        );
        assert_eq!(places("slug,fake_domain,company_name").unwrap(), [(Column::Name, 2), (Column::Domain, 1)]);
    }

    #[test]
    fn a_list_needs_a_name_or_a_uen() {
        assert_eq!(places("website,employees"), Err(vec!["name (or uen)"]));
        assert!(places("uen").is_ok());
    }
}
