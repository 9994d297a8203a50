//! Extraction against labelled sites. They are other people's pages and no part of this repository, so the test is skipped
//! where they are not at hand.

use std::path::PathBuf;

use super::*;

/// The folder of labelled sites and its file of labels, if they are there.
fn labelled_sites() -> Option<(PathBuf, PathBuf)> {
    let beside_workspace = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let shared = std::env::var_os("PRESDR_SHARED").map_or_else(beside_workspace, PathBuf::from);
    let sites = shared.join("data/sites");
    let labels = sites.join("gold.jsonl");
    if !labels.is_file() {
        println!("skipped: {} not found", labels.display());
        return None;
    }
    Some((sites, labels))
}

#[test]
fn labelled_sites_are_read_as_a_person_reads_them() {
    let Some((sites, labels)) = labelled_sites() else { return };
    let is_free_mail = |address: &str| address.ends_with("@gmail.com") || address.ends_with("@yahoo.com");
    let score = score_sites(&sites, &labels, &|address| !is_free_mail(address)).unwrap();
    assert!(score.sites >= 40, "{} sites", score.sites);
    assert!(score.emails.precision() >= 0.95, "e-mail precision {}", score.emails.precision());
    assert!(score.emails.recall() >= 0.90, "e-mail recall {}", score.emails.recall());
    assert!(score.emails_after_policy.precision() >= 0.95, "{:?}", score.emails_after_policy);
    assert!(score.emails_after_policy.recall() >= 0.90, "{:?}", score.emails_after_policy);
    assert!(score.careers_accuracy() >= 0.90, "careers accuracy {}", score.careers_accuracy());
    assert!(score.phones.precision() >= 0.85, "phone precision {}", score.phones.precision());
    assert!(score.phones.recall() >= 0.95, "phone recall {}", score.phones.recall());
    assert!(score.name_accuracy() >= 0.80, "name accuracy {}", score.name_accuracy());
}

/// Writes a site of one page and its label.
fn site(page: &str, label: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("kopi")).unwrap();
    std::fs::write(folder.path().join("kopi/index.html"), page).unwrap();
    let labels = folder.path().join("labels.jsonl");
    std::fs::write(&labels, label).unwrap();
    (folder, labels)
}

#[test]
fn what_is_found_is_counted_against_what_is_labelled() {
    let (folder, labels) = site(
        "<title>Kopi House</title><p>info@kopi.example sales@kopi.example unsure@other.example +65 6223 4567</p>",
        r#"{"slug": "kopi", "company_name": "KOPI HOUSE PTE LTD", "emails": ["Info@kopi.example", "hr@kopi.example"],
            "emails_ambiguous": ["unsure@other.example"], "phones": ["62234567"], "has_careers_page": true}"#
            .replace('\n', " ")
            .as_str(),
    );
    let score = score_sites(folder.path(), &labels, &|address| address != "sales@kopi.example").unwrap();
    assert_eq!((score.sites, score.pages, score.names_right, score.careers_right), (1, 1, 1, 0));
    assert_eq!(score.emails, Rates { right: 1, wrong: 1, missed: 1 });
    assert_eq!(score.emails_after_policy, Rates { right: 1, wrong: 0, missed: 1 });
    assert_eq!(score.phones, Rates { right: 1, wrong: 0, missed: 0 });
    assert_eq!((score.emails.precision(), score.emails.recall()), (0.5, 0.5));
    let mistakes: Vec<_> = score.mistakes.iter().map(|mistake| (mistake.field, mistake.value.as_str())).collect();
    assert_eq!(mistakes[..2], [("email", "+sales@kopi.example"), ("email", "-hr@kopi.example")]);
}

#[test]
fn a_malformed_label_is_refused_with_its_line() {
    let (folder, labels) = site("", "\n{\"slug\": 7}\n");
    let error = score_sites(folder.path(), &labels, &|_| true).unwrap_err();
    assert!(matches!(error, ScoreError::Label { line: 2, .. }), "{error}");
}
