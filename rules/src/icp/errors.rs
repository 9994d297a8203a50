//! What is wrong with a profile document: where, what, and how to cure it.

use std::fmt;

use serde::Serialize;

/// One thing to cure in a profile document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IcpError {
    /// JSON path of the offending key or entry, such as `$.employee_range.min` or `$.ssic_codes[2]`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
    /// What to write instead.
    pub cure: String,
}

impl IcpError {
    pub(super) fn unknown_ssic(index: usize, code: &str) -> Self {
        Self {
            path: format!("$.ssic_codes[{index}]"),
            problem: format!("the SSIC reference has no code {code:?}"),
            cure: "use a section letter or a code of 2 to 5 digits from the loaded SSIC, leading zeros included".into(),
        }
    }
}

impl fmt::Display for IcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.problem, self.cure)
    }
}

/// Everything that is wrong with a profile document. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct IcpErrors(Vec<IcpError>);

impl IcpErrors {
    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self(vec![IcpError {
            path: "$".into(),
            problem: format!("the document is not JSON: {error}"),
            cure: "write one JSON object, such as {\"industries\": [\"logistics\"]}".into(),
        }])
    }

    pub(super) fn none_or(errors: Vec<IcpError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The single errors.
    pub fn iter(&self) -> impl Iterator<Item = &IcpError> {
        self.0.iter()
    }
}

impl fmt::Display for IcpErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(IcpError::to_string).collect();
        write!(f, "the ICP document was refused:\n{}", lines.join("\n"))
    }
}
