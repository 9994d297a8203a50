use url::Url;

use crate::extract::{FoundPhone, PhoneSource, Region, page};

fn found(html: &str) -> Vec<FoundPhone> {
    let url = Url::parse("https://kopi.example/contact").unwrap();
    page(html, &url, Region::SINGAPORE).phones
}

fn numbers(html: &str) -> Vec<String> {
    found(html).into_iter().map(|phone| phone.e164.unwrap_or(phone.digits)).collect()
}

#[test]
fn links_and_text_give_one_number_in_e164() {
    for html in [
        r#"<a href="tel:+65 6223 4567">Call</a><p>Tel: 6223 4567</p>"#,
        r#"<a href="tel:62234567">Call</a>"#,
        r#"<a href="https://wa.me/6562234567?text=Hi">Chat</a>"#,
        r#"<a href="https://api.whatsapp.com/send?phone=6562234567&text=Hi">Chat</a>"#,
        "<p>(+65) 6223-4567</p>",
        "<p>+65 (0) 6223 4567 ext. 12</p>",
        "<p>Phone no.: 6223.4567</p>",
        "<table><tr><td>Telephone<td>6223 4567</table>",
        r#"<p><i class="fa fa-phone"></i> 6223 4567</p>"#,
        r#"<script type="application/ld+json">{"@type":"Store","telephone":"6223 4567"}</script>"#,
    ] {
        assert_eq!(numbers(html), ["+6562234567"], "{html}");
    }
}

#[test]
fn numbers_that_follow_are_numbers_too() {
    assert_eq!(
        numbers("<p>Tel: 6223 4567 / 6223 4568, 9123 4565<br>6223 4569</p>"),
        ["+6562234567", "+6562234568", "+6591234565", "+6562234569"]
    );
    assert_eq!(numbers("<p>Tel: 0124-4259755/4284051, Haryana, India</p>"), ["+911244259755"]);
}

#[test]
fn the_page_tells_the_country() {
    assert_eq!(numbers("<p>Tel: 03-2287 4567, Kuala Lumpur, Malaysia</p>"), ["+60322874567"]);
    assert_eq!(numbers("<p>+62 812 8384 8503</p><p>HP: 0813 8384 8504</p>"), ["+6281283848503", "+6281383848504"]);
    assert_eq!(numbers("<p>+84 (0) 961 939 955</p>"), ["+84961939955"]);
}

#[test]
fn a_number_alone_on_its_line_must_prove_itself() {
    let malaysian = "<p>Selangor, Malaysia</p><p>: 03 - 2287 4567</p><p>0000 11112</p>";
    assert_eq!(numbers(malaysian), ["+60322874567"]);
}

#[test]
fn faxes_are_told_apart() {
    let found = found("<p>Tel: 6223 4567</p><p>Fax: 6223 4568</p>");
    let faxes: Vec<_> = found.iter().map(|phone| (phone.is_fax, phone.how)).collect();
    assert_eq!(faxes, [(false, PhoneSource::Text), (true, PhoneSource::Text)]);
}

#[test]
fn other_numbers_are_no_phones() {
    for html in [
        "<p>Established 2005-2010, order 62234567, S$ 62,234,567.00</p>",
        "<p>Contact before 05-09-2005 or 2005.09.05</p>",
        "<p>Call 1234567 or +65 1234 5678 or 0000000000</p>",
        "<p>Tel 1.234.567.890.123.456.789</p><p>+999 999 999 999</p>",
        "<p>v2.62234567 id=62234567 UEN 201912345K</p>",
    ] {
        assert_eq!(numbers(html), Vec::<String>::new(), "{html}");
    }
}
