//! How personal data looks where it must not be shown: enough to tell two apart for one who knows them, too little to use.

const HIDDEN: &str = "***";

/// `j***@acme.example`. The domain stays; a name of one letter, and what is no address, is hidden whole.
pub fn email(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((name, domain)) if !name.is_empty() && !domain.is_empty() => {
            format!("{}@{domain}", word(name))
        }
        _ => HIDDEN.to_owned(),
    }
}

/// `J*** D***` for "Jane Doe".
pub fn name(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(word).collect();
    if words.is_empty() { HIDDEN.to_owned() } else { words.join(" ") }
}

/// `+65***67` for "+65 6123 4567": the first two and the last two digits; a short number is hidden whole.
pub fn phone(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    match digits.as_slice() {
        [first, second, middle @ .., before, last] if middle.len() >= 4 => {
            let plus = if number.trim_start().starts_with('+') { "+" } else { "" };
            format!("{plus}{first}{second}{HIDDEN}{before}{last}")
        }
        _ => HIDDEN.to_owned(),
    }
}

fn word(word: &str) -> String {
    let mut characters = word.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(_)) => format!("{first}{HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_first_letter_and_its_domain() {
        assert_eq!(email("jane.doe@acme.example"), "j***@acme.example");
        assert_eq!(email(" \"a@b\"@acme.example"), "\"***@acme.example");
        for hidden in ["", "jane", "@acme.example", "jane@"] {
            assert_eq!(email(hidden), "***", "{hidden}");
        }
        assert_eq!(email("j@acme.example"), "***@acme.example");
    }

    #[test]
    fn a_name_keeps_its_initials() {
        assert_eq!(name("  Jane  Doe "), "J*** D***");
        assert_eq!(name("Élodie X"), "É*** ***");
        assert_eq!(name(" "), "***");
    }

    #[test]
    fn a_number_keeps_its_ends() {
        assert_eq!(phone("+65 6123 4567"), "+65***67");
        assert_eq!(phone("6123 4567"), "61***67");
        assert_eq!(phone("999"), "***");
    }
}
