//! The scenarios against the imitation, and what only an imitation can be made to do.

use presdr_sandbox::odoo::{OdooSandbox, Rights};
use presdr_store::odoo::connections::Flavour;

use crate::{between, conformance, erasures, raw::Raw, scenarios, support::World};

pub async fn sandbox() -> (OdooSandbox, Raw) {
    let sandbox = OdooSandbox::start(&["acme", "globex"]).await.unwrap();
    let raw = raw(&sandbox, "acme");
    (sandbox, raw)
}

fn raw(sandbox: &OdooSandbox, database: &str) -> Raw {
    let account = |rights| sandbox.account(database, rights).unwrap();
    Raw {
        url: sandbox.url(),
        database: database.to_owned(),
        admin: account(Rights::Admin).key,
        service: account(Rights::Service).key,
        limited: account(Rights::Limited).key,
        logins: (account(Rights::Admin).login, account(Rights::Service).login),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_as_the_real_one_does() {
    let (_sandbox, raw) = sandbox().await;
    conformance::answers(&raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_sent_once_and_only_what_changed_again() {
    for flavour in [Flavour::Json2, Flavour::JsonRpc] {
        let (_sandbox, raw) = sandbox().await;
        scenarios::nights(raw, flavour).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_changed_archived_or_deleted_stays_so() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::people_in_odoo(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_from_before_are_found_and_none_is_guessed() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::partners_from_before(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_stops_no_other() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::bad_rows(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_was_cut_off_goes_on_and_makes_nothing_twice() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::interrupted(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_connection_is_told_with_its_cure() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::wrong(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_fields_of_our_own_standard_fields_are_written() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::without_own_fields(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_is_removed_whatever_anybody_wrote() {
    let (_sandbox, raw) = sandbox().await;
    erasures::erased(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_lead_is_made_where_the_tenant_wants_one() {
    let (_sandbox, raw) = sandbox().await;
    scenarios::crm_leads(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_did_before_a_cut_off_sync_came_back_stays_so() {
    let (_sandbox, raw) = sandbox().await;
    between::gap(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_people_typed_are_found() {
    let (_sandbox, raw) = sandbox().await;
    between::typed(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_below_another_is_found_however_its_uen_is_spelt() {
    let (_sandbox, raw) = sandbox().await;
    between::children(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_may_not_see_is_not_taken_for_deleted() {
    let (_sandbox, raw) = sandbox().await;
    between::hidden(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_to_odoo_is_made_nobody_and_keeps_no_other() {
    let (_sandbox, raw) = sandbox().await;
    erasures::signs_in(raw).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_meet_another_transaction_are_sent_again() {
    let (sandbox, raw) = sandbox().await;
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    sandbox.collide(2);
    let report = world.night(&world.companies(0..3)).await;
    assert_eq!(report.counts["company.created"], 3);
    let mut shortlist = world.companies(0..3);
    shortlist[0].score = 0.9;
    let run = world.run(&shortlist).await;
    sandbox.collide(100);
    let error = world.sync(run).await.unwrap_err();
    assert!(error.to_string().contains("two transactions met"), "{error}");
    sandbox.collide(0);
    let report = world.sync(run).await.unwrap();
    assert_eq!((report.companies[0].outcome, report.companies[0].kept.len()), ("updated", 0));
}
