use presdr_events::{CompanyId, IndexKey, Key as SecretKey};
use presdr_store::odoo::records::{Key, Model};
use serde_json::json;

use super::*;

fn index() -> IndexKey {
    IndexKey::new(SecretKey::new([7; 32]))
}

fn row(cells: &[(&'static str, Cell)]) -> Row {
    let key = Key { model: Model::Partner, company: CompanyId::new(17).unwrap(), subject: None };
    Row { key, cells: cells.iter().cloned().collect(), asked: BTreeSet::new() }
}

fn scored(score: f64) -> Row {
    row(&[("name", Cell::Text("Kelmora".to_owned())), ("x_pre_sdr_score", Cell::Number(score))])
}

fn present(told: Value) -> Present {
    let Value::Object(mut told) = told else { panic!("an object") };
    told.insert("id".to_owned(), json!(5));
    Present::read(told).unwrap()
}

/// What is remembered once Odoo holds the row as it was sent.
fn settled(row: &Row, holds: &Present) -> BTreeMap<String, Mark> {
    let held = |field: &str| Some(hash(&index(), field, &holds.field(field)));
    let mark = |(field, wanted): (&'static str, String)| {
        (field.to_owned(), Mark { wanted: Some(wanted), held: held(field), sending: None })
    };
    row.hashes(&index()).into_iter().map(mark).collect()
}

fn wrote(change: &Change) -> Vec<&'static str> {
    change.write.iter().copied().collect()
}

#[test]
fn what_was_sent_before_is_not_sent_again() {
    let marks = settled(&scored(0.5), &present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5 })));
    assert!(changed(&scored(0.5), &marks, &index()).is_empty());
    assert_eq!(changed(&scored(0.6), &marks, &index()).into_iter().collect::<Vec<_>>(), ["x_pre_sdr_score"]);
}

#[test]
fn only_a_column_that_changed_is_written() {
    let now = present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5, "active": true }));
    let change = change(&scored(0.6), (&settled(&scored(0.5), &now), Origin::Made), &now, &index());
    assert_eq!((wrote(&change), change.keep.len()), (vec!["x_pre_sdr_score"], 0));
}

#[test]
fn a_field_that_a_person_changed_stays_theirs_and_others_are_written() {
    let old = row(&[("name", Cell::Text("Kelmora".to_owned())), ("x_pre_sdr_score", Cell::Number(0.5))]);
    let marks = settled(&old, &present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5 })));
    let new = row(&[("name", Cell::Text("Kelmora Pte Ltd".to_owned())), ("x_pre_sdr_score", Cell::Number(0.7))]);
    let edited = present(json!({ "name": "Kelmora (call Jane first)", "x_pre_sdr_score": 0.5 }));
    let first = change(&new, (&marks, Origin::Made), &edited, &index());
    assert_eq!(
        (wrote(&first), first.keep.iter().copied().collect::<Vec<_>>()),
        (vec!["x_pre_sdr_score"], vec!["name"])
    );
    assert!(!changed(&new, &first.marks, &index()).contains("name"), "it is not asked about every night");
    let later = row(&[("name", Cell::Text("Kelmora Holdings".to_owned()))]);
    assert_eq!(change(&later, (&first.marks, Origin::Made), &edited, &index()).keep.len(), 1, "and stays theirs");
}

#[test]
fn of_a_partner_that_was_there_only_empty_fields_and_our_own_are_filled() {
    let wanted = row(&[
        ("name", Cell::Text("KELMORA PTE. LTD.".to_owned())),
        ("website", Cell::Text("https://kelmora.example".to_owned())),
        ("country_id", Cell::External("base.sg")),
        ("x_pre_sdr_score", Cell::Number(0.5)),
    ]);
    let had = present(
        json!({ "name": "Kelmora", "website": false, "country_id": [197, "Singapore"], "x_pre_sdr_score": 0.0 }),
    );
    let change = change(&wanted, (&BTreeMap::new(), Origin::Adopted), &had, &index());
    assert_eq!(wrote(&change), ["website", "x_pre_sdr_score"]);
    assert_eq!(change.keep.iter().copied().collect::<Vec<_>>(), ["country_id", "name"]);
}

#[test]
fn a_childs_country_is_left_since_odoo_writes_it_to_the_parent() {
    let wanted =
        row(&[("country_id", Cell::External("base.sg")), ("website", Cell::Text("https://k.example".to_owned()))]);
    let written = |parent: Value| {
        let had = present(json!({ "website": false, "country_id": false, "parent_id": parent }));
        wrote(&change(&wanted, (&BTreeMap::new(), Origin::Adopted), &had, &index()))
    };
    assert_eq!(written(json!(false)), ["country_id", "website"]);
    assert_eq!(written(json!([7, "Group"])), ["website"]);
}

/// A crash between writing to Odoo and remembering it.
#[test]
fn a_write_that_nobody_saw_end_is_told_from_a_persons() {
    let before = settled(&scored(0.5), &present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5 })));
    let mut marks = before.clone();
    let mark = marks.get_mut("x_pre_sdr_score").unwrap();
    (mark.wanted, mark.sending) = (None, scored(0.6).hashes(&index()).remove("x_pre_sdr_score"));
    let with = |score: f64| present(json!({ "name": "Kelmora", "x_pre_sdr_score": score }));
    let landed = change(&scored(0.6), (&marks, Origin::Made), &with(0.6), &index());
    assert_eq!((wrote(&landed).len(), landed.keep.len()), (0, 0), "it landed: nothing is left to do");
    assert!(changed(&scored(0.6), &landed.marks, &index()).is_empty());
    assert_eq!(
        wrote(&change(&scored(0.6), (&marks, Origin::Made), &with(0.5), &index())),
        ["x_pre_sdr_score"],
        "it did not"
    );
    assert_eq!(
        change(&scored(0.6), (&marks, Origin::Made), &with(0.9), &index()).keep.len(),
        1,
        "a person was there since"
    );
    let newer = change(&scored(0.8), (&marks, Origin::Made), &with(0.6), &index());
    assert_eq!(wrote(&newer), ["x_pre_sdr_score"], "what landed is ours, and older than what is wanted now");
    let next = change(&scored(0.8), (&landed.marks, Origin::Made), &with(0.6), &index());
    assert_eq!(wrote(&next), ["x_pre_sdr_score"], "and after it, writing goes on");
}

/// What an intent remembers of a row that is sent for the first time.
fn sent(row: &Row) -> BTreeMap<String, Mark> {
    let mark =
        |(field, sent): (&'static str, String)| (field.to_owned(), Mark { sending: Some(sent), ..Mark::default() });
    row.hashes(&index()).into_iter().map(mark).collect()
}

/// A record that nobody saw made is made with all that was sent: what reads otherwise, a person wrote since.
#[test]
fn what_a_person_wrote_into_a_record_that_nobody_saw_made_is_theirs() {
    let marks = sent(&scored(0.5));
    let made = present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5 }));
    let landed = change(&scored(0.5), (&marks, Origin::Made), &made, &index());
    assert_eq!((landed.write.len(), landed.keep.len()), (0, 0));
    let edited = present(json!({ "name": "Kelmora (call Jane)", "x_pre_sdr_score": 0.7 }));
    let kept = change(&scored(0.5), (&marks, Origin::Made), &edited, &index());
    assert_eq!((wrote(&kept).len(), kept.keep.len()), (0, 2));
    let later = change(&scored(0.9), (&kept.marks, Origin::Made), &edited, &index());
    assert_eq!((wrote(&later).len(), later.keep.len()), (0, 1), "for good");
    let adopted = present(json!({ "name": "Kelmora Ltd", "x_pre_sdr_score": 0.0 }));
    let filled = change(&scored(0.5), (&marks, Origin::Adopted), &adopted, &index());
    assert_eq!(wrote(&filled), ["x_pre_sdr_score"], "of one that the tenant had, our own field is still to be filled");
}

/// A note that did not land is told from one that did and was marked another way, and from a person's own words.
#[test]
fn a_persons_words_in_a_note_are_never_taken_for_ours() {
    let note = |text: &str| row(&[("comment", Cell::Html(format!("<p>Score &lt; 1, {text}</p>")))]);
    let held = present(json!({ "comment": "<p>Score &lt; 1, old</p>" }));
    let mut marks = settled(&note("old"), &held);
    let mark = marks.get_mut("comment").unwrap();
    (mark.wanted, mark.sending) = (None, note("new").hashes(&index()).remove("comment"));
    let told =
        |html: &str| change(&note("new"), (&marks, Origin::Made), &present(json!({ "comment": html })), &index());
    let landed = told("<div><p> Score &lt; 1,\nnew<br></p></div>");
    assert_eq!((landed.write.len(), landed.keep.len()), (0, 0), "it landed, marked as Odoo does");
    assert_eq!(wrote(&told("<p>Score &lt; 1, old</p>")), ["comment"], "it did not");
    let theirs = told("<p>Ask for Jane</p>");
    assert_eq!((wrote(&theirs).len(), theirs.keep.len()), (0, 1));
    let next = change(
        &note("newer"),
        (&theirs.marks, Origin::Made),
        &present(json!({ "comment": "<p>Ask for Jane</p>" })),
        &index(),
    );
    assert_eq!(next.keep.len(), 1, "nor by the next run");
    let newer = change(
        &note("newer"),
        (&marks, Origin::Made),
        &present(json!({ "comment": "<p>Score &lt; 1, new</p>" })),
        &index(),
    );
    assert_eq!(wrote(&newer), ["comment"], "what landed is ours, whatever is wanted by now");
}

#[test]
fn values_read_as_odoo_tells_them() {
    for (told, plainly) in [
        (json!(false), Value::Null),
        (json!(""), Value::Null),
        (json!([197, "Singapore"]), json!(197.0)),
        (json!(3), json!(3.0)),
        (json!(true), json!(true)),
        (json!("x"), json!("x")),
    ] {
        assert_eq!(plain(&told), plainly);
    }
}
