//! Regular expressions, compiled once.

use regex::Regex;

/// Compiles a pattern written in this crate. Use it in a `LazyLock`.
pub(super) fn compile(pattern: &'static str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => {
            unreachable!("the patterns of this crate are constants and its tests use each: {error}")
        }
    }
}
