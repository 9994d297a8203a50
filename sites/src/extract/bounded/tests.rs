use proptest::prelude::*;
use url::Url;

use super::*;
use crate::extract::{Region, merge, page};

fn read(html: &str) -> PageFindings {
    page(html, &Url::parse("https://kopi.example/team").unwrap(), Region::SINGAPORE)
}

/// Every text of the findings, by way of the JSON in which they are kept.
fn texts(found: &PageFindings) -> Vec<String> {
    fn collect(value: serde_json::Value, texts: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => texts.push(text),
            serde_json::Value::Array(items) => items.into_iter().for_each(|item| collect(item, texts)),
            serde_json::Value::Object(fields) => fields.into_iter().for_each(|(_, item)| collect(item, texts)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    collect(serde_json::to_value(found).unwrap(), &mut all);
    all
}

/// A page with a zero character in every place where one can be written, in every way.
const HOSTILE: &str = "<html lang=\"en\0\"><head><title>Kopi\0 House&#0; | About\u{7f}</title>
<meta name=description content=\"Coffee\0 and &#1; tea\"><meta name=generator content=\"Odd\0Press 1\"><meta property=og:site_name content=\"Kopi\u{1}\">
<script type=\"application/ld+json\">{\"@type\": \"Organization\", \"name\": \"Kopi\\u0000 House\", \"legalName\": \"A\\u0000B\", \"url\": \"https://kopi.example/\\u0000\",
\"sameAs\": [\"https://www.facebook.com/ko\\u0000pi\"], \"foundingDate\": \"19\\u000087\", \"description\": \"We\\u0000\\u001f\", \"email\": \"in\\u0000fo@kopi.example\",
\"address\": {\"addressCountry\": \"S\\u0000G\"}, \"employee\": {\"@type\": \"Person\", \"name\": \"Tan Mei\\u0000 Ling\", \"jobTitle\": \"Managing\\u0000 Director\",
\"sameAs\": \"https://www.linkedin.com/in/mei\\u0000ling\"}}</script></head>
<body><h1>About Kopi\0 House</h1><h3>Ravi Kumar</h3><p>Head of\0 Sales</p><a href=\"https://www.linkedin.com/in/ravi\u{1}\">in</a>
<a href=\"mailto:ra%00vi@kopi.example\">write\0</a><a href=\"/careers\0\">Careers\0</a><p>© 2024 Kopi\0 House Pte. Ltd. Tel: 6123\u{0}4567, 6223 4567\u{1}</p></body></html>";

#[test]
fn a_zero_character_reaches_no_finding_however_it_is_written() {
    let found = read(HOSTILE);
    for text in texts(&found) {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
    let organisation = found.organisation.as_ref().unwrap();
    assert_eq!((organisation.name.as_deref(), organisation.legal_name.as_deref()), (Some("Kopi House"), Some("AB")));
    assert!(found.text.contains("Kopi House Pte. Ltd."), "{}", found.text);
    let site = serde_json::to_string(&merge(&[found])).unwrap();
    assert!(!site.contains("\\u00"), "{site}");
}

#[test]
fn an_essay_is_no_job_title_and_a_link_cut_short_is_no_link() {
    let essay = "Managing \\\"Director\\\" ".repeat(500);
    let person = |name: &str, link: &str| {
        format!(
            r#"{{"@type": "Person", "name": "{name}", "jobTitle": "{essay}", "sameAs": "https://www.linkedin.com/in/{link}"}}"#
        )
    };
    let people = [person("Tan Mei Ling", "meiling"), person("Ravi Kumar", &"x".repeat(300))].join(",");
    let organisation =
        format!(r#"{{"@type": "Organization", "name": "{}", "description": "{essay}"}}"#, "K".repeat(999));
    let html = format!(
        r#"<title>{}</title><script type="application/ld+json">[{people},{organisation}]</script>"#,
        "T".repeat(999)
    );
    let found = read(&html);
    for person in &found.people {
        let title = serde_json::to_string(person.role_title.as_ref().unwrap()).unwrap();
        assert!(title.starts_with(r#""Managing \"Director\""#) && title.len() <= TITLE_BYTES_MAX + 2, "{title}");
    }
    let profiles: Vec<_> = found.people.iter().map(|person| person.profile_url.as_deref()).collect();
    assert_eq!(profiles, [Some("https://www.linkedin.com/in/meiling"), None]);
    let organisation = found.organisation.unwrap();
    assert_eq!(organisation.name.unwrap().len(), VALUE_BYTES_MAX);
    assert!(organisation.description.unwrap().len() <= DESCRIPTION_BYTES_MAX);
    assert_eq!(found.title.unwrap().len(), VALUE_BYTES_MAX);
}

#[test]
fn a_directory_of_people_and_an_address_nobody_can_write_to_are_left_out() {
    let person =
        |number: usize| format!(r#"{{"@type": "Person", "name": "Tan {}", "jobTitle": "Director"}}"#, word(number));
    let people = (0..PEOPLE_MAX + 50).map(person).collect::<Vec<_>>().join(",");
    let long = format!("{}@{}.example", "a".repeat(64), ["b".repeat(60), "c".repeat(60), "d".repeat(60)].join("."));
    let html = format!(r#"<script type="application/ld+json">[{people}]</script><p>{long} and info@kopi.example</p>"#);
    let found = read(&html);
    assert_eq!(found.people.len(), PEOPLE_MAX);
    assert_eq!(found.emails.iter().map(|email| email.address.as_str()).collect::<Vec<_>>(), ["info@kopi.example"]);
}

/// A name of letters only.
fn word(mut number: usize) -> String {
    let mut word = String::from("M");
    for _ in 0..3 {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
    }
    word
}

proptest! {
    #[test]
    fn whatever_is_cut_fits_and_has_no_control_character(text: String, bytes_max in 0_usize..300) {
        let kept = cut(&text, bytes_max);
        prop_assert!(!kept.contains(char::is_control));
        prop_assert!(serde_json::to_string(&kept).unwrap().len() <= bytes_max + 2);
    }
}
