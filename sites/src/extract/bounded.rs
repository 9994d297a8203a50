//! What leaves the extractor, made fit to be kept: no control characters, no endless values.
//!
//! A page can write a zero character in many ways (as it is, as a reference, in JSON-LD, percent-encoded, behind Cloudflare's mail
//! protection), and a database stores none in a text or in JSON. So they are taken out here, at the one place that every finding
//! passes, and not in the readers. Values that a person's or a company's never are (an essay for a job title) are cut here too, which
//! bounds the event that tells of them; see `consumers/src/extract.rs`.

use super::findings::{FoundPerson, Organisation, PageFindings};

/// A name or a job title, as JSON writes it.
const TITLE_BYTES_MAX: usize = 100;
/// A profile on a professional network. A link cut short leads elsewhere, so a longer one is left out.
const PROFILE_BYTES_MAX: usize = 200;
/// An address (RFC 5321 section 4.5.3.1.3, less the angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// A product's name.
const TECHNOLOGY_BYTES_MAX: usize = 40;
/// Any other value of a few words.
const VALUE_BYTES_MAX: usize = 200;
/// What a page says of itself to search engines.
const DESCRIPTION_BYTES_MAX: usize = 1_000;
/// Any other link: as long as a link to another page may be.
const LINK_BYTES_MAX: usize = 2_048;
/// A page that names more people is a directory.
const PEOPLE_MAX: usize = 200;
const SAME_AS_MAX: usize = 50;

/// The findings of a page as they leave the extractor.
pub(super) fn bounded(mut page: PageFindings) -> PageFindings {
    page.text.retain(|c| c == '\n' || !c.is_control());
    page.title = value(page.title, VALUE_BYTES_MAX);
    page.description = value(page.description, DESCRIPTION_BYTES_MAX);
    page.language = value(page.language, VALUE_BYTES_MAX);
    page.organisation = page.organisation.map(organisation);
    for candidate in &mut page.name_candidates {
        candidate.name = cut(&candidate.name, VALUE_BYTES_MAX);
    }
    page.name_candidates.retain(|candidate| !candidate.name.is_empty());
    page.emails.retain(|email| email.address.len() <= ADDRESS_BYTES_MAX && !email.address.contains(char::is_control));
    for email in &mut page.emails {
        email.name = value(email.name.take(), TITLE_BYTES_MAX);
        email.role_title = value(email.role_title.take(), TITLE_BYTES_MAX);
    }
    for phone in &mut page.phones {
        phone.digits = cut(&phone.digits, VALUE_BYTES_MAX);
    }
    page.people.truncate(PEOPLE_MAX);
    page.people = page.people.into_iter().map(person).filter(|person| !person.name.is_empty()).collect();
    page.socials.retain(|social| is_link(&social.url, LINK_BYTES_MAX));
    page.technologies = page.technologies.iter().map(|name| cut(name, TECHNOLOGY_BYTES_MAX)).collect();
    page.links.retain(|link| is_link(&link.url, LINK_BYTES_MAX));
    for link in &mut page.links {
        link.text = cut(&link.text, VALUE_BYTES_MAX);
    }
    page.copyrights = page.copyrights.iter().map(|line| cut(line, DESCRIPTION_BYTES_MAX)).collect();
    page
}

fn organisation(said: Organisation) -> Organisation {
    let mut same_as = said.same_as;
    same_as.retain(|url| is_link(url, LINK_BYTES_MAX));
    same_as.truncate(SAME_AS_MAX);
    Organisation {
        name: value(said.name, VALUE_BYTES_MAX),
        legal_name: value(said.legal_name, VALUE_BYTES_MAX),
        url: said.url.filter(|url| is_link(url, LINK_BYTES_MAX)),
        same_as,
        founding_date: value(said.founding_date, VALUE_BYTES_MAX),
        employees: said.employees,
        country: value(said.country, VALUE_BYTES_MAX),
        description: value(said.description, DESCRIPTION_BYTES_MAX),
    }
}

fn person(found: FoundPerson) -> FoundPerson {
    FoundPerson {
        name: cut(&found.name, TITLE_BYTES_MAX),
        role_title: value(found.role_title, TITLE_BYTES_MAX),
        profile_url: found.profile_url.filter(|url| is_link(url, PROFILE_BYTES_MAX)),
    }
}

fn value(text: Option<String>, bytes_max: usize) -> Option<String> {
    text.map(|text| cut(&text, bytes_max)).filter(|text| !text.is_empty())
}

/// The text in one line without control characters, cut where JSON would need more than so many bytes to write it.
fn cut(text: &str, bytes_max: usize) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut bytes = 0;
    let fitting = spaced.filter(|c| !c.is_control()).take_while(|c| {
        bytes += written(*c);
        bytes <= bytes_max
    });
    fitting.collect::<String>().trim().to_owned()
}

fn is_link(url: &str, bytes_max: usize) -> bool {
    !url.contains(char::is_control) && url.chars().map(written).sum::<usize>() <= bytes_max
}

/// The bytes with which JSON writes a character that is no control character.
fn written(c: char) -> usize {
    if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() }
}

#[cfg(test)]
mod tests;
