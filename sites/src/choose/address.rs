//! Which addresses are candidates, and when two are the same page.

use url::{Host, Url};

use crate::web::registrable_domain;

/// What is not a page by its name.
#[rustfmt::skip]
const NOT_PAGES: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "csv", "txt", "xml", "json", "zip", "rar", "7z", "gz", "tar", "exe",
    "dmg", "apk", "jpg", "jpeg", "png", "gif", "webp", "svg", "ico", "bmp", "avif", "tif", "tiff", "mp3", "mp4", "avi", "mov",
    "webm", "wav", "ogg", "css", "js", "mjs", "map", "woff", "woff2", "ttf", "eot", "ics", "vcf", "rss", "atom", "wasm",
];
const URL_BYTES_MAX: usize = 500;

/// The site whose pages are candidates.
#[derive(Debug, Clone)]
pub(super) struct Site {
    home: Url,
    domain: String,
}

impl Site {
    pub fn new(home: &Url) -> Self {
        Self { home: home.clone(), domain: registrable_domain(home.host_str().unwrap_or_default()) }
    }

    /// The address as this visit would ask for it, or `None` when it is no page of this site.
    pub fn page(&self, address: &str) -> Option<Url> {
        self.own(address).filter(|url| may_be_page(url.path()))
    }

    /// The same for any file. The site's own host is asked with the scheme and the `www.` that the home page answered
    /// with, which saves a redirect.
    pub fn own(&self, address: &str) -> Option<Url> {
        if address.len() > URL_BYTES_MAX {
            return None;
        }
        let mut url = self.home.join(address).ok()?;
        url.set_fragment(None);
        let host = url.host_str()?;
        let is_named = matches!(url.host(), Some(Host::Domain(_))) || url.host() == self.home.host();
        let is_ours = is_named && registrable_domain(host) == self.domain;
        let is_plain =
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        if !is_ours || !is_plain {
            return None;
        }
        if bare(host) == bare(self.home.host_str()?) && url.port().is_none() && self.home.port().is_none() {
            // Both are web schemes, between which the parser lets a URL change.
            let _ = url.set_scheme(self.home.scheme());
            url.set_host(self.home.host_str()).ok()?;
        }
        (url.port() == self.home.port()).then_some(url)
    }

    /// Whether a page is on the home page's own host, `www.` aside.
    pub fn is_home_host(&self, url: &Url) -> bool {
        url.host_str().map(bare) == self.home.host_str().map(bare)
    }
}

/// What is equal for two addresses of one page.
pub(super) fn key(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    let path = match path.rsplit_once('/') {
        Some((folder, file)) if is_index(file) => folder,
        _ => path,
    };
    format!("{}{}?{}", bare(url.host_str().unwrap_or_default()), path, url.query().unwrap_or_default())
}

fn is_index(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    file.split_once('.').is_some_and(|(stem, extension)| {
        matches!(stem, "index" | "default" | "home")
            && matches!(extension, "html" | "htm" | "php" | "asp" | "aspx" | "jsp" | "shtml")
    })
}

fn may_be_page(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let extension = file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_none_or(|extension| !NOT_PAGES.contains(&extension.as_str()))
}

fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}
