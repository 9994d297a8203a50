//! How sites write e-mail addresses so that people can read them and simple robots cannot.

use std::fmt::Write as _;

use crate::web::profile::Writing;

/// `address` as HTML, written the given way.
pub fn email_html(address: &str, writing: Writing) -> String {
    match writing {
        Writing::Mailto => format!("<a href=\"mailto:{address}?subject=Enquiry\">{address}</a>"),
        Writing::Text => address.to_owned(),
        Writing::AtWord => address.replace('@', " [at] ").replace('.', " [dot] "),
        Writing::Cloudflare => format!(
            "<a href=\"/cdn-cgi/l/email-protection\" class=\"__cf_email__\" data-cfemail=\"{}\">[email&#160;protected]</a>",
            cloudflare(address, 0x5a)
        ),
        Writing::References => address.chars().fold(String::new(), |mut html, letter| {
            let _ = write!(html, "&#{};", u32::from(letter));
            html
        }),
    }
}

/// Cloudflare's scheme: the key in hexadecimal, then each byte of the address combined with it by exclusive or.
fn cloudflare(address: &str, key: u8) -> String {
    address.bytes().fold(format!("{key:02x}"), |mut hex, byte| {
        let _ = write!(hex, "{:02x}", byte ^ key);
        hex
    })
}

/// A number in E.164 as people in Singapore write it.
pub fn phone_text(number: &str) -> String {
    match (number.get(..3), number.get(3..7), number.get(7..)) {
        (Some(country), Some(first), Some(last)) => format!("{country} {first} {last}"),
        _ => number.to_owned(),
    }
}

/// `text` with the characters that HTML gives a meaning written as references.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudflare_hides_an_address_that_its_key_opens_again() {
        let hex = cloudflare("info@kelmora.example", 0x5a);
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let opened: Vec<u8> = bytes[1..].iter().map(|byte| byte ^ bytes[0]).collect();
        assert_eq!(opened, b"info@kelmora.example");
    }
}
