//! Erased people: what is left of them in an Odoo. Against any, and, where an answer has to be held back, against the imitation.

use chrono::TimeDelta;
use presdr_sandbox::odoo::OdooSandbox;
use presdr_store::odoo::connections::Flavour;
use serde_json::{Value, json};

use crate::{
    imitated::sandbox,
    raw::Raw,
    scenarios::id,
    support::{World, counts},
};

/// No call goes on in Odoo for so long.
const LATER: TimeDelta = TimeDelta::minutes(11);

/// People who are erased: what presdr made of them is gone, whatever anybody wrote into it; of a contact from before, what presdr filled in.
pub async fn erased(odoo: Raw) {
    let key = odoo.admin.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..2);
    let company = json!({ "name": format!("{} from before", world.mark), "is_company": true, "ref": world.uen(0) });
    let company =
        world.odoo.admin("res.partner", "create", json!({ "vals_list": [company] })).await[0].as_i64().unwrap();
    let jane = json!({ "name": shortlist[0].people[0].0, "parent_id": company });
    let jane = world.odoo.admin("res.partner", "create", json!({ "vals_list": [jane] })).await[0].as_i64().unwrap();
    let nameless = json!({ "type": "invoice", "parent_id": company, "email": shortlist[0].people[1].1 });
    let nameless =
        world.odoo.admin("res.partner", "create", json!({ "vals_list": [nameless] })).await[0].as_i64().unwrap();
    world.night(&shortlist).await;
    let partners = world.odoo.partners(&world.mark, &["email", "parent_id"]).await;
    let email = |id: i64| partners.iter().find(|partner| partner["id"] == id).unwrap()["email"].clone();
    assert_eq!(email(jane), shortlist[0].people[0].1, "a contact from before is completed");
    let made = partners.iter().find(|partner| partner["email"] == shortlist[1].people[0].1).unwrap();
    world.odoo.edit(id(made), json!({ "function": "Call her on Mondays", "email": "other@people.example" })).await;

    assert_eq!(world.remove_everyone().await, 4);
    let left = world.odoo.partners(&world.mark, &["email", "is_company"]).await;
    assert_eq!(left.len(), 3, "two companies, and who was there before: {left:?}");
    let of_jane = left.iter().find(|partner| partner["id"] == jane).unwrap();
    assert_eq!(of_jane["email"], json!(false), "what presdr filled in is gone");
    let body = json!({ "ids": [nameless], "fields": ["name", "email"] });
    let of_tan = world.odoo.admin("res.partner", "read", body).await;
    assert_eq!(of_tan[0]["name"], "Erased person", "nor is the name that presdr gave one who had none");
    assert_eq!(of_tan[0]["email"], shortlist[0].people[1].1, "what the tenant had is its own to erase");
    let report = world.night(&shortlist).await;
    assert_eq!(counts(&report), [("company.unchanged", 2)].into(), "and nobody comes back: {report:?}");
    assert_eq!(world.remove_everyone().await, 0);
    world.odoo.admin("res.partner", "unlink", json!({ "ids": [nameless] })).await;
}

/// A contact that somebody was let in with can be neither deleted nor archived: it says nothing of them any more, and others are removed.
pub async fn signs_in(odoo: Raw) {
    let key = odoo.service.clone();
    let world = World::new(odoo, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..2);
    world.night(&shortlist).await;
    let fields = ["email", "street", "ref", "function", "active", "name", "parent_id"];
    let partners = world.odoo.partners(&world.mark, &fields).await;
    let jane = partners.iter().find(|partner| partner["email"] == shortlist[0].people[0].1).unwrap();
    let (company, jane) = (jane["parent_id"][0].as_i64().unwrap(), id(jane));
    world.odoo.edit(jane, json!({ "street": "1 Orchard Road", "zip": "238801", "ref": "A friend of Tan's" })).await;
    let street = async || {
        let body = json!({ "ids": [company], "fields": ["street"] });
        world.odoo.admin("res.partner", "read", body).await[0]["street"].clone()
    };
    let street_before = street().await;
    let login = format!("{}@people.example", world.mark);
    let row = json!([["presdrtest.user", login, login, jane, "base.group_portal"]]);
    let body = json!({ "fields": ["id", "name", "login", "partner_id/.id", "group_ids/id"], "data": row,
        "context": { "no_reset_password": true } });
    let user = world.odoo.admin("res.users", "load", body).await["ids"][0].as_i64().unwrap();
    world.odoo.edit(jane, json!({ "name": shortlist[0].people[0].0 })).await;

    assert_eq!(world.remove_everyone().await, 4);
    let body = json!({ "ids": [jane], "fields": fields });
    let left = world.odoo.admin("res.partner", "read", body).await;
    let emptied = |field: &str| left[0][field] == json!(false);
    assert_eq!((&left[0]["name"], &left[0]["active"]), (&json!("Erased person"), &json!(true)), "{left}");
    assert!(["email", "street", "ref", "function"].into_iter().all(emptied), "{left}");
    assert_eq!(street().await, street_before, "the company's address is not a person's");
    assert_eq!(world.odoo.partners(&world.mark, &["name"]).await.len(), 2, "and the three others are gone");
    let kept: Vec<String> = problems(&world).await;
    assert_eq!(kept.len(), 1);
    assert!(kept[0].contains("nor archived"), "what is left is said: {kept:?}");
    world.odoo.admin("res.users", "unlink", json!({ "ids": [user] })).await;
    world.odoo.admin("res.partner", "unlink", json!({ "ids": [jane] })).await;
}

async fn problems(world: &World) -> Vec<String> {
    let mut tx = world.worker.enter(&world.tenant).await.unwrap();
    let told = sqlx::query_scalar("select problem from odoo_records where tenant_id = $1 and problem is not null");
    told.bind(world.tenant.as_str()).fetch_all(&mut *tx).await.unwrap()
}

fn emails(sandbox: &OdooSandbox) -> Vec<Value> {
    let rows = sandbox.records("acme", "res.partner").into_iter();
    rows.filter_map(|row| row.get("email").cloned()).filter(|email| email.is_string()).collect()
}

/// A worker is killed while its call waits in Odoo; the person is erased; then the call lands.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_made_by_a_call_that_outlives_its_worker_is_removed_all_the_same() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let run = world.run(&world.companies(0..1)).await;
    let companies = sandbox.hold_load();
    let contacts = async {
        companies.reached().await;
        let contacts = sandbox.hold_load();
        companies.open();
        contacts.reached().await;
        contacts
    };
    let contacts = tokio::select! {
        contacts = contacts => contacts,
        ended = world.sync(run) => panic!("the call is held, and the sync came to {ended:?}"),
    };
    assert_eq!(world.remove_everyone().await, 0, "nobody can say yet that they are gone");
    contacts.open();
    while emails(&sandbox).len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.remove_owed(LATER).await, 2);
    assert_eq!(emails(&sandbox), Vec::<Value>::new());
    assert_eq!(world.remove_owed(LATER).await, 0);
}

/// What is filled into a contact of the tenant's own by a write whose answer is lost is emptied, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_saw_written_is_emptied() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..1);
    let create = async |values: Value| {
        world.odoo.admin("res.partner", "create", json!({ "vals_list": [values] })).await[0].as_i64().unwrap()
    };
    let company = create(json!({ "name": "Before", "is_company": true, "ref": world.uen(0) })).await;
    create(json!({ "name": shortlist[0].people[0].0, "parent_id": company })).await;
    let run = world.run(&shortlist).await;
    // The company is filled, the other contact is made, and Jane is filled.
    sandbox.lose_answers("load", &[false, false, true]);
    world.sync(run).await.unwrap_err();
    assert!(emails(&sandbox).contains(&json!(shortlist[0].people[0].1)), "it was written");
    world.remove_everyone().await;
    assert_eq!(emails(&sandbox), Vec::<Value>::new());
}

/// Odoo was restored from its backup, and numbers that were ours are other people's: those are not removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_somebody_elses_by_now_is_not_removed() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let backup = sandbox.backup("acme").unwrap();
    world.night(&world.companies(0..1)).await;
    sandbox.restore("acme", backup);
    let own: Vec<Value> = (0..3).map(|number| json!({ "name": format!("Own {number}") })).collect();
    let own: Vec<i64> =
        serde_json::from_value(world.odoo.admin("res.partner", "create", json!({ "vals_list": own })).await).unwrap();
    assert_eq!(world.remove_everyone().await, 2, "they are gone, as everything is that was made since the backup");
    assert_eq!(world.odoo.partners("Own", &["name"]).await.len(), own.len());
}

/// Odoo fails at the call that looks for whoever nobody saw made: that is no answer.
#[tokio::test(flavor = "multi_thread")]
async fn who_could_not_be_looked_for_is_not_told_to_be_gone() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let run = world.run(&world.companies(0..1)).await;
    // The company is made, and so are its contacts, which nobody is told.
    sandbox.lose_answers("load", &[false, true]);
    world.sync(run).await.unwrap_err();
    assert_eq!(emails(&sandbox).len(), 2);
    world.owe_everyone().await;
    sandbox.set_broken(Some("builtins.KeyError"));
    world.try_to_remove(LATER).await.unwrap_err();
    assert_eq!(problems(&world).await.len(), 2, "both stay owed, and why is said");
    sandbox.set_broken(None);
    assert_eq!(world.remove_owed(LATER).await, 2);
    assert_eq!(emails(&sandbox), Vec::<Value>::new());
}

/// An administrator took the external id from a contact that presdr made: who it is, its fields still say.
#[tokio::test(flavor = "multi_thread")]
async fn who_lost_their_external_id_is_emptied() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..1);
    world.night(&shortlist).await;
    let partners = world.odoo.partners(&world.mark, &["email"]).await;
    let jane = partners.iter().find(|partner| partner["email"] == shortlist[0].people[0].1).unwrap();
    sandbox.forget_names("acme", id(jane));
    assert_eq!(world.remove_everyone().await, 2);
    assert_eq!(emails(&sandbox), Vec::<Value>::new());
    let left = world.odoo.partners("Erased person", &["name"]).await;
    assert_eq!((left.len(), id(&left[0])), (1, id(jane)));
    assert!(problems(&world).await[0].contains("external id"));
}

/// Odoo is restored to before a contact was typed that presdr completed: whoever has its number by now loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_under_the_number_of_an_adopted_contact_stays() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let shortlist = world.companies(0..1);
    let create = async |values: Value| {
        world.odoo.admin("res.partner", "create", json!({ "vals_list": [values] })).await[0].as_i64().unwrap()
    };
    let company = create(json!({ "name": "Before", "is_company": true, "ref": world.uen(0) })).await;
    let backup = sandbox.backup("acme").unwrap();
    let jane = create(json!({ "name": shortlist[0].people[0].0, "parent_id": company })).await;
    world.night(&shortlist).await;
    sandbox.restore("acme", backup);
    let lim = create(json!({ "name": "Lim", "email": "lim@theirs.example" })).await;
    assert_eq!(lim, jane, "numbers are given anew");
    world.remove_everyone().await;
    let read = world.odoo.admin("res.partner", "read", json!({ "ids": [lim], "fields": ["name", "email"] })).await;
    assert_eq!((&read[0]["name"], &read[0]["email"]), (&json!("Lim"), &json!("lim@theirs.example")));
}
