use super::*;
use crate::extract::{Region, page};

fn read(path: &str, html: &str) -> PageFindings {
    page(html, &Url::parse(&format!("https://www.kopihouse.example{path}")).unwrap(), Region::SINGAPORE)
}

const STORY: &str = "We have roasted coffee in Bedok since 1987. Today three generations of one family deliver it to offices all
    over the island every morning, and everybody who comes to the shop may taste what they have learnt about beans, fire and patience.";

fn site() -> Vec<PageFindings> {
    let footer =
        "<footer>© 2024 Kopi House Pte. Ltd. <a href=mailto:info@kopihouse.example>Mail</a> Tel: 6223 4567</footer>";
    vec![
        read(
            "/",
            &format!(
                "<title>Kopi House | Coffee</title><p>Coffee for offices, roasted this morning.</p><a href=/careers>Careers</a>{footer}"
            ),
        ),
        read(
            "/about",
            &format!(
                "<title>About | Kopi House</title><p>{STORY}</p><h3>Tan Mei Ling</h3><p>Director</p><p>mei@kopihouse.example</p>{footer}"
            ),
        ),
        read(
            "/careers",
            &format!(
                "<title>Careers | Kopi House</title><p>Coffee for offices, roasted this morning.</p><button>Apply now</button>{footer}"
            ),
        ),
        read(
            "/contact",
            &format!("<title>Contact | Kopi House</title><p>+65 6223 4567</p><p>kopi.house@gmail.com</p>{footer}"),
        ),
    ]
}

#[test]
fn a_site_is_put_together() {
    let found = merge(&site());
    assert_eq!(found.company_name.as_deref(), Some("Kopi House Pte. Ltd."));
    assert!(found.about_text.starts_with("We have roasted"));
    assert_eq!(found.corpus.matches("Coffee for offices").count(), 1, "each paragraph stands once");
    assert_eq!(found.corpus_hash.len(), 64);
    let emails: Vec<_> = found.emails.iter().map(|email| (email.address.as_str(), email.pages.len())).collect();
    assert_eq!(emails, [("mei@kopihouse.example", 1), ("info@kopihouse.example", 4), ("kopi.house@gmail.com", 1)]);
    assert_eq!(found.emails[0].role_title.as_deref(), Some("Director"));
    let phones: Vec<_> = found.phones.iter().map(|phone| (phone.e164.as_deref(), phone.pages.len())).collect();
    assert_eq!(phones, [(Some("+6562234567"), 4)]);
    let careers = found.careers.unwrap();
    assert_eq!(
        (careers.url.as_str(), careers.on_this_page, found.open_jobs),
        ("https://www.kopihouse.example/careers", true, 1)
    );
    assert_eq!((found.language.as_deref(), found.pages), (Some("en"), 4));
}

#[test]
fn the_order_of_reading_makes_no_difference() {
    let mut pages = site();
    let found = merge(&pages);
    pages.reverse();
    assert_eq!(merge(&pages), found);
    pages.rotate_left(1);
    assert_eq!(merge(&pages), found);
}

#[test]
fn another_page_decides_the_country_of_a_number() {
    let malaysian = read("/", "<p>+60 12-345 6780</p><p>Selangor</p>");
    let found = merge(&[malaysian, read("/contact", "<p>Tel: 03-2287 4567</p>")]);
    let numbers: Vec<_> = found.phones.iter().filter_map(|phone| phone.e164.as_deref()).collect();
    assert_eq!(numbers, ["+60123456780", "+60322874567"]);
}

#[test]
fn bot_checks_are_no_pages_of_the_site() {
    let wall = read("/", "<title>Just a moment...</title>");
    let found = merge(&[wall.clone(), read("/about", &format!("<p>{STORY}</p>"))]);
    assert_eq!((found.pages, found.challenge), (1, false));
    assert!(merge(&[wall]).challenge);
    let nothing = merge(&[]);
    assert_eq!((nothing.pages, nothing.challenge, nothing.company_name), (0, false, None));
}
