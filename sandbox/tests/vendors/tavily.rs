use presdr_sandbox::vendors::{Limits, Patience, Vendor, VendorConfig};
use presdr_sandbox::web::profile::{Condition, Profile};
use serde_json::{Value, json};

use crate::support::{COMPANIES, Caller};

fn said(json: &Value) -> &str {
    json["detail"]["error"].as_str().unwrap_or_default()
}

fn profile(wanted: impl Fn(&Profile) -> bool) -> Profile {
    (0..COMPANIES).map(|index| Profile::varied(1, index)).find(|profile| wanted(profile)).unwrap()
}

#[tokio::test]
async fn wrong_questions_are_refused_in_its_words_and_cost_nothing() {
    let tavily = Caller::of(Vendor::Tavily).await;
    let urls: Vec<String> = (0..21).map(|number| format!("https://site{number}.example/")).collect();
    for (path, body, status, words) in [
        ("/search", json!({}), 400, "Query is missing"),
        ("/search", json!({ "query": "q".repeat(401) }), 400, "Query is too long. Max query length is 400 characters."),
        ("/search", json!({ "query": "q", "search_depth": "deep" }), 400, "Invalid search_depth"),
        ("/search", json!({ "query": "q", "max_results": 21 }), 400, "Invalid max_results"),
        ("/search", json!({ "query": "q", "topic": "news", "country": "singapore" }), 400, "Country"),
        ("/extract", json!({ "urls": urls }), 400, "Max 20 URLs are allowed."),
        ("/extract", json!({ "urls": [] }), 400, "No URLs"),
        ("/extract", json!({ "urls": "https://a.example", "timeout": 61 }), 400, "Invalid timeout"),
        ("/crawl", json!({}), 400, "[400] No starting url provided"),
        ("/crawl", json!({ "url": "http://127.0.0.1/" }), 403, "[403] URL is not supported"),
        ("/crawl", json!({ "url": "https://a.example", "select_paths": ["("] }), 400, "Invalid regex"),
        ("/map", json!({ "url": "https://a.example", "max_depth": 6 }), 400, "Invalid max_depth"),
    ] {
        let told = tavily.post(path, &body).await;
        assert_eq!((told.status, said(&told.json).contains(words)), (status, true), "{path} {body}: {}", told.json);
    }
    assert_eq!(tavily.sandbox.calls().totals(Vendor::Tavily).credits, 0);
    let (key, good) = ("tvly-wrong", json!({ "query": "q".repeat(401) }));
    let told = tavily.ask_as(key, reqwest::Method::POST, "/search", &good).await.unwrap();
    assert_eq!(
        (told.status, said(&told.json)),
        (401, "Unauthorized: missing or invalid API key."),
        "the key is read first"
    );
    assert_eq!(tavily.get("/search").await.status, 405);
    assert_eq!(tavily.post("/nothing", &json!({})).await.status, 404);
}

#[tokio::test]
async fn a_search_finds_the_companys_own_site_among_others() {
    let tavily = Caller::of(Vendor::Tavily).await;
    let (mut with_site, mut found, mut first, mut false_finds) = (0, 0, 0, 0);
    for company in tavily.sandbox.world().companies() {
        let query = format!("{} official site", company.name);
        let told = tavily.post("/search", &json!({ "query": query, "max_results": 5 })).await;
        let results = told.json["results"].as_array().unwrap();
        let domain = company.domain.as_deref().unwrap();
        let own = |result: &Value| result["url"].as_str().unwrap().contains(domain);
        assert!(results.len() <= 5 && !results.is_empty());
        let scores: Vec<f64> = results.iter().map(|result| result["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|one, other| one >= other), "{scores:?}");
        if company.has_site {
            with_site += 1;
            found += usize::from(results.iter().any(own));
            first += usize::from(own(&results[0]));
        } else {
            false_finds += usize::from(results.iter().any(own));
        }
    }
    assert!(with_site > COMPANIES * 85 / 100);
    assert!(found > with_site * 85 / 100, "{found} of {with_site}");
    assert!(found - first > with_site / 10, "others come first now and then: {first} of {found}");
    assert_eq!(false_finds, 0, "a site that is not there is not found");
}

#[tokio::test]
async fn depth_sets_the_price_and_usage_shows_it_at_once() {
    let tavily = Caller::of(Vendor::Tavily).await;
    let name = tavily.sandbox.world().companies()[0].name.clone();
    let basic = tavily.post("/search", &json!({ "query": name, "include_usage": true })).await;
    assert_eq!(basic.json["usage"]["credits"], 1);
    let again = tavily.post("/search", &json!({ "query": name, "include_usage": true })).await;
    assert_eq!(basic.json["results"], again.json["results"]);
    assert_ne!(basic.json["request_id"], again.json["request_id"]);
    let advanced = tavily
        .post("/search", &json!({ "query": name, "search_depth": "advanced", "include_raw_content": true }))
        .await;
    assert_eq!(advanced.json.get("usage"), None);
    assert!(advanced.json["results"][0]["raw_content"].is_string());
    let usage = tavily.get("/usage").await.json;
    assert_eq!((&usage["key"]["usage"], &usage["key"]["search_usage"]), (&json!(4), &json!(4)));
    assert_eq!(usage["account"]["plan_limit"], 100_000);
}

#[tokio::test]
async fn extraction_reads_what_keeps_robots_out_and_charges_by_five() {
    let tavily = Caller::of(Vendor::Tavily).await;
    let guarded = profile(|site| site.condition == Condition::Challenge);
    let gone = profile(|site| site.condition == Condition::Unresolvable);
    let plain: Vec<Profile> = (0..COMPANIES).map(|index| Profile::varied(1, index)).collect();
    let plain = plain.iter().filter(|site| site.condition == Condition::Ordinary).take(6);
    let plain: Vec<String> = plain.map(|site| format!("http://{}/", site.company.domain)).collect();
    let urls = [format!("https://{}/", guarded.company.domain), format!("https://{}/", gone.company.domain)];
    let body = json!({ "urls": urls, "extract_depth": "advanced", "include_usage": true });
    let told = tavily.post("/extract", &body).await;
    assert_eq!(told.status, 200);
    let text = told.json["results"][0]["raw_content"].as_str().unwrap();
    assert!(text.contains(&guarded.company.brand), "{text}");
    assert_eq!(told.json["failed_results"][0]["url"], json!(urls[1]));
    assert_eq!(told.json["usage"]["credits"], 0, "one page of five");
    let told = tavily.post("/extract", &json!({ "urls": plain[..3], "include_usage": true })).await;
    assert_eq!(told.json["usage"]["credits"], 0, "four pages of five");
    let told = tavily.post("/extract", &json!({ "urls": plain[3..], "include_usage": true })).await;
    assert_eq!(told.json["usage"]["credits"], 1);
    assert_eq!(tavily.sandbox.calls().times_bought(Vendor::Tavily, &format!("url:{}", plain[0])), 1);
}

#[tokio::test]
async fn a_crawl_goes_where_its_paths_lead_and_costs_map_and_extraction() {
    let tavily = Caller::of(Vendor::Tavily).await;
    let site = profile(|site| site.condition == Condition::Ordinary && site.pages.len() >= 8);
    let url = format!("https://{}", site.host());
    let all = tavily.post("/crawl", &json!({ "url": url, "include_usage": true })).await.json;
    assert_eq!(all["results"].as_array().unwrap().len(), site.pages.len());
    let extraction = site.pages.len() as u64 / 5;
    let map = (site.pages.len() as u64).div_ceil(10);
    assert_eq!(all["usage"]["credits"], map + extraction);
    let some =
        tavily.post("/crawl", &json!({ "url": url, "select_paths": ["(?i)contact|about"], "limit": 2 })).await.json;
    let urls: Vec<&str> =
        some["results"].as_array().unwrap().iter().map(|page| page["url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 2);
    assert!(urls[1].contains("about") || urls[1].contains("contact"), "{urls:?}");
    let map = tavily.post("/map", &json!({ "url": url })).await.json;
    assert_eq!(map["results"].as_array().unwrap().len(), site.pages.len());
    assert!(tavily.sandbox.world().page(&url, Patience::Basic).unwrap().markdown.contains(&site.company.brand));
}

#[tokio::test]
async fn the_hundred_and_first_is_told_to_wait_and_an_empty_account_to_pay() {
    let tavily = Caller::limited(Vendor::Tavily, Limits { tavily_per_minute: 2, ..Limits::default() }).await;
    let body = json!({ "query": "anything" });
    assert_eq!(tavily.post("/search", &body).await.status, 200);
    assert_eq!(tavily.post("/search", &body).await.status, 200);
    let told = tavily.post("/search", &body).await;
    assert_eq!(told.status, 429);
    assert!((1..=60).contains(&told.header("retry-after").parse::<u64>().unwrap()));
    assert!(said(&told.json).contains("blocked due to excessive requests"));

    let credits = vec![(Vendor::Tavily, 3)];
    let poor = Caller::with(Vendor::Tavily, VendorConfig { credits, ..VendorConfig::default() }).await;
    let advanced = json!({ "query": "anything", "search_depth": "advanced" });
    assert_eq!(poor.post("/search", &advanced).await.status, 200);
    let told = poor.post("/search", &advanced).await;
    assert_eq!(told.status, 432, "one credit is left of the two");
    assert!(said(&told.json).starts_with("This request exceeds your plan's set usage limit."));
    assert_eq!((poor.post("/search", &body).await.status, poor.sandbox.credits_left(Vendor::Tavily)), (200, 0));
    assert_eq!(poor.post("/search", &body).await.status, 432);
}
