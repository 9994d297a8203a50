//! Finds a text in bytes, however it was written there.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// What is looked for: every seeded text in every form.
pub struct Scan {
    /// Forms in which letters may have either case.
    any_case: Forms,
    /// Forms whose case carries meaning.
    exact: Forms,
}

struct Forms {
    names: Vec<String>,
    automaton: AhoCorasick,
}

impl Forms {
    fn new(forms: Vec<(String, Vec<u8>)>, any_case: bool) -> Self {
        let (names, bytes): (Vec<String>, Vec<Vec<u8>>) = forms.into_iter().unzip();
        Self { names, automaton: AhoCorasick::builder().ascii_case_insensitive(any_case).build(bytes).unwrap() }
    }

    fn found<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = String> + 'a {
        self.automaton.find_overlapping_iter(bytes).map(|found| self.names[found.pattern().as_usize()].clone())
    }
}

impl Scan {
    pub fn new(texts: &[&str]) -> Self {
        let (mut forms, mut exact) = (Vec::new(), Vec::new());
        for text in texts {
            let bytes = text.as_bytes();
            forms.push((format!("{text:?}"), bytes.to_ascii_lowercase()));
            forms.push((format!("{text:?} for URLs"), url_encoded(text, "%20").into_bytes()));
            forms.push((format!("{text:?} for forms"), url_encoded(text, "+").into_bytes()));
            forms.push((
                format!("{text:?} in references"),
                text.replace('@', "&#64;").to_ascii_lowercase().into_bytes(),
            ));
            forms.push((format!("{text:?} in JSON"), text.replace('@', "\\u0040").to_ascii_lowercase().into_bytes()));
            forms.push((format!("{text:?} joined"), text.replace(' ', "-").to_ascii_lowercase().into_bytes()));
            forms.push((
                format!("{text:?} backwards"),
                text.chars().rev().collect::<String>().to_ascii_lowercase().into_bytes(),
            ));
            for (case, text) in [
                ("as it is", (*text).to_owned()),
                ("in lower case", text.to_lowercase()),
                ("in upper case", text.to_uppercase()),
            ] {
                forms.push((format!("{text:?} in hex, {case}"), hex(text.as_bytes()).into_bytes()));
                exact.extend(
                    base64(&text).into_iter().map(|form| (format!("{text:?} in base64, {case}"), form.into_bytes())),
                );
            }
            forms.push((
                format!("{text:?} in UTF-16, big end first"),
                text.to_lowercase().encode_utf16().flat_map(u16::to_be_bytes).collect(),
            ));
            forms.push((
                format!("{text:?} in UTF-16"),
                text.to_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ));
        }
        Self { any_case: Forms::new(forms, true), exact: Forms::new(exact, false) }
    }

    /// The forms that are in `bytes`.
    pub fn found(&self, bytes: &[u8]) -> Vec<String> {
        self.any_case.found(bytes).chain(self.exact.found(bytes)).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The text in base64 wherever in a longer text it begins: the characters that its neighbours have no part in.
fn base64(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let bytes = [&vec![0; before][..], text.as_bytes()].concat();
        let (from, whole) = ([0, 2, 3][before], bytes.len() / 3 * 4);
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.push(encoded[from..whole.min(encoded.len())].to_owned());
        }
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower case, with percent-encoding.
fn url_encoded(text: &str, space: &str) -> String {
    let encoded = |c: char| match c {
        ' ' => space.to_owned(),
        c if c.is_ascii_alphanumeric() || "-_.~".contains(c) => c.to_ascii_lowercase().to_string(),
        c => c.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
    };
    text.chars().map(encoded).collect()
}

#[test]
fn a_planted_text_is_found_however_it_is_written() {
    let scan = Scan::new(&["Mei Ling@acme.example"]);
    let planted = |text: &str| scan.found(text.as_bytes());
    assert_eq!(planted("Nobody is here: mei.ling@acme, TWVp"), Vec::<String>::new());
    for written in [
        "to MEI LING@ACME.EXAMPLE now",
        "mei%20ling%40acme.example",
        "MEI+LING%40acme.example",
        "mei ling&#64;acme.example",
        "mei ling\\u0040acme.example",
        "mei-ling@acme.example",
        "elpmaxe.emca@gnil iem",
        "4D6569204C696E674061636D652E6578616D706C65",
        "6d6569206c696e674061636d652e6578616d706c65",
    ] {
        assert!(!planted(written).is_empty(), "{written}");
    }
    for before in ["", "x", "xy", "xyz", "{\"name\":\""] {
        for text in ["Mei Ling@acme.example", "mei ling@acme.example", "MEI LING@ACME.EXAMPLE"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}{text} and more"));
            assert!(!planted(&encoded).is_empty(), "{before}{text}: {encoded}");
        }
    }
    let wide: Vec<u8> = "to Mei Ling@acme.example".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!scan.found(&wide).is_empty());
}
