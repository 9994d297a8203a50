//! CSV that is safe to open in a spreadsheet.

/// Rows of text under headings as CSV (RFC 4180), with every cell that a spreadsheet would take for a formula defused.
///
/// # Errors
/// When a row has another number of cells than the headings.
pub fn csv<R: AsRef<[String]>>(headings: &[&str], rows: impl IntoIterator<Item = R>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(headings)?;
    for row in rows {
        writer.write_record(row.as_ref().iter().map(|cell| inert(cell)))?;
    }
    Ok(writer.into_inner().map_err(|error| error.into_error())?)
}

/// A leading apostrophe makes spreadsheets show a cell instead of computing it (OWASP, CSV injection).
fn inert(cell: &str) -> String {
    let starts_a_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if starts_a_formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_only_text() {
        let rows = [["=HYPERLINK(\"x\")", "+65", "-1", "@sum", "a, \"b\""].map(String::from)];
        let text = String::from_utf8(csv(&["a", "b", "c", "d", "e"], rows).unwrap()).unwrap();
        assert_eq!(text, "a,b,c,d,e\n\"'=HYPERLINK(\"\"x\"\")\",'+65,'-1,'@sum,\"a, \"\"b\"\"\"\n");
    }
}
