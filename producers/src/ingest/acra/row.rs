//! One line of a registry file as a staged company, in the text format of COPY.

use std::{borrow::Cow, fmt::Display, io::Write};

use super::layout::Layout;
use crate::ingest::{
    fields::{Fields, QuoteError},
    lines::LINE_BYTES_MAX,
    repair::{self, Padded},
};

/// The statement whose input [`write_company`] and [`write_problem`] make.
pub(super) const COPY: &str = "copy staging_acra_companies (line, file, incorporation_year, live, uen, name, entity_type, entity_status, \
     industry_code, postal_code, reason, raw) from stdin with (freeze)";

/// As much of a line as the quarantine keeps.
const RAW_CHARACTERS_MAX: usize = 1000;
const NAME_BYTES_MAX: usize = 1000;

/// Why a line cannot be used. Its text goes with it, so the reason need not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error("the line is not UTF-8")]
    NotUtf8,
    #[error("the line holds a NUL character")]
    Nul,
    #[error(transparent)]
    Quotes(#[from] QuoteError),
    #[error("the line has {found} fields and the header has {wanted}")]
    Width { found: usize, wanted: usize },
    #[error("uen is missing")]
    UenMissing,
    #[error("uen is not 9 or 10 letters and digits")]
    UenForm,
    #[error("entity_name is missing")]
    NameMissing,
    #[error("entity_name is longer than {NAME_BYTES_MAX} bytes")]
    NameTooLong,
    #[error("registration_incorporation_date is no date such as 1981-04-23")]
    Date,
    #[error("primary_ssic_code is no number of 4 or 5 digits")]
    IndustryCode,
}

/// Writes the company of a line, or says why there is none; then nothing was written.
pub(super) fn write_company(
    out: &mut Vec<u8>,
    place: (u16, u32),
    line: &[u8],
    layout: &Layout,
    fields: &mut Fields,
) -> Result<(), Problem> {
    let line = std::str::from_utf8(line).map_err(|_| Problem::NotUtf8)?;
    if line.as_bytes().contains(&0) {
        return Err(Problem::Nul);
    }
    fields.split(line)?;
    if fields.len() != layout.width {
        return Err(Problem::Width { found: fields.len(), wanted: layout.width });
    }
    let published = Published::of(fields, line, layout);
    Company::read(&published)?.write(out, place);
    Ok(())
}

/// The needed fields as published.
struct Published<'line> {
    uen: Cow<'line, str>,
    name: Cow<'line, str>,
    entity_type: Cow<'line, str>,
    entity_status: Cow<'line, str>,
    registered: Cow<'line, str>,
    industry_code: Cow<'line, str>,
    postal_code: Cow<'line, str>,
}

impl<'line> Published<'line> {
    fn of(fields: &Fields, line: &'line str, layout: &Layout) -> Self {
        let column = |index| fields.get(line, index);
        Self {
            uen: column(layout.uen),
            name: column(layout.name),
            entity_type: column(layout.entity_type),
            entity_status: column(layout.entity_status),
            registered: column(layout.registered),
            industry_code: column(layout.industry_code),
            postal_code: column(layout.postal_code),
        }
    }
}

/// What a line says, repaired.
struct Company<'a> {
    uen: &'a str,
    name: &'a str,
    entity_type: Option<&'a str>,
    entity_status: Option<&'a str>,
    year: Option<i32>,
    industry_code: Option<Padded<'a>>,
    postal_code: Option<Padded<'a>>,
}

impl<'a> Company<'a> {
    fn read(published: &'a Published<'_>) -> Result<Self, Problem> {
        let uen = repair::present(&published.uen).ok_or(Problem::UenMissing)?;
        if !repair::is_uen(uen) {
            return Err(Problem::UenForm);
        }
        let name = repair::present(&published.name).ok_or(Problem::NameMissing)?;
        if name.len() > NAME_BYTES_MAX {
            return Err(Problem::NameTooLong);
        }
        let year = |date| repair::year_of_date(date).ok_or(Problem::Date);
        let code = |code| repair::ssic_code(code).ok_or(Problem::IndustryCode);
        Ok(Self {
            uen,
            name,
            entity_type: repair::present(&published.entity_type),
            entity_status: repair::present(&published.entity_status),
            year: repair::present(&published.registered).map(year).transpose()?,
            industry_code: repair::present(&published.industry_code).map(code).transpose()?,
            postal_code: repair::present(&published.postal_code).map(repair::postal_code),
        })
    }

    /// Writes it in the order of [`COPY`].
    fn write(&self, out: &mut Vec<u8>, place: (u16, u32)) {
        write_place(out, place);
        match self.year {
            Some(year) => write_display(out, year),
            None => out.extend(b"\\N"),
        }
        out.extend(if repair::is_live(self.entity_status) { b"\tt\t" } else { b"\tf\t" });
        let start = out.len();
        out.extend(self.uen.as_bytes());
        out[start..].make_ascii_uppercase();
        write_text(out, Some(self.name));
        write_text(out, self.entity_type);
        write_text(out, self.entity_status);
        write_digits(out, self.industry_code);
        // An address abroad may have anything for a postal code.
        write_text(out, self.postal_code.map(|code| code.to_string()).as_deref());
        out.extend(b"\t\\N\t\\N\n");
    }
}

/// Writes a line that cannot be used, for the quarantine.
pub(super) fn write_problem(out: &mut Vec<u8>, place: (u16, u32), line: &[u8], problem: Problem) {
    write_place(out, place);
    out.extend(b"\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N");
    write_text(out, Some(&problem.to_string()));
    let bytes = &line[..line.len().min(4 * RAW_CHARACTERS_MAX)];
    let raw: String = String::from_utf8_lossy(bytes)
        .chars()
        .filter(|character| *character != '\0')
        .take(RAW_CHARACTERS_MAX)
        .collect();
    write_text(out, Some(&raw));
    out.push(b'\n');
}

fn write_place(out: &mut Vec<u8>, (file, line): (u16, u32)) {
    write_display(out, line);
    out.push(b'\t');
    write_display(out, file);
    out.push(b'\t');
}

fn write_digits(out: &mut Vec<u8>, digits: Option<Padded<'_>>) {
    out.push(b'\t');
    match digits {
        Some(digits) => write_display(out, digits),
        None => out.extend(b"\\N"),
    }
}

/// Writes a field after a tab, with what means something to COPY escaped.
fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(b'\t');
    let Some(text) = text else {
        out.extend(b"\\N");
        return;
    };
    if !text.bytes().any(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
        out.extend(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend(b"\\\\"),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            _ => out.push(byte),
        }
    }
}

fn write_display(out: &mut Vec<u8>, value: impl Display) {
    let written = write!(out, "{value}");
    assert!(written.is_ok(), "writing to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "uen,entity_name,entity_type_description,entity_status_description,registration_incorporation_date,primary_ssic_code,postal_code";

    fn staged(line: &[u8]) -> Result<String, Problem> {
        let mut out = Vec::new();
        write_company(&mut out, (3, 7), line, &Layout::of(HEADER).unwrap(), &mut Fields::default())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_company_is_repaired_on_the_way() {
        let line = r#"198101793g,"TAN, ""LIM"" \ CO",Local Company,Live Company,1981-04-23,1111,18989"#;
        assert_eq!(
            staged(line.as_bytes()).unwrap(),
            "7\t3\t1981\tt\t198101793G\tTAN, \"LIM\" \\\\ CO\tLocal Company\tLive Company\t01111\t018989\t\\N\t\\N\n"
        );
    }

    #[test]
    fn what_is_missing_is_null() {
        let line = "198101793G,A CAFÉ 進出口,na,,na,na,na";
        assert_eq!(
            staged(line.as_bytes()).unwrap(),
            "7\t3\t\\N\tf\t198101793G\tA CAFÉ 進出口\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n"
        );
    }

    #[test]
    fn a_line_that_cannot_be_used_says_why() {
        let problems: [(&[u8], Problem); 9] = [
            (b"na,A,,,,,", Problem::UenMissing),
            (b"1981,A,,,,,", Problem::UenForm),
            (b"198101793G,na,,,,,", Problem::NameMissing),
            (b"198101793G,A,,,1981-13-01,,", Problem::Date),
            (b"198101793G,A,,,,SOFTWARE,", Problem::IndustryCode),
            (b"198101793G,A", Problem::Width { found: 2, wanted: 7 }),
            (b"198101793G,\"A,,,,,", Problem::Quotes(QuoteError::Unclosed)),
            (b"198101793G,A\xff,,,,,", Problem::NotUtf8),
            (b"198101793G,A\0,,,,,", Problem::Nul),
        ];
        for (line, problem) in problems {
            assert_eq!(staged(line), Err(problem), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn the_quarantine_keeps_a_bounded_part_of_the_line() {
        let (mut out, mut line) = (Vec::new(), b"a\tb\0".to_vec());
        line.extend(vec![b'x'; 10 * RAW_CHARACTERS_MAX]);
        write_problem(&mut out, (0, 2), &line, Problem::TooLong);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("2\t0\t\\N") && text.contains("\ta\\tbxxx"));
        assert!(text.len() < RAW_CHARACTERS_MAX + 200);
    }
}
