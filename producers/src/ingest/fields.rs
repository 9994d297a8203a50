//! One line of comma-separated values (RFC 4180) into its fields.
//!
//! The registry's fields hold no line ends, so a line is a record: a stray quote spoils its own line and not the rest of the file.

use std::borrow::Cow;

/// Where the fields of a line are. Used again for every line.
#[derive(Debug, Default)]
pub(super) struct Fields {
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    has_doubled_quotes: bool,
}

/// What is wrong with a line's quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum QuoteError {
    #[error("a quoted field is not closed")]
    Unclosed,
    #[error("a quoted field goes on after its closing quote")]
    Trailing,
}

impl Fields {
    /// Finds the fields of `line`.
    pub(super) fn split(&mut self, line: &str) -> Result<(), QuoteError> {
        self.spans.clear();
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            let (span, comma) =
                if bytes.get(start) == Some(&b'"') { quoted(bytes, start)? } else { plain(bytes, start) };
            self.spans.push(span);
            if comma == bytes.len() {
                return Ok(());
            }
            start = comma + 1;
        }
    }

    /// How many there are: at least one.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// A field of the line that was split, without its quotes; empty when the line has fewer.
    pub(super) fn get<'line>(&self, line: &'line str, index: usize) -> Cow<'line, str> {
        let Some(span) = self.spans.get(index) else {
            return Cow::Borrowed("");
        };
        let text = &line[span.start..span.end];
        if span.has_doubled_quotes { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) }
    }
}

/// The field that starts at `start`, and where its comma, or the end, is.
fn plain(bytes: &[u8], start: usize) -> (Span, usize) {
    let length = bytes[start..].iter().position(|byte| *byte == b',');
    let end = length.map_or(bytes.len(), |length| start + length);
    let span = Span { start, end, has_doubled_quotes: false };
    (span, end)
}

fn quoted(bytes: &[u8], quote: usize) -> Result<(Span, usize), QuoteError> {
    let start = quote + 1;
    let (mut at, mut has_doubled_quotes) = (start, false);
    loop {
        at += bytes[at..].iter().position(|byte| *byte == b'"').ok_or(QuoteError::Unclosed)?;
        match bytes.get(at + 1) {
            Some(b'"') => {
                has_doubled_quotes = true;
                at += 2;
            }
            Some(b',') | None => return Ok((Span { start, end: at, has_doubled_quotes }, at + 1)),
            Some(_) => return Err(QuoteError::Trailing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Result<Vec<String>, QuoteError> {
        let mut fields = Fields::default();
        fields.split(line)?;
        Ok((0..fields.len()).map(|index| fields.get(line, index).into_owned()).collect())
    }

    #[test]
    fn fields_are_split_at_commas_outside_quotes() {
        assert_eq!(split("a,b,,c"), Ok(vec!["a".into(), "b".into(), String::new(), "c".into()]));
        assert_eq!(
            split(r#""TAN, LIM & CO",進出口,"#),
            Ok(vec!["TAN, LIM & CO".into(), "進出口".into(), String::new()])
        );
        assert_eq!(split(r#""""THE ADELPHI""",x"#), Ok(vec!["\"THE ADELPHI\"".into(), "x".into()]));
        assert_eq!(split(r#"5" PIPES,x"#), Ok(vec!["5\" PIPES".into(), "x".into()]));
        assert_eq!(split(""), Ok(vec![String::new()]));
    }

    #[test]
    fn broken_quotes_are_told_apart() {
        assert_eq!(split(r#"a,"b,c"#), Err(QuoteError::Unclosed));
        assert_eq!(split(r#""a"b,c"#), Err(QuoteError::Trailing));
        assert_eq!(split(r#"a,""#), Err(QuoteError::Unclosed));
    }
}
