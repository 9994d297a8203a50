use super::*;
use crate::BatchCall;
use crate::testing::{headers, said, table};

fn company(reply: &Reply<'_>) -> Result<Answered<Option<CompanyFacts>>, Failure> {
    CompanyLookup::by_domain("example.com").read(reply, &Prices::default())
}

#[test]
fn a_status_says_what_is_to_be_done() {
    table(
        company,
        &[
            (200, r#"{"results": []}"#, "answered"),
            (200, "{", "lost"),
            (400, r#"{"statusCode": 400, "message": "Bad Request", "errors": ["x"]}"#, "never"),
            (401, r#"{"statusCode": 401, "message": "Invalid API key"}"#, "key"),
            (402, "", "quota"),
            (403, "<html>", "key"),
            (404, "", "never"),
            (410, "", "never"),
            (412, "", "never"),
            (422, "", "never"),
            (429, r#"{"message": "Rate limit exceeded: too many requests per minute"}"#, "rate limit"),
            (429, r#"{"message": "Daily API rate limit exceeded"}"#, "quota"),
            (451, "", "never"),
            (499, "", "retry"),
            (503, "<html>", "retry"),
        ],
    );
}

#[test]
fn a_window_that_is_used_up_is_told_by_its_header() {
    let class = |pairs| {
        let headers = headers(pairs);
        company(&Reply { status: 429, headers: &headers, body: b"{}" }).unwrap_err().class
    };
    assert_eq!(class(&[("x-daily-requests-left", "0")]), Class::Quota { lasts: None });
    assert_eq!(
        class(&[("x-hourly-requests-left", "0"), ("x-daily-requests-left", "5")]),
        Class::Quota { lasts: Some(Duration::from_secs(3600)) }
    );
    assert_eq!(
        class(&[("x-minute-requests-left", "0"), ("x-daily-requests-left", "5")]),
        Class::Retry { after: None, rate_limit: true }
    );
}

#[test]
fn a_company_is_read_as_far_as_it_is_known() {
    let body = r#"{"requestId": "x", "results": [{"clientReferenceId": "1", "id": 16300001, "name": "Example Widgets", "domain": "Example.com",
        "employeeCount": {"exact": null, "min": 51, "max": 200}, "location": {"countryIso2": "SG"}, "technologies": ["a", {"name": "b"}, 7], "new": 1}],
        "billing": {"creditsCharged": 1, "resultsReturned": 1}}"#;
    let answered = said(company, 200, body).unwrap();
    let facts = answered.answer.unwrap();
    assert_eq!(
        (facts.id.as_str(), facts.domain.as_deref(), facts.employees, facts.employees_range),
        ("16300001", Some("example.com"), None, Some((51, Some(200))))
    );
    assert_eq!(facts.technologies, ["a", "b"]);
    assert_eq!(answered.charge.units, Decimal::ONE);
    let nobody = r#"{"results": [{"clientReferenceId": "1", "error": {"code": "NOT_FOUND", "message": "x"}}], "billing": {"creditsCharged": 0}}"#;
    let answered = said(company, 200, nobody).unwrap();
    assert!(answered.answer.is_none() && answered.charge.usd.is_zero());
}

#[test]
fn a_reveal_is_joined_on_ids_and_the_bill_is_shared() {
    let ids: Vec<String> = ["1", "2", "3"].map(str::to_owned).into();
    let read = |reply: &Reply<'_>| Reveal.read(&ids.iter().collect::<Vec<_>>(), reply, &Prices::default());
    let body = r#"{"results": [{"id": "3", "firstName": "Jo", "lastName": "Tan", "jobTitle": {"title": "CEO"}, "emails": [{"email": "jo@home.example", "type": "private"}, {"email": "jo@site.example", "type": "work", "confidence": "A"}]},
        {"id": "2", "error": {"code": "COMPLIANCE_RESTRICTED", "message": "x"}}, {"id": 1, "name": "Al Lim", "emails": null}], "billing": {"creditsCharged": 3}}"#;
    let answers: Vec<_> = said(read, 200, body).unwrap().into_iter().map(Option::unwrap).collect();
    assert_eq!(answers.iter().map(|answer| answer.charge.units).collect::<Vec<_>>(), [2.into(), 0.into(), 1.into()]);
    let jo = answers[2].answer.as_ref().unwrap();
    assert_eq!(
        (jo.name.as_deref(), jo.title.as_deref(), jo.emails[0].address.as_str()),
        (Some("Jo Tan"), Some("CEO"), "jo@site.example")
    );
    assert!(answers[1].answer.is_none() && answers[1].charge.metered.is_zero());
    assert_eq!(format!("{jo:?}"), "Contact(…)");
}

#[test]
fn a_text_that_goes_on_for_ever_or_moves_the_cursor_is_not_kept() {
    let ids = ["1".to_owned()];
    let read = |reply: &Reply<'_>| Reveal.read(&ids.iter().collect::<Vec<_>>(), reply, &Prices::default());
    let long = "x".repeat(70_000);
    let body = json!({"results": [{"id": "1", "name": format!("Jo\u{0} Tan\u{1b}[2J"), "firstName": long, "jobTitle": {"title": format!("CEO\n{long}")},
        "emails": [{"email": format!("{long}@site.example")}, {"email": "jo\u{0}@site.example"}, {"email": "jo@site.example", "confidence": long}],
        "phones": [{"number": long}, {"number": "+65 6000 0000"}], "linkedinUrl": format!("https://profiles.example/{long}")}]});
    let mut answers = said(read, 200, &body.to_string()).unwrap();
    let jo = answers.remove(0).unwrap().answer.unwrap();
    assert_eq!(jo.name.as_deref(), Some("Jo Tan[2J"));
    assert!(jo.title.as_deref().unwrap().starts_with("CEO x"), "{:?}", jo.title);
    assert_eq!(jo.emails.iter().map(|email| email.address.as_str()).collect::<Vec<_>>(), ["jo@site.example"]);
    assert_eq!((jo.phones, jo.profile), (vec!["+65 6000 0000".to_owned()], None));
    let texts = [jo.name, jo.first_name, jo.title, jo.emails[0].confidence.clone()];
    assert!(texts.iter().flatten().all(|text| text.len() <= text::NAME_BYTES_MAX && !text.contains(char::is_control)));
}

#[test]
fn a_name_is_sent_without_what_is_refused() {
    assert_eq!(plain("Acme (S) Pte. Ltd. / \"Trading\" #1 *"), "Acme (S) Pte. Ltd. Trading 1");
}
