//! Taking out of a page what it says of people who are to be forgotten.

use super::findings::{Organisation, PageFindings};

/// The text without the paragraphs (lines) that `named` says name somebody; `None` when the text names nobody. All of it goes when no
/// paragraph does so alone.
pub fn without_paragraphs(text: &str, named: &dyn Fn(&str) -> bool) -> Option<String> {
    if !named(text) {
        return None;
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let kept: Vec<&str> = lines.iter().copied().filter(|line| !named(line)).collect();
    Some(if kept.len() < lines.len() { kept.join("\n") } else { String::new() })
}

impl PageFindings {
    /// Takes out whatever `named` says names somebody; tells whether there was any. Every text is asked about, whatever the answers.
    pub fn forget(&mut self, named: &dyn Fn(&str) -> bool) -> bool {
        // A new field is asked about here by the compiler. The address is the page's: whoever holds the page asks about it.
        let Self {
            url: _,
            title,
            description,
            language: _,
            text,
            word_count: _,
            organisation,
            name_candidates,
            emails,
            phones,
            people,
            socials,
            technologies: _,
            careers,
            links,
            challenge: _,
            uens: _,
            copyrights,
            region: _,
        } = self;
        let any = |texts: &[Option<&str>]| texts.iter().flatten().filter(|text| named(text)).count() > 0;
        let mut found = forget_text(title, named);
        found |= forget_text(description, named);
        if let Some(kept) = without_paragraphs(text, named) {
            *text = kept;
            found = true;
        }
        if organisation.as_ref().is_some_and(|known| any(&texts_of(known))) {
            *organisation = None;
            found = true;
        }
        if careers.as_ref().is_some_and(|careers| named(&careers.url)) {
            *careers = None;
            found = true;
        }
        found |= forget_some(name_candidates, |one| named(&one.name));
        found |= forget_some(emails, |one| any(&[Some(&one.address), one.name.as_deref(), one.role_title.as_deref()]));
        found |= forget_some(phones, |one| any(&[one.e164.as_deref(), Some(&one.digits)]));
        found |=
            forget_some(people, |one| any(&[Some(&one.name), one.role_title.as_deref(), one.profile_url.as_deref()]));
        found |= forget_some(socials, |one| named(&one.url));
        found |= forget_some(links, |one| any(&[Some(&one.url), Some(&one.text)]));
        found | forget_some(copyrights, |one| named(one))
    }
}

fn texts_of(organisation: &Organisation) -> Vec<Option<&str>> {
    let Organisation { name, legal_name, url, same_as, founding_date: _, employees: _, country: _, description } =
        organisation;
    let one = [name, legal_name, url, description].into_iter().map(Option::as_deref);
    one.chain(same_as.iter().map(|link| Some(link.as_str()))).collect()
}

fn forget_text(text: &mut Option<String>, named: &dyn Fn(&str) -> bool) -> bool {
    let found = text.as_deref().is_some_and(named);
    if found {
        *text = None;
    }
    found
}

fn forget_some<T>(values: &mut Vec<T>, named: impl Fn(&T) -> bool) -> bool {
    let before = values.len();
    values.retain(|value| !named(value));
    values.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_jane(text: &str) -> bool {
        let text = text.to_lowercase();
        ["jane doe", "jane-doe", "jane@acme.example", "+6567492385"].iter().any(|form| text.contains(form))
    }

    #[test]
    fn the_paragraphs_that_name_somebody_go() {
        let text = "We make quills.\nFounded by Jane Doe in 1990.\nCall us.";
        assert_eq!(without_paragraphs(text, &names_jane).unwrap(), "We make quills.\nCall us.");
        assert_eq!(without_paragraphs("We make quills.", &names_jane), None);
        let over_lines = |text: &str| text.replace('\n', " ").contains("Jane Doe");
        assert_eq!(without_paragraphs("By Jane\nDoe", &over_lines).unwrap(), "", "over the end of a line");
    }

    #[test]
    fn nothing_of_a_page_names_a_forgotten_person_and_the_rest_stays() {
        let html = r#"<html><head><title>Jane Doe - Acme</title><meta name="description" content="By Jane Doe">
            <script type="application/ld+json">{"@context": "https://schema.org", "@type": "Organization", "name": "Acme",
            "email": "jane@acme.example", "founder": {"@type": "Person", "name": "Jane Doe", "jobTitle": "Founder"}}</script></head>
            <body><h1>Acme</h1><p>We make quills for schools and studios, and engrave them.</p><h2>Our team</h2><h3>Jane Doe</h3>
            <p>Managing Director</p><a href="mailto:jane@acme.example">jane@acme.example</a><a href="tel:+6567492385">+65 6749 2385</a>
            <a href="/team/jane-doe/">more</a><a href="https://www.linkedin.com/in/jane-doe">LinkedIn</a><p>info@acme.example</p>
            <footer>Copyright 2026 Jane Doe</footer></body></html>"#;
        let url = url::Url::parse("https://acme.example/").unwrap();
        let mut findings = super::super::page(html, &url, super::super::Region::SINGAPORE);
        let before = serde_json::to_string(&findings).unwrap();
        assert!(names_jane(&before), "{before}");
        assert!(findings.forget(&names_jane));
        let after = serde_json::to_string(&findings).unwrap();
        assert!(!names_jane(&after), "{after}");
        for kept in ["quills", "info@acme.example"] {
            assert!(after.contains(kept), "{kept}: {after}");
        }
        assert!(!findings.forget(&names_jane), "there is nothing left to forget");
    }
}
