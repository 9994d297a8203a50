//! One page from HTML to findings.

use std::collections::HashSet;

use url::Url;

use super::{
    bounded, careers, challenge,
    digest::{self, Digest},
    email,
    findings::{Link, PageFindings, Region, Social},
    json_ld::{self, JsonLd},
    language, names, people, phone, readable, region, social, technology, uen,
};
use crate::web::registrable_domain;

/// Reads one page. `region` is the country of numbers written without their country code where the page gives no hint of
/// its own. Pure: the same page always says the same; nothing in it can make this panic or take more than linear time.
pub fn page(html: &str, url: &Url, region: Region) -> PageFindings {
    let digest = digest::digest(html);
    let json_ld = json_ld::read(&digest.json_ld);
    let host = url.host_str().unwrap_or_default();
    let base = digest.base.as_deref().and_then(|base| url.join(base).ok()).unwrap_or_else(|| url.clone());
    let text = readable::readable(&digest);
    let word_count = readable::words(&text);
    let language = language::language(&text, digest.language.as_deref());
    let country = json_ld.organisation.as_ref().and_then(|organisation| organisation.country.as_deref());
    let evidence = region::of_page(country, host, &digest.text, language.as_deref());
    let (phones, spoken) = phone::phones(&digest, &json_ld, evidence, region);
    let mut emails = email::emails(&digest, &json_ld, &registrable_domain(host));
    let people = people::people(&digest, &json_ld, &mut emails);
    let links = links(&digest, &base, url);
    let copyrights = names::copyrights(&digest);
    bounded::bounded(PageFindings {
        url: without_fragment(url.clone()).into(),
        title: title(&digest),
        description: meta(&digest, &["description", "og:description", "twitter:description"]),
        language,
        word_count,
        name_candidates: names::candidates(&digest, &json_ld, &copyrights),
        emails,
        phones,
        people,
        socials: socials(&links, &json_ld),
        technologies: technology::technologies(&digest),
        careers: careers::careers(&digest, &links, &json_ld, url),
        links,
        challenge: challenge::is_challenge(&digest, word_count),
        uens: uen::uens(&digest.text),
        copyrights,
        region: spoken.or(evidence),
        organisation: json_ld.organisation,
        text,
    })
}

fn title(digest: &Digest<'_>) -> Option<String> {
    let title = digest.title.trim();
    if title.is_empty() { meta(digest, &["og:title", "twitter:title"]) } else { Some(title.to_owned()) }
}

fn meta(digest: &Digest<'_>, names: &[&str]) -> Option<String> {
    let content =
        names.iter().find_map(|name| digest.metas.iter().find(|(found, content)| found == name && !content.is_empty()));
    content.map(|(_, content)| content.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Links to other pages, each target once: the first words given to it count, unless it had none.
fn links(digest: &Digest<'_>, base: &Url, page: &Url) -> Vec<Link> {
    /// Longer addresses are data or traps.
    const HREF_BYTES_MAX: usize = 2_048;
    let mut seen = HashSet::new();
    let mut links = Vec::new();
    for anchor in &digest.anchors {
        let href = anchor.href.trim();
        if href.len() > HREF_BYTES_MAX || href.starts_with('#') || href.is_empty() {
            continue;
        }
        let Some(target) = base.join(href).ok().filter(|target| matches!(target.scheme(), "http" | "https")) else {
            continue;
        };
        let target = String::from(without_fragment(target));
        if target != page.as_str() && !seen.contains(&target) {
            seen.insert(target.clone());
            links.push(Link { url: target, text: anchor.words(&digest.text) });
        }
    }
    links
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// Profiles that the page links to or that its structured data names, each once.
fn socials(links: &[Link], json_ld: &JsonLd) -> Vec<Social> {
    let same_as = json_ld.organisation.iter().flat_map(|organisation| &organisation.same_as);
    let addresses = links.iter().map(|link| &link.url).chain(same_as);
    let mut found: Vec<Social> = Vec::new();
    for profile in addresses.filter_map(|address| social::social(&Url::parse(address).ok()?)) {
        if !found.contains(&profile) {
            found.push(profile);
        }
    }
    found
}

#[cfg(test)]
mod tests;
