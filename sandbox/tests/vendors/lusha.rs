use presdr_sandbox::vendors::{Limits, Vendor};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{COMPANIES, Caller};

/// The domains of all companies, known to Lusha or not.
fn domains(lusha: &Caller) -> Vec<String> {
    lusha.sandbox.world().companies().iter().filter_map(|company| company.domain.clone()).collect()
}

/// A company that Lusha knows, with the preview of its people.
async fn known(lusha: &Caller) -> (Value, Vec<Value>) {
    for domain in domains(lusha) {
        let body = json!({ "companies": [{ "clientReferenceId": "c", "domain": domain }] });
        let company = lusha.post("/v3/companies/search", &body).await.json["results"][0].clone();
        let people = json!({ "filters": { "companies": { "include": { "domains": [domain] } } }, "pagination": { "page": 0, "size": 25 } });
        let people = lusha.post("/v3/contacts/prospecting", &people).await.json;
        let people = people["results"].as_array().unwrap().clone();
        if people.iter().any(|one| one["has"] == json!(["emails", "phones"])) {
            return (company, people);
        }
    }
    panic!("Lusha knows nobody");
}

#[tokio::test]
async fn companies_are_found_by_domain_and_name_and_charged_when_found() {
    let lusha = Caller::of(Vendor::Lusha).await;
    let mut items: Vec<Value> =
        domains(&lusha)[..99].iter().map(|domain| json!({ "clientReferenceId": domain, "domain": domain })).collect();
    items.push(json!({ "clientReferenceId": "none", "domain": "nobody.example" }));
    let told = lusha.post("/v3/companies/search-and-enrich", &json!({ "companies": items })).await;
    let results = told.json["results"].as_array().unwrap();
    let found: Vec<&Value> = results.iter().filter(|result| result.get("error").is_none()).collect();
    assert!((60..95).contains(&found.len()), "{}", found.len());
    assert_eq!(told.json["billing"], json!({ "creditsCharged": found.len(), "resultsReturned": found.len() }));
    assert_eq!(
        results[99],
        json!({ "clientReferenceId": "none", "error": { "code": "NOT_FOUND", "message": "Company not found" } })
    );
    assert!(
        found.iter().all(|one| one["clientReferenceId"] == one["domain"] && one["employeeCount"]["exact"].is_u64())
    );
    let company = found[0];
    let by_name = json!({ "companies": [{ "name": company["name"] }] });
    let again = lusha.post("/v3/companies/search", &by_name).await.json;
    assert_eq!((&again["results"][0]["id"], &again["billing"]["creditsCharged"]), (&company["id"], &json!(1)));
    let enriched = lusha.post("/v3/companies/enrich", &json!({ "ids": [company["id"], "1"] })).await.json;
    assert_eq!(enriched["results"][0]["description"], company["description"]);
    assert_eq!(enriched["results"][1]["error"]["code"], "NOT_FOUND");
    assert_eq!(enriched["billing"]["creditsCharged"], 1);
}

#[tokio::test]
async fn an_address_is_paid_for_once() {
    let lusha = Caller::of(Vendor::Lusha).await;
    let (_, people) = known(&lusha).await;
    let person = people.iter().find(|one| one["has"] == json!(["emails", "phones"])).unwrap();
    assert!(person.get("emails").is_none(), "a preview has no addresses");
    assert_eq!(person["canReveal"], json!([{ "field": "emails", "credits": 1 }, { "field": "phones", "credits": 5 }]));
    let ids = json!([person["id"]]);
    let emails = lusha.post("/v3/contacts/enrich", &json!({ "ids": ids, "reveal": ["emails"] })).await.json;
    assert_eq!(emails["billing"]["creditsCharged"], 1);
    assert!(emails["results"][0]["emails"][0]["email"].as_str().unwrap().contains('@'));
    assert!(emails["results"][0].get("phones").is_none());
    let both = lusha.post("/v3/contacts/enrich", &json!({ "ids": ids })).await.json;
    assert_eq!(both["billing"]["creditsCharged"], 5, "the address is free by now");
    let again = lusha
        .post(
            "/v3/contacts/search-and-enrich",
            &json!({ "contacts": [{ "clientReferenceId": "7", "id": person["id"] }] }),
        )
        .await
        .json;
    assert_eq!(again["billing"]["creditsCharged"], 1, "only the search");
    assert_eq!(again["results"][0]["clientReferenceId"], "7");
    let found = lusha.post("/v3/contacts/search", &json!({ "contacts": [{ "id": person["id"] }] })).await.json;
    assert_eq!(found["results"][0]["canReveal"][0], json!({ "field": "emails", "credits": 0 }));
    let thing = format!("contact:{}:emails", person["id"].as_str().unwrap());
    let bought: Vec<_> = lusha.sandbox.calls().bought().into_iter().filter(|one| one.thing == thing).collect();
    assert_eq!(bought.iter().map(|one| one.credits).sum::<u64>(), 1);
}

#[tokio::test]
async fn contacts_are_found_by_every_identifier_and_by_title() {
    let lusha = Caller::of(Vendor::Lusha).await;
    let (company, people) = known(&lusha).await;
    let person = &people[0];
    let name = json!({ "firstName": person["firstName"], "lastName": person["lastName"] });
    for (field, value) in [("companyDomain", &company["domain"]), ("companyName", &company["name"])] {
        let mut item = name.clone();
        item[field] = value.clone();
        let told = lusha.post("/v3/contacts/search", &json!({ "contacts": [item] })).await.json;
        assert_eq!(told["results"][0]["id"], person["id"], "{field}");
    }
    let item = json!({ "linkedinUrl": person["socialLinks"]["linkedin"] });
    let told = lusha.post("/v3/contacts/search", &json!({ "contacts": [item] })).await.json;
    assert_eq!(told["results"][0]["id"], person["id"]);
    let ask = async |include: Value| {
        let filters = json!({ "contacts": { "include": include }, "companies": { "include": { "domains": [company["domain"]] } } });
        lusha
            .post("/v3/contacts/prospecting", &json!({ "filters": filters, "pagination": { "page": 0, "size": 10 } }))
            .await
            .json
    };
    let title = person["jobTitle"]["title"].as_str().unwrap().to_lowercase();
    let same = ask(json!({ "jobTitles": [title] })).await;
    assert!(same["results"].as_array().unwrap().iter().any(|one| one["id"] == person["id"]), "{same}");
    assert_eq!(ask(json!({ "jobTitles": ["astronaut"] })).await["pagination"]["total"], 0);
    assert_eq!(ask(json!({ "jobTitles": ["astronaut"] })).await["billing"]["creditsCharged"], 0);
}

#[tokio::test]
async fn wrong_questions_are_refused_in_its_words() {
    let lusha = Caller::of(Vendor::Lusha).await;
    let many: Vec<Value> = (0..101).map(|number| json!({ "domain": format!("a{number}.example") })).collect();
    for (path, body, words) in [
        ("/v3/companies/search", json!({ "companies": many }), "no more than 100"),
        ("/v3/companies/search", json!({ "companies": [] }), "at least 1"),
        ("/v3/companies/search", json!({ "companies": [{ "fqdn": "a" }] }), "id, name, domain"),
        ("/v3/companies/search", json!({ "companies": [{ "name": "Tan's \"Best\"" }] }), "invalid characters"),
        ("/v3/contacts/search", json!({ "contacts": [{ "firstName": "A" }] }), "companyDomain"),
        ("/v3/contacts/enrich", json!({ "ids": ["1"], "reveal": ["shoes"] }), "emails, phones"),
        ("/v3/contacts/prospecting", json!({ "filters": {} }), "filters"),
        ("/prospecting/contact/search", json!({ "pages": { "page": 0, "size": 9 } }), "between 10 and 50"),
        ("/prospecting/contact/search", json!({ "pages": { "page": 0, "size": 51 } }), "between 10 and 50"),
    ] {
        let told = lusha.post(path, &body).await;
        let said = told.json["errors"][0].as_str().unwrap_or_default();
        assert_eq!((told.status, told.json["statusCode"].clone()), (400, json!(400)), "{path}");
        assert!(said.contains(words), "{path}: {said}");
    }
    let told = lusha.ask_as("wrong", Method::POST, "/v3/companies/search", &json!({})).await.unwrap();
    assert_eq!((told.status, &told.json["message"]), (401, &json!("Invalid API key")));
    assert_eq!(lusha.post("/v3/nothing", &json!({})).await.status, 404);
    assert_eq!(lusha.sandbox.calls().totals(Vendor::Lusha).credits, 0);
}

#[tokio::test]
async fn every_answer_tells_how_much_may_still_be_asked() {
    let lusha =
        Caller::limited(Vendor::Lusha, Limits { lusha_per_minute: 2, lusha_per_day: 9, ..Limits::default() }).await;
    let body = json!({ "companies": [{ "domain": "nobody.example" }] });
    let told = lusha.post("/v3/companies/search", &body).await;
    assert_eq!(
        (told.header("x-rate-limit-minute"), told.header("x-minute-requests-left"), told.header("x-minute-usage")),
        ("2", "1", "1")
    );
    assert_eq!((told.header("x-rate-limit-daily"), told.header("x-daily-requests-left")), ("9", "8"));
    assert_eq!(lusha.post("/v3/companies/search", &body).await.status, 200);
    let told = lusha.post("/v3/companies/search", &body).await;
    assert_eq!((told.status, told.header("x-minute-requests-left"), told.headers.get("retry-after")), (429, "0", None));
    assert!(told.json["message"].as_str().unwrap().contains("per minute"));
}

#[tokio::test]
async fn the_accounts_snapshot_moves_and_an_empty_account_pays_for_nothing() {
    let lusha = Caller::of(Vendor::Lusha).await;
    lusha.sandbox.set_credits(Vendor::Lusha, 2);
    let known: Vec<String> = domains(&lusha);
    let body = json!({ "companies": known[..COMPANIES / 6].iter().map(|domain| json!({ "domain": domain })).collect::<Vec<_>>() });
    let told = lusha.post("/v3/companies/search-and-enrich", &body).await;
    assert_eq!((told.status, &told.json["message"]), (402, &json!("Insufficient credits for this operation")));
    assert_eq!(lusha.post("/v3/companies/search", &body).await.status, 200, "a search of so many costs two");
    let usage = lusha.get("/v3/account/usage").await.json;
    assert_eq!(usage["credits"], json!({ "total": 2, "used": 2, "remaining": 0 }));
    assert_eq!(
        (&usage["rateLimits"]["minute"]["limit"], &usage["pricing"]["reveal_phone"]["credits"]),
        (&json!(300), &json!(5))
    );
    for _ in 0..4 {
        assert_eq!(lusha.get("/v3/account/usage").await.status, 200);
    }
    assert_eq!(lusha.get("/v3/account/usage").await.status, 429, "five a minute");
}

#[tokio::test]
async fn the_legacy_calls_answer_as_they_did() {
    let lusha = Caller::of(Vendor::Lusha).await;
    let (company, people) = known(&lusha).await;
    let domain = company["domain"].as_str().unwrap();
    let told = lusha.get(&format!("/v2/company?domain={domain}")).await.json;
    assert_eq!((&told["data"]["id"], &told["data"]["name"]), (&company["id"], &company["name"]));
    assert_eq!(lusha.get("/v2/company?domain=nobody.example").await.status, 404);
    let person = &people[0];
    let (first, last) = (person["firstName"].as_str().unwrap(), person["lastName"].as_str().unwrap());
    let told = lusha.get(&format!("/v2/person?firstName={first}&lastName={last}&companyDomain={domain}")).await.json;
    assert_eq!(told["contact"]["data"]["personId"], person["id"]);
    let told = lusha.get(&format!("/v2/person?firstName=No&lastName=Body&companyDomain={domain}")).await.json;
    assert_eq!(told["contact"]["error"]["name"], "EMPTY_DATA");
    assert_eq!(told["contact"]["isCreditCharged"], false);
    let search = json!({ "pages": { "page": 0, "size": 10 }, "filters": { "companies": { "include": { "domains": [domain] } } } });
    let found = lusha.post("/prospecting/contact/search", &search).await.json;
    assert_eq!(found["totalResults"], people.len());
    let enrich = |request: &Value| json!({ "requestId": request, "contactIds": [found["contacts"][0]["contactId"]] });
    assert_eq!(lusha.post("/prospecting/contact/enrich", &enrich(&json!("unknown"))).await.status, 412);
    let told = lusha.post("/prospecting/contact/enrich", &enrich(&found["requestId"])).await.json;
    assert_eq!(told["contacts"][0]["isSuccess"], true);
}
