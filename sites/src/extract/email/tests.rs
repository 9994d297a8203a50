use url::Url;

use super::*;
use crate::extract::{Region, page};

fn addresses(html: &str) -> Vec<(String, EmailSource)> {
    let url = Url::parse("https://kopi.example/contact").unwrap();
    page(html, &url, Region::SINGAPORE).emails.into_iter().map(|email| (email.address, email.how)).collect()
}

fn one(address: &str, how: EmailSource) -> Vec<(String, EmailSource)> {
    vec![(address.to_owned(), how)]
}

#[test]
fn plain_text_and_links_are_read_once_per_address() {
    let html = r#"<p>Write to Info@Kopi.example.</p><a href="MAILTO:%20info@kopi.example?subject=Hi">mail</a>"#;
    assert_eq!(addresses(html), one("info@kopi.example", EmailSource::Mailto));
}

#[test]
fn common_obfuscations_are_read() {
    for html in [
        "sales [at] kopi [dot] example",
        "sales(at)kopi.example",
        "sales {AT} kopi {DOT} example",
        "sales at kopi dot example",
        "sales @ kopi.example",
        "<script>document.write('sales' + '@' + 'kopi.example')</script>",
        r#"<joomla-hidden-mail first="c2FsZXM=" last="a29waS5leGFtcGxl" text="eA==">This email address is being protected.</joomla-hidden-mail>"#,
        "<script>var addy1 = 's&#97;l&#101;s' + '&#64;'; addy1 = addy1 + 'k&#111;p&#105;' + '&#46;' + 'example'; var addy_text1 = '';</script>",
        r#"<span style="unicode-bidi:bidi-override; direction: rtl">elpmaxe.ipok@selas</span>"#,
        r#"<style>.m { unicode-bidi: bidi-override; direction: rtl }</style><p><b class="m">elpmaxe.ipok@selas</b></p>"#,
    ] {
        assert_eq!(addresses(html), one("sales@kopi.example", EmailSource::Obfuscated), "{html}");
    }
}

#[test]
fn entities_inline_tags_and_hidden_decoys_do_not_disturb() {
    for html in [
        "<p>sales&#64;kopi.example</p>",
        "<p>sales&commat;kopi&period;example</p>",
        "<p>sales<span>@</span>kopi.example</p>",
        r#"<p>sales@<span style="display:none">nospam</span>kopi.example</p>"#,
        "<p>sales\u{200b}@kopi.example</p>",
    ] {
        assert_eq!(addresses(html), one("sales@kopi.example", EmailSource::Text), "{html}");
    }
}

#[test]
fn cloudflare_protection_is_undone() {
    let code: String = std::iter::once(7)
        .chain("tan@kopi.example".bytes().map(|byte| byte ^ 7))
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for html in [
        format!(
            r#"<a href="/cdn-cgi/l/email-protection" class="__cf_email__" data-cfemail="{code}">[email&#160;protected]</a>"#
        ),
        format!(r#"<span class="__cf_email__" data-cfemail="{code}">[email protected]</span>"#),
        format!(r#"<a href="/cdn-cgi/l/email-protection#{code}">Mail us</a>"#),
    ] {
        assert_eq!(addresses(&html), one("tan@kopi.example", EmailSource::Cloudflare), "{html}");
    }
}

#[test]
fn what_only_looks_like_an_address_is_left() {
    for html in [
        r#"<p>logo@2x.png jquery@3.6.0 bootstrap@5.3.0/dist vue@2.6.min.js</p>"#,
        "<p>you@example.com your.name@gmail.com name@domain.com</p>",
        r#"<input placeholder="sales@kopi.example">"#,
        "<p>Meet us @ the fair at Kopi. Dot your i's.</p>",
        "<p>@kopi kopi@ @@ a@b .@. medium.com/@kopi</p>",
    ] {
        assert_eq!(addresses(html), Vec::new(), "{html}");
    }
}

#[test]
fn words_stuck_to_an_address_are_cut_off() {
    assert_eq!(clean("Emailhello@kopi.example").as_deref(), Some("hello@kopi.example"));
    assert_eq!(clean("email@kopi.example").as_deref(), Some("email@kopi.example"));
    let html = "<p>62234567info@kopi.example</p><p>info@kopi.example</p>";
    assert_eq!(addresses(html), one("info@kopi.example", EmailSource::Text));
    assert_eq!(clean("info@kopi.com.sgTel").as_deref(), Some("info@kopi.com.sg"));
    assert_eq!(clean("-info@kopi.com.").as_deref(), Some("info@kopi.com"));
}
