//! The language of a page's text.

use whatlang::Lang;

/// ISO 639-1 code of the language that `text` is written in. Where the text is too short or too mixed to tell, what the
/// page declares of itself; templates are often left declaring English, so clear text has the last word.
pub(super) fn language(text: &str, declared: Option<&str>) -> Option<String> {
    /// More text makes the answer no surer, only slower.
    const SAMPLE_BYTES_MAX: usize = 1_200;
    const SAMPLE_BYTES_MIN: usize = 60;
    let declared = declared.and_then(primary_subtag);
    let start = text.floor_char_boundary(text.len().saturating_sub(SAMPLE_BYTES_MAX) / 3);
    let sample = &text[start..text.floor_char_boundary((start + SAMPLE_BYTES_MAX).min(text.len()))];
    let detected = whatlang::detect(sample).filter(|_| sample.len() >= SAMPLE_BYTES_MIN);
    // A template's filler text is Latin, and nobody's web site is.
    let detected = detected.filter(|info| info.lang() != Lang::Lat);
    match (detected.as_ref().filter(|info| info.is_reliable()), declared) {
        (Some(info), declared) => {
            let code = two_letters(info.lang());
            // The detector knows Indonesian and not its twin.
            if code == "id" && declared.as_deref() == Some("ms") { declared } else { Some(code.to_owned()) }
        }
        (None, Some(declared)) => Some(declared),
        (None, None) => detected.map(|info| two_letters(info.lang()).to_owned()),
    }
}

/// `en` of `en-SG`; nothing if that is no language.
fn primary_subtag(declared: &str) -> Option<String> {
    let subtag = declared.trim().split(['-', '_', ',', ' ']).next()?.to_ascii_lowercase();
    ((2..=3).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(subtag)
}

/// ISO 639-1 of a detected language; its three letters where there are no two.
fn two_letters(language: Lang) -> &'static str {
    #[rustfmt::skip]
    const CODES: [(&str, &str); 69] = [
        ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("aze", "az"), ("bel", "be"), ("ben", "bn"), ("bul", "bg"),
        ("cat", "ca"), ("ces", "cs"), ("cmn", "zh"), ("cym", "cy"), ("dan", "da"), ("deu", "de"), ("ell", "el"), ("eng", "en"),
        ("epo", "eo"), ("est", "et"), ("fin", "fi"), ("fra", "fr"), ("guj", "gu"), ("heb", "he"), ("hin", "hi"), ("hrv", "hr"),
        ("hun", "hu"), ("hye", "hy"), ("ind", "id"), ("ita", "it"), ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"),
        ("khm", "km"), ("kor", "ko"), ("lat", "la"), ("lav", "lv"), ("lit", "lt"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"),
        ("mya", "my"), ("nep", "ne"), ("nld", "nl"), ("nob", "nb"), ("ori", "or"), ("pan", "pa"), ("pes", "fa"), ("pol", "pl"),
        ("por", "pt"), ("ron", "ro"), ("rus", "ru"), ("sin", "si"), ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("spa", "es"),
        ("srp", "sr"), ("swe", "sv"), ("tam", "ta"), ("tel", "te"), ("tgl", "tl"), ("tha", "th"), ("tuk", "tk"), ("tur", "tr"),
        ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("vie", "vi"), ("zul", "zu"),
    ];
    let code = language.code();
    CODES.iter().find(|(three, _)| *three == code).map_or(code, |(_, two)| two)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDONESIAN: &str = "Kami adalah perusahaan yang bergerak di bidang jasa kebersihan dan telah melayani ratusan pelanggan di seluruh Indonesia sejak lama.";

    #[test]
    fn clear_text_outweighs_what_the_template_declares() {
        assert_eq!(language(INDONESIAN, Some("en")).as_deref(), Some("id"));
        assert_eq!(language(INDONESIAN, Some("ms-MY")).as_deref(), Some("ms"));
    }

    #[test]
    fn a_declaration_serves_where_text_is_short() {
        assert_eq!(language("Kopi", Some("en-SG")).as_deref(), Some("en"));
        assert_eq!(language("Kopi", Some("{{ lang }}")), None);
        assert_eq!(language("", None), None);
        let filler = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.";
        assert_eq!(language(filler, Some("id")).as_deref(), Some("id"));
    }
}
