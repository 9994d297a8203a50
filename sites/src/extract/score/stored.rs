//! Labelled sites as they are kept on disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use url::Url;

use super::ScoreError;

/// What a person has read on a site.
#[derive(Deserialize)]
pub(super) struct Label {
    pub(super) slug: String,
    pub(super) company_name: String,
    pub(super) emails: Vec<String>,
    #[serde(default)]
    pub(super) emails_ambiguous: Vec<String>,
    pub(super) phones: Vec<String>,
    #[serde(default)]
    pub(super) phones_ambiguous: Vec<String>,
    pub(super) has_careers_page: bool,
}

fn read(path: &Path) -> Result<Vec<u8>, ScoreError> {
    fs::read(path).map_err(|source| ScoreError::Read { path: path.to_owned(), source })
}

/// The labels in a file of JSON lines.
pub(super) fn read_labels(path: &Path) -> Result<Vec<Label>, ScoreError> {
    let bytes = read(path)?;
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|source| ScoreError::Label {
                path: path.to_owned(),
                line: index + 1,
                source,
            })
        })
        .collect()
}

/// What a folder holds, sorted.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ScoreError> {
    let wrap = |source| ScoreError::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(wrap)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(wrap)?;
    paths.sort();
    Ok(paths)
}

/// The pages of a stored site under the address that it is served at: `https://<folder>.example/<path>`.
pub(super) fn read_pages(site: &Path, slug: &str) -> Result<Vec<(Url, Vec<u8>)>, ScoreError> {
    let mut pages = Vec::new();
    let mut folders = vec![site.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html" || extension == "htm") {
                let relative = path.strip_prefix(site).unwrap_or(&path).to_string_lossy().into_owned();
                if let Ok(url) = Url::parse(&format!("https://{slug}.example/")).and_then(|home| home.join(&relative)) {
                    pages.push((url, read(&path)?));
                }
            }
        }
    }
    Ok(pages)
}
