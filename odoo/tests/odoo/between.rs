//! What people do between two syncs, or between a sync's beginning and its end: against any Odoo.

use chrono::{TimeDelta, Utc};
use presdr_store::odoo::connections::Flavour;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{raw::Raw, scenarios::id, support::World};

/// A sync that was cut off before anybody saw what it made, and what people did until it came back.
pub async fn gap(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let run = world.run(&world.companies(0..3)).await;
    let made = world.sync(run).await.unwrap();
    let intents = "set odoo_id = null, state = 'sending',
        fields = (select jsonb_object_agg(key, jsonb_build_object('sending', value -> 'wanted')) from jsonb_each(fields))";
    change(&world, intents, false).await;
    let edited = made.companies[0].partner_id.unwrap();
    let name = format!("{} (call Jane)", world.mark);
    world.odoo.edit(edited, json!({ "name": name, "x_pre_sdr_rationale": "Call Jane first." })).await;
    let again = world.sync(run).await.unwrap();
    assert_eq!((again.companies[0].outcome, again.asked.writes), ("kept", 0), "nothing is sent twice: {again:?}");
    assert_eq!(again.companies[0].kept, ["name", "x_pre_sdr_rationale"]);
    assert_eq!(again.companies[1].outcome, "created");
    let mut shortlist = world.companies(0..3);
    shortlist[0].score = 0.9;
    let next = world.night(&shortlist).await;
    assert_eq!(next.companies[0].kept, ["x_pre_sdr_rationale"], "theirs for good");
    let partners = world.odoo.partners(&world.mark, &["name", "x_pre_sdr_score"]).await;
    assert_eq!(partners.len(), 9, "and none is there twice");
    let held = partners.iter().find(|partner| id(partner) == edited).unwrap();
    assert_eq!((&held["name"], &held["x_pre_sdr_score"]), (&json!(name), &json!(0.9)));
}

async fn change(world: &World, how: &'static str, of_people: bool) {
    let mut tx = world.worker.enter(&world.tenant).await.unwrap();
    let statement = format!("update odoo_records {how} where tenant_id = $1 and (subject_id <> $2 or not $3)");
    let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(world.tenant.as_str()).bind(Uuid::nil());
    query.bind(of_people).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Somebody types a contact below a company that presdr made; and presdr loses what it knew of those that it made itself.
pub async fn typed(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..1);
    let mut nobody = shortlist.clone();
    nobody[0].people.clear();
    let first = world.night(&nobody).await;
    let company = first.companies[0].partner_id.unwrap();
    let typed = json!({ "name": format!("{} J. Roe", world.mark), "parent_id": company,
        "email": shortlist[0].people[0].1.to_uppercase() });
    let jane = world.odoo.admin("res.partner", "create", json!({ "vals_list": [typed] })).await[0].as_i64().unwrap();
    let second = world.night(&shortlist).await;
    assert_eq!(second.companies[0].contacts, [("adopted", 1), ("created", 1)].into(), "{second:?}");
    assert_eq!(world.odoo.partners(&world.mark, &["name"]).await.len(), 3, "Jane is there once");

    // As after our own database was restored: the same people under other ids, and nothing known of their records.
    let lost = "set odoo_id = null, state = 'refused', subject_id = gen_random_uuid(), fields = '{}'";
    change(&world, lost, true).await;
    let third = world.night(&shortlist).await;
    assert_eq!(third.companies[0].contacts, [("adopted", 2)].into(), "{third:?}");
    assert_eq!(world.odoo.partners(&world.mark, &["name"]).await.len(), 3, "and nobody is there twice");
    assert_eq!(world.remove_everyone().await, 2);
    let left = world.odoo.partners(&world.mark, &["name"]).await;
    assert_eq!(left.iter().filter(|partner| id(partner) != jane).count(), 1, "whom presdr made is deleted: {left:?}");
    assert!(left.iter().any(|partner| id(partner) == jane), "whom somebody typed is the tenant's");
}

/// A company that is another's child, with its number spelt in another way.
pub async fn children(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let create = async |values: Value| {
        world.odoo.admin("res.partner", "create", json!({ "vals_list": [values] })).await[0].as_i64().unwrap()
    };
    let group = create(json!({ "name": format!("{} Group", world.mark), "is_company": true })).await;
    let spelt = format!(" {}", world.uen(0).to_lowercase());
    let child =
        json!({ "name": format!("{} below", world.mark), "is_company": true, "parent_id": group, "ref": spelt });
    let child = create(child).await;
    let report = world.night(&world.companies(0..2)).await;
    assert_eq!((report.companies[0].outcome, report.companies[0].partner_id), ("adopted", Some(child)), "{report:?}");
    assert_eq!(report.companies[1].outcome, "created");
}

/// An administrator gives partners to a company of theirs that the service account is not in: Odoo says nothing of them any more.
pub async fn hidden(odoo: Raw) {
    let key = odoo.service.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let mut shortlist = world.companies(0..5);
    shortlist.iter_mut().for_each(|one| one.people.clear());
    let first = world.night(&shortlist).await;
    let ids: Vec<i64> = first.companies.iter().filter_map(|company| company.partner_id).collect();
    let other = json!({ "vals_list": [{ "name": "Elsewhere, of a test" }] });
    let other = world.odoo.admin("res.company", "create", other).await[0].as_i64().unwrap();
    let hide = async |ids: &[i64], company: Value| {
        world.odoo.admin("res.partner", "write", json!({ "ids": ids, "vals": { "company_id": company } })).await;
    };
    hide(&ids[..1], json!(other)).await;
    shortlist[0].score = 0.8;
    let one = world.night(&shortlist).await;
    assert_eq!((one.companies[0].outcome, one.companies[1].outcome), ("deleted", "unchanged"));
    hide(&ids[..1], json!(false)).await;
    let back = world.night(&shortlist).await;
    assert_eq!(
        (back.companies[0].outcome, back.companies[0].partner_id),
        ("updated", Some(ids[0])),
        "it is there again"
    );

    hide(&ids, json!(other)).await;
    shortlist.iter_mut().for_each(|one| one.score = 0.3);
    let run = world.run(&shortlist).await;
    let error = world.sync(run).await.unwrap_err().to_string();
    assert!(error.contains("sees none of the 5 companies") && error.contains("record rules"), "{error}");
    let patient = world.try_since(run, 1, false, Some(Utc::now() - TimeDelta::days(2))).await.unwrap();
    assert_eq!(patient.counts["company.deleted"], 5, "after a day it is believed");
    hide(&ids, json!(false)).await;
    let seen = world.night(&shortlist).await;
    assert_eq!(seen.counts["company.updated"], 5, "and taken back once they are seen: {seen:?}");
    assert_eq!(world.odoo.partners(&format!("{} Company", world.mark), &["name"]).await.len(), 5);
    world.odoo.admin("res.company", "unlink", json!({ "ids": [other] })).await;
    let own = world.odoo.partners("Elsewhere, of a test", &["name"]).await;
    let own: Vec<i64> = own.iter().map(id).collect();
    world.odoo.admin("res.partner", "unlink", json!({ "ids": own })).await;
}
