use super::*;
use crate::testing::{said, table};

fn search(reply: &Reply<'_>) -> Result<Answered<Found>, Failure> {
    Search::new("x", 3).read(reply, &Prices::default())
}

fn extract(reply: &Reply<'_>) -> Result<Answered<Pages>, Failure> {
    Extract::new(["https://a.example/", "https://b.example/"]).read(reply, &Prices::default())
}

#[test]
fn a_status_says_what_is_to_be_done_whatever_the_body_is() {
    table(
        search,
        &[
            (200, r#"{"results": []}"#, "answered"),
            (200, "<html>", "lost"),
            (200, r#"{"results": [{"url""#, "lost"),
            (400, r#"{"detail": {"error": "Query is too long."}}"#, "never"),
            (401, "<html>", "key"),
            (403, r#"{"detail": {"error": "[403] URL is not supported"}}"#, "never"),
            (429, "<html>", "rate limit"),
            (432, "", "quota"),
            (433, r#"{"detail": {}}"#, "quota"),
            (500, "<html>", "retry"),
            (302, "", "never"),
        ],
    );
}

#[test]
fn what_was_found_is_read_past_what_is_not_known() {
    let body = r#"{"results": [{"url": "https://a.example/", "title": "A", "content": "x", "score": 0.9, "raw_content": null, "new": 1},
        {"title": "no url"}, "odd"], "usage": {"credits": 2, "more": []}, "answer": null}"#;
    let answered = said(search, 200, body).unwrap();
    assert_eq!(answered.answer.results.len(), 1);
    assert_eq!((answered.charge.units.to_string(), answered.charge.usd.to_string()), ("2".to_owned(), "0.016".to_owned()));
}

#[test]
fn five_pages_share_a_credit_and_failed_ones_are_free() {
    let body = r#"{"results": [{"url": "https://a.example/", "raw_content": "text"}], "failed_results": [{"url": "https://b.example/", "error": "x"}]"#;
    let silent = said(extract, 200, &format!("{body}}}")).unwrap();
    assert_eq!((silent.answer.pages.len(), silent.answer.failed), (1, 1));
    assert_eq!(silent.charge.units.to_string(), "0.2");
    let said_so = said(extract, 200, &format!(r#"{body}, "usage": {{"credits": 0}}}}"#)).unwrap();
    assert!(said_so.charge.units.is_zero() && said_so.charge.metered == Decimal::ONE);
    let nonsense = said(extract, 200, &format!(r#"{body}, "usage": {{"credits": -3}}}}"#)).unwrap();
    assert_eq!(nonsense.charge, silent.charge);
    let worst = |urls: usize| Extract::new((0..urls).map(|n| n.to_string())).worst_case(&Prices::default()).unwrap().units;
    assert_eq!((worst(1), worst(5), worst(6), worst(50)), (1.into(), 1.into(), 2.into(), 4.into()));
}

#[test]
fn a_question_is_cut_and_the_same_in_any_case() {
    let search = Search::new(&"Pte  Ltd ".repeat(100), 99);
    assert_eq!((search.query.chars().count(), search.results_max), (400, 20));
    assert_eq!(Search::new("Acme  Widgets", 3).canonical(), Search::new("acme widgets", 3).canonical());
    assert_ne!(Search::new("acme", 3).canonical(), Search::new("acme", 4).canonical());
    assert_eq!(Extract::new(["b", "a"]).canonical(), Extract::new(["a", "b"]).canonical());
}

#[test]
fn what_is_left_is_the_least_of_key_and_plan() {
    let left = |body| said(left, 200, body).unwrap().map(|left| left.to_string());
    assert_eq!(left(r#"{"key": {"usage": 10, "limit": 100}, "account": {"plan_usage": 500, "plan_limit": 1000, "paygo_usage": 1, "paygo_limit": 3}}"#).as_deref(), Some("90"));
    assert_eq!(left(r#"{"key": {"usage": 10, "limit": null}, "account": {"plan_usage": 1000, "plan_limit": 1000, "paygo_usage": 1, "paygo_limit": 3}}"#).as_deref(), Some("2"));
    assert_eq!(left(r#"{"key": {"usage": 10, "limit": null}, "account": {}}"#), None);
}
