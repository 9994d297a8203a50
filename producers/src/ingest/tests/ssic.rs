//! The classification.

use super::{Fixture, SSIC, counts};
use crate::ingest::{IngestError, ssic};

#[tokio::test]
async fn the_classification_is_stored_and_companies_get_their_labels() {
    let fixture = Fixture::new().await;
    let companies =
        fixture.acra_file("a.csv", &["ONE,198100001A,na,na,Live,na,52292,na", "TWO,198100002B,na,na,Live,na,99999,na"]);
    fixture.acra(&[companies]).await;
    assert_eq!(fixture.company("198100001A").await, "ONE|t|52292|-");
    assert_eq!(counts(&fixture.ssic().await), (5, 0, 5, 0));
    assert_eq!(fixture.company("198100001A").await, "ONE|t|52292|warehousing and support activities");
    assert_eq!(fixture.company("198100002B").await, "TWO|t|99999|-");
    assert_eq!(counts(&fixture.ssic().await), (5, 0, 0, 0), "the same file again changes nothing");
}

#[tokio::test]
async fn a_new_edition_replaces_the_old_one() {
    let fixture = Fixture::new().await;
    fixture.ssic().await;
    let edition = SSIC.replace("COMPUTER PROGRAMMING", "PROGRAMMING").replace("01,AGRICULTURE,,division,A,A\n", "");
    let file = fixture.file("new.csv", edition);
    assert_eq!(counts(&ssic(&fixture.producer, &file).await.unwrap()), (4, 0, 0, 1));
    let codes = fixture.rows("select code || $1 from ssic_ref order by code", "").await;
    assert_eq!(codes, ["52", "52292", "62", "H"]);
}

#[tokio::test]
async fn lost_zeros_come_back_and_bad_lines_are_quarantined_without_taking_codes_away() {
    let fixture = Fixture::new().await;
    fixture.ssic().await;
    let file = fixture
        .file("new.csv", "Code,Title,Level,Section\n1,AGRICULTURE,division,A\n6x,NO CODE,division,K\n62,X,sort,K\n");
    assert_eq!(counts(&ssic(&fixture.producer, &file).await.unwrap()), (3, 2, 0, 1), "the parent of 01 is gone");
    let codes = fixture.rows("select code || $1 from ssic_ref order by code", "").await;
    assert_eq!(codes, ["01", "52", "52292", "62", "H"]);
    let reasons = fixture
        .rows(
            "select line || ' ' || reason from ingest_quarantine where file = $1 order by line",
            file.to_str().unwrap(),
        )
        .await;
    assert_eq!(
        reasons,
        ["3 code does not have the form of a division", "4 level is none of section, division, group, class, subclass"]
    );
}

#[tokio::test]
async fn a_file_without_the_columns_or_without_codes_is_refused() {
    let fixture = Fixture::new().await;
    let file = fixture.file("wrong.csv", "code,name\n1,A\n");
    let refused = ssic(&fixture.producer, &file).await;
    assert!(matches!(refused, Err(IngestError::Header { missing, .. }) if missing == ["title", "level", "section"]));
    let file = fixture.file("empty.csv", "code,title,level,section\n");
    assert!(matches!(ssic(&fixture.producer, &file).await, Err(IngestError::Empty { .. })));
}
