use presdr_events::{CompanyId, IndexKey, Key as SecretKey};
use presdr_store::odoo::records::{Key, Model};
use serde_json::json;

use super::*;

fn index() -> IndexKey {
    IndexKey::new(SecretKey::new([7; 32]))
}

fn row(cells: &[(&'static str, Cell)]) -> Row {
    let key = Key { model: Model::Partner, company: CompanyId::new(17).unwrap(), subject: None };
    Row { key, cells: cells.iter().cloned().collect() }
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
    let change = change(&scored(0.6), &settled(&scored(0.5), &now), &now, &index());
    assert_eq!((wrote(&change), change.keep.len()), (vec!["x_pre_sdr_score"], 0));
}

#[test]
fn a_field_that_a_person_changed_stays_theirs_and_others_are_written() {
    let old = row(&[("name", Cell::Text("Kelmora".to_owned())), ("x_pre_sdr_score", Cell::Number(0.5))]);
    let marks = settled(&old, &present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5 })));
    let new = row(&[("name", Cell::Text("Kelmora Pte Ltd".to_owned())), ("x_pre_sdr_score", Cell::Number(0.7))]);
    let edited = present(json!({ "name": "Kelmora (call Jane first)", "x_pre_sdr_score": 0.5 }));
    let first = change(&new, &marks, &edited, &index());
    assert_eq!(
        (wrote(&first), first.keep.iter().copied().collect::<Vec<_>>()),
        (vec!["x_pre_sdr_score"], vec!["name"])
    );
    assert!(!changed(&new, &first.marks, &index()).contains("name"), "it is not asked about every night");
    let later = row(&[("name", Cell::Text("Kelmora Holdings".to_owned()))]);
    assert_eq!(change(&later, &first.marks, &edited, &index()).keep.len(), 1, "and stays theirs");
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
    let change = change(&wanted, &BTreeMap::new(), &had, &index());
    assert_eq!(wrote(&change), ["website", "x_pre_sdr_score"]);
    assert_eq!(change.keep.iter().copied().collect::<Vec<_>>(), ["country_id", "name"]);
}

/// A crash between writing to Odoo and remembering it.
#[test]
fn a_write_that_nobody_saw_end_is_told_from_a_persons() {
    let before = settled(&scored(0.5), &present(json!({ "name": "Kelmora", "x_pre_sdr_score": 0.5 })));
    let mut marks = before.clone();
    let mark = marks.get_mut("x_pre_sdr_score").unwrap();
    (mark.wanted, mark.sending) = (None, scored(0.6).hashes(&index()).remove("x_pre_sdr_score"));
    let with = |score: f64| present(json!({ "name": "Kelmora", "x_pre_sdr_score": score }));
    let landed = change(&scored(0.6), &marks, &with(0.6), &index());
    assert_eq!((wrote(&landed).len(), landed.keep.len()), (0, 0), "it landed: nothing is left to do");
    assert!(changed(&scored(0.6), &landed.marks, &index()).is_empty());
    assert_eq!(wrote(&change(&scored(0.6), &marks, &with(0.5), &index())), ["x_pre_sdr_score"], "it did not");
    assert_eq!(change(&scored(0.6), &marks, &with(0.9), &index()).keep.len(), 1, "a person was there since");
    let newer = change(&scored(0.8), &marks, &with(0.6), &index());
    assert_eq!(wrote(&newer), ["x_pre_sdr_score"], "what landed is ours, and older than what is wanted now");
    let next = change(&scored(0.8), &landed.marks, &with(0.6), &index());
    assert_eq!(wrote(&next), ["x_pre_sdr_score"], "and after it, writing goes on");
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
