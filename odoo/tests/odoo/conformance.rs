//! What the wire says of Odoo 19, asked of either: an imitation that answers otherwise than the real one fails here.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::raw::{Raw, Told};

/// Asks everything that presdr relies on.
pub async fn answers(odoo: &Raw) {
    let mark = format!("conf{}", &Uuid::new_v4().simple().to_string()[..10]);
    refusals(odoo).await;
    let made = records(odoo, &mark).await;
    loads(odoo, &mark).await;
    rules(odoo, &mark).await;
    identities(odoo, &mark).await;
    searches(odoo, &mark).await;
    odoo.admin("res.partner", "unlink", json!({ "ids": made })).await;
    let left: Vec<i64> =
        odoo.partners(&mark, &["name"]).await.iter().filter_map(|partner| partner["id"].as_i64()).collect();
    odoo.admin("res.partner", "unlink", json!({ "ids": left })).await;
}

fn is(told: &Told, status: u16, class: &str) {
    assert_eq!((told.status, told.body["name"].as_str()), (status, Some(class)), "{:?}", told.body["message"]);
    assert!(told.is_json && told.body["debug"].is_string(), "every error has its traceback");
}

async fn refusals(odoo: &Raw) {
    let path = "res.partner/search_count";
    let everything = json!({ "domain": [] }).to_string();
    is(&odoo.send(&odoo.database, None, path, everything.clone()).await, 401, "werkzeug.exceptions.Unauthorized");
    is(
        &odoo.send(&odoo.database, Some("wrong"), path, everything.clone()).await,
        401,
        "werkzeug.exceptions.Unauthorized",
    );
    let nowhere = odoo.send("no_such_database", Some(&odoo.service), path, everything).await;
    assert_eq!((nowhere.status, nowhere.is_json), (404, false), "a page, not JSON");
    is(
        &odoo.send(&odoo.database, Some(&odoo.service), path, "{".to_owned()).await,
        400,
        "werkzeug.exceptions.BadRequest",
    );
    let service = async |model: &str, method: &str, body: Value| odoo.call(&odoo.service, model, method, body).await;
    is(&service("no.model", "search", json!({ "domain": [] })).await, 404, "werkzeug.exceptions.NotFound");
    is(&service("res.partner", "no_method", json!({})).await, 404, "werkzeug.exceptions.NotFound");
    is(&service("res.partner", "search", json!({})).await, 422, "werkzeug.exceptions.UnprocessableEntity");
    is(&service("res.partner", "search", json!({ "domain": [["nope", "=", 1]] })).await, 500, "builtins.ValueError");
    is(&service("ir.model", "search", json!({ "domain": [] })).await, 403, "odoo.exceptions.AccessError");
    is(&service("ir.model.fields", "create", json!({ "vals_list": [{}] })).await, 403, "odoo.exceptions.AccessError");
    let limited = odoo.call(&odoo.limited, "res.partner", "create", json!({ "vals_list": [{ "name": "x" }] })).await;
    is(&limited, 403, "odoo.exceptions.AccessError");
    assert!(
        limited.body["message"].as_str().unwrap().starts_with("You are not allowed to create 'Contact' (res.partner)")
    );
    let who = service("res.users", "context_get", json!({})).await;
    assert!(who.status == 200 && who.body["uid"].is_i64(), "{who:?}");
    let absent =
        service("res.partner", "fields_get", json!({ "allfields": ["x_never_made"], "attributes": ["type"] })).await;
    assert_eq!((absent.status, absent.body), (200, json!({})));
}

async fn records(odoo: &Raw, mark: &str) -> Vec<i64> {
    let service = async |method: &str, body: Value| odoo.call(&odoo.service, "res.partner", method, body).await;
    let vals = json!({ "name": format!("{mark} one"), "website": "one.example", "ref": mark });
    let made = service("create", json!({ "vals_list": [vals] })).await;
    let id = made.body[0].as_i64().unwrap();
    let read =
        service("read", json!({ "ids": [id], "fields": ["name", "website", "email", "parent_id", "active"] })).await;
    let expected = json!([{ "id": id, "name": format!("{mark} one"), "website": "http://one.example", "email": false, "parent_id": false,
        "active": true }]);
    assert_eq!(read.body, expected);
    is(&service("create", json!({ "vals_list": [{ "ref": mark }] })).await, 422, "odoo.exceptions.ValidationError");
    is(&service("create", json!({ "vals_list": [{ "name": "x", "nope": 1 }] })).await, 500, "builtins.ValueError");
    assert_eq!(service("write", json!({ "ids": [id], "vals": { "function": "CEO" } })).await.body, json!(true));
    assert_eq!(service("action_archive", json!({ "ids": [id] })).await.body, Value::Null);
    let by_ref = json!({ "domain": [["ref", "=", mark]] });
    assert_eq!(service("search", by_ref.clone()).await.body, json!([]), "archived ones are not found");
    let archived = json!({ "domain": by_ref["domain"], "context": { "active_test": false } });
    assert_eq!(service("search", archived).await.body, json!([id]), "unless they are asked for");
    let gone =
        service("create", json!({ "vals_list": [{ "name": format!("{mark} gone") }] })).await.body[0].as_i64().unwrap();
    assert_eq!(service("unlink", json!({ "ids": [gone] })).await.body, json!(true));
    assert_eq!(service("read", json!({ "ids": [gone], "fields": ["name"] })).await.body, json!([]));
    is(&service("write", json!({ "ids": [gone], "vals": { "name": "x" } })).await, 404, "odoo.exceptions.MissingError");
    vec![id]
}

async fn loads(odoo: &Raw, mark: &str) {
    let load = async |key: &str, fields: Value, data: Value| {
        let body = json!({ "fields": fields, "data": data, "context": { "active_test": false, "lang": "en_US" } });
        odoo.call(key, "res.partner", "load", body).await
    };
    let fields = json!(["id", "name", "is_company", "country_id/id", "company_registry"]);
    let row =
        |number: u8| json!([format!("presdrtest.{mark}_{number}"), format!("{mark} {number}"), "1", "base.sg", ""]);
    let first = load(&odoo.service, fields.clone(), json!([row(1), row(2)])).await;
    assert_eq!((first.status, &first.body["messages"], &first.body["nextrow"]), (200, &json!([]), &json!(0)));
    let again = load(&odoo.service, fields.clone(), json!([row(1), row(2)])).await;
    assert_eq!(again.body["ids"], first.body["ids"], "the same external ids are the same records");
    let ids: Vec<i64> = serde_json::from_value(first.body["ids"].clone()).unwrap();
    let by_id = load(&odoo.service, json!([".id", "function"]), json!([[ids[0], "CEO"], [ids[1], "CFO"]])).await;
    assert_eq!(by_id.body["ids"], json!(ids));
    let child = load(
        &odoo.service,
        json!(["id", "name", "parent_id/.id", "type"]),
        json!([[format!("presdrtest.{mark}_c"), format!("{mark} c"), ids[0], "contact"]]),
    )
    .await;
    let read = json!({ "ids": child.body["ids"], "fields": ["parent_id", "country_id"] });
    let child = odoo.call(&odoo.service, "res.partner", "read", read).await;
    assert_eq!(child.body[0]["parent_id"][0], json!(ids[0]), "a reference is told with its name");
    let place = |told: &Told, at: usize| {
        (told.body["messages"][at]["rows"]["from"].clone(), told.body["messages"][at]["type"].clone())
    };
    let bad =
        load(&odoo.service, fields.clone(), json!([row(3), [format!("presdrtest.{mark}_4"), "", "1", "", ""]])).await;
    assert_eq!((bad.status, &bad.body["ids"]), (200, &json!(false)), "all or nothing, with status 200");
    assert_eq!(place(&bad, 0), (json!(1), json!("error")));
    let bad =
        load(&odoo.service, fields.clone(), json!([[format!("presdrtest.{mark}_5"), "x", "1", "base.nope", ""]])).await;
    assert_eq!((&bad.body["ids"], &bad.body["messages"][0]["field"]), (&json!(false), &json!("country_id")));
    let not_there = ids[1] + 1_000_000;
    let gone = load(&odoo.service, json!([".id", "function"]), json!([[ids[0], "COO"], [not_there, "CFO"]])).await;
    assert_eq!((&gone.body["ids"], &gone.body["messages"][0]["field"]), (&json!(false), &json!(".id")));
    assert_eq!(place(&gone, 0).0, json!(1));
    let kept =
        odoo.call(&odoo.service, "res.partner", "read", json!({ "ids": [ids[0]], "fields": ["function"] })).await;
    assert_eq!(kept.body[0]["function"], "CEO", "nothing of a batch with a bad row is kept");
    is(
        &load(&odoo.service, json!(["id", "name", "is_company"]), json!([["presdrtest.x", "x", true]])).await,
        500,
        "builtins.AttributeError",
    );
    is(&load(&odoo.service, json!(["id", "nope"]), json!([["presdrtest.x", "x"]])).await, 500, "builtins.ValueError");
    let denied = load(&odoo.limited, json!(["id", "name"]), json!([[format!("presdrtest.{mark}_6"), "x"]])).await;
    assert_eq!(
        (denied.status, &denied.body["ids"]),
        (200, &json!(false)),
        "even a missing right is told with status 200"
    );
    assert!(denied.body["messages"][0]["message"].as_str().unwrap().starts_with("You are not allowed to create"));
}

/// Rules that are written in Python are told of the first row of a batch, too, and of no more than ten rows; a record that presdr names alone is
/// found or refused, and never made.
async fn rules(odoo: &Raw, mark: &str) {
    let load = async |fields: Value, data: Value| {
        let told = odoo.call(&odoo.service, "res.partner", "load", json!({ "fields": fields, "data": data })).await;
        assert_eq!(told.status, 200);
        told.body
    };
    let places = |told: &Value| -> Vec<i64> {
        let errors = told["messages"].as_array().unwrap().iter().filter(|message| message["type"] == "error");
        errors.map(|message| message["rows"]["from"].as_i64().unwrap()).collect()
    };
    let fields = json!(["id", "name", "barcode"]);
    let row = |number: u8, barcode: &str| {
        json!([format!("presdrtest.{mark}_b{number}"), format!("{mark} b{number}"), format!("{mark}{barcode}")])
    };
    let taken = load(fields.clone(), json!([row(1, "x")])).await;
    let refused = load(fields.clone(), json!([row(2, "y"), row(3, "x"), row(4, "z")])).await;
    assert_eq!((&refused["ids"], places(&refused)), (&json!(false), vec![0, 1]), "the first row is a good one");
    let alone = load(fields.clone(), json!([row(2, "y")])).await;
    assert_eq!(alone["messages"], json!([]));
    let nameless: Vec<Value> = (0..15).map(|number| json!([format!("presdrtest.{mark}_n{number}"), ""])).collect();
    let refused = load(json!(["id", "name"]), json!(nameless)).await;
    assert_eq!(places(&refused).len(), 10, "it gives up after ten");
    assert!(refused["messages"].as_array().unwrap().iter().any(|message| message["type"] == "warning"));
    let known = load(json!(["id"]), json!([[format!("presdrtest.{mark}_b1")]])).await;
    assert_eq!(known["ids"], taken["ids"]);
    let unknown = load(json!(["id"]), json!([[format!("presdrtest.{mark}_never")]])).await;
    assert_eq!(
        (&unknown["ids"], &unknown["messages"][0]["message"]),
        (&json!(false), &json!("Contacts require a name"))
    );
    let made = json!({ "ids": [taken["ids"][0], alone["ids"][0]] });
    odoo.admin("res.partner", "unlink", made).await;
}

/// Who made a record, when, who signs in with it, and who may see it.
async fn identities(odoo: &Raw, mark: &str) {
    let service = async |method: &str, body: Value| odoo.call(&odoo.service, "res.partner", method, body).await;
    let begun = json!([["create_date", ">=", (Utc::now() - TimeDelta::days(1)).format("%F %T").to_string()]]);
    let row = json!([[format!("presdrtest.{mark}_i"), format!("{mark} i")]]);
    let made = service("load", json!({ "fields": ["id", "name"], "data": row })).await.body["ids"][0].as_i64().unwrap();
    let typed = json!({ "vals_list": [{ "name": format!("{mark} typed") }] });
    let typed = service("create", typed).await.body[0].as_i64().unwrap();
    let nowhere = typed + 1_000_000;
    let told = service("get_external_id", json!({ "ids": [made, typed, nowhere] })).await.body;
    let own = format!("presdrtest.{mark}_i");
    assert_eq!(told, json!({ made.to_string(): own, typed.to_string(): "", nowhere.to_string(): "" }));
    let since = service("search", json!({ "domain": begun })).await.body;
    assert!(since.as_array().unwrap().contains(&json!(made)), "who was made since");
    let later = json!([["create_date", ">=", (Utc::now() + TimeDelta::days(1)).format("%F %T").to_string()]]);
    assert_eq!(service("search", json!({ "domain": later })).await.body, json!([]));

    let login = format!("{mark}@people.example");
    let user = json!({ "fields": ["id", "name", "login", "partner_id/.id", "group_ids/id"], "context": { "no_reset_password": true },
        "data": [[format!("presdrtest.{mark}_u"), format!("{mark} i"), login, made, "base.group_portal"]] });
    let user = odoo.admin("res.users", "load", user).await["ids"][0].as_i64().unwrap();
    is(&service("unlink", json!({ "ids": [made] })).await, 422, "odoo.exceptions.ValidationError");
    let archive = json!({ "ids": [made], "vals": { "active": false } });
    is(&service("write", archive).await, 422, "odoo.exceptions.ValidationError");
    let empty = json!({ "ids": [made], "vals": { "email": false, "street": false, "country_id": false } });
    assert_eq!(service("write", empty).await.body, json!(true));
    odoo.admin("res.users", "unlink", json!({ "ids": [user] })).await;

    let other = json!({ "vals_list": [{ "name": format!("Elsewhere {mark}") }] });
    let other = odoo.admin("res.company", "create", other).await[0].as_i64().unwrap();
    odoo.edit(made, json!({ "company_id": other })).await;
    let look = json!({ "domain": [["id", "in", [made, typed]]], "fields": ["active"] });
    assert_eq!(
        service("search_read", look).await.body,
        json!([{ "id": typed, "active": true }]),
        "and not a word of the other"
    );
    is(&service("read", json!({ "ids": [made], "fields": ["name"] })).await, 403, "odoo.exceptions.AccessError");
    let load = json!({ "fields": [".id", "function"], "data": [[made, "CEO"]] });
    assert_eq!(service("load", load).await.body["messages"][0]["field"], json!(".id"));
    odoo.edit(made, json!({ "company_id": false })).await;
    odoo.admin("res.company", "unlink", json!({ "ids": [other] })).await;
    let left = odoo.partners(&format!("Elsewhere {mark}"), &["name"]).await;
    let left: Vec<i64> = left.iter().filter_map(|partner| partner["id"].as_i64()).chain([made, typed]).collect();
    odoo.admin("res.partner", "unlink", json!({ "ids": left })).await;
}

async fn searches(odoo: &Raw, mark: &str) {
    let search = async |domain: Value| {
        let body = json!({ "domain": domain, "fields": ["name"], "context": { "active_test": false } });
        let told = odoo.call(&odoo.service, "res.partner", "search_read", body).await;
        told.body.as_array().unwrap().len()
    };
    let named = json!(["name", "ilike", mark.to_uppercase()]);
    let all = search(json!([named])).await;
    assert_eq!(all, 4, "one that is archived, two companies and a contact");
    assert_eq!(search(json!(["&", ["parent_id", "=", false], named])).await, 3);
    let either = json!(["&", named, "|", ["function", "=", "CEO"], ["function", "in", ["CFO", "x"]]]);
    assert_eq!(search(either).await, 3);
}
