//! From an answer to what it says. Parsing is work for the processor: few pages at once, each once.

use sha2::{Digest, Sha256};

use crate::extract::{self, PageFindings, Region};
use crate::web::{Body, Fetched, Web, decode};

/// Links kept of a page; menus come first in nearly every page.
const LINKS_MAX: usize = 400;

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub bytes: usize,
    pub truncated: bool,
    /// SHA-256 in hex; empty when no body was read.
    pub content_hash: String,
    pub charset: Option<String>,
    pub findings: Option<PageFindings>,
}

/// Reads a body and lets go of it.
pub(super) async fn read(web: &Web, answer: &mut Fetched, region: Region) -> Reading {
    let body = std::mem::take(&mut answer.body);
    if body.bytes.is_empty() {
        return Reading::default();
    }
    let (url, content_type) = (answer.url.clone(), answer.content_type.clone());
    // The semaphore is never closed, so there is a permit or a wait, never an error.
    let place = web.parsers().acquire_owned().await.ok();
    let reading = tokio::task::spawn_blocking(move || {
        let _place = place;
        parse(&body, content_type.as_deref(), &url, region)
    });
    reading.await.unwrap_or_else(|_| {
        // What the panic says may quote the page, and a page may name people.
        tracing::error!(host = answer.url.host_str(), "parsing a page panicked; it counts as empty");
        Reading::default()
    })
}

fn parse(body: &Body, content_type: Option<&str>, url: &url::Url, region: Region) -> Reading {
    let (text, charset) = decode(&body.bytes, content_type);
    let mut findings = extract::page(&text, url, region);
    findings.links.truncate(LINKS_MAX);
    findings.links.shrink_to_fit();
    Reading {
        bytes: body.bytes.len(),
        truncated: body.truncated,
        content_hash: hex(&Sha256::digest(&body.bytes)),
        charset: Some(charset.to_owned()),
        findings: Some(findings),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
