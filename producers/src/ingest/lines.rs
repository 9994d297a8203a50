//! A file line by line, in bounded memory, with a hash over all its bytes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

use sha2::{Digest, Sha256};

/// Longer lines are cut off: the registry's longest have a few thousand bytes.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;
const READ_BYTES: usize = 256 * 1024;

/// Reads a file's lines and remembers how far it is.
pub(super) struct Lines {
    reader: BufReader<Hashed>,
    number: u32,
    bytes: u64,
}

/// How a line came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer, without its end.
    Whole,
    /// Its first [`LINE_BYTES_MAX`] bytes are in the buffer.
    TooLong,
}

impl Lines {
    /// Reads `file` from where it stands, and hashes on.
    pub(super) fn new(file: File, hasher: Sha256) -> Self {
        Self { reader: BufReader::with_capacity(READ_BYTES, Hashed { file, hasher }), number: 0, bytes: 0 }
    }

    /// The number of the line read last, from 1.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// How many bytes all lines so far had.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash up to here; all of the file once [`Lines::next`] said `None`.
    pub(super) fn into_hasher(self) -> Sha256 {
        self.reader.into_inner().hasher
    }

    /// The file, wherever it stands now.
    pub(super) fn into_file(self) -> File {
        self.reader.into_inner().file
    }

    /// Puts the next line into `buffer`; `None` after the last.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Line>> {
        buffer.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut self.reader).take(limit).read_until(b'\n', buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        self.bytes += read as u64;
        let ended = buffer.last() == Some(&b'\n');
        if !ended && buffer.len() > LINE_BYTES_MAX {
            buffer.truncate(LINE_BYTES_MAX);
            self.bytes += self.reader.skip_until(b'\n')? as u64;
            return Ok(Some(Line::TooLong));
        }
        buffer.truncate(length_without_end(buffer));
        Ok(Some(Line::Whole))
    }
}

/// The line's length without `\n` or `\r\n`.
fn length_without_end(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

struct Hashed {
    file: File,
    hasher: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn lines(content: &[u8]) -> Vec<(u32, Line, usize)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        let (mut lines, mut buffer, mut found) = (Lines::new(file, Sha256::new()), Vec::new(), Vec::new());
        while let Some(line) = lines.next(&mut buffer).unwrap() {
            found.push((lines.number(), line, buffer.len()));
        }
        assert_eq!(lines.bytes(), content.len() as u64);
        assert_eq!(lines.into_hasher().finalize(), Sha256::digest(content));
        found
    }

    #[test]
    fn both_line_ends_are_taken_off_and_the_last_line_needs_none() {
        let whole = |number, length| (number, Line::Whole, length);
        assert_eq!(lines(b"ab\r\nc\n\nde"), [whole(1, 2), whole(2, 1), whole(3, 0), whole(4, 2)]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_read() {
        let mut content = vec![b'x'; 3 * LINE_BYTES_MAX];
        content.extend(b"\nnext\n");
        assert_eq!(lines(&content), [(1, Line::TooLong, LINE_BYTES_MAX), (2, Line::Whole, 4)]);
    }
}
