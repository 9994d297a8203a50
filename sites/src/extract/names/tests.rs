use super::*;
use crate::extract::{digest::digest, json_ld};

fn found(html: &str, source: NameSource) -> Vec<String> {
    let digest = digest(html);
    let copyrights = copyrights(&digest);
    let all = candidates(&digest, &json_ld::read(&digest.json_ld), &copyrights);
    all.into_iter().filter(|candidate| candidate.source == source).map(|candidate| candidate.name).collect()
}

#[test]
fn a_copyright_line_names_its_owner() {
    for line in [
        "© 2024 Kopi House. All rights reserved.",
        "Copyright &copy; 2011 - 2024 Kopi House | Designed by Someone",
        "&copy; Copyright Kopi House. All Rights Reserved",
        "Copyright 2024 by Kopi House, all rights reserved",
        "2024 © Kopi House",
    ] {
        assert_eq!(found(&format!("<p>{line}</p>"), NameSource::Copyright), ["Kopi House"], "{line}");
    }
    assert_eq!(
        found("<p>© 2024 Kopi House Pte. Ltd. All rights reserved</p>", NameSource::Copyright),
        ["Kopi House Pte. Ltd."]
    );
}

#[test]
fn titles_logos_and_headings_offer_names() {
    assert_eq!(found("<title>About Us | Kopi House</title>", NameSource::Title), ["Kopi House"]);
    assert_eq!(found("<title>Kopi House官方网站</title>", NameSource::Title), ["Kopi House"]);
    assert_eq!(found("<img src=logo.png alt='Kopi House Logo'>", NameSource::Logo), ["Kopi House"]);
    assert_eq!(found("<h2>Welcome to Kopi House!</h2>", NameSource::Heading), ["Kopi House"]);
    assert_eq!(found("<p>We at Kopi House Pte. Ltd. roast.</p>", NameSource::LegalForm), ["Kopi House Pte. Ltd."]);
}

#[test]
fn legal_forms_do_not_make_another_name() {
    for name in [
        "Kopi House",
        "KOPI HOUSE PTE. LTD.",
        "Kopi House Pte Ltd",
        "PT. Kopi House",
        "Kopi-House Sdn. Bhd.",
        "Kopi House Co., Ltd.",
    ] {
        assert_eq!(name_key(name), "kopihouse", "{name}");
    }
    assert_eq!(name_key("Limited"), "limited");
}

#[test]
fn a_legal_form_belongs_to_the_capitalised_words_beside_it() {
    let text = "<p>He left Roasters. Kopi and Sons of Bedok Pte Ltd was next. PT Kopi Nusantara, Jakarta.</p>\n<p>CÔNG TY CỔ PHẦN Kopi Sài Gòn</p><p>our private Limited, PT and CV</p>";
    assert_eq!(
        found(text, NameSource::LegalForm),
        ["Kopi and Sons of Bedok Pte Ltd", "PT Kopi Nusantara", "CÔNG TY CỔ PHẦN Kopi Sài Gòn"]
    );
}
