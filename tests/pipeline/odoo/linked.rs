//! A person says which partner a company is.

use presdr_events::{Clear, CompanyId};
use presdr_odoo::{
    client::{Call, Odoo},
    rehearsal::{Rehearsed, rehearse},
};
use presdr_producers::odoo;
use presdr_sandbox::odoo::{OdooSandbox, Rights};
use serde_json::{Value, json};

use super::{connect, until};
use crate::support::World;

const UEN: &str = "201912345K";

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_word_is_looked_up_and_can_be_taken_back() {
    let world = World::new(1).await;
    let acme = world.tenant_of("acme", &[]).await;
    let sandbox = OdooSandbox::start(&["acme"]).await.unwrap();
    connect(&world, &acme, &sandbox, "acme").await;
    let connection = odoo::connection(&world.desk, &acme).await.unwrap().unwrap();
    let key = sandbox.account("acme", Rights::Admin).unwrap().key;
    let there = Odoo::new(&connection, Clear(key)).unwrap();
    let call = async |method, ids: Option<&[i64]>, arguments: Vec<(&'static str, Value)>| -> Value {
        there.call(Call { model: "res.partner", method, ids, arguments }).await.unwrap()
    };
    let had = json!([
        { "name": "Kelmora A", "is_company": true, "ref": UEN }, { "name": "Kelmora B", "is_company": true, "vat": UEN },
        { "name": "Somebody else", "is_company": true, "ref": "200012345Z" }, { "name": "Jane", "parent_id": 1 },
    ]);
    let ids: Vec<i64> = serde_json::from_value(call("create", None, vec![("vals_list", had)]).await).unwrap();
    let company = CompanyId::new(4_000_001).unwrap();
    let shortlist = [Rehearsed {
        company,
        name: "Kelmora Pte Ltd".to_owned(),
        uen: Some(UEN.to_owned()),
        domain: None,
        score: 0.5,
        people: Vec::new(),
    }];
    let run =
        rehearse(world.desk.database(), &world.desk.keyring(), &acme, &shortlist, world.desk.now()).await.unwrap();
    let roles = world.roles().await;
    let outcome = async || {
        let (attempt, _) = odoo::request_sync(&world.desk, &acme, run).await.unwrap();
        until(&world, &acme, run, |sync| sync.attempt == attempt && sync.finished_at.is_some()).await.counts
    };
    let scores = || {
        let rows = sandbox.records("acme", "res.partner").into_iter();
        rows.map(|row| row.get("x_pre_sdr_score").is_some_and(|score| score == 0.5)).collect::<Vec<_>>()
    };
    assert_eq!(outcome().await["company.ambiguous"], 1);
    for (partner, why) in [(999, "no partner 999"), (ids[2], "UEN of another"), (ids[3], "contact of a company")] {
        let refused = odoo::link(&world.desk, &acme, company, partner).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    odoo::link(&world.desk, &acme, company, ids[0]).await.unwrap();
    assert_eq!(outcome().await["company.updated"], 1);
    assert_eq!(scores(), [true, false, false, false]);
    // It was the other one after all.
    odoo::link(&world.desk, &acme, company, ids[1]).await.unwrap();
    assert_eq!(outcome().await["company.updated"], 1);
    assert_eq!(scores(), [true, true, false, false]);
    // Somebody deletes that one, and says that the first is it.
    call("unlink", Some(&ids[1..2]), Vec::new()).await;
    assert_eq!(outcome().await["company.deleted"], 1);
    odoo::link(&world.desk, &acme, company, ids[0]).await.unwrap();
    assert_eq!(outcome().await.get("company.deleted"), None);
    roles.stop().await;
}
