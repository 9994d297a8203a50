//! Answers: for people as text and tables, for programs as JSON and CSV. Everything on standard output passes here.

mod csv;
pub mod progress;
mod table;

use std::io::{self, Write};

use serde::Serialize;

pub use csv::csv;
pub use table::{Align, Table};

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Answers in JSON, or for people.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether answers are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Answers with a value: as a JSON document, or in the words that `text` finds for it.
    ///
    /// # Errors
    /// When nobody takes the answer.
    pub fn answer<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json { self.line(&serde_json::to_string_pretty(value)?) } else { self.line(text(value).trim_end()) }
    }

    /// One JSON object on a line of its own, for answers that come one by one.
    ///
    /// # Errors
    /// When nobody takes the answer.
    pub fn json_line<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        self.line(&serde_json::to_string(value)?)
    }

    /// A line of text, whatever it is.
    ///
    /// # Errors
    /// When nobody takes the answer.
    pub fn line(&self, text: &str) -> anyhow::Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// When nobody takes the answer.
    pub fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()?;
        Ok(())
    }
}

/// Whether the only trouble is that whoever read the answer, such as `head`, has read enough.
pub fn reader_is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Text that came from outside, fit for a terminal: control characters could move the cursor or hide what follows.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
