use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn scored(features: &Features) -> Score {
    score(features, &Weights::default(), &Thresholds::default())
}

/// Features that are all known, and as strong as told.
fn known(value: f64) -> Features {
    Feature::ALL
        .into_iter()
        .fold(Features::default(), |features, feature| features.with(feature, Evidence::Known(value)))
}

#[test]
fn a_lead_that_has_everything_is_high_with_full_confidence() {
    let score = scored(&known(1.0));
    assert_eq!((score.value, score.confidence, score.bucket), (1.0, 1.0, Bucket::High));
    assert!(score.missing.is_empty());
}

#[test]
fn missing_evidence_lowers_the_confidence_and_not_the_score() {
    let score = scored(&known(0.8).with(Feature::KeywordFit, Evidence::Missing));
    assert_eq!(score.value, 0.8);
    assert!(score.confidence < 0.9, "{}", score.confidence);
    assert_eq!(score.missing, [Feature::KeywordFit]);
}

#[test]
fn what_is_not_asked_for_counts_neither_way() {
    let asked = known(0.8);
    let score = scored(&asked.with(Feature::KeywordFit, Evidence::NotAsked));
    assert_eq!((score.value, score.confidence), (0.8, 1.0));
}

#[test]
fn contacts_that_could_not_be_looked_up_do_not_make_a_lead_high() {
    let almost = known(0.75);
    let with_none = scored(&almost.clone().with(Feature::Contacts, Evidence::Known(0.0)));
    assert_eq!(with_none.bucket, Bucket::Medium);

    let unavailable = scored(&almost.with(Feature::Contacts, Evidence::Missing));
    assert_eq!(unavailable.value, 0.75);
    assert_eq!(unavailable.bucket, Bucket::Medium);
    assert_eq!(unavailable.held_below_high, Some(HeldBelowHigh::ContactsUnavailable));
}

#[test]
fn a_lead_that_is_high_without_contacts_is_high_when_they_could_not_be_looked_up() {
    let score = scored(&known(0.95).with(Feature::Contacts, Evidence::Missing));
    assert_eq!((score.bucket, score.held_below_high), (Bucket::High, None));
}

#[test]
fn a_score_that_rests_on_little_is_not_high() {
    let only_industry = Feature::ALL
        .into_iter()
        .fold(Features::default(), |features, feature| features.with(feature, Evidence::Missing));
    let score = scored(&only_industry.with(Feature::IndustryFit, Evidence::Known(1.0)));
    assert_eq!((score.value, score.bucket), (1.0, Bucket::Medium));
    assert_eq!(score.held_below_high, Some(HeldBelowHigh::LowConfidence));
}

#[test]
fn weights_that_are_all_zero_give_a_score_of_zero() {
    let none = Weights::new(Feature::ALL.into_iter().map(|feature| (feature, 0.0)).collect()).unwrap();
    let score = score(&known(1.0), &none, &Thresholds::default());
    assert_eq!((score.value, score.confidence, score.bucket), (0.0, 0.0, Bucket::Low));
}

#[test]
fn a_tenant_changes_some_weights_and_keeps_the_rest() {
    let weights: Weights = serde_json::from_str(r#"{"hiring": 40}"#).unwrap();
    assert_eq!((weights.of(Feature::Hiring), weights.of(Feature::IndustryFit)), (40.0, 20.0));
    for wrong in [r#"{"hiring": -1}"#, r#"{"hiring": 1e9}"#, r#"{"charm": 1}"#] {
        assert!(serde_json::from_str::<Weights>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_tenant_changes_some_thresholds_within_their_order() {
    let thresholds: Thresholds = serde_json::from_str(r#"{"high": 0.9}"#).unwrap();
    assert_eq!((thresholds.high, thresholds.medium), (0.9, 0.45));
    assert_eq!((thresholds.bucket(0.9), thresholds.bucket(0.45)), (Bucket::High, Bucket::Medium));
    for wrong in [r#"{"high": 0.3}"#, r#"{"medium": -0.1}"#, r#"{"middle": 0.1}"#] {
        assert!(serde_json::from_str::<Thresholds>(wrong).is_err(), "{wrong}");
    }
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![4 => (0.0..=1.0).prop_map(Evidence::Known), 1 => Just(Evidence::Missing), 1 => Just(Evidence::NotAsked)]
}

fn any_features() -> impl Strategy<Value = Features> {
    proptest::collection::vec(any_evidence(), Feature::ALL.len()).prop_map(|evidence| {
        Feature::ALL
            .into_iter()
            .zip(evidence)
            .fold(Features::default(), |features, (feature, evidence)| features.with(feature, evidence))
    })
}

fn any_weights() -> impl Strategy<Value = Weights> {
    let weight = prop_oneof![1 => Just(0.0), 4 => 0.0..=1_000.0, 1 => 0.0..=0.01];
    proptest::collection::vec(weight, Feature::ALL.len())
        .prop_map(|weights| Weights::new(Feature::ALL.into_iter().zip(weights).collect::<BTreeMap<_, _>>()).unwrap())
}

fn any_thresholds() -> impl Strategy<Value = Thresholds> {
    (0.0..=1.0, 0.0..=1.0, 0.0..=1.0).prop_map(|(one, other, confidence): (f64, f64, f64)| {
        Thresholds::new(one.max(other), one.min(other), confidence).unwrap()
    })
}

proptest! {
    #[test]
    fn score_and_confidence_stay_within_bounds_and_add_up(
        features in any_features(), weights in any_weights(), thresholds in any_thresholds(),
    ) {
        let score = score(&features, &weights, &thresholds);
        prop_assert!((0.0..=1.0).contains(&score.value) && (0.0..=1.0).contains(&score.confidence));
        let points: f64 = score.contributions.iter().map(|contribution| contribution.points).sum();
        prop_assert!((points - score.value).abs() < 1e-3);
        prop_assert_eq!((score.value * 10_000.0).round() / 10_000.0, score.value);
    }

    #[test]
    fn stored_features_and_weights_give_the_same_score_again(
        features in any_features(), weights in any_weights(), thresholds in any_thresholds(),
    ) {
        let before = score(&features, &weights, &thresholds);
        let stored = serde_json::to_string(&(&features, &weights, &thresholds)).unwrap();
        let (features, weights, thresholds) = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(score(&features, &weights, &thresholds), before);
    }

    #[test]
    fn more_of_a_known_feature_never_lowers_score_or_bucket(
        features in any_features(), weights in any_weights(), thresholds in any_thresholds(),
        which in 0..Feature::ALL.len(), (low, high) in (0.0..=1.0, 0.0..=1.0).prop_map(|(a, b): (f64, f64)| (a.min(b), a.max(b))),
    ) {
        let scored = |value| {
            score(&features.clone().with(Feature::ALL[which], Evidence::Known(value)), &weights, &thresholds)
        };
        let (less, more) = (scored(low), scored(high));
        prop_assert!(more.value >= less.value && more.bucket >= less.bucket && more.confidence == less.confidence);
    }

    #[test]
    fn only_proportions_of_weights_matter(
        features in any_features(), whole in proptest::collection::vec(0_u16..=500, Feature::ALL.len()),
    ) {
        let scored = |factor: f64| {
            let weights = Feature::ALL.into_iter().zip(whole.iter().map(|weight| f64::from(*weight) * factor));
            score(&features, &Weights::new(weights.collect()).unwrap(), &Thresholds::default())
        };
        prop_assert_eq!(scored(0.5), scored(2.0));
    }

    #[test]
    fn missing_evidence_never_raises_the_confidence(
        features in any_features(), weights in any_weights(), which in 0..Feature::ALL.len(), value in 0.0..=1.0,
    ) {
        let confidence = |evidence| {
            score(&features.clone().with(Feature::ALL[which], evidence), &weights, &Thresholds::default()).confidence
        };
        prop_assert!(confidence(Evidence::Missing) <= confidence(Evidence::Known(value)));
    }

    #[test]
    fn unavailable_contacts_never_lift_a_lead_into_high(
        features in any_features(), weights in any_weights(), thresholds in any_thresholds(),
    ) {
        let bucket = |contacts| score(&features.clone().with(Feature::Contacts, contacts), &weights, &thresholds).bucket;
        prop_assert!(bucket(Evidence::Missing) != Bucket::High || bucket(Evidence::Known(0.0)) == Bucket::High);
    }

    #[test]
    fn unavailable_contacts_are_taken_out_and_the_rest_renormalised(
        features in any_features(), weights in any_weights(), thresholds in any_thresholds(),
    ) {
        let value = |contacts| score(&features.clone().with(Feature::Contacts, contacts), &weights, &thresholds).value;
        prop_assert_eq!(value(Evidence::Missing), value(Evidence::NotAsked));
        prop_assert!(value(Evidence::Missing) >= value(Evidence::Known(0.0)));
    }
}
