//! Bytes to text, as a browser would read them.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// How far into a page a declaration is looked for; the HTML standard says 1024, sites write later.
const PRESCAN_BYTES: usize = 4096;
/// Detection sees no more than this: it converges long before.
const DETECT_BYTES: usize = 64 * 1024;

/// The text of a page and the name of its encoding. In order: byte order mark, the header's `charset`, the page's own
/// declaration, a guess from the bytes. A declaration that the bytes contradict is overruled by the guess.
pub(crate) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> (Cow<'a, str>, &'static str) {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding.decode_with_bom_removal(bytes).0, encoding.name());
    }
    let declared = content_type.and_then(from_header).or_else(|| from_markup(bytes));
    if let Some(encoding) = declared {
        let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
        if !had_errors {
            return (text, encoding.name());
        }
    }
    let guessed = guess(bytes);
    (guessed.decode_without_bom_handling(bytes).0, guessed.name())
}

fn from_header(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        Encoding::for_label(value.trim().trim_matches(['"', '\'']).as_bytes()).filter(|_| is_charset)
    })
}

/// `<meta charset=x>`, `<meta http-equiv content="text/html; charset=x">` and `<?xml encoding="x"?>` alike: the first
/// `charset=` or `encoding=` inside a tag of the head.
fn from_markup(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(PRESCAN_BYTES)]).to_ascii_lowercase();
    let declaration = |tag: &str, key: &str| {
        head.match_indices(tag).find_map(|(start, _)| {
            let inside = head[start..].split('>').next()?;
            let value = inside.split_once(key)?.1.trim_start().strip_prefix('=')?;
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let label = value.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | '?')).next()?;
            Encoding::for_label(label.as_bytes())
        })
    };
    let found = declaration("<meta", "charset").or_else(|| declaration("<?xml", "encoding"))?;
    // What could be read as ASCII was not UTF-16, whatever it says (HTML standard, 13.2.3.2).
    let wide = found == encoding_rs::UTF_16BE || found == encoding_rs::UTF_16LE;
    Some(if wide { encoding_rs::UTF_8 } else { found })
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let sample = &bytes[..bytes.len().min(DETECT_BYTES)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, sample.len() == bytes.len());
    detector.guess(None, Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], content_type: Option<&str>) -> (String, &'static str) {
        let (text, name) = decode(bytes, content_type);
        (text.into_owned(), name)
    }

    #[test]
    fn a_byte_order_mark_beats_the_header() {
        let (text, name) = read(b"\xef\xbb\xbfcaf\xc3\xa9", Some("text/html; charset=windows-1252"));
        assert_eq!((text.as_str(), name), ("café", "UTF-8"));
        let (text, name) = read(b"\xff\xfec\x00a\x00f\x00\xe9\x00", None);
        assert_eq!((text.as_str(), name), ("café", "UTF-16LE"));
    }

    #[test]
    fn the_header_beats_the_markup() {
        let page = b"<meta charset=shift_jis>caf\xe9";
        let (text, name) = read(page, Some("text/html; Charset=\"ISO-8859-1\""));
        assert!(text.ends_with("café"));
        assert_eq!(name, "windows-1252");
    }

    #[test]
    fn the_markup_is_believed_when_the_header_is_silent() {
        for head in [
            "<meta charset=\"gbk\">",
            "<META CHARSET = gbk >",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=gb2312\">",
            "<?xml version=\"1.0\" encoding='gbk'?>",
        ] {
            let page = [head.as_bytes(), b"\xd6\xd0\xce\xc4"].concat();
            let (text, name) = read(&page, Some("text/html"));
            assert!(text.ends_with("中文"), "{head}: {text}");
            assert_eq!(name, "GBK");
        }
    }

    #[test]
    fn a_declaration_that_the_bytes_contradict_is_overruled() {
        let (text, name) = read(b"<meta charset=utf-8>R\xe9sum\xe9 d\xe9j\xe0 envoy\xe9 \xe0 l'h\xf4tel", None);
        assert!(text.contains("Résumé déjà"), "{text}");
        assert_eq!(name, "windows-1252");
    }

    #[test]
    fn an_undeclared_page_is_guessed() {
        let (text, name) = read("<p>Ünïcödé 中文</p>".as_bytes(), None);
        assert_eq!((text.as_str(), name), ("<p>Ünïcödé 中文</p>", "UTF-8"));
        let (text, _) = read("日本語のページです。会社案内".as_bytes(), Some("text/html; charset=nonsense"));
        assert_eq!(text, "日本語のページです。会社案内");
    }
}
