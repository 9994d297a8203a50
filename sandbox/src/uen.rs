//! Unique Entity Numbers with valid check characters, for made-up companies.
//!
//! The three layouts and their check characters are those the registry uses (businesses `nnnnnnnnX`, local companies
//! `yyyynnnnnX`, others `TyyPQnnnnX`); the numbers themselves are invented.

/// A local company's number, such as `201512345K`: the year it was registered and a serial below 100,000.
pub fn local_company(year: u32, serial: u32) -> String {
    let digits = format!("{:04}{:05}", year % 10_000, serial % 100_000);
    let check = weighted(&digits, &[10, 8, 6, 4, 9, 7, 5, 3, 1]);
    with_check(digits, b"ZKCMDNERGWH", check)
}

/// A business's number (sole proprietor, partnership), such as `53012345D`: a serial below 100,000,000.
pub fn business(serial: u32) -> String {
    let digits = format!("{:08}", serial % 100_000_000);
    let check = weighted(&digits, &[10, 4, 9, 3, 8, 2, 7, 1]);
    with_check(digits, b"XMKECAWLJDB", check)
}

/// A limited liability partnership's number, such as `T08LL0859H`: a year from 2000 on and a serial below 10,000.
pub fn partnership(year: u32, serial: u32) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    let body = format!("T{:02}LL{:04}", year % 100, serial % 10_000);
    let sum: usize = body
        .bytes()
        .zip([4, 3, 5, 3, 10, 2, 2, 5, 7])
        .map(|(byte, weight)| ALPHABET.iter().position(|letter| *letter == byte).unwrap_or(0) * weight)
        .sum();
    with_check(body, ALPHABET, (sum + 6) % 11)
}

fn weighted(digits: &str, weights: &[usize]) -> usize {
    let sum: usize = digits.bytes().zip(weights).map(|(byte, weight)| usize::from(byte - b'0') * weight).sum();
    sum % 11
}

fn with_check(mut body: String, letters: &[u8], check: usize) -> String {
    body.push(char::from(letters[check]));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_characters_agree_with_published_numbers() {
        // Numbers that listed companies print on every page, and one of the examples validators are tested with.
        assert_eq!(local_company(1968, 306), "196800306E");
        assert_eq!(local_company(1972, 78), "197200078R");
        assert_eq!(business(192_200), "00192200M");
    }
}
