//! What a model, missing contacts and sample customers do to a score.

use presdr_events::{Event, lead::RationaleSource};
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

/// Vectors are made once per text, and a tenant without samples pays for none.
#[tokio::test(flavor = "multi_thread")]
async fn leads_are_compared_with_sample_customers_where_there_are_any() {
    let world = VendorWorld::new().await;
    let roles = world.world.roles_of(world.services().await).await;
    let tenant = world.tenant("acme", &Lead::Ordinary.company(&world), &json!({})).await;
    let sample = |name: &str, description: &str| presdr_store::similarity::Sample {
        sample: name.to_owned(),
        description: description.to_owned(),
        text_hash: name.to_owned(),
        model: None,
        vector: None,
    };
    let samples = [sample("one", "Cyber security services for companies"), sample("two", "Bakery and cakes")];
    let mut tx = world.world.desk.database().enter(&tenant).await.unwrap();
    presdr_store::similarity::set_samples(&mut tx, &samples, chrono::Utc::now()).await.unwrap();
    tx.commit().await.unwrap();
    let first = world.way(&tenant).await;
    let embedded = |calls: &[String]| calls.iter().filter(|call| call.starts_with("openai.embed")).count();
    assert_eq!(embedded(&first.calls), 3, "two samples and a text: {first:#?}");
    let second = world.way(&tenant).await;
    assert_eq!(embedded(&second.calls), 0, "nothing has changed: {second:#?}");
    roles.stop().await;
    let events = world.world.events().await;
    let scores: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::LeadScored(scored) => Some(scored),
            _ => None,
        })
        .collect();
    assert_eq!(scores.len(), 2);
    assert!(scores.iter().all(|scored| scored.features["similarity"].is_number()), "{:?}", scores[0].features);
    assert_eq!(scores[1].rationale_source, RationaleSource::Cache, "the same features share a rationale");
}
