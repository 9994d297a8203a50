//! Which pages are chosen, in which order, and why.

use proptest::prelude::*;
use url::Url;

use super::kind::classify;
use super::{Chosen, Frontier, PageKind};

const MENU: &[(&str, &str)] = &[
    ("/", "Home"),
    ("/blog/contact-lenses-explained", "Contact lenses explained"),
    ("/pricing", "Pricing"),
    ("/our-work", "Our Work"),
    ("/services/cloud", "Cloud"),
    ("/services", "What we do"),
    ("/about-us.html", "About"),
    ("/about-us.html#team", "Team"),
    ("/p?id=7", "Meet the team"),
    ("/careers/", "Join us"),
    ("/careers/welder", "Welder"),
    ("/contact", "Contact Us"),
    ("/privacy-policy", "Privacy"),
    ("/brochure.pdf", "Brochure"),
    ("https://www.facebook.com/acme", "Facebook"),
    ("mailto:hello@acme.example", "Mail"),
    ("https://shop.acme.example/", "Shop"),
    ("/gallery", "Gallery"),
];

fn read_all(links: &[(&str, &str)], extra: &[PageKind]) -> Vec<Chosen> {
    let mut frontier = Frontier::new(&Url::parse("https://www.acme.example/").unwrap(), extra);
    frontier.add_links(links.iter().copied());
    std::iter::from_fn(|| frontier.next()).collect()
}

fn paths(chosen: &[Chosen]) -> Vec<String> {
    chosen.iter().map(|page| page.url.as_str().replace("https://www.acme.example", "")).collect()
}

#[test]
fn the_best_of_each_kind_comes_first_then_the_second_best() {
    let chosen = read_all(MENU, &[]);
    insta::assert_snapshot!(paths(&chosen).join("\n"), @r"
    /contact
    /about-us.html
    /careers/
    /p?id=7
    /services
    https://shop.acme.example/
    /pricing
    /our-work
    /careers/welder
    /services/cloud
    /gallery
    /blog/contact-lenses-explained
    ");
}

#[test]
fn each_choice_says_why() {
    let chosen = read_all(MENU, &[]);
    let why = |path: &str| chosen.iter().find(|page| page.url.path() == path).unwrap().because.clone();
    // A link's own words stay out: it may be a person's name.
    assert_eq!(why("/contact"), "linked; the link's words say \"contactus\"");
    assert_eq!(why("/careers/welder"), "linked; its folder says \"careers\"");
    assert_eq!(why("/about-us.html"), "linked; its path says \"aboutus\"");
}

#[test]
fn asked_for_kinds_come_first_even_from_their_usual_place() {
    let chosen = read_all(&[("/about", "About")], &[PageKind::Careers, PageKind::About]);
    assert_eq!(paths(&chosen), ["/careers", "/about"]);
    assert_eq!(chosen[0].because, "asked for and linked nowhere: its usual place");
}

#[test]
fn a_sitemap_adds_what_no_link_leads_to() {
    let mut frontier = Frontier::new(&Url::parse("https://acme.example/").unwrap(), &[]);
    frontier.add_links([("/about", "About")]);
    assert!(frontier.lacks_a_kind());
    frontier.add_sitemap(["http://www.acme.example/karriere", "https://other.example/contact", "/about/"]);
    let chosen: Vec<Chosen> = frontier.into_rest().collect();
    assert_eq!(chosen.len(), 2, "the page known by link and by sitemap is one, another site's none: {chosen:?}");
    assert_eq!(chosen[1].url.as_str(), "https://acme.example/karriere", "asked as the home page was");
    assert_eq!(chosen[1].because, "in the sitemap; its path says \"karriere\"");
}

#[test]
fn two_addresses_of_one_page_are_one() {
    let links = ["/index.html", "https://acme.example", "/team", "/team/", "/team#x", "http://acme.example/team"];
    let links: Vec<(&str, &str)> = links.iter().map(|address| (*address, "Team")).collect();
    assert_eq!(paths(&read_all(&links, &[])), ["/team"]);
}

#[test]
fn addresses_show_their_kind_in_many_ways() {
    for (address, words, kind) in [
        ("/contact-us", "", Some(PageKind::Contact)),
        ("/ContactUs.aspx", "", Some(PageKind::Contact)),
        ("/reach", "Contact", Some(PageKind::Contact)),
        ("/impressum", "", Some(PageKind::Contact)),
        ("/x", "联系我们", Some(PageKind::Contact)),
        ("/x", "关于我们 About", Some(PageKind::About)),
        ("/company/our-story", "", Some(PageKind::About)),
        ("/x", "About our company", Some(PageKind::About)),
        ("/join-our-team", "", Some(PageKind::Careers)),
        ("/x", "Work with us", Some(PageKind::Careers)),
        ("/jobs/engineer-42", "", Some(PageKind::Careers)),
        ("/x", "ร่วมงานกับเรา", Some(PageKind::Careers)),
        ("/management-team", "", Some(PageKind::Team)),
        ("/management", "", Some(PageKind::Team)),
        ("/fleet-management", "Fleet management", Some(PageKind::Other)),
        ("/x", "Our Services", Some(PageKind::Services)),
        ("/our_products.php", "", Some(PageKind::Products)),
        ("/case-studies/bank", "", Some(PageKind::Cases)),
        ("/blog/about-our-product", "About our product", Some(PageKind::Other)),
        ("/how-we-made-contact-with-the-largest-whale", "", Some(PageKind::Other)),
        ("/terms-of-service", "Terms of Service", None),
        ("/wp-login.php", "Team login", None),
        ("/cart/", "", None),
    ] {
        let url = Url::parse("https://acme.example").unwrap().join(address).unwrap();
        assert_eq!(classify(&url, words).map(|class| class.kind), kind, "{address} {words:?}");
    }
}

proptest! {
    /// The order of links on the page, and their repetition, change nothing.
    #[test]
    fn the_same_links_are_chosen_in_the_same_order(shuffled in Just(MENU.repeat(2)).prop_shuffle()) {
        prop_assert_eq!(read_all(MENU, &[]), read_all(&shuffled, &[]));
    }

    /// No page is read twice, and none of another site is.
    #[test]
    fn choices_are_different_pages_of_the_site(links in proptest::collection::vec("(https?://(www\\.)?acme\\.example|https://b\\.example|)/[a-c]{0,2}(/|\\.html|\\?q)?", 0..40)) {
        let links: Vec<(&str, &str)> = links.iter().map(|link| (link.as_str(), "")).collect();
        let chosen = read_all(&links, &[PageKind::Contact]);
        let mut keys: Vec<String> = chosen.iter().map(|page| super::address::key(&page.url)).collect();
        prop_assert!(chosen.iter().all(|page| page.url.host_str() == Some("www.acme.example")));
        let count = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), count);
    }
}
