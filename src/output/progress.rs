//! Progress for whoever watches a terminal. In a pipe, a file or a log nothing of it is written.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error that counts to `total` of `unit`.
pub fn bar(total: usize, unit: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {prefix}  {elapsed}  {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_prefix(unit)
}

/// A bar on standard error that counts bytes.
pub fn bytes() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {elapsed}  {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
