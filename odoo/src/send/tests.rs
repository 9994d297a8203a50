use serde_json::json;

use super::*;

fn columns() -> Vec<String> {
    ["id", "name", "country_id/id"].map(str::to_owned).to_vec()
}

fn once(answer: Value) -> Result<Once, Fault> {
    read("res.partner", &columns(), 3, serde_json::from_value(answer).unwrap())
}

#[test]
fn an_answer_with_numbers_is_rows_that_are_there() {
    let Ok(Once::There(ids)) = once(json!({ "ids": [17, 18], "messages": [], "nextrow": 2 })) else { panic!("there") };
    assert_eq!(ids, [17, 18]);
}

#[test]
fn a_bad_row_is_known_by_its_place_and_told_without_its_value() {
    let rows = json!({ "from": 1, "to": 1 });
    let answer = json!({ "ids": false, "messages": [
        { "type": "error", "rows": rows, "record": 1, "field": "country_id", "message": "No match for jane@acme.example" },
        { "type": "error", "rows": rows, "record": 1, "message": "Contacts require a name" },
    ] });
    let Ok(Once::Bad(bad)) = once(answer) else { panic!("bad") };
    assert_eq!(
        bad.into_iter().collect::<Vec<_>>(),
        [(1, Loaded::Refused("Odoo refuses what country_id is".to_owned()))]
    );
}

#[test]
fn a_record_that_is_gone_is_no_refusal() {
    let message = json!({ "type": "error", "rows": { "from": 0, "to": 0 }, "field": ".id", "message": "Unknown database identifier '9'" });
    let Ok(Once::Bad(bad)) = once(json!({ "ids": false, "messages": [message] })) else { panic!("bad") };
    assert_eq!(bad.get(&0), Some(&Loaded::Gone));
}

#[test]
fn collisions_and_missing_rights_are_told_with_status_200_and_are_no_bad_rows() {
    let failing = |message: &str| {
        once(json!({ "ids": false, "messages": [{ "type": "error", "message": message,
        "rows": { "from": 0, "to": 2 } }] }))
    };
    assert!(matches!(failing("could not serialize access due to concurrent update"), Err(Fault::Retry(_))));
    assert!(matches!(
        failing("You are not allowed to create 'Contact' (res.partner) records."),
        Err(Fault::FixNeeded { .. })
    ));
}

#[test]
fn a_failure_without_a_place_is_not_pinned_on_a_row() {
    assert!(matches!(once(json!({ "ids": false, "messages": [] })), Ok(Once::Unclear(_))));
    let beyond = json!({ "type": "error", "message": "x", "rows": { "from": 7, "to": 9 } });
    assert!(matches!(once(json!({ "ids": false, "messages": [beyond] })), Ok(Once::Unclear(_))));
}
