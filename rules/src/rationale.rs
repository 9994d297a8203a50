//! Why a lead scored as it did: at most two sentences, from its strongest signals and its main gap.
//!
//! The text is made from features alone, so it holds no personal data, and equal features, weights and bucket give equal
//! text. [`cache_key`] covers exactly that input. A tenant that has a model switched on gets [`model`]'s words instead.

pub mod model;

use sha2::{Digest, Sha256};

use crate::features::{Feature, Features};
use crate::score::{Bucket, Score, Weights};

/// Counted up whenever the text for the same input changes, so that no cached text of an older wording is served.
pub const RATIONALE_VERSION: u32 = 1;

const SIGNALS_MAX: usize = 3;
/// From this value on a feature is a signal; below it, a gap.
const SIGNAL_FROM: f64 = 0.5;

/// The rationale of a score.
pub fn rationale(score: &Score) -> String {
    let signals = signals(score);
    let strong = if signals.is_empty() { "no strong signal".to_owned() } else { listed(&signals) };
    let first = format!("{} fit: {strong}.", score.bucket.as_str());
    match gap(score) {
        Some(gap) => format!("{first} Main gap: {gap}."),
        None => first,
    }
}

/// Hex SHA-256 over what a rationale is made from: the features in hundredths, the weights, the bucket and
/// [`RATIONALE_VERSION`].
pub fn cache_key(features: &Features, weights: &Weights, bucket: Bucket) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("rationale v{RATIONALE_VERSION} {}\n", bucket.as_str()));
    for (feature, value) in features.asked() {
        let value = value.map_or("missing".to_owned(), |value| format!("{value:.2}"));
        hash.update(format!("{} {value} {}\n", feature.as_str(), weights.of(feature)));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signals(score: &Score) -> Vec<&'static str> {
    let mut signals: Vec<_> = score.contributions.iter().filter(|signal| signal.value >= SIGNAL_FROM).collect();
    signals.sort_by(|one, other| other.points.total_cmp(&one.points).then(one.feature.cmp(&other.feature)));
    signals.iter().take(SIGNALS_MAX).map(|signal| words(signal.feature).signal).collect()
}

/// Contacts that could not be looked up are told first, then the known feature that costs most, then any that is missing.
fn gap(score: &Score) -> Option<&'static str> {
    let weak = score.contributions.iter().filter(|gap| gap.value < SIGNAL_FROM);
    let cost = |gap: &crate::score::Contribution| gap.weight - gap.points;
    let worst = weak.max_by(|one, other| cost(one).total_cmp(&cost(other)).then(other.feature.cmp(&one.feature)));
    let missing = |feature: Feature| words(feature).missing;
    let contacts = score.missing.iter().find(|feature| **feature == Feature::Contacts);
    contacts
        .map(|feature| missing(*feature))
        .or_else(|| worst.map(|gap| words(gap.feature).weak))
        .or_else(|| score.missing.first().map(|feature| missing(*feature)))
}

fn listed(parts: &[&str]) -> String {
    match parts {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => parts.concat(),
    }
}

struct Words {
    signal: &'static str,
    weak: &'static str,
    missing: &'static str,
}

fn words(feature: Feature) -> Words {
    let (signal, weak, missing) = match feature {
        Feature::IndustryFit => ("in a wanted industry", "outside the wanted industries", "industry not known"),
        Feature::EmployeeFit => ("of the wanted size", "not of the wanted size", "number of employees not known"),
        Feature::AgeFit => ("of the wanted age", "not of the wanted age", "year of incorporation not known"),
        Feature::RevenueFit => ("of the wanted revenue", "not of the wanted revenue", "revenue not known"),
        Feature::GeographyFit => ("in a wanted place", "not in a wanted place", "place not known"),
        Feature::KeywordFit => ("site speaks of the wanted topics", "few wanted topics on the site", "site not read"),
        Feature::HasSite => ("has a web site", "no web site found", "web site not looked for"),
        Feature::DomainConfidence => ("web site surely its own", "web site perhaps not its own", "domain not known"),
        Feature::SiteQuality => ("informative site", "site says little", "site not read"),
        Feature::BusinessEmail => ("business e-mail found", "no business e-mail found", "e-mails not looked for"),
        Feature::VerifiedEmail => ("e-mail verified", "no e-mail passed verification", "e-mails not verified"),
        Feature::Contacts => {
            ("wanted contacts found", "no contact with a wanted title", "contacts could not be looked up")
        }
        Feature::Hiring => ("hiring", "no sign of hiring", "hiring not known"),
        Feature::Technologies => ("shows its technologies", "few technologies recognised", "technologies not known"),
        Feature::SocialPresence => ("present on social media", "few social profiles", "social profiles not known"),
        Feature::Similarity => ("like the sample customers", "unlike the sample customers", "likeness not known"),
    };
    Words { signal, weak, missing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Evidence;
    use crate::score::{Thresholds, score};

    fn told(features: &Features) -> String {
        rationale(&score(features, &Weights::default(), &Thresholds::default()))
    }

    fn promising() -> Features {
        Features::default()
            .with(Feature::IndustryFit, Evidence::Known(1.0))
            .with(Feature::KeywordFit, Evidence::Known(1.0))
            .with(Feature::BusinessEmail, Evidence::Known(1.0))
            .with(Feature::Hiring, Evidence::Known(1.0))
            .with(Feature::SiteQuality, Evidence::Known(0.1))
    }

    #[test]
    fn the_strongest_signals_and_the_main_gap_are_told() {
        insta::assert_snapshot!(told(&promising()), @"High fit: in a wanted industry, site speaks of the wanted topics and business e-mail found. Main gap: site says little.");
    }

    #[test]
    fn contacts_that_could_not_be_looked_up_are_the_gap_to_tell() {
        let unavailable = promising().with(Feature::Contacts, Evidence::Missing);
        insta::assert_snapshot!(told(&unavailable), @"Medium fit: in a wanted industry, site speaks of the wanted topics and business e-mail found. Main gap: contacts could not be looked up.");
    }

    #[test]
    fn a_lead_without_signals_or_gaps_still_gets_a_sentence() {
        insta::assert_snapshot!(told(&Features::default()), @"Low fit: no strong signal.");
        let one = Features::default().with(Feature::HasSite, Evidence::Known(1.0));
        insta::assert_snapshot!(told(&one), @"High fit: has a web site.");
    }

    #[test]
    fn the_cache_key_changes_with_what_the_text_is_made_from_and_with_nothing_else() {
        let key = |features: &Features| cache_key(features, &Weights::default(), Bucket::High);
        let before = key(&promising());
        assert_eq!(before.len(), 64);
        assert_eq!(before, key(&promising().with(Feature::SiteQuality, Evidence::Known(0.103))));
        assert_ne!(before, key(&promising().with(Feature::SiteQuality, Evidence::Known(0.2))));
        assert_ne!(before, key(&promising().with(Feature::Contacts, Evidence::Missing)));
        assert_ne!(before, cache_key(&promising(), &Weights::default(), Bucket::Medium));
        let weights = serde_json::from_str(r#"{"hiring": 40}"#).unwrap();
        assert_ne!(before, cache_key(&promising(), &weights, Bucket::High));
    }
}
