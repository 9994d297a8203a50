use serde_json::json;

use super::*;

fn company(id: i64) -> CompanyId {
    CompanyId::new(id).unwrap()
}

fn sought(id: i64, uen: Option<&str>, domain: Option<&str>) -> Sought {
    Sought { company: company(id), uen: uen.map(str::to_owned), domain: domain.map(str::to_owned) }
}

fn partner(id: i64, fields: Value) -> Present {
    let Value::Object(mut told) = fields else { panic!("an object") };
    told.insert("id".to_owned(), json!(id));
    Present::read(told).unwrap()
}

fn picked(sought: &[Sought], partners: &[Present], taken: &[i64]) -> Vec<String> {
    let told = |found: Found| match found {
        Found::Nothing => "new".to_owned(),
        Found::One(present) => format!("partner {}", present.id),
        Found::Many(count, by) => format!("{count} by {by}"),
    };
    pick(sought, partners, &taken.iter().copied().collect()).into_values().map(told).collect()
}

#[test]
fn a_uen_decides_wherever_it_stands_and_however_it_is_written() {
    for field in ["x_uen", "company_registry", "ref", "vat"] {
        for written in ["201912345K", " 201912345k", "SG201912345K"] {
            let there =
                [partner(3, json!({ field: written })), partner(4, json!({ "website": "https://kelmora.example" }))];
            let found = picked(&[sought(1, Some("201912345K"), Some("kelmora.example"))], &there, &[]);
            assert_eq!(found, ["partner 3"], "{field} {written}");
        }
    }
}

#[test]
fn a_domain_decides_where_no_uen_does() {
    for written in ["https://www.kelmora.example/about", "kelmora.example", "HTTP://KELMORA.example/"] {
        let there =
            [partner(3, json!({ "website": written })), partner(4, json!({ "website": "https://notkelmora.example" }))];
        assert_eq!(
            picked(&[sought(1, Some("201912345K"), Some("kelmora.example"))], &there, &[]),
            ["partner 3"],
            "{written}"
        );
    }
}

#[test]
fn another_companys_uen_is_another_company() {
    let there = [partner(3, json!({ "website": "https://kelmora.example", "company_registry": "200012345Z" }))];
    assert_eq!(picked(&[sought(1, Some("201912345K"), Some("kelmora.example"))], &there, &[]), ["new"]);
    let numbered = [partner(3, json!({ "website": "https://kelmora.example", "ref": "C-1047" }))];
    assert_eq!(
        picked(&[sought(1, Some("201912345K"), Some("kelmora.example"))], &numbered, &[]),
        ["partner 3"],
        "a number of the tenant's own is no UEN"
    );
}

#[test]
fn what_is_not_clear_is_not_guessed() {
    let twice = [partner(3, json!({ "ref": "201912345K" })), partner(4, json!({ "x_uen": "201912345K" }))];
    assert_eq!(picked(&[sought(1, Some("201912345K"), None)], &twice, &[]), ["2 by UEN"]);
    assert_eq!(picked(&[sought(1, Some("201912345K"), None)], &twice, &[4]), ["partner 3"], "one is another of ours");
    let shared = [partner(3, json!({ "website": "https://group.example" }))];
    let both = [sought(1, None, Some("group.example")), sought(2, None, Some("group.example"))];
    let by_domain = "2 by domain, which several companies share".to_owned();
    assert_eq!(picked(&both, &shared, &[]), [by_domain.clone(), by_domain]);
    assert_eq!(picked(&[sought(1, None, None)], &shared, &[]), ["new"]);
}

#[test]
fn the_question_is_well_formed_in_prefix_notation() {
    let fields = Fields { present: ["x_uen", "company_registry", "x_website_domain"].into(), ..Fields::default() };
    let Value::Array(question) = question(&[sought(1, Some("201912345K"), Some("kelmora.example"))], &fields) else {
        panic!("a list")
    };
    let (operators, terms): (Vec<_>, Vec<_>) = question.into_iter().partition(Value::is_string);
    assert_eq!(operators.len() + 1, terms.len());
    assert!(terms.contains(&json!(["parent_id", "=", false])) && terms.contains(&json!(["is_company", "=", true])));
    let spelt = terms.iter().find(|term| term[0] == "ref").unwrap()[2].as_array().unwrap().clone();
    for spelling in ["201912345K", "201912345k", " 201912345K", "SG201912345K", "sg201912345k "] {
        assert!(spelt.contains(&json!(spelling)), "{spelling}");
    }
}

#[test]
fn what_a_person_says_is_looked_at_before_it_is_believed() {
    let why = |fields: Value, uen: Option<&str>| objection(&partner(3, fields), uen);
    let uen = Some("201912345K");
    assert_eq!(why(json!({ "is_company": true, "ref": " sg201912345k" }), uen), None);
    assert_eq!(why(json!({ "is_company": true, "parent_id": [9, "Group"], "ref": "C-17" }), uen), None);
    assert_eq!(why(json!({ "is_company": false, "parent_id": false }), uen), None, "somebody forgot to tick it");
    assert!(why(json!({ "is_company": false, "parent_id": [9, "Group"] }), uen).unwrap().contains("contact"));
    assert!(why(json!({ "is_company": true, "vat": "200012345Z" }), uen).unwrap().contains("UEN of another"));
    assert!(why(json!({ "is_company": true, "active": false }), None).unwrap().contains("archived"));
}
