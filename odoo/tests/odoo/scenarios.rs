//! What has to hold against any Odoo: the imitation and the real one run the same.

use presdr_odoo::rehearsal::Rehearsed;
use presdr_store::odoo::connections::Flavour;
use serde_json::{Value, json};

use crate::{
    raw::Raw,
    support::{World, counts},
};

pub fn id(partner: &Value) -> i64 {
    partner["id"].as_i64().unwrap()
}

/// The first night, a night on which nothing changed, and one on which some scores did.
pub async fn nights(odoo: Raw, flavour: Flavour) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, flavour, &key).await;
    let mut shortlist = world.companies(0..5);
    let first = world.night(&shortlist).await;
    assert_eq!(counts(&first), [("company.created", 5), ("contact.created", 10)].into(), "{first:?}");
    assert!(first.missing_fields.is_empty(), "{first:?}");
    let fields = [
        "name",
        "is_company",
        "website",
        "company_registry",
        "x_uen",
        "x_pre_sdr_score",
        "x_pre_sdr_actor",
        "parent_id",
        "email",
    ];
    let partners = world.odoo.partners(&world.mark, &fields).await;
    assert_eq!(partners.len(), 15);
    let company = partners.iter().find(|partner| partner["name"] == format!("{} Company 0", world.mark)).unwrap();
    assert_eq!(company["is_company"], true);
    assert_eq!(company["website"], format!("https://{}", shortlist[0].domain.clone().unwrap()));
    assert_eq!((&company["x_uen"], &company["company_registry"]), (&json!(world.uen(0)), &json!(world.uen(0))));
    assert_eq!((&company["x_pre_sdr_score"], &company["x_pre_sdr_actor"]), (&json!(0.5), &json!("user:jane-1")));
    let people: Vec<_> = partners.iter().filter(|partner| partner["parent_id"][0] == company["id"]).collect();
    assert_eq!(people.len(), 2);
    assert!(people.iter().any(|person| person["email"] == shortlist[0].people[0].1));

    let second = world.night(&shortlist).await;
    assert_eq!(counts(&second), [("company.unchanged", 5), ("contact.unchanged", 10)].into());
    assert_eq!(second.asked.writes, 0, "nothing changed, nothing is written");
    assert!(second.asked.calls <= 4, "nor is much asked: {:?}", second.asked);

    shortlist[1].score = 0.9;
    shortlist.push(world.company(5));
    let run = world.run(&shortlist).await;
    let preview = world.sync_as(run, 0, true).await.unwrap();
    assert_eq!((preview.asked.writes, preview.counts["company.updated"]), (0, 1), "what would be is told and not done");
    let third = world.sync(run).await.unwrap();
    assert_eq!(third.counts, preview.counts, "and what is done is what was told");
    let expected = [
        ("company.created", 1),
        ("company.unchanged", 4),
        ("company.updated", 1),
        ("contact.created", 2),
        ("contact.unchanged", 10),
    ];
    assert_eq!(counts(&third), expected.into());
    let changed = third.companies.iter().find(|company| company.company_id == shortlist[1].company).unwrap();
    assert_eq!(
        changed.wrote,
        ["x_pre_sdr_bucket", "x_pre_sdr_rationale", "x_pre_sdr_score"],
        "only columns that changed"
    );
    assert_eq!(world.odoo.partners(&world.mark, &["name"]).await.len(), 18);
}

/// A person edits, archives and deletes.
pub async fn people_in_odoo(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let mut shortlist = world.companies(0..4);
    world.night(&shortlist).await;
    let partner = |partners: &[Value], number: usize| -> i64 {
        id(partners.iter().find(|partner| partner["name"] == format!("{} Company {number}", world.mark)).unwrap())
    };
    let partners = world.odoo.partners(&world.mark, &["name"]).await;
    let (edited, archived, deleted) = (partner(&partners, 0), partner(&partners, 1), partner(&partners, 2));
    world
        .odoo
        .edit(edited, json!({ "x_pre_sdr_rationale": "Call Jane first.", "website": "https://elsewhere.example" }))
        .await;
    world.odoo.admin("res.partner", "action_archive", json!({ "ids": [archived] })).await;
    world.odoo.admin("res.partner", "unlink", json!({ "ids": [deleted] })).await;
    let before = world.odoo.partners(&world.mark, &["name"]).await.len();
    shortlist.iter_mut().for_each(|one| one.score = 0.9);
    let report = world.night(&shortlist).await;
    let outcomes: Vec<_> = report.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["updated", "archived", "deleted", "updated"]);
    assert_eq!(report.companies[0].kept, ["x_pre_sdr_rationale"]);
    let after = world
        .odoo
        .partners(&world.mark, &["name", "active", "x_pre_sdr_score", "x_pre_sdr_rationale", "website"])
        .await;
    assert_eq!(after.len(), before, "nobody deleted is made again");
    let held = |id: i64| after.iter().find(|partner| partner["id"] == id).unwrap();
    assert_eq!(held(edited)["x_pre_sdr_rationale"], "Call Jane first.");
    assert_eq!(held(edited)["website"], "https://elsewhere.example");
    assert_eq!(held(edited)["x_pre_sdr_score"], 0.9, "fields that nobody edited are written");
    assert_eq!((&held(archived)["active"], &held(archived)["x_pre_sdr_score"]), (&json!(false), &json!(0.5)));
    let again = world.night(&shortlist).await;
    assert_eq!(again.asked.writes, 0, "and nobody is asked about it every night: {again:?}");
    assert_eq!(again.companies[2].outcome, "deleted");
    // Our word after theirs: it stays theirs.
    shortlist[0].score = 0.3;
    let later = world.night(&shortlist).await;
    assert_eq!(later.companies[0].kept, ["x_pre_sdr_rationale"]);
}

/// Partners that the tenant had before presdr.
pub async fn partners_from_before(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..6);
    let domain = |number: usize| shortlist[number].domain.clone().unwrap();
    let had = json!({ "vals_list": [
        { "name": format!("{} by UEN", world.mark), "is_company": true, "ref": world.uen(0), "phone": "+65 6123 4567" },
        { "name": format!("{} by domain", world.mark), "is_company": true, "website": format!("http://www.{}/", domain(1)) },
        { "name": format!("{} twice", world.mark), "is_company": true, "vat": world.uen(2) },
        { "name": format!("{} twice too", world.mark), "is_company": true, "company_registry": world.uen(2) },
        { "name": format!("{} archived", world.mark), "is_company": true, "ref": world.uen(3), "active": false },
        { "name": format!("{} another", world.mark), "is_company": true, "website": domain(4), "company_registry": world.uen(900) },
    ] });
    let made: Vec<i64> = serde_json::from_value(world.odoo.admin("res.partner", "create", had).await).unwrap();
    let as_called = format!("{} J. Roe", world.mark);
    let jane = json!({ "name": as_called, "parent_id": made[0], "email": shortlist[0].people[0].1.to_uppercase() });
    let jane = world.odoo.admin("res.partner", "create", json!({ "vals_list": [jane] })).await[0].as_i64().unwrap();
    let report = world.night(&shortlist).await;
    let outcomes: Vec<_> = report.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["adopted", "adopted", "ambiguous", "archived", "created", "created"]);
    assert!(report.companies[2].problem.as_ref().unwrap().starts_with("2 partners may be it, by UEN"), "{report:?}");
    assert_eq!(report.companies[0].partner_id, Some(made[0]));
    assert_eq!(report.companies[0].kept, ["name"], "what was there stays, what was empty is filled");
    assert_eq!(
        (report.companies[2].contacts.get("left_out"), report.companies[3].contacts.get("left_out")),
        (Some(&2), Some(&2))
    );
    let fields = ["name", "x_uen", "website", "ref", "phone", "x_pre_sdr_score", "parent_id", "active"];
    let partners = world.odoo.partners(&world.mark, &fields).await;
    let first = partners.iter().find(|partner| partner["id"] == made[0]).unwrap();
    assert_eq!(first["name"], format!("{} by UEN", world.mark));
    assert_eq!((&first["x_uen"], &first["website"]), (&json!(world.uen(0)), &json!(format!("https://{}", domain(0)))));
    assert_eq!((&first["phone"], &first["x_pre_sdr_score"]), (&json!("+65 6123 4567"), &json!(0.5)));
    let under = json!({ "domain": [["parent_id", "=", made[0]]], "fields": ["name", "email"] });
    let people = world.odoo.admin("res.partner", "search_read", under).await;
    assert_eq!(people.as_array().unwrap().len(), 2, "Jane was there: {people}");
    assert!(
        people.as_array().unwrap().iter().any(|person| person["id"] == jane && person["name"] == as_called.as_str())
    );
    let second = world.night(&shortlist).await;
    assert_eq!(second.asked.writes, 0, "{second:?}");
    assert_eq!(second.companies[2].outcome, "ambiguous", "it waits until somebody says which");
    // A person merges them: the question is settled by itself.
    world.odoo.admin("res.partner", "unlink", json!({ "ids": [made[3]] })).await;
    let third = world.night(&shortlist).await;
    assert_eq!((third.companies[2].outcome, third.companies[2].partner_id), ("adopted", Some(made[2])));
}

/// One bad row, and rows that meet another transaction, stop nothing else.
pub async fn bad_rows(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let mut shortlist = world.companies(0..3);
    shortlist[1].name = String::new(); // Odoo wants a name
    let report = world.night(&shortlist).await;
    let outcomes: Vec<_> = report.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["created", "refused", "created"]);
    assert!(report.companies[1].problem.is_some() && report.companies[0].problem.is_none());
    shortlist[1].name = format!("{} Company 1", world.mark);
    let cured = world.night(&shortlist).await;
    assert_eq!(cured.companies[1].outcome, "created", "it is tried again, and the others are as they were");
    assert_eq!(cured.counts["company.unchanged"], 2);
}

/// A crash at any moment: here, after intents were written and after rows were sent and before anybody remembered.
pub async fn interrupted(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let mut shortlist = world.companies(0..3);
    let run = world.run(&shortlist).await;
    world.sync(run).await.unwrap();
    forget_settling(&world, "true").await;
    let again = world.sync(run).await.unwrap();
    assert_eq!(again.counts["company.created"], 3, "the same records by the same external ids");
    assert_eq!(world.odoo.partners(&world.mark, &["name"]).await.len(), 9, "and none twice");
    shortlist[0].score = 0.9;
    let run = world.run(&shortlist).await;
    let before = marks(&world).await;
    world.sync(run).await.unwrap();
    forget_update(&world, &before).await;
    let again = world.sync(run).await.unwrap();
    assert_eq!(
        (again.asked.writes, again.companies[0].kept.len()),
        (0, 0),
        "what landed is told from a person's word: {again:?}"
    );
    shortlist[0].score = 0.2;
    let next = world.night(&shortlist).await;
    assert_eq!((next.companies[0].outcome, next.companies[0].kept.len()), ("updated", 0), "and is written again after");
}

async fn forget_settling(world: &World, which: &'static str) {
    let mut tx = world.worker.enter(&world.tenant).await.unwrap();
    let statement = format!(
        "update odoo_records set odoo_id = null, state = 'sending', fields = '{{}}' where tenant_id = '{}' and {which}",
        world.tenant
    );
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

async fn marks(world: &World) -> Vec<(i64, uuid::Uuid, Value)> {
    let mut tx = world.worker.enter(&world.tenant).await.unwrap();
    let rows = sqlx::query_as("select company_id, subject_id, fields from odoo_records where tenant_id = $1");
    rows.bind(world.tenant.as_str()).fetch_all(&mut *tx).await.unwrap()
}

/// Puts the records back to what an update's intent leaves: what is wanted is being sent, what was held is held.
async fn forget_update(world: &World, before: &[(i64, uuid::Uuid, Value)]) {
    let mut tx = world.worker.enter(&world.tenant).await.unwrap();
    for (company, subject, old) in before {
        let key = "where tenant_id = $1 and company_id = $2 and subject_id = $3";
        let now: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select fields from odoo_records {key}")))
            .bind(world.tenant.as_str())
            .bind(company)
            .bind(subject)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        let mut intent = old.clone();
        for (field, mark) in now.as_object().unwrap() {
            if mark["wanted"] != old[field]["wanted"] {
                intent[field] = json!({ "held": old[field]["held"], "sending": mark["wanted"] });
            }
        }
        sqlx::query(sqlx::AssertSqlSafe(format!("update odoo_records set fields = $4, state = 'sending' {key}")))
            .bind(world.tenant.as_str())
            .bind(company)
            .bind(subject)
            .bind(intent)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// Keys, databases and rights that are not what they should be; each is told with its cure.
pub async fn wrong(odoo: Raw) {
    let service = odoo.service.clone();
    let world = World::new(odoo, Flavour::Json2, &service).await;
    let run = world.run(&world.companies(0..2)).await;
    let told = async |part: &str| {
        let error = world.sync(run).await.unwrap_err().to_string();
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    };
    world.connect(&world.odoo.database, "not-a-key").await;
    told("refuses the API key").await;
    world.connect("no_such_database", &service).await;
    told("no such database").await;
    world.connect(&world.odoo.database, &world.odoo.limited.clone()).await;
    told("give it Contact / Creation").await;
    assert!(world.odoo.partners(&world.mark, &["name"]).await.is_empty());
}

/// An account that may not make fields: standard fields are written, and what is missing is said with the right that cures it.
pub async fn without_own_fields(odoo: Raw) {
    let service = odoo.service.clone();
    let world = World::new(odoo, Flavour::Json2, &service).await;
    let shortlist: Vec<Rehearsed> = world.companies(0..2);
    let report = world.night(&shortlist).await;
    assert_eq!(report.counts["company.created"], 2);
    assert!(report.missing_fields.contains(&"x_uen"), "{report:?}");
    assert!(report.cure.as_ref().unwrap().contains("Access Rights"), "{report:?}");
    let partners = world.odoo.partners(&format!("{} Company", world.mark), &["comment", "company_registry"]).await;
    assert!(partners[0]["comment"].as_str().unwrap().contains("Pre-SDR score 0.50"), "{partners:?}");
    let second = world.night(&shortlist).await;
    assert_eq!(second.asked.writes, 0, "{second:?}");
}

/// A CRM lead for companies from the tenant's threshold on.
pub async fn crm_leads(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let mut shortlist = world.companies(0..3);
    shortlist[0].score = 0.8;
    assert_eq!(world.night(&shortlist).await.counts.get("lead.created"), None, "only where a tenant wants it");
    let mut tx = world.producer.enter(&world.tenant).await.unwrap();
    let settings = presdr_rules::settings::OdooSettings { leads_from: Some(0.7), ..Default::default() };
    presdr_store::settings::set(&mut tx, "odoo", &settings).await.unwrap();
    tx.commit().await.unwrap();
    let report = world.night(&shortlist).await;
    assert_eq!((report.counts["lead.created"], report.companies[0].lead), (1, Some("created")), "{report:?}");
    let domain = json!([["partner_id", "=", report.companies[0].partner_id]]);
    let body = json!({ "domain": domain, "fields": ["name", "type", "user_id", "description"] });
    let leads = world.odoo.admin("crm.lead", "search_read", body).await;
    assert_eq!(leads.as_array().unwrap().len(), 1);
    assert_eq!((&leads[0]["type"], &leads[0]["user_id"]), (&json!("opportunity"), &json!(false)));
    assert_eq!(world.night(&shortlist).await.asked.writes, 0);
    shortlist[0].score = 0.95;
    let later = world.night(&shortlist).await;
    assert_eq!((later.companies[0].lead, later.companies[0].kept.len()), (Some("updated"), 0), "{later:?}");
}
