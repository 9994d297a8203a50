//! RFC 9309 as a table: a file, an agent, a URL, and what must come of it.

use std::time::Duration;

use proptest::prelude::*;
use url::Url;

use super::{ROBOTS_BYTES_MAX, Robots, check};

fn allowed(file: &str, agent: &str, path: &str) -> bool {
    check(file.as_bytes(), agent, &on_site(path)).allowed
}

fn on_site(path: &str) -> Url {
    Url::parse("https://acme.example/").unwrap().join(path).unwrap()
}

/// (what it shows, file, agent, path, allowed)
type Case = (&'static str, &'static str, &'static str, &'static str, bool);

#[rustfmt::skip]
const GROUPS: &[Case] = &[
    ("no rule allows", "", "presdr", "/a", true),
    ("a named group", "User-agent: presdr\nDisallow: /a", "presdr", "/a", false),
    ("the token is matched case aside", "User-Agent: PreSDR\nDisallow: /a", "presdr", "/a", false),
    ("a whole header is cut to its token", "user-agent: presdr\nDisallow: /a", "presdr/0.1 (+https://x)", "/a", false),
    ("a version in the file is ignored", "user-agent: presdr/2\nDisallow: /a", "presdr", "/a", false),
    ("another agent's group is not ours", "User-agent: other\nDisallow: /", "presdr", "/a", true),
    ("a token is matched whole", "User-agent: presdrbot\nDisallow: /", "presdr", "/a", true),
    ("and not as a prefix of ours", "User-agent: pre\nDisallow: /", "presdr", "/a", true),
    ("the star speaks to everyone else", "User-agent: *\nDisallow: /a", "presdr", "/a", false),
    ("a named group silences the star", "User-agent: *\nDisallow: /\nUser-agent: presdr\nDisallow: /b", "presdr", "/a", true),
    ("wherever it stands", "User-agent: presdr\nDisallow: /b\nUser-agent: *\nDisallow: /", "presdr", "/a", true),
    ("user-agent lines share the next rules, blank lines or not", "User-agent: presdr\n\nUser-agent: x\nDisallow: /\nUser-agent: *\nDisallow: /", "presdr", "/a", false),
    ("even when it only allows nothing", "User-agent: presdr\nDisallow:\nUser-agent: *\nDisallow: /", "presdr", "/a", true),
    ("groups of one agent are merged", "User-agent: presdr\nDisallow: /a\nUser-agent: x\nDisallow: /c\nUser-agent: presdr\nDisallow: /b", "presdr", "/b", false),
    ("both halves hold", "User-agent: presdr\nDisallow: /a\nUser-agent: x\nDisallow: /c\nUser-agent: presdr\nDisallow: /b", "presdr", "/a", false),
    ("agents may share a group", "User-agent: x\nUser-agent: presdr\nDisallow: /a", "presdr", "/a", false),
    ("a sitemap does not end a group", "User-agent: presdr\nSitemap: https://acme.example/s.xml\nDisallow: /a", "presdr", "/a", false),
    ("an unknown line does not end a group", "User-agent: presdr\nHost: acme.example\nDisallow: /a", "presdr", "/a", false),
    ("a rule before any group is nobody's", "Disallow: /a\nUser-agent: x\nDisallow: /", "presdr", "/a", true),
    ("a blank line does not end a group", "User-agent: presdr\n\nDisallow: /a", "presdr", "/a", false),
];

#[rustfmt::skip]
const PATTERNS: &[Case] = &[
    ("a pattern is a prefix", "User-agent: *\nDisallow: /fish", "presdr", "/fish/salmon.html", false),
    ("of the whole path", "User-agent: *\nDisallow: /fish", "presdr", "/catfish", true),
    ("and case counts", "User-agent: *\nDisallow: /fish", "presdr", "/Fish", true),
    ("the query belongs to it", "User-agent: *\nDisallow: /fish?id=", "presdr", "/fish?id=1", false),
    ("the longest match wins", "User-agent: *\nDisallow: /a\nAllow: /a/b", "presdr", "/a/b/c", true),
    ("whatever the order", "User-agent: *\nAllow: /a/b\nDisallow: /a", "presdr", "/a/b/c", true),
    ("a longer disallow wins too", "User-agent: *\nAllow: /a\nDisallow: /a/b", "presdr", "/a/b", false),
    ("allow wins a tie", "User-agent: *\nDisallow: /a\nAllow: /a", "presdr", "/a", true),
    ("an empty disallow says nothing", "User-agent: *\nDisallow:", "presdr", "/a", true),
    ("a star matches anything", "User-agent: *\nDisallow: /*.php", "presdr", "/x/index.php?id=1", false),
    ("also nothing", "User-agent: *\nDisallow: /a*b", "presdr", "/ab", false),
    ("a dollar is the end", "User-agent: *\nDisallow: /*.php$", "presdr", "/index.php", false),
    ("and only the end", "User-agent: *\nDisallow: /*.php$", "presdr", "/index.php?id=1", true),
    ("the root alone", "User-agent: *\nDisallow: /\nAllow: /$", "presdr", "/", true),
    ("and nothing below", "User-agent: *\nDisallow: /\nAllow: /$", "presdr", "/a", false),
    ("several stars", "User-agent: *\nDisallow: /a*b*c$", "presdr", "/aXbYc", false),
    ("in order", "User-agent: *\nDisallow: /a*b*c$", "presdr", "/aXcYb", true),
    ("a pattern without a slash has one", "User-agent: *\nDisallow: private", "presdr", "/private/x", false),
    ("a leading star needs none", "User-agent: *\nDisallow: *.pdf", "presdr", "/a/b.pdf", false),
    ("robots.txt itself may always be read", "User-agent: *\nDisallow: /", "presdr", "/robots.txt", true),
    ("RFC 9309 5.2: the most specific match", "User-agent: *\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif", "presdr", "/example/page/disallowed.gif", false),
];

#[rustfmt::skip]
const ENCODING: &[Case] = &[
    ("an escaped letter is that letter", "User-agent: *\nDisallow: /%61", "presdr", "/a", false),
    ("on either side", "User-agent: *\nDisallow: /a", "presdr", "/%61", false),
    ("non-ASCII is compared escaped", "User-agent: *\nDisallow: /foo/bar/ツ", "presdr", "/foo/bar/%E3%83%84", false),
    ("the case of hex digits is nothing", "User-agent: *\nDisallow: /foo/bar/%e3%83%84", "presdr", "/foo/bar/ツ", false),
    ("an escaped slash is not a slash", "User-agent: *\nDisallow: /a/b", "presdr", "/a%2Fb", true),
    ("an escaped star is a star", "User-agent: *\nDisallow: /file-with-a-%2A.html", "presdr", "/file-with-a-*.html", false),
    ("and no wildcard", "User-agent: *\nDisallow: /file-with-a-%2A.html", "presdr", "/file-with-a-b.html", true),
    ("an escaped dollar is a dollar", "User-agent: *\nDisallow: /path/foo-%24", "presdr", "/path/foo-$", false),
    ("and no end", "User-agent: *\nDisallow: /path/foo-%24", "presdr", "/path/foo-", true),
    ("a broken escape is taken as it stands", "User-agent: *\nDisallow: /100%", "presdr", "/100%zz", false),
];

#[rustfmt::skip]
const SYNTAX: &[Case] = &[
    ("a byte order mark is skipped", "\u{feff}User-agent: *\nDisallow: /a", "presdr", "/a", false),
    ("lines may end in CRLF", "User-agent: *\r\nDisallow: /a\r\n", "presdr", "/a", false),
    ("or in CR", "User-agent: *\rDisallow: /a\rAllow: /b", "presdr", "/a", false),
    ("comments are cut", "User-agent: * # all\nDisallow: /a # secret", "presdr", "/a", false),
    ("blanks do not matter", "  User-agent :  *  \n\tDisallow\t: /a  ", "presdr", "/a", false),
    ("keys are matched case aside", "USER-AGENT: *\ndisALLOW: /a", "presdr", "/a", false),
    ("a missing colon is forgiven", "User-agent *\nDisallow /a", "presdr", "/a", false),
    ("but not in prose", "User-agent: *\nDisallow this and that", "presdr", "/this", true),
    ("a common misspelling is understood", "User-agent: *\nDissallow: /a", "presdr", "/a", false),
    ("an HTML error page says nothing", "<!doctype html><html><body>Not found: /a</body></html>", "presdr", "/a", true),
];

#[test]
fn every_fixture_of_the_protocol_holds() {
    for (shows, file, agent, path, expected) in [GROUPS, PATTERNS, ENCODING, SYNTAX].concat() {
        assert_eq!(allowed(file, agent, path), expected, "{shows}: {agent} on {path} under {file:?}");
    }
}

#[test]
fn the_answer_names_the_line_that_decided() {
    let file = b"# rules\r\nUser-agent: *\r\nDisallow: /a\r\nDisallow: /a/b # deep\r\n";
    let answer = check(file, "presdr", &on_site("/a/b/c"));
    assert_eq!(answer.rule.as_deref(), Some("line 4: Disallow: /a/b"));
    assert_eq!(check(file, "presdr", &on_site("/c")).rule, None);
}

#[test]
fn crawl_delay_and_sitemaps_are_read() {
    let robots = Robots::parse(
        b"Sitemap: https://acme.example/a.xml\nUser-agent: presdr\nCrawl-delay: 2.5\nDisallow: /x\nSitemap: /b.xml",
        "presdr",
    );
    assert_eq!(robots.crawl_delay(), Some(Duration::from_millis(2500)));
    assert_eq!(robots.sitemaps(), ["https://acme.example/a.xml", "/b.xml"]);
    for nonsense in ["-1", "NaN", "inf", "soon", ""] {
        let file = format!("User-agent: *\nCrawl-delay: {nonsense}");
        assert_eq!(Robots::parse(file.as_bytes(), "presdr").crawl_delay(), None, "{nonsense:?}");
    }
}

#[test]
fn what_stands_beyond_the_size_limit_is_not_read() {
    let mut file = b"User-agent: *\nDisallow: /a\n".to_vec();
    file.resize(ROBOTS_BYTES_MAX, b'\n');
    file.extend_from_slice(b"Disallow: /b\n");
    assert!(!check(&file, "presdr", &on_site("/a")).allowed);
    assert!(check(&file, "presdr", &on_site("/b")).allowed);
}

proptest! {
    #[test]
    fn any_bytes_are_answered_without_a_panic(file: Vec<u8>, agent: String, path in "[ -~]{0,40}") {
        let _ = Url::parse("https://acme.example/").unwrap().join(&path).map(|url| check(&file, &agent, &url));
    }

    #[test]
    fn a_pattern_matches_the_path_it_spells(path in "/([a-z0-9._~-][a-z0-9/._~-]{0,29})?") {
        let file = format!("User-agent: *\nDisallow: {path}$");
        prop_assert!(!allowed(&file, "presdr", &path) || on_site(&path).path() != path);
    }
}
