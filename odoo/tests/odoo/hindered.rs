//! What only an imitation can be made to do: answers that are lost, calls that are held, a backup, a module that is broken.

use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::{Actor, Cause, Event, IdentifierKind, Route, RunId, Step, Suppressible, lead};
use presdr_odoo::desk::OdooError;
use presdr_sandbox::odoo::OdooSandbox;
use presdr_store::{
    StoreError,
    odoo::{connections::Flavour, syncs},
    steps::{self, Outcome, StepKey},
    suppressions,
};
use serde_json::{Value, json};

use crate::{
    imitated::sandbox,
    support::{World, counts},
};

async fn world() -> (OdooSandbox, World) {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    (sandbox, World::new(raw, Flavour::Json2, &key).await)
}

/// The answer to a `load` is lost, then the one to the look at what it made: what people did in between stays.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_costs_nobody_their_edit_and_brings_nothing_back() {
    let (sandbox, world) = world().await;
    let run = world.run(&world.companies(0..3)).await;
    sandbox.lose_answers("load", &[true]);
    world.sync(run).await.unwrap_err();
    let partners = world.odoo.partners(&world.mark, &["website"]).await;
    world.odoo.edit(partners[0]["id"].as_i64().unwrap(), json!({ "website": "https://theirs.example" })).await;
    let second = world.sync(run).await.unwrap();
    assert_eq!((second.companies[0].outcome, &second.companies[0].kept[..]), ("kept", &["website"][..]), "{second:?}");
    assert_eq!(world.odoo.partners(&world.mark, &["name"]).await.len(), 9);

    // Companies are looked for, then made, and how they are held is what cannot be read.
    let run = world.run(&world.companies(3..5)).await;
    sandbox.lose_answers("search_read", &[false, true]);
    world.sync(run).await.unwrap_err();
    let partners = world.odoo.partners(&format!("{} Company 3", world.mark), &["name"]).await;
    world.odoo.admin("res.partner", "unlink", json!({ "ids": [partners[0]["id"]] })).await;
    let fourth = world.sync(run).await.unwrap();
    let outcomes: Vec<_> = fourth.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["deleted", "created"], "its number was known: it is not made again");
}

/// Odoo is restored from its backup, and people make partners of their own under the numbers that ours had.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_means_another_record_by_now_is_not_written_to() {
    let (sandbox, world) = world().await;
    world.night(&world.companies(7..8)).await;
    let backup = sandbox.backup("acme").unwrap();
    let mut shortlist = world.companies(0..2);
    world.night(&shortlist).await;
    sandbox.restore("acme", backup);
    let own: Vec<Value> = (0..6).map(|number| json!({ "name": format!("Own {number}"), "is_company": true })).collect();
    world.odoo.admin("res.partner", "create", json!({ "vals_list": own })).await;
    let fields = ["name", "x_pre_sdr_score", "email", "write_date"];
    let before = world.odoo.partners("Own", &fields).await;
    shortlist[0].score = 0.9;
    let report = world.night(&shortlist).await;
    assert_eq!(world.odoo.partners("Own", &fields).await, before, "nobody else's record is touched");
    assert_eq!(report.companies[0].outcome, "created", "it never was, as far as this Odoo goes: {report:?}");
    assert_eq!(report.companies[0].contacts, [("created", 2)].into());
    let own: Vec<Value> = before.iter().map(|partner| partner["id"].clone()).collect();
    let below = world.odoo.admin("res.partner", "search_count", json!({ "domain": [["parent_id", "in", own]] })).await;
    assert_eq!(below, json!(0), "nor is anybody put below one");
    let next = world.night(&shortlist).await;
    assert_eq!(next.companies[0].outcome, "unchanged");
}

/// Odoo is restored from its backup, and what a company was is by now another company of the same tenant's.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_means_another_record_of_ours_is_not_written_to() {
    let (sandbox, world) = world().await;
    let shortlist = world.companies(0..2);
    let backup = sandbox.backup("acme").unwrap();
    world.night(&shortlist[..1]).await;
    sandbox.restore("acme", backup);
    let report = world.night(&shortlist).await;
    let outcomes: Vec<_> = report.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["deleted", "created"]);
    let report = world.night(&shortlist).await;
    let outcomes: Vec<_> = report.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["created", "unchanged"], "{report:?}");
    let partners = world.odoo.partners(&world.mark, &["name", "email", "parent_id"]).await;
    assert_eq!(partners.len(), 6);
    for (person, company) in
        shortlist.iter().flat_map(|company| company.people.iter().map(move |person| (person, company)))
    {
        let found = partners.iter().find(|partner| partner["email"] == person.1).unwrap();
        assert_eq!(found["parent_id"][1], json!(company.name), "everybody is below their own company");
    }
}

/// People merge an imported partner into the one that presdr made, which is older by its external id from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_ours_with_an_older_name_stays_ours() {
    let (sandbox, world) = world().await;
    let mut shortlist = world.companies(0..1);
    // Nothing but its external id leads to it.
    (shortlist[0].uen, shortlist[0].domain) = (None, None);
    world.night(&shortlist).await;
    let partners = world.odoo.partners(&shortlist[0].name, &["name"]).await;
    let partner = partners[0]["id"].as_i64().unwrap();
    sandbox.also_call("acme", partner, "__import__.acme");
    world.odoo.edit(partner, json!({ "name": format!("{} as they call it", world.mark) })).await;
    shortlist[0].score = 0.9;
    let report = world.night(&shortlist).await;
    assert_eq!(report.companies[0].outcome, "updated", "{report:?}");
    let read = json!({ "ids": [partner], "fields": ["name", "x_pre_sdr_score"] });
    let read = world.odoo.admin("res.partner", "read", read).await;
    assert_eq!(read[0]["name"], json!(format!("{} as they call it", world.mark)), "what people wrote stays");
    assert_eq!(read[0]["x_pre_sdr_score"], json!(0.9));
}

/// Odoo is restored from its backup, and somebody types the company anew, under the very number that it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_was_typed_anew_under_its_old_number_is_found() {
    let (sandbox, world) = world().await;
    let mut shortlist = world.companies(0..1);
    let backup = sandbox.backup("acme").unwrap();
    world.night(&shortlist).await;
    sandbox.restore("acme", backup);
    let typed = json!({ "name": format!("{} typed", world.mark), "is_company": true, "ref": world.uen(0) });
    world.odoo.admin("res.partner", "create", json!({ "vals_list": [typed] })).await;
    shortlist[0].score = 0.9;
    let report = world.night(&shortlist).await;
    assert_eq!(report.companies[0].outcome, "adopted", "{report:?}");
    let companies = json!({ "domain": [["is_company", "=", true]] });
    assert_eq!(world.odoo.admin("res.partner", "search_count", companies).await, json!(1), "and none is made");
}

/// The tenant is connected anew while a sync has a call under way: it writes nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_connection_was_taken_back_writes_nothing_more() {
    let (sandbox, world) = world().await;
    let run = world.run(&world.companies(0..2)).await;
    let gate = sandbox.hold_load();
    let (database, key) = (world.odoo.database.clone(), world.odoo.admin.clone());
    let connected = async {
        gate.reached().await;
        world.connect(&database, &key).await;
        gate.open();
    };
    let (written, ()) = tokio::join!(world.sync(run), connected);
    assert!(matches!(written, Err(OdooError::NotConnected(_))), "{written:?}");
    assert_eq!(
        sandbox.calls()["res.partner.load"],
        1,
        "its contacts are not sent by a connection that is none any more"
    );
    assert_eq!(world.sync(run).await.unwrap().counts["contact.created"], 4, "and go with the next try");
}

async fn suppress(world: &World, what: &[Suppressible<'_>]) {
    let mut tx = world.producer.enter(&world.tenant).await.unwrap();
    let index = world.store.keyring().tenant(&mut tx, &world.tenant).await.unwrap().index;
    let new = |what: &Suppressible<'_>| suppressions::New {
        what: index.suppression(*what),
        company: None,
        reason: "asked".to_owned(),
        subject: None,
    };
    let new: Vec<_> = what.iter().map(new).collect();
    let actor = Actor::service("test");
    suppressions::add(&mut tx, &new, suppressions::By { actor: &actor, source: "command" }).await.unwrap();
    tx.commit().await.unwrap();
}

/// Somebody opts out, and a company is suppressed, while the sync is under way.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_suppressed_while_a_sync_is_under_way_is_not_sent() {
    let (sandbox, world) = world().await;
    let shortlist = world.companies(0..3);
    let run = world.run(&shortlist).await;
    let gate = sandbox.hold_load();
    let opted_out = async {
        gate.reached().await;
        let what = [Suppressible::Address(&shortlist[0].people[0].1), Suppressible::Company(shortlist[1].company)];
        suppress(&world, &what).await;
        gate.open();
    };
    let (written, ()) = tokio::join!(world.sync(run), opted_out);
    let report = written.unwrap();
    assert_eq!(report.companies[0].contacts, [("created", 1), ("suppressed", 1)].into());
    assert_eq!(report.companies[1].contacts, [("suppressed", 2)].into());
    let emails: Vec<Value> =
        world.odoo.partners(&world.mark, &["email"]).await.iter().map(|partner| partner["email"].clone()).collect();
    let sent = |company: usize, person: usize| emails.contains(&json!(shortlist[company].people[person].1));
    assert!(!sent(0, 0) && sent(0, 1) && !sent(1, 0) && !sent(1, 1) && sent(2, 0), "{emails:?}");
}

/// What the run told of the first company besides, as a step of its own.
async fn tell(world: &World, run: RunId, company: presdr_events::CompanyId, step: &'static str, event: Event) {
    let key = StepKey { tenant: world.tenant.clone(), run: Some(run), company: Some(company), step, attempt: 1 };
    let cause = Cause::start_of(&world.tenant, Some(run), "test");
    let outcome = Outcome::new(key.clone(), &key.header(step, &cause, Utc::now()), &event).unwrap();
    let mut tx = world.producer.enter(&world.tenant).await.unwrap();
    steps::adopt(&mut tx, &key, outcome.outgoing()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Somebody opted out by an address that a verifier found invalid, before the run was written.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_suppressed_by_an_address_that_is_not_sent_is_not_sent_either() {
    let (_sandbox, world) = world().await;
    let shortlist = world.companies(0..1);
    let run = world.run(&shortlist).await;
    let (jane, tan) = (&shortlist[0].people[0].1, &shortlist[0].people[1].1);
    let mut tx = world.producer.enter(&world.tenant).await.unwrap();
    let wanted = [jane, tan].map(|address| (IdentifierKind::Email, address.clone()));
    let found = world.store.keyring().identified(&mut tx, &world.tenant, &wanted).await.unwrap();
    tx.commit().await.unwrap();
    let invalid = found.iter().flatten().map(|subject| lead::VerifiedEmail {
        subject: subject.id,
        status: "invalid".to_owned(),
        confidence: None,
        source: "test".to_owned(),
        sub_status: None,
        checked_at: None,
    });
    let verified = lead::EmailsVerified {
        step: Step::done("verify", 0, 1, Vec::new()),
        emails: invalid.collect(),
        route: Route { next: "score".to_owned(), because: "it is rehearsed".to_owned() },
    };
    tell(&world, run, shortlist[0].company, "verify", Event::LeadEmailsVerified(verified)).await;
    suppress(&world, &[Suppressible::Address(jane)]).await;
    let report = world.sync(run).await.unwrap();
    assert_eq!(report.companies[0].contacts, [("created", 1)].into(), "{report:?}");
    let people = world.odoo.partners(&world.mark, &["name", "email"]).await;
    let names: Vec<_> = people.iter().map(|partner| partner["name"].clone()).collect();
    assert!(names.contains(&json!(shortlist[0].people[1].0)) && !names.contains(&json!(shortlist[0].people[0].0)));
    assert!(people.iter().all(|partner| partner["email"] == json!(false)), "no address that is invalid");
}

/// A module of the tenant's Odoo is broken, or being upgraded: rows are not bad for that, and nobody asks thousands of times.
#[tokio::test(flavor = "multi_thread")]
async fn an_odoo_that_fails_at_everything_is_waited_for() {
    let (sandbox, world) = world().await;
    let run = world.run(&world.companies(0..100)).await;
    sandbox.set_broken(Some("builtins.AttributeError"));
    let error = world.sync(run).await.unwrap_err();
    let OdooError::Fault(fault) = &error else { panic!("{error}") };
    assert!(fault.is_transient() && fault.to_string().contains("fails at whatever it is sent"), "{fault}");
    let loads = sandbox.calls()["res.partner.load"];
    assert!(loads <= 16, "{loads} calls to find that out");
    sandbox.set_broken(None);
    let report = world.sync(run).await.unwrap();
    assert_eq!(counts(&report), [("company.created", 100), ("contact.created", 200)].into());
}

/// A module of the tenant's fails at the first rows of a shortlist, whether Odoo says at which or not.
#[tokio::test(flavor = "multi_thread")]
async fn rows_at_which_odoo_fails_do_not_keep_the_others() {
    let (sandbox, world) = world().await;
    sandbox.fail_at("acme", "Without VAT");
    let mut shortlist = world.companies(0..10);
    shortlist[..3].iter_mut().for_each(|company| company.name = format!("Without VAT {}", company.name));
    let report = world.night(&shortlist).await;
    assert_eq!(report.counts["company.created"], 7, "{report:?}");
    assert_eq!(report.counts["company.refused"], 3, "{report:?}");
}

/// A rule of the tenant's own refuses one row; Odoo tells that of the first row, too.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_row_is_not_refused_for_anothers_fault() {
    let (sandbox, world) = world().await;
    sandbox.forbid("acme", "Forbidden");
    let mut shortlist = world.companies(0..4);
    shortlist[2].name = format!("{} Forbidden", world.mark);
    let report = world.night(&shortlist).await;
    let outcomes: Vec<_> = report.companies.iter().map(|company| company.outcome).collect();
    assert_eq!(outcomes, ["created", "created", "refused", "created"]);
}

/// A day of grace begins when none is seen any more, and not when Odoo was away before.
#[tokio::test(flavor = "multi_thread")]
async fn a_problem_stands_since_it_came_up() {
    let (_sandbox, world) = world().await;
    let run = world.run(&world.companies(0..1)).await;
    let begun = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut tx = world.producer.enter(&world.tenant).await.unwrap();
    syncs::ask(&mut tx, run, &Cause::start_of(&world.tenant, Some(run), "test"), begun).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.worker.enter(&world.tenant).await.unwrap();
    let mut since = Vec::new();
    for (hours, problem) in [(0, "away"), (26, "none is seen"), (27, "none is seen"), (28, "away")] {
        let sync = syncs::list(&mut tx, Some(run), 1).await.unwrap().remove(0);
        let now = begun + TimeDelta::hours(hours);
        syncs::failed(&mut tx, &sync, problem, now, now).await.unwrap();
        let sync = syncs::list(&mut tx, Some(run), 1).await.unwrap().remove(0);
        since.push((sync.first_failed_at.unwrap() - begun).num_hours());
    }
    assert_eq!(since, [0, 26, 26, 28]);
}

/// Retention has removed what a run told, or nobody can read it any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_left_out_and_a_run_without_steps_is_refused() {
    let (_sandbox, world) = world().await;
    let shortlist = world.companies(0..2);
    let run = world.run(&shortlist).await;
    let steps = async |statement: &'static str| {
        let mut tx = world.producer.enter(&world.tenant).await.unwrap();
        let query = sqlx::query(statement).bind(world.tenant.as_str()).bind(shortlist[0].company.get());
        query.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    steps("update lead_steps set body = '\\x00' where tenant_id = $1 and company_id = $2 and step = 'score'").await;
    let report = world.sync(run).await.unwrap();
    assert_eq!(report.counts["company.created"], 1);
    let broken = report.companies.iter().find(|company| company.company_id == shortlist[0].company).unwrap();
    assert_eq!((broken.outcome, broken.is_incomplete()), ("left_out", true), "{broken:?}");
    steps("delete from lead_steps where tenant_id = $1 and company_id in (0, $2)").await;
    let error = world.sync(run).await.unwrap_err();
    assert!(matches!(&error, OdooError::Store(StoreError::Refused(why)) if why.contains("retention")), "{error}");
}
