//! Registry files.

use std::path::PathBuf;

use super::{ACRA_HEADER, Fixture, counts, real_input};
use crate::ingest::{IngestError, Phase, acra};

#[tokio::test]
async fn companies_are_stored_repaired_and_labelled() {
    let fixture = Fixture::new().await;
    fixture.ssic().await;
    let file = fixture.acra_file(
        "A.csv",
        &[
            r#""TAN, ""LIM"" & CO",198101793G,na,Local Company,Live Company,1981-04-23,52292,18989"#,
            "CAFÉ 進出口,200012345K,na,Sole Proprietorship,Live,2000-01-02,1111,0104",
            "OLD ONE,53000001X,na,na,Struck Off,na,na,na",
        ],
    );
    assert_eq!(counts(&fixture.acra(&[file]).await), (3, 0, 3, 0));
    assert_eq!(
        fixture.company("198101793G").await,
        r#"TAN, "LIM" & CO|t|1981|52292|warehousing and support activities|018989"#
    );
    assert_eq!(fixture.company("200012345K").await, "CAFÉ 進出口|t|2000|01111|agriculture|0104");
    assert_eq!(fixture.company("53000001X").await, "OLD ONE|f|-|-");
}

#[tokio::test]
async fn bad_lines_are_quarantined_with_file_line_and_reason() {
    let fixture = Fixture::new().await;
    let mut content = format!("{ACRA_HEADER}\r\n").into_bytes();
    content.extend(b"GOOD,198101793G,na,na,Live,na,na,na\r\n");
    content.extend(b"NO UEN,na,na,na,Live,na,na,na\r\n\r\n");
    content.extend(b"SHORT,198101793G\r\n");
    content.extend(b"\"OPEN,198101794G,na,na,Live,na,na,na\r\n");
    content.extend(b"BYTES \xff,198101795G,na,na,Live,na,na,na\r\n");
    content.extend(b"DATE,198101796G,na,na,Live,1981-02-30,na,na\r\n");
    content.extend(b"LAST,198101797G,na,na,Live,na,na,na");
    let file = fixture.file("bad.csv", &content);
    let summary = fixture.acra(std::slice::from_ref(&file)).await;
    assert_eq!(counts(&summary), (7, 5, 2, 0));
    let quarantined = fixture
        .rows(
            "select line || ' ' || reason from ingest_quarantine where file = $1 order by line",
            file.to_str().unwrap(),
        )
        .await;
    assert_eq!(
        quarantined,
        [
            "3 uen is missing",
            "5 the line has 2 fields and the header has 8",
            "6 a quoted field is not closed",
            "7 the line is not UTF-8",
            "8 registration_incorporation_date is no date such as 1981-04-23",
        ]
    );
    let raw =
        fixture.rows("select raw from ingest_quarantine where line = 5 and file = $1", file.to_str().unwrap()).await;
    assert_eq!(raw, ["SHORT,198101793G"]);
}

#[tokio::test]
async fn a_wrong_header_is_refused_before_anything_is_stored() {
    let fixture = Fixture::new().await;
    let right = fixture.acra_file("right.csv", &["GOOD,198101793G,na,na,Live,na,na,na"]);
    let wrong = fixture.file("wrong.csv", "uen,entity_name,postal_code\n198101793G,A,1\n");
    let error = acra(&fixture.producer, &[right, wrong.clone()], &|_| {}).await.unwrap_err();
    assert!(matches!(&error, IngestError::Header { file, missing } if *file == wrong && missing.len() == 4));
    assert!(error.to_string().contains("has no column entity_type_description, entity_status_description"), "{error}");
    assert_eq!(fixture.registry().await, [""; 0]);
    let missing = acra(&fixture.producer, &[PathBuf::from("nowhere.csv")], &|_| {}).await;
    assert!(matches!(missing, Err(IngestError::Read { .. })));
    assert!(matches!(acra(&fixture.producer, &[], &|_| {}).await, Err(IngestError::NoFile)));
}

#[tokio::test]
async fn only_what_changed_is_touched() {
    let fixture = Fixture::new().await;
    let lines = [
        "ONE,198100001A,na,na,Live,1981-01-01,na,1",
        "TWO,198100002B,na,na,Live,na,na,na",
        "THREE,198100003C,na,na,Live,na,na,na",
    ];
    let first = fixture.acra_file("first.csv", &lines);
    assert_eq!(counts(&fixture.acra(std::slice::from_ref(&first)).await), (3, 0, 3, 0));
    let ids = "select company_id || '@' || updated_at from companies where uen <> $1 order by uen";
    let before = fixture.rows(ids, "198100002B").await;
    assert_eq!(counts(&fixture.acra(&[first]).await), (3, 0, 0, 0), "the same file again changes nothing");

    let second = fixture
        .acra_file("second.csv", &["TWO,198100002B,na,na,Struck Off,na,na,na", "FOUR,198100004D,na,na,Live,na,na,na"]);
    assert_eq!(counts(&fixture.acra(&[second]).await), (2, 0, 1, 1));
    assert_eq!(
        fixture.rows(ids, "198100002B").await[..2],
        before[..],
        "companies the file says nothing of stay as they are"
    );
    assert_eq!(fixture.company("198100002B").await, "TWO|f|-|-");
    let states = fixture.rows("select state || $1 from ingest_loads order by load_id", "").await;
    assert_eq!(states, ["done", "done", "done"]);
}

#[tokio::test]
async fn of_two_lines_with_a_uen_the_last_file_s_last_counts() {
    let fixture = Fixture::new().await;
    let one = fixture.acra_file("one.csv", &["A1,198100001A,na,na,Live,na,na,na", "B1,198100002B,na,na,Live,na,na,na"]);
    let two = fixture.acra_file("two.csv", &["A2,198100001a,na,na,Live,na,na,na", "A3,198100001A,na,na,Live,na,na,na"]);
    assert_eq!(counts(&fixture.acra(&[one.clone(), two.clone()]).await), (4, 0, 2, 0));
    assert_eq!(fixture.company("198100001A").await, "A3|t|-|-");
    assert_eq!(counts(&fixture.acra(&[two, one]).await), (4, 0, 0, 1));
    assert_eq!(fixture.company("198100001A").await, "A1|t|-|-");
}

#[tokio::test]
async fn what_was_wrong_with_a_file_is_forgotten_when_it_is_right() {
    let fixture = Fixture::new().await;
    let file = fixture.acra_file("a.csv", &["NO UEN,na,na,na,Live,na,na,na"]);
    fixture.acra(std::slice::from_ref(&file)).await;
    let count = "select count(*)::text || $1 from ingest_quarantine";
    assert_eq!(fixture.rows(count, "").await, ["1"]);
    fixture.acra(std::slice::from_ref(&file)).await;
    assert_eq!(fixture.rows(count, "").await, ["1"], "the same line is not quarantined twice");
    let file = fixture.acra_file("a.csv", &["ITS UEN,198100001A,na,na,Live,na,na,na"]);
    fixture.acra(&[file]).await;
    assert_eq!(fixture.rows(count, "").await, ["0"]);
}

#[tokio::test]
async fn progress_ends_with_every_byte_read() {
    let fixture = Fixture::new().await;
    let file = fixture.acra_file("a.csv", &["ONE,198100001A,na,na,Live,na,na,na"]);
    let seen = std::sync::Mutex::new(Vec::new());
    acra(&fixture.producer, &[file.clone(), file], &|progress| seen.lock().unwrap().push(progress)).await.unwrap();
    let last = seen.into_inner().unwrap().pop().unwrap();
    assert_eq!((last.phase, last.rows, last.bytes_read), (Phase::Merging, 2, last.bytes_total));
}

#[tokio::test]
async fn real_rows_of_the_registry_are_taken_in_with_the_real_classification() {
    let (Some(acra), Some(ssic)) = (real_input("data/acra/sample-real.csv"), real_input("data/ssic/ssic2025.csv"))
    else {
        return;
    };
    let fixture = Fixture::new().await;
    let classified = crate::ingest::ssic(&fixture.producer, &ssic).await.unwrap();
    assert_eq!(counts(&classified), (1694, 0, 1694, 0));
    assert_eq!(counts(&fixture.acra(&[acra]).await), (8, 0, 8, 0));
    let known = fixture.rows("select uen || ' ' || industry_norm || $1 from companies where live and industry_norm is not null order by uen", "").await;
    assert_eq!(known.len(), 5, "one of the six live ones has no primary code: {known:?}");
    let other_activities = "other personal service activities";
    assert_eq!(
        fixture.company("190700013E").await,
        format!("WEE BROTHERS STEAMSHIP COMPANY LIMITED|f|1907|96099|{other_activities}|0104")
    );
}
