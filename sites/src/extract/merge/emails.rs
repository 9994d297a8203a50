//! The addresses of a site: each once, in the order in which one would write to them.

use url::Url;

use super::{
    super::{email_filter, findings::PageFindings},
    SiteEmail, sorted,
};
use crate::web::registrable_domain;

/// The addresses on `pages`, best first: the company's own domain, then people before offices before what nobody
/// answers, then those on most pages.
pub(super) fn emails(pages: &[&PageFindings]) -> Vec<SiteEmail> {
    let mut found: Vec<SiteEmail> = Vec::new();
    for (page, email) in pages.iter().flat_map(|page| page.emails.iter().map(move |email| (page, email))) {
        match found.iter_mut().find(|known| known.address == email.address) {
            Some(known) => {
                known.how = known.how.min(email.how);
                if known.name.is_none() {
                    known.name.clone_from(&email.name);
                    known.role_title.clone_from(&email.role_title);
                }
                known.pages.push(page.url.clone());
            }
            None => found.push(SiteEmail {
                address: email.address.clone(),
                how: email.how,
                name: email.name.clone(),
                role_title: email.role_title.clone(),
                pages: vec![page.url.clone()],
            }),
        }
    }
    for email in &mut found {
        email.pages = sorted(std::mem::take(&mut email.pages).into_iter());
    }
    let site = pages
        .first()
        .and_then(|page| Url::parse(&page.url).ok())
        .and_then(|url| Some(registrable_domain(url.host_str()?)));
    found.sort_by_cached_key(|email| rank(email, site.as_deref().unwrap_or_default()));
    found
}

/// Smaller is better.
fn rank(email: &SiteEmail, site: &str) -> (bool, u8, std::cmp::Reverse<usize>, String) {
    let (local, domain) = email.address.split_once('@').unwrap_or((&email.address, ""));
    let is_foreign = !email_filter::is_within(domain, site);
    let kind = if email_filter::is_unanswered(local) {
        2
    } else {
        u8::from(email_filter::is_role(local) && email.name.is_none())
    };
    (is_foreign, kind, std::cmp::Reverse(email.pages.len()), email.address.clone())
}
