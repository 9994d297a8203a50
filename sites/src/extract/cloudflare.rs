//! Cloudflare's e-mail protection: hex digits, of which the first two are the key that every other byte is xored with.

/// The address behind the hex digits of `data-cfemail`, if they are one.
pub(super) fn decode(code: &str) -> Option<String> {
    /// A 254-byte address (RFC 5321 section 4.5.3.1.3) and its key.
    const CODE_BYTES_MAX: usize = 2 * 255;
    let code = code.trim();
    if code.len() < 4 || code.len() > CODE_BYTES_MAX || !code.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Vec<u8> = (0..code.len()).step_by(2).map(|at| byte(code, at)).collect::<Option<_>>()?;
    let (key, hidden) = bytes.split_first()?;
    let address = String::from_utf8(hidden.iter().map(|byte| byte ^ key).collect()).ok()?;
    // A link may carry "?subject=" behind the address.
    let address = address.split('?').next().unwrap_or_default().to_owned();
    address.contains('@').then_some(address)
}

fn byte(code: &str, at: usize) -> Option<u8> {
    u8::from_str_radix(code.get(at..at + 2)?, 16).ok()
}

/// The hex digits in a link to Cloudflare's decoder.
pub(super) fn fragment(href: &str) -> Option<&str> {
    href.split_once("/cdn-cgi/l/email-protection#").map(|(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes as Cloudflare does.
    fn encode(address: &str, key: u8) -> String {
        std::iter::once(key).chain(address.bytes().map(|byte| byte ^ key)).map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn an_address_comes_back_whatever_the_key() {
        for key in [0x00, 0x42, 0xff] {
            assert_eq!(decode(&encode("tan@kopi.example", key)).as_deref(), Some("tan@kopi.example"));
        }
    }

    #[test]
    fn what_is_no_address_gives_nothing() {
        for code in ["", "4", "42zz", "4242", "é2é2", &encode("no address", 7), &"42".repeat(600)] {
            assert_eq!(decode(code), None, "{code}");
        }
    }

    #[test]
    fn a_subject_behind_the_address_is_left_out() {
        assert_eq!(decode(&encode("tan@kopi.example?subject=Hi", 9)).as_deref(), Some("tan@kopi.example"));
    }
}
