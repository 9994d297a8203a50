//! The commands that come nearest to a line that is none.

use super::{company::likeness, forms::examples};

const SHOWN: usize = 3;

/// The examples most like the line, the most like first.
pub(super) fn nearest(line: &str) -> Vec<&'static str> {
    let shown = examples().filter(|example| !matches!(*example, "Yes" | "No"));
    let mut near: Vec<(f64, &str)> = shown.map(|example| (likeness(line, example), example)).collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter().take(SHOWN).map(|(_, example)| example).collect()
}
