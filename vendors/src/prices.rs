//! What things cost: US dollars by name, from a file or the defaults.

use std::{collections::BTreeMap, path::Path};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};

/// When the defaults below were gathered. They are list prices, read second-hand: an operator sets those of the own contracts.
const DEFAULTS_AS_OF: Option<NaiveDate> = NaiveDate::from_ymd_opt(2026, 11, 1);

/// Name, US dollars as hundred-millionths.
const DEFAULTS: &[(&str, i64)] = &[
    ("tavily.credit", 800_000),             // pay as you go
    ("lusha.credit", 10_000_000),           // no list price is published: an assumption to be replaced
    ("zerobounce.verification", 1_950_000), // at 2,000 addresses
    ("openai.gpt-4o-mini.input", 15_000_000),
    ("openai.gpt-4o-mini.output", 60_000_000),
    ("openai.gpt-4.1-mini.input", 40_000_000),
    ("openai.gpt-4.1-mini.output", 160_000_000),
    ("openai.gpt-5.4-mini.input", 75_000_000),
    ("openai.gpt-5.4-mini.output", 450_000_000),
    ("openai.gpt-5.6-luna.input", 20_000_000),
    ("openai.gpt-5.6-luna.output", 120_000_000),
    ("openai.text-embedding-3-small.input", 2_000_000),
];

/// Prices by name: `<vendor>.<unit>`; models' are per million tokens, `openai.<model>.input` and `.output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// Since when they hold.
    pub as_of: Option<NaiveDate>,
    usd: BTreeMap<String, Decimal>,
}

/// Something has no price, so nobody can say what it would cost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} has no price: add it to the file of prices")]
pub struct Unpriced(pub String);

/// Why prices cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PricesError {
    /// The file cannot be read.
    #[error("reading prices from {path}")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("prices in {path} are not {{\"as_of\": \"YYYY-MM-DD\", \"usd\": {{\"tavily.credit\": \"0.008\", ...}}}}")]
    Shape {
        /// Which file.
        path: String,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    as_of: Option<NaiveDate>,
    usd: BTreeMap<String, Amount>,
}

#[derive(Deserialize)]
struct Amount(#[serde(deserialize_with = "amount")] Decimal);

/// A decimal, as a number or in a string, exactly as written.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(serde_json::Number),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    };
    let value = text.parse().or_else(|_| Decimal::from_scientific(&text)).map_err(serde::de::Error::custom)?;
    match value >= Decimal::ZERO {
        true => Ok(value),
        false => Err(serde::de::Error::custom("an amount is not negative")),
    }
}

impl Default for Prices {
    fn default() -> Self {
        let usd = DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), Decimal::new(*value, 8).normalize()));
        Self { as_of: DEFAULTS_AS_OF, usd: usd.collect() }
    }
}

impl Prices {
    /// The defaults, replaced and completed by a JSON file: `{"as_of": "2026-11-01", "usd": {"tavily.credit": "0.008"}}`.
    ///
    /// # Errors
    /// [`PricesError`] when the file cannot be read or holds something else.
    pub fn from_file(path: &Path) -> Result<Self, PricesError> {
        let name = || path.display().to_string();
        let text = std::fs::read(path).map_err(|source| PricesError::Read { path: name(), source })?;
        Self::read(&text).map_err(|source| PricesError::Shape { path: name(), source })
    }

    fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_slice(text)?;
        let mut prices = Self::default();
        prices.as_of = file.as_of.or(prices.as_of);
        prices.usd.extend(file.usd.into_iter().map(|(name, amount)| (name, amount.0)));
        Ok(prices)
    }

    /// The price of one `name`, in US dollars.
    ///
    /// # Errors
    /// [`Unpriced`] when there is none.
    pub fn usd(&self, name: &str) -> Result<Decimal, Unpriced> {
        self.usd.get(name).copied().ok_or_else(|| Unpriced(name.to_owned()))
    }

    /// The price of tokens of a model, in US dollars.
    ///
    /// # Errors
    /// [`Unpriced`] when the model has none.
    pub fn tokens(&self, model: &str, input: u64, output: u64) -> Result<Decimal, Unpriced> {
        let per_token = |price: Decimal| price / Decimal::from(1_000_000);
        let read = per_token(self.usd(&format!("openai.{model}.input"))?) * Decimal::from(input);
        if output == 0 {
            return Ok(read.normalize());
        }
        let written = per_token(self.usd(&format!("openai.{model}.output"))?) * Decimal::from(output);
        Ok((read + written).normalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_defaults_and_adds_to_them_exactly_as_written() {
        let prices = Prices::read(br#"{"usd": {"tavily.credit": 0.0075, "acme.page": "0.0000001"}}"#).unwrap();
        assert_eq!(prices.usd("tavily.credit").unwrap().to_string(), "0.0075");
        assert_eq!(prices.usd("acme.page").unwrap().to_string(), "0.0000001");
        assert_eq!(prices.usd("zerobounce.verification").unwrap().to_string(), "0.0195");
        assert_eq!(prices.as_of, DEFAULTS_AS_OF);
    }

    #[test]
    fn tokens_are_priced_per_million_without_rounding() {
        let prices = Prices::default();
        assert_eq!(prices.tokens("gpt-4o-mini", 58, 7).unwrap().to_string(), "0.0000129");
        assert_eq!(prices.tokens("text-embedding-3-small", 1, 0).unwrap().to_string(), "0.00000002");
        assert_eq!(prices.tokens("none", 1, 0), Err(Unpriced("openai.none.input".to_owned())));
    }

    #[test]
    fn a_negative_price_or_an_unknown_key_is_refused() {
        assert!(Prices::read(br#"{"usd": {"tavily.credit": "-1"}}"#).is_err());
        assert!(Prices::read(br#"{"usd": {}, "eur": {}}"#).is_err());
    }
}
