use presdr_sandbox::vendors::{Limits, Vendor, VendorConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, client};

const KEY_OR_CREDITS: &str = "Invalid API key or your account ran out of credits";

fn batch(emails: &[String]) -> Value {
    json!({ "email_batch": emails.iter().map(|email| json!({ "email_address": email, "ip_address": null })).collect::<Vec<_>>() })
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("person.number{number}@firm{number}.example")).collect()
}

#[tokio::test]
async fn an_address_is_validated_with_the_fields_of_the_document() {
    let zerobounce = Caller::of(Vendor::ZeroBounce).await;
    let told = zerobounce.get("/validate?email=valid@example.com&ip_address=99.110.204.1").await;
    let result = &told.json;
    assert_eq!((told.status, &result["status"], &result["sub_status"]), (200, &json!("valid"), &json!("")));
    assert_eq!((&result["mx_found"], &result["free_email"]), (&json!("true"), &json!(false)));
    assert_eq!((&result["account"], &result["domain"]), (&json!("valid"), &json!("example.com")));
    assert_eq!(result["zipcode"], "33401", "the address of the test has a place");
    assert_eq!(result["processed_at"].as_str().unwrap().len(), "2026-11-20 08:15:30.123".len());
    assert!(result.get("confidence").is_none());
    let told = zerobounce.get("/validate?email=catch_all@example.com&ip_address=").await;
    assert_eq!((&told.json["status"], &told.json["zipcode"]), (&json!("catch-all"), &Value::Null));

    let form = [("api_key", zerobounce.sandbox.key(Vendor::ZeroBounce)), ("email", "toxic@example.com")];
    let form = form.map(|(name, value)| format!("{name}={}", value.replace('@', "%40"))).join("&");
    let request = client().post(format!("{}/validate", zerobounce.sandbox.base(Vendor::ZeroBounce)));
    let answer = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("\"toxic\""));
}

#[tokio::test]
async fn unknown_and_test_addresses_are_free_and_credits_show_it() {
    let zerobounce = Caller::of(Vendor::ZeroBounce).await;
    let mut emails = people(60);
    emails.push("valid@example.com".into());
    let told = zerobounce.post("/validatebatch", &batch(&emails)).await;
    let results = told.json["email_batch"].as_array().unwrap();
    assert_eq!((told.status, results.len()), (200, 61));
    let paid = results[..60].iter().filter(|result| result["status"] != "unknown").count();
    let credits = |json: &Value| json["Credits"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(credits(&zerobounce.get("/getcredits").await.json), 100_000 - paid as u64);
    assert_eq!(zerobounce.sandbox.calls().times_bought(Vendor::ZeroBounce, &format!("email:{}", emails[0])), 1);
    let usage = zerobounce.get("/getapiusage?start_date=2026-11-01&end_date=2026-11-30").await.json;
    assert_eq!((&usage["total"], &usage["start_date"]), (&json!(61), &json!("11/1/2026")));
    let again = zerobounce.post("/validatebatch", &batch(&emails[..1])).await.json;
    assert_eq!(again["email_batch"][0]["status"], results[0]["status"]);
    assert_eq!(zerobounce.sandbox.calls().times_bought(Vendor::ZeroBounce, &format!("email:{}", emails[0])), 2);
}

#[tokio::test]
async fn a_bad_key_and_an_empty_account_sound_the_same_but_for_the_credits() {
    let zerobounce = Caller::of(Vendor::ZeroBounce).await;
    let ask =
        async |method: Method, path: &str, body: Value| zerobounce.ask_as("wrong", method, path, &body).await.unwrap();
    let told = ask(Method::GET, "/validate?email=a@b.example", Value::Null).await;
    assert_eq!((told.status, &told.json), (200, &json!({ "error": KEY_OR_CREDITS })));
    assert_eq!(ask(Method::GET, "/getcredits", Value::Null).await.json, json!({ "Credits": "-1" }));
    let refused = json!({ "email_batch": [], "errors": [{ "error": KEY_OR_CREDITS, "email_address": "all" }] });
    assert_eq!(ask(Method::POST, "/validatebatch", batch(&people(1))).await.json, refused);

    let mut impatient = batch(&people(1));
    impatient["timeout"] = json!(60);
    assert_eq!(
        zerobounce.post("/validatebatch", &impatient).await.json,
        refused,
        "a number is answered like a bad key"
    );
    impatient["timeout"] = json!("60");
    assert_eq!(zerobounce.post("/validatebatch", &impatient).await.json["errors"], json!([]));

    zerobounce.sandbox.set_credits(Vendor::ZeroBounce, 1);
    assert_eq!(zerobounce.post("/validatebatch", &batch(&people(20))).await.json, refused);
    zerobounce.sandbox.set_credits(Vendor::ZeroBounce, 0);
    assert_eq!(zerobounce.get("/validate?email=a@b.example").await.json, json!({ "error": KEY_OR_CREDITS }));
    assert_eq!(zerobounce.get("/getcredits").await.json, json!({ "Credits": "0" }));
}

#[tokio::test]
async fn sizes_and_rates_have_their_limits() {
    let zerobounce = Caller::of(Vendor::ZeroBounce).await;
    assert_eq!(zerobounce.post("/validatebatch", &batch(&people(200))).await.status, 200);
    let told = zerobounce.post("/validatebatch", &batch(&people(201))).await;
    assert_eq!((told.status, told.json["error"].is_string()), (400, true));
    assert_eq!(zerobounce.get("/validate?ip_address=").await.status, 400);
    assert_eq!(zerobounce.get("/nothing").await.status, 404);
    assert_eq!(zerobounce.get("/validatebatch").await.status, 405);
    let mixed = json!({ "email_batch": [{ "email_address": "" }, { "email_address": "valid@example.com" }] });
    let told = zerobounce.post("/validatebatch", &mixed).await.json;
    assert_eq!((told["email_batch"].as_array().unwrap().len(), told["errors"].as_array().unwrap().len()), (1, 1));

    let limits = Limits { zerobounce_batches_per_minute: 1, zerobounce_bad_keys_per_hour: 2, ..Limits::default() };
    let slow = Caller::with(Vendor::ZeroBounce, VendorConfig { limits, ..VendorConfig::default() }).await;
    assert_eq!(slow.post("/validatebatch", &batch(&people(1))).await.status, 200);
    let told = slow.post("/validatebatch", &batch(&people(1))).await;
    assert_eq!((told.status, told.headers.get("retry-after")), (429, None));
    let wrong = async || slow.ask_as("wrong", Method::GET, "/getcredits", &Value::Null).await.unwrap().status;
    assert_eq!([wrong().await, wrong().await, wrong().await], [200, 200, 429]);
}
