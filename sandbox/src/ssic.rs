//! A small industry classification in the layout of the SSIC 2025 release: the codes the sandbox uses and what is above them.

use std::path::Path;

use crate::registry::WriteError;
use crate::trades::TRADES;

const HEADER: [&str; 9] =
    ["code", "title", "description", "level", "section", "parent", "groups_under", "cross_references", "examples"];

/// Sections and divisions above the sandbox's codes: code, our short title, parent (none for a section).
const UPPER: &[(&str, &str, &str)] = &[
    ("C", "MANUFACTURING", ""),
    ("F", "CONSTRUCTION", ""),
    ("G", "WHOLESALE AND RETAIL", ""),
    ("H", "TRANSPORT AND STORAGE", ""),
    ("I", "ACCOMMODATION AND FOOD SERVICE", ""),
    ("K", "TELECOMMUNICATIONS AND COMPUTING", ""),
    ("M", "REAL ESTATE", ""),
    ("N", "PROFESSIONAL AND TECHNICAL SERVICES", ""),
    ("O", "ADMINISTRATIVE AND SUPPORT SERVICES", ""),
    ("Q", "EDUCATION", ""),
    ("R", "HEALTH AND SOCIAL SERVICES", ""),
    ("10", "FOOD PRODUCTS", "C"),
    ("25", "FABRICATED METAL PRODUCTS", "C"),
    ("26", "COMPUTER AND ELECTRONIC PRODUCTS", "C"),
    ("28", "MACHINERY AND EQUIPMENT", "C"),
    ("41", "CONSTRUCTION OF BUILDINGS", "F"),
    ("43", "SPECIALISED CONSTRUCTION", "F"),
    ("46", "WHOLESALE", "G"),
    ("49", "LAND TRANSPORT", "H"),
    ("52", "WAREHOUSING AND TRANSPORT SUPPORT", "H"),
    ("56", "FOOD AND BEVERAGE SERVICE", "I"),
    ("62", "PROGRAMMING AND IT CONSULTANCY", "K"),
    ("68", "REAL ESTATE", "M"),
    ("69", "LEGAL AND ACCOUNTING", "N"),
    ("70", "HEAD OFFICES AND MANAGEMENT CONSULTANCY", "N"),
    ("71", "ARCHITECTURE AND ENGINEERING", "N"),
    ("73", "ADVERTISING AND MARKET RESEARCH", "N"),
    ("79", "TRAVEL AGENCIES AND TOUR OPERATORS", "O"),
    ("81", "CLEANING AND LANDSCAPE MAINTENANCE", "O"),
    ("85", "EDUCATION", "Q"),
    ("86", "HEALTH SERVICES", "R"),
];

/// Writes the sandbox's industry classification to `path`, in the release's layout. Source of the codes: Singapore
/// Department of Statistics, SSIC 2025.
pub fn write_ssic(path: &Path) -> Result<(), WriteError> {
    let failed = |source: csv::Error| WriteError::new(path, source);
    let mut out = csv::Writer::from_path(path).map_err(failed)?;
    out.write_record(HEADER).map_err(failed)?;
    for (code, title, level, parent) in entries() {
        let section = section_of(&code);
        out.write_record([code.as_str(), &title, "", level, section, &parent, "", "", ""]).map_err(failed)?;
    }
    out.flush().map_err(|source| WriteError::new(path, source.into()))
}

/// Every entry (code, title, level, parent), each after its parent.
fn entries() -> Vec<(String, String, &'static str, String)> {
    let mut entries: Vec<(String, String, &'static str, String)> = UPPER
        .iter()
        .map(|(code, title, parent)| (code.to_string(), title.to_string(), level_of(code), parent.to_string()))
        .collect();
    for trade in TRADES {
        for digits in [3, 4, 5] {
            let code = &trade.code[..digits];
            if entries.iter().all(|(known, ..)| known != code) {
                let title = if digits == 3 { trade.title.to_uppercase() } else { trade.title.to_owned() };
                entries.push((code.to_owned(), title, level_of(code), trade.code[..digits - 1].to_owned()));
            }
        }
    }
    entries
}

fn level_of(code: &str) -> &'static str {
    match code.len() {
        1 => "section",
        2 => "division",
        3 => "group",
        4 => "class",
        _ => "subclass",
    }
}

/// The section letter that `code` falls under.
fn section_of(code: &str) -> &'static str {
    let division = &code[..code.len().min(2)];
    UPPER
        .iter()
        .find(|(known, ..)| *known == division)
        .map_or("", |(known, _, parent)| if parent.is_empty() { *known } else { *parent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_its_parent_before_it() {
        let entries = entries();
        for (place, (code, _, level, parent)) in entries.iter().enumerate() {
            assert!(
                *level == "section" || entries[..place].iter().any(|(known, ..)| known == parent),
                "{code} comes before its parent {parent}"
            );
        }
        assert!(TRADES.iter().all(|trade| !section_of(trade.code).is_empty()));
    }
}
