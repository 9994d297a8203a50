//! Pages that a bot check or an access wall puts in the place of content.

use super::digest::Digest;

/// Titles of such pages, lower case.
const TITLES: [&str; 12] = [
    "just a moment",
    "attention required! | cloudflare",
    "access denied",
    "checking your browser",
    "are you a robot",
    "robot check",
    "ddos-guard",
    "human verification",
    "security check",
    "please wait...",
    "one moment, please",
    "sucuri website firewall",
];

/// Scripts and addresses that only such pages load.
const MARKS: [&str; 7] = [
    "_cf_chl_opt",
    "_incapsula_resource",
    "captcha-delivery.com",
    "px-captcha",
    "/_sec/cp_challenge",
    "ddos-guard.net",
    "awswafcookiedomainlist",
];

/// Whether the page is a challenge instead of content. A page that says something or leads
/// somewhere is content, whatever it loads: firewalls put their scripts into good pages too.
pub(super) fn is_challenge(digest: &Digest<'_>, words: u32) -> bool {
    const CONTENT_WORDS: u32 = 80;
    const CONTENT_LINKS: usize = 8;
    if words >= CONTENT_WORDS || digest.anchors.len() >= CONTENT_LINKS {
        return false;
    }
    let title = digest.title.to_lowercase();
    TITLES.iter().any(|known| title.starts_with(known)) || loads_a_check(digest)
}

fn loads_a_check(digest: &Digest<'_>) -> bool {
    const SCRIPT_BYTES_MAX: usize = 4 * 1024;
    let scripts = digest.scripts.iter().map(|script| &script[..script.floor_char_boundary(SCRIPT_BYTES_MAX)]);
    let mut sources = digest
        .resources
        .iter()
        .map(|resource| resource.as_ref())
        .filter(|resource| resource.len() < 1024)
        .chain(scripts);
    sources.any(|source| {
        let source = source.to_ascii_lowercase();
        MARKS.iter().any(|mark| source.contains(mark))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::digest::digest;

    #[test]
    fn a_bot_check_is_no_content() {
        for page in [
            "<title>Just a moment...</title><p>Enable JavaScript and cookies to continue</p>",
            "<title>kopi.example</title><script>window._cf_chl_opt={cvId: '3'}</script>",
            "<title>Access Denied</title><p>You don't have permission.</p>",
        ] {
            assert!(is_challenge(&digest(page), 10), "{page}");
        }
        assert!(!is_challenge(&digest("<title>Kopi House</title>"), 10));
        assert!(!is_challenge(&digest("<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>"), 900));
    }
}
