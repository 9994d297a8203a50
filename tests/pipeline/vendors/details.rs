//! What a model, missing contacts and sample customers do to a score.

use presdr_events::{Event, lead::RationaleSource};
use presdr_producers::samples;
use serde_json::{Value, json};

use super::{branches::Lead, world::VendorWorld};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_makes_up_is_dropped_and_counted() {
    let world = VendorWorld::new().await;
    let roles = world.world.roles_of(world.services().await).await;
    world.vendors.faults().add("openai:hallucinate".parse().unwrap());
    let tenant = world.tenant("acme", &Lead::Thin.company(&world), &json!({ "search": false })).await;
    world.way(&tenant).await;
    roles.stop().await;
    let events = world.world.events().await;
    let extracted = events.iter().find_map(|event| match &event.event {
        Event::LeadExtracted(extracted) => Some(extracted),
        _ => None,
    });
    let extracted = extracted.unwrap();
    let filled = extracted.ai.as_ref().unwrap();
    let dropped: u32 = filled.dropped.values().sum();
    assert!(dropped > 0 && !filled.dropped.keys().any(|reason| reason.contains('@')), "{filled:?}");
    assert!(extracted.emails.iter().all(|email| email.source != "model"), "{filled:?}");
    let scored = events.iter().find_map(|event| match &event.event {
        Event::LeadScored(scored) => Some(scored),
        _ => None,
    });
    let scored = scored.unwrap();
    assert_eq!(scored.rationale_source, RationaleSource::Deterministic);
    assert!(scored.step.arguments.contains_key("rationale_refused"), "{:?}", scored.step);
    assert!(!scored.rationale.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_could_not_be_verified_stays_unknown_and_is_asked_about_in_the_next_run() {
    let world = VendorWorld::new().await;
    let roles = world.world.roles_of(world.services().await).await;
    world.vendors.faults().add("zerobounce:rate_limit=0:1".parse().unwrap());
    let tenant = world.tenant("acme", &Lead::Ordinary.company(&world), &json!({})).await;
    let ways = [world.way(&tenant).await, world.way(&tenant).await, world.way(&tenant).await];
    roles.stop().await;
    let asked =
        ways.map(|way| way.calls.iter().filter(|call| call.starts_with("zerobounce")).cloned().collect::<Vec<_>>());
    let said = |ending: &str| vec![format!("zerobounce.validate {ending}")];
    assert_eq!(asked, [said("rate_limited"), said("answered"), vec![]], "asked again, and then known");
    let statuses: Vec<Vec<(String, String)>> = world
        .world
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event.event {
            Event::LeadEmailsVerified(verified) => {
                Some(verified.emails.into_iter().map(|email| (email.status, email.source)).collect())
            }
            _ => None,
        })
        .collect();
    assert!(statuses[0].iter().all(|(status, source)| status == "unknown" && source == "none"), "{statuses:?}");
    assert!(!statuses[0].is_empty() && statuses[1].iter().all(|(_, source)| source == "zerobounce"), "{statuses:?}");
    assert_eq!(statuses[1], statuses[2], "what is known is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_contacts_their_weight_is_left_out_and_nothing_is_held_against_the_lead() {
    let world = VendorWorld::new().await;
    let roles = world.world.roles_of(world.services().await).await;
    world.vendors.faults().add("lusha:quota".parse().unwrap());
    let tenant = world.tenant("acme", &Lead::Elsewhere.company(&world), &json!({})).await;
    world.way(&tenant).await;
    roles.stop().await;
    let events = world.world.events().await;
    let scored = events.iter().find_map(|event| match &event.event {
        Event::LeadScored(scored) => Some(scored),
        _ => None,
    });
    let scored = scored.unwrap();
    assert_eq!(scored.features["contacts"], Value::Null);
    assert!(scored.contributions.iter().all(|one| one.feature != "contacts"));
    assert_eq!(scored.rationale_source, RationaleSource::Model);
}

/// Vectors are made once per text, again when it changes, and a tenant without samples pays for none.
#[tokio::test(flavor = "multi_thread")]
async fn leads_are_compared_with_sample_customers_where_there_are_any() {
    let world = VendorWorld::new().await;
    let roles = world.world.roles_of(world.services().await).await;
    let tenant = world.tenant("acme", &Lead::Ordinary.company(&world), &json!({})).await;
    let set = async |list: &str| samples::set(&world.world.desk, &tenant, list.as_bytes()).await.unwrap();
    let both = "name,about\nOne,Cyber security services for companies\nTwo,Bakery and cakes for offices\n";
    assert_eq!(set(both).await.changed, 2);
    let first = world.way(&tenant).await;
    let embedded = |calls: &[String]| calls.iter().filter(|call| call.starts_with("openai.embed")).count();
    assert_eq!(embedded(&first.calls), 3, "two samples and a text: {first:#?}");
    let second = world.way(&tenant).await;
    assert_eq!(embedded(&second.calls), 0, "nothing has changed: {second:#?}");
    let again = set(&format!("{both}Three,Cyber security training for companies\n")).await;
    assert_eq!((again.version, again.samples, again.changed, again.removed), (2, 3, 1, 0));
    let third = world.way(&tenant).await;
    assert_eq!(embedded(&third.calls), 1, "the others keep their vectors: {third:#?}");
    let none = set("name,about\n").await;
    assert_eq!((none.version, none.samples, none.removed), (3, 0, 3));
    world.way(&tenant).await;
    roles.stop().await;
    let events = world.world.events().await;
    let scores: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::LeadScored(scored) => Some(scored),
            _ => None,
        })
        .collect();
    assert_eq!(scores.len(), 4);
    assert!(scores[..3].iter().all(|scored| scored.features["similarity"].is_number()), "{:?}", scores[0].features);
    assert!(scores[..3].iter().all(|scored| scored.contributions.iter().any(|one| one.feature == "similarity")));
    assert!(scores[3].contributions.iter().all(|one| one.feature != "similarity"), "there is nothing to compare with");
    assert_eq!(scores[1].rationale_source, RationaleSource::Cache, "the same features share a rationale");
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::IcpSamplesSet(set) => Some((event.actor.as_str(), set.version, set.samples)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("user:test", 1, 2), ("user:test", 2, 3), ("user:test", 3, 0)], "who set them is on record");
}
