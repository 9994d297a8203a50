//! The scenarios against a real Odoo, and what only a real one can show: that nobody is written to, and that tenants stay apart.

use chrono::Utc;
use presdr_events::Clear;
use presdr_odoo::{client::Odoo, fields};
use presdr_servers::testing::{self, OdooTenant};
use presdr_store::odoo::connections::{Connection, Flavour};
use serde_json::{Value, json};

use crate::{
    between, conformance, erasures,
    raw::Raw,
    scenarios,
    support::{MARK, World},
};

fn raw(tenant: &OdooTenant) -> Raw {
    Raw {
        url: tenant.url.trim_end_matches('/').to_owned(),
        database: tenant.db.clone(),
        admin: tenant.admin.api_key.clone(),
        service: tenant.service.api_key.clone(),
        limited: tenant.limited.api_key.clone(),
        logins: (tenant.admin.login.clone(), tenant.service.login.clone()),
    }
}

fn databases() -> Vec<Raw> {
    testing::odoo().unwrap().tenants.iter().map(raw).collect()
}

/// The first database, with presdr's own fields.
async fn with_fields() -> Raw {
    let raw = databases().remove(0);
    let connection = Connection {
        base_url: raw.url.clone(),
        database: raw.database.clone(),
        login: raw.logins.0.clone(),
        flavour: Flavour::Json2,
        active: true,
        version: 1,
        actor: "service:test".to_owned(),
        changed_at: Utc::now(),
        checked_at: None,
        problem: None,
    };
    let odoo = Odoo::new(&connection, Clear(raw.admin.clone())).unwrap();
    let fields = fields::ensure(&odoo).await.unwrap();
    assert_eq!(fields.missing, Vec::<&str>::new(), "the administrator may make them");
    raw
}

/// Removes what a test made: it is found as it was.
async fn clean(raw: &Raw) {
    for (model, field) in [("crm.lead", "partner_id"), ("res.partner", "name")] {
        let context = json!({ "active_test": false });
        let found = raw.admin(model, "search", json!({ "domain": [[field, "ilike", MARK]], "context": context })).await;
        raw.admin(model, "unlink", json!({ "ids": found })).await;
    }
}

macro_rules! on_the_real_one {
    ($($(#[$doc:meta])* $name:ident => |$raw:ident| $scenario:expr;)*) => { $(
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs a real Odoo: make test-odoo"]
        async fn $name() {
            let $raw = with_fields().await;
            let odoo = $raw.clone();
            Box::pin($scenario).await;
            clean(&odoo).await;
        }
    )* };
}

on_the_real_one! {
    it_answers_as_we_think => |raw| conformance::answers(&raw);
    what_is_sent_is_sent_once_and_only_what_changed_again => |raw| scenarios::nights(raw, Flavour::Json2);
    the_same_over_json_rpc => |raw| scenarios::nights(raw, Flavour::JsonRpc);
    what_a_person_changed_archived_or_deleted_stays_so => |raw| scenarios::people_in_odoo(raw);
    partners_from_before_are_found_and_none_is_guessed => |raw| scenarios::partners_from_before(raw);
    a_bad_row_stops_no_other => |raw| scenarios::bad_rows(raw);
    a_sync_that_was_cut_off_goes_on_and_makes_nothing_twice => |raw| scenarios::interrupted(raw);
    what_is_wrong_with_a_connection_is_told_with_its_cure => |raw| scenarios::wrong(raw);
    who_is_erased_is_removed_whatever_anybody_wrote => |raw| erasures::erased(raw);
    what_a_person_did_before_a_cut_off_sync_came_back_stays_so => |raw| between::gap(raw);
    contacts_that_people_typed_are_found => |raw| between::typed(raw);
    a_company_below_another_is_found_however_its_uen_is_spelt => |raw| between::children(raw);
    what_the_account_may_not_see_is_not_taken_for_deleted => |raw| between::hidden(raw);
    whoever_signs_in_to_odoo_is_made_nobody_and_keeps_no_other => |raw| erasures::signs_in(raw);
    a_crm_lead_is_made_where_the_tenant_wants_one => |raw| scenarios::crm_leads(raw);
    nobody_is_written_to_told_or_made_a_follower => |raw| quiet(raw);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Odoo: make test-odoo"]
async fn without_fields_of_our_own_standard_fields_are_written() {
    let raw = databases().remove(1);
    let body = json!({ "allfields": ["x_uen"], "attributes": ["type"] });
    if raw.admin("res.partner", "fields_get", body).await != json!({}) {
        eprintln!("skipped: somebody made presdr's fields in {}", raw.database);
        return;
    }
    scenarios::without_own_fields(raw.clone()).await;
    clean(&raw).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Odoo: make test-odoo"]
async fn two_tenants_at_once_each_reach_their_own_database() {
    let all = databases();
    let (first, second) = (all[0].clone(), all[1].clone());
    let keys = (first.service.clone(), second.service.clone());
    let (one, two) =
        (World::new(first, Flavour::Json2, &keys.0).await, World::new(second, Flavour::Json2, &keys.1).await);
    let lists = (one.companies(0..20), two.companies(0..20));
    let reports = futures::join!(one.night(&lists.0), two.night(&lists.1));
    assert_eq!((reports.0.counts["company.created"], reports.1.counts["company.created"]), (20, 20));
    for (own, other) in [(&one, &two), (&two, &one)] {
        assert_eq!(own.odoo.partners(&own.mark, &["name"]).await.len(), 60);
        assert_eq!(own.odoo.partners(&other.mark, &["name"]).await.len(), 0, "nothing of the other tenant's");
    }
    clean(&all[0]).await;
    clean(&all[1]).await;
}

/// Odoo's queue of outgoing mail and what it keeps beside records, before and after everything that a sync does.
async fn quiet(raw: Raw) {
    let key = raw.admin.clone();
    let world = World::new(raw, Flavour::Json2, &key).await;
    let mut tx = world.producer.enter(&world.tenant).await.unwrap();
    let settings = presdr_rules::settings::OdooSettings { leads_from: Some(0.1), ..Default::default() };
    presdr_store::settings::set(&mut tx, "odoo", &settings).await.unwrap();
    tx.commit().await.unwrap();
    let mut shortlist = world.companies(0..3);
    world.night(&shortlist).await;
    shortlist.iter_mut().for_each(|one| one.score = 0.9);
    let report = world.night(&shortlist).await;
    assert_eq!((report.counts["company.updated"], report.counts["lead.updated"]), (3, 3));
    let ids = async |model: &str, domain: Value| {
        let context = json!({ "active_test": false });
        world.odoo.admin(model, "search", json!({ "domain": domain, "context": context })).await
    };
    let partners = ids("res.partner", json!([["name", "ilike", world.mark]])).await;
    let leads = ids("crm.lead", json!([["partner_id", "in", partners]])).await;
    assert_eq!((partners.as_array().unwrap().len(), leads.as_array().unwrap().len()), (9, 3));
    for (model, records) in [("res.partner", &partners), ("crm.lead", &leads)] {
        for beside in ["mail.message", "mail.followers", "mail.activity"] {
            let model_field = if beside == "mail.message" { "model" } else { "res_model" };
            let domain = json!([[model_field, "=", model], ["res_id", "in", records]]);
            let found = world.odoo.admin(beside, "search_count", json!({ "domain": domain })).await;
            assert_eq!(found, json!(0), "{beside} of {model}");
        }
    }
    let mail = json!({ "domain": ["|", ["email_to", "ilike", world.mark], ["recipient_ids", "in", partners]] });
    assert_eq!(world.odoo.admin("mail.mail", "search_count", mail).await, json!(0), "nothing waits to be sent to them");
}
