use proptest::prelude::*;

use super::*;
use crate::extract::merge;

fn read(html: &str) -> PageFindings {
    page(html, &Url::parse("https://kopi.example/about/").unwrap(), Region::SINGAPORE)
}

const PAGE: &str = r#"<!doctype html><html lang="en-SG"><head><base href="/"><title>About | Kopi House</title>
<meta name="description" content="Coffee,  roasted in Bedok."></head><body>
<nav><a href="about/#team">About</a><a href="beans.html">Beans</a><a href="https://www.facebook.com/kopihouse">f</a></nav>
<main><h1>About Kopi House</h1><p>We have roasted coffee in Bedok, Singapore since 1987 and deliver it to offices all over the
island every single morning. Come and taste what three generations have learnt about beans.</p></main>
<footer>© 2024 Kopi House Pte. Ltd. (UEN 198712345K) <a href="mailto:info@kopi.example">Mail</a> Tel: 6223 4567</footer>"#;

#[test]
fn one_page_says_it_all() {
    let found = read(PAGE);
    assert_eq!(found.url, "https://kopi.example/about/");
    assert_eq!(found.title.as_deref(), Some("About | Kopi House"));
    assert_eq!(found.description.as_deref(), Some("Coffee, roasted in Bedok."));
    assert_eq!(found.language.as_deref(), Some("en"));
    assert!(found.text.starts_with("About Kopi House\nWe have roasted coffee"), "{}", found.text);
    assert_eq!(found.word_count, 34);
    assert_eq!(found.uens, ["198712345K"]);
    assert_eq!(found.copyrights.len(), 1);
    assert_eq!(found.region.map(String::from).as_deref(), Some("SG"));
    let links: Vec<_> = found.links.iter().map(|link| (link.url.as_str(), link.text.as_str())).collect();
    assert_eq!(
        links,
        [("https://kopi.example/beans.html", "Beans"), ("https://www.facebook.com/kopihouse", "f")],
        "the page itself is no link"
    );
    assert_eq!(found.socials[0].network, "facebook");
    assert!(!found.challenge);
}

#[test]
fn findings_survive_storage() {
    let found = read(PAGE);
    let stored = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<PageFindings>(&stored).unwrap(), found);
}

#[test]
fn nothing_personal_shows_in_debug_output() {
    let found = read(&format!(
        "{PAGE}<h3>Tan Mei Ling</h3><p>Director</p><p>mei@kopi.example, <a href=https://linkedin.com/in/meiling>in</a></p>"
    ));
    assert_eq!(found.people.len(), 1);
    let site = merge(std::slice::from_ref(&found));
    let shown = format!(
        "{found:?} {site:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        found.emails, found.phones, found.people, found.socials, site.emails, site.phones
    );
    for personal in ["mei", "Tan", "6223", "info@", "Kopi House"] {
        assert!(!shown.contains(personal), "{personal} in {shown}");
    }
}

/// Pages that make careless readers slow, deep or wrong. Whoever is quadratic here does not come back.
#[test]
fn hostile_pages_are_read_to_the_end() {
    const BYTES: usize = 1 << 18;
    for part in [
        "<div>",
        "<div class=footer>a",
        "<b>a",
        "<p>",
        "<a href=/x>",
        "<bdo>a ",
        "</div></b>",
        "<",
        "<!--",
        "</",
        "<a b=\"",
        "<script>",
        "<svg>",
        "<i class=phone>",
        "<style>.a{bidi-override}</style><b class=b>x</b>",
        "&",
        "&aaaaaa",
        "@",
        "a@",
        "a [at] b ",
        "a dot ",
        "info @ x ",
        "1234567890",
        "Tel: 6223 4567 ",
        "(+",
        "© 2020 ",
        "Aaa ",
        "Aaa Ltd ",
        "<p>Tan Mei</p><p>Director</p>",
        "<br>a",
        "UEN 2019 ",
        "'a'+'@'+",
    ] {
        let html = part.repeat(BYTES / part.len());
        let found = read(&html);
        assert_eq!(merge(&[found]).pages, 1, "{part}");
    }
    read(&format!("<div {}>", "a b=c \" ' ".repeat(BYTES / 10)));
    read(&format!("<script type='application/ld+json'>{}</script>", "[".repeat(BYTES)));
    read(&format!("{}{}{}", "<bdo>".repeat(10_000), "word ".repeat(100_000), "</bdo>".repeat(10_000)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_page(html in any::<String>()) {
        read(&html);
    }

    /// A good page, cut up and put together anew, with noise between the pieces.
    #[test]
    fn broken_pages_are_read(
        pieces in proptest::collection::vec((0..PAGE.len(), 0..200_usize), 1..30),
        noise in "[<>/=\"'&#;@+()0-9 a-zéđ我\\[\\]-]{0,12}",
    ) {
        let mut html = String::new();
        for (start, length) in pieces {
            let start = PAGE.floor_char_boundary(start);
            html.push_str(&PAGE[start..PAGE.floor_char_boundary((start + length).min(PAGE.len()))]);
            html.push_str(&noise);
        }
        let found = read(&html);
        merge(&[found]);
    }

    #[test]
    fn any_json_ld_is_read(json in "[\\[\\]{}\":,@a-z0-9 ]{0,200}") {
        read(&format!(r#"<script type="application/ld+json">{{"@type": "Person", "x": {json}}}</script>"#));
    }
}
