//! Where the needed columns are: releases differ in order and number, so they are found by name.

use crate::ingest::fields::Fields;

/// The columns that are read, by the name in the header.
const NEEDED: [&str; 7] = [
    "uen",
    "entity_name",
    "entity_type_description",
    "entity_status_description",
    "registration_incorporation_date",
    "primary_ssic_code",
    "postal_code",
];

/// The place of each needed column, from 0, and how many columns there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) uen: usize,
    pub(super) name: usize,
    pub(super) entity_type: usize,
    pub(super) entity_status: usize,
    pub(super) registered: usize,
    pub(super) industry_code: usize,
    pub(super) postal_code: usize,
    pub(super) width: usize,
}

impl Layout {
    /// Reads a header line, or says which columns it lacks.
    pub(super) fn of(header: &str) -> Result<Self, Vec<&'static str>> {
        let header = header.strip_prefix('\u{feff}').unwrap_or(header);
        let mut fields = Fields::default();
        if fields.split(header).is_err() {
            return Err(NEEDED.to_vec());
        }
        let names: Vec<String> =
            (0..fields.len()).map(|index| fields.get(header, index).trim().to_lowercase()).collect();
        let places = NEEDED.map(|needed| names.iter().position(|name| name == needed));
        let missing: Vec<&'static str> =
            NEEDED.iter().zip(places).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
        let [
            Some(uen),
            Some(name),
            Some(entity_type),
            Some(entity_status),
            Some(registered),
            Some(industry_code),
            Some(postal_code),
        ] = places
        else {
            return Err(missing);
        };
        let width = names.len();
        Ok(Self { uen, name, entity_type, entity_status, registered, industry_code, postal_code, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_any_order_among_others() {
        let layout = Layout::of(
            "\u{feff}issuance_agency_id,UEN,\"postal_code\",entity_name,entity_type_description,no_of_charges,\
             entity_status_description,registration_incorporation_date,primary_ssic_code",
        );
        let layout = layout.unwrap();
        assert_eq!((layout.uen, layout.postal_code, layout.industry_code, layout.width), (1, 2, 8, 9));
    }

    #[test]
    fn a_wrong_header_names_what_is_missing() {
        assert_eq!(
            Layout::of("uen,entity_name,entity_type_description,entity_status_description,postal_code"),
            Err(vec!["registration_incorporation_date", "primary_ssic_code"])
        );
        assert_eq!(Layout::of("").unwrap_err().len(), NEEDED.len());
    }
}
