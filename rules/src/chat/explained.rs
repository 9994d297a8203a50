//! Why a company scored as it did, for people: the weights, the evidence, and what the question had wrong.

use crate::{
    features::Feature,
    score::{Bucket, Contribution},
};

/// What is known of a company's score.
#[derive(Debug, Clone)]
pub struct Scored<'s> {
    /// The company's name.
    pub company: &'s str,
    /// Where its score puts it.
    pub bucket: Bucket,
    /// 0 to 1.
    pub score: f64,
    /// The known share of the weight, 0 to 1.
    pub confidence: f64,
    /// In words.
    pub rationale: &'s str,
    /// Every known feature that has weight.
    pub contributions: &'s [Contribution],
    /// Features that have weight and whose evidence could not be had.
    pub missing: &'s [Feature],
}

/// The answer as Markdown. `claimed` is the bucket that the question takes the company to be in; when it is another, the answer says so
/// first.
#[must_use]
pub fn explain(scored: &Scored<'_>, claimed: Option<Bucket>) -> String {
    let (company, is) = (cell(scored.company), scored.bucket.as_str());
    let verdict = match claimed.filter(|claimed| *claimed != scored.bucket) {
        Some(claimed) => format!("**{company} is not {}: it is {is}**", claimed.as_str()),
        None => format!("**{company} is {is}**"),
    };
    let known = scored.confidence * 100.0;
    let mut lines = vec![
        format!("{verdict}, with a score of {:.2}; {known:.0}% of the evidence by weight is known.", scored.score),
        String::new(),
        cell(scored.rationale),
        String::new(),
        "| What counts | Weight | Evidence | Points |".to_owned(),
        "|---|---:|---:|---:|".to_owned(),
    ];
    let mut contributions: Vec<&Contribution> = scored.contributions.iter().collect();
    contributions.sort_by(|one, other| other.points.total_cmp(&one.points));
    lines.extend(contributions.into_iter().map(|one| {
        let (weight, name) = (one.weight * 100.0, one.feature.as_str().replace('_', " "));
        format!("| {name} | {weight:.0}% | {:.2} | {:.2} |", one.value, one.points)
    }));
    lines.extend(scored.missing.iter().map(|missing| {
        let name = missing.as_str().replace('_', " ");
        format!("| {name} | - | could not be had | - |")
    }));
    lines.join("\n")
}

/// Text from outside as it stands in a line or a cell of Markdown: no markup of its own, no second line, no formula between dollar signs.
#[must_use]
pub fn cell(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if "\\`*_{}[]<>#|$~!".contains(character) {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(claimed: Option<Bucket>) -> String {
        let contribution = |feature, weight, value| Contribution { feature, weight, value, points: weight * value };
        let scored = Scored {
            company: "Acme_Co | Pte",
            bucket: Bucket::Medium,
            score: 0.55,
            confidence: 0.8,
            rationale: "It fits the industry.\nIt is small.",
            contributions: &[
                contribution(Feature::EmployeeFit, 0.25, 0.2),
                contribution(Feature::IndustryFit, 0.5, 1.0),
            ],
            missing: &[Feature::Contacts],
        };
        explain(&scored, claimed)
    }

    #[test]
    fn weights_and_evidence_are_told_the_weightiest_first() {
        insta::assert_snapshot!(explained(Some(Bucket::Medium)), @r"
        **Acme\_Co \| Pte is Medium**, with a score of 0.55; 80% of the evidence by weight is known.

        It fits the industry. It is small.

        | What counts | Weight | Evidence | Points |
        |---|---:|---:|---:|
        | industry fit | 50% | 1.00 | 0.50 |
        | employee fit | 25% | 0.20 | 0.05 |
        | contacts | - | could not be had | - |
        ");
        assert_eq!(explained(None), explained(Some(Bucket::Medium)));
    }

    #[test]
    fn a_wrong_premise_is_contradicted_first() {
        assert!(explained(Some(Bucket::High)).starts_with(r"**Acme\_Co \| Pte is not High: it is Medium**"));
    }
}
