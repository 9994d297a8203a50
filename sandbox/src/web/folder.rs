//! A folder of real sites, served under invented domains with every byte as found.
//!
//! The folder holds `index.csv` with at least the columns `slug` and `fake_domain`, and one folder per slug.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::web::answer::{Answer, Request};

/// Why a folder of sites cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The index is missing or is no CSV.
    #[error("could not read the index of sites {}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: csv::Error,
    },
    /// The index has no such column.
    #[error("the index of sites {} has no column {column}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: &'static str,
    },
    /// The folder is not there.
    #[error("could not open the folder of sites {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// Sites of a folder by the host that each is served under.
#[derive(Debug)]
pub struct FolderWeb {
    root: PathBuf,
    slugs: HashMap<String, String>,
    names: Vec<(String, String)>,
}

impl FolderWeb {
    /// Reads the index of `folder`; pages are read when they are asked for.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        let root = folder.canonicalize().map_err(|source| FolderError::Folder { path: folder.to_owned(), source })?;
        let path = root.join("index.csv");
        let failed = |source: csv::Error| FolderError::Index { path: path.clone(), source };
        let mut index = csv::Reader::from_path(&path).map_err(failed)?;
        let headers = index.headers().map_err(failed)?.clone();
        let place = |column: &'static str| {
            let place = headers.iter().position(|header| header == column);
            place.ok_or_else(|| FolderError::Column { path: path.clone(), column })
        };
        let (slug, domain) = (place("slug")?, place("fake_domain")?);
        let name = headers.iter().position(|header| header == "company_name");
        let mut slugs = HashMap::new();
        let mut names = Vec::new();
        for record in index.records() {
            let record = record.map_err(failed)?;
            if let (Some(slug), Some(domain)) = (record.get(slug), record.get(domain)) {
                let name = name.and_then(|name| record.get(name)).unwrap_or(slug);
                names.push((domain.to_lowercase(), name.to_owned()));
                slugs.insert(domain.to_lowercase(), slug.to_owned());
            }
        }
        Ok(Self { root, slugs, names })
    }

    /// Every host that is served.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.slugs.keys().map(String::as_str)
    }

    /// Every host with the name of its company, in the order of the index; the slug where the index has no `company_name`.
    pub(crate) fn names(&self) -> &[(String, String)] {
        &self.names
    }

    /// The answer to `request`; none for a host that is not in the index. Reads the file in place: it is local and small.
    pub fn answer(&self, request: &Request<'_>) -> Option<Answer> {
        let slug = self.slugs.get(request.host)?;
        Some(self.file_answer(slug, request.path).unwrap_or_else(Answer::not_found))
    }

    fn file_answer(&self, slug: &str, path: &str) -> Option<Answer> {
        let site = self.root.join(slug).canonicalize().ok()?;
        let file = site.join(relative(path)?).canonicalize().ok()?;
        // Whatever the index, a link or the request says: nothing outside the site's own folder is served.
        if !site.starts_with(&self.root) || site == self.root || !file.starts_with(&site) {
            return None;
        }
        if !file.is_dir() {
            return read(&file);
        }
        if !path.ends_with('/') {
            return Some(Answer::redirect(301, &format!("{path}/")));
        }
        ["index.html", "index.htm"].iter().find_map(|name| read(&file.join(name)))
    }
}

/// The request's path as a path below the site's folder; none when it would lead out of it.
fn relative(path: &str) -> Option<PathBuf> {
    let decoded = url_decoded(path)?;
    if decoded.starts_with("//") || decoded.contains(['\0', '\\']) {
        return None;
    }
    let relative = PathBuf::from(decoded.trim_start_matches('/'));
    let safe = relative.components().all(|component| matches!(component, Component::Normal(_)));
    safe.then_some(relative)
}

/// `path` with percent-encoding undone; none when the result is no UTF-8 or the encoding is broken.
fn url_decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

fn read(file: &Path) -> Option<Answer> {
    let bytes = std::fs::read(file).ok()?;
    Some(Answer::new(200, content_type(file), bytes))
}

/// The type by the file's ending. Pages get no charset: what they say themselves is part of what is tested.
fn content_type(file: &Path) -> &'static str {
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("txt") => "text/plain",
        Some("xml") => "application/xml",
        Some("json") => "application/json",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("html" | "htm" | "php" | "asp" | "aspx" | "shtml" | "xhtml") | None => "text/html",
        Some(_) => "application/octet-stream",
    }
}
