//! Small comma-separated files as people keep them: read whole, columns by name, fields that may hold line ends.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::IngestError;

/// A list of half a million companies has about this size.
const LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads a file whole.
pub(super) async fn read(file: &Path) -> Result<Vec<u8>, IngestError> {
    let found = tokio::fs::metadata(file).await.map_err(IngestError::read(file))?;
    if found.len() > LIST_BYTES_MAX {
        return Err(IngestError::TooLarge { file: file.to_owned(), bytes: found.len(), max: LIST_BYTES_MAX });
    }
    tokio::fs::read(file).await.map_err(IngestError::read(file))
}

/// A file's header and what follows.
pub(crate) struct List<'a> {
    names: Vec<String>,
    bytes: &'a [u8],
    delimiter: u8,
}

impl<'a> List<'a> {
    /// Reads the header. Spreadsheets separate by comma, semicolon or tab: whichever the first line has most of.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let delimiter = [b'\t', b';', b',']
            .into_iter()
            .max_by_key(|delimiter| first.iter().filter(|byte| *byte == delimiter).count());
        let mut list = Self { names: Vec::new(), bytes, delimiter: delimiter.unwrap_or(b',') };
        let header = list.reader().into_byte_records().next().and_then(Result::ok).unwrap_or_default();
        list.names = header.iter().map(|name| normalise_name(&String::from_utf8_lossy(name))).collect();
        list
    }

    /// The columns' names in the form of [`normalise_name`].
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|found| found == name)
    }

    /// The records after the header, each with the line it begins at, or with what is wrong with it. Blank lines are left out.
    pub(crate) fn records(&self) -> impl Iterator<Item = (i64, Result<StringRecord, String>)> {
        let width = self.names.len();
        self.reader().into_byte_records().skip(1).enumerate().map(move |(index, record)| {
            let line = |record: &ByteRecord| record.position().map_or(index as u64 + 2, csv::Position::line);
            match record {
                Ok(record) => (line(&record).cast_signed(), text(record, width)),
                Err(_) => (index as i64 + 2, Err("the line cannot be read".into())),
            }
        })
    }

    fn reader(&self) -> csv::Reader<&'a [u8]> {
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(self.delimiter).from_reader(self.bytes)
    }
}

fn text(record: ByteRecord, width: usize) -> Result<StringRecord, String> {
    if record.len() != width {
        return Err(format!("the line has {} fields and the header has {width}", record.len()));
    }
    let record = StringRecord::from_byte_record(record).map_err(|_| "the line is not UTF-8")?;
    if record.iter().any(|field| field.contains('\0')) {
        Err("the line holds a NUL character".into())
    } else {
        Ok(record)
    }
}

/// A column's name in lower case, with one space for whatever stands between its words.
pub(super) fn normalise_name(name: &str) -> String {
    let words = name.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_separators_are_taken_as_people_write_them() {
        let list = List::of("\u{feff}Company_Name; Web-Site ;UEN\n\"A; B\";a.example;\nC\n".as_bytes());
        assert_eq!(list.names(), ["company name", "web site", "uen"]);
        let records: Vec<_> = list.records().collect();
        assert_eq!(records[0], (2, Ok(StringRecord::from(vec!["A; B", "a.example", ""]))));
        assert_eq!(records[1], (3, Err("the line has 1 fields and the header has 3".into())));
    }

    #[test]
    fn a_record_over_several_lines_has_the_number_of_its_first() {
        let list = List::of(b"name,text\n\"A\",\"one\ntwo\"\nB,x\nC\xff,x\n");
        let lines: Vec<(i64, bool)> = list.records().map(|(line, record)| (line, record.is_ok())).collect();
        assert_eq!(lines, [(2, true), (4, true), (5, false)]);
    }

    #[test]
    fn an_empty_file_has_no_columns() {
        assert_eq!(List::of(b"").names(), [""; 0]);
        assert_eq!(List::of(b"").records().count(), 0);
    }
}
