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

#[test]
fn a_missing_right_to_something_else_is_the_rows_own() {
    let rows = json!({ "from": 1, "to": 1 });
    let message = "You are not allowed to modify 'User' (res.users) records.";
    let answer = json!({ "ids": false, "messages": [{ "type": "error", "rows": rows, "message": message }] });
    assert!(matches!(once(answer), Ok(Once::Bad(bad)) if bad.len() == 1));
}

#[test]
fn odoo_is_broken_when_it_fails_at_row_after_row_and_takes_none() {
    let failed = || Some(Loaded::Failed("builtins.KeyError in res.partner.load".to_owned()));
    let refused = || Some(Loaded::Refused("Odoo refuses what name is".to_owned()));
    assert!(broken(&[failed(), failed(), failed(), None], BROKEN_MIN).unwrap().contains("KeyError"));
    assert_eq!(broken(&[failed(), failed(), None], BROKEN_MIN), None, "two rows may be bad");
    assert_eq!(broken(&[failed(), failed(), failed(), Some(Loaded::There(7))], BROKEN_MIN), None, "it takes others");
    assert_eq!(broken(&[refused(), refused(), refused()], BROKEN_MIN), None, "what a rule refuses is the row's own");
    let answer = json!({ "ids": false, "messages": [{ "type": "error", "rows": { "from": 0, "to": 0 },
        "message": "Unknown error during import: <class 'KeyError'>: 'jane@acme.example'", "moreinfo": "Resolve other errors first" }] });
    let Ok(Once::Bad(bad)) = once(answer) else { panic!("bad") };
    assert_eq!(bad.get(&0), Some(&Loaded::Failed("an error of no known class".to_owned())));
}

#[test]
fn once_odoo_failed_at_a_row_others_are_tried_from_all_over_the_rest() {
    let mut waiting = vec![(4..10).collect::<Vec<_>>(), vec![2, 3], vec![1]];
    let failed = Some(Loaded::Failed("builtins.KeyError in res.partner.load".to_owned()));
    assert_eq!(next(&mut waiting, std::slice::from_ref(&failed)), Some(vec![7]));
    assert_eq!(waiting, [vec![8, 9], vec![4, 5, 6], vec![2, 3], vec![1]]);
    assert_eq!(next(&mut waiting, std::slice::from_ref(&failed)), Some(vec![5]));
    assert_eq!(next(&mut waiting, &[failed, Some(Loaded::There(7))]), Some(vec![1]), "it takes some: in their order");
}
