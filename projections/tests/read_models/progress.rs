//! What is published of a run is what its read models come to, whenever telling began, and nothing of it is personal.

use presdr_events::{RunId, TenantId};
use presdr_nats::topology::{EVENTS, PROGRESS};
use presdr_projections::progress::{Progress, run_progress, standing, subject};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, World, whole_run};

/// Tells progress until the run's newest is of this place or a later one.
async fn told_up_to(world: &World, tenant: &TenantId, run: i64, sequence: i64) -> Progress {
    let (database, context, cancel) =
        (world.projector.clone(), world.broker.jetstream().clone(), CancellationToken::new());
    let until = cancel.clone();
    let telling = tokio::spawn(async move { run_progress(&database, &context, EVENTS, until).await });
    let watching = world.gateway().await;
    let stream = watching.jetstream().get_stream_no_info(PROGRESS).await.unwrap();
    let newest = async {
        loop {
            if let Ok(message) = stream.direct_get_last_for_subject(subject(tenant, run)).await {
                let text = String::from_utf8(message.payload.to_vec()).unwrap();
                for personal in ["jane", "Jane", "@", "+65", "acme.example"] {
                    assert!(!text.contains(personal), "{text}");
                }
                let progress: Progress = serde_json::from_str(&text).unwrap();
                if progress.sequence >= sequence {
                    return progress;
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let newest = tokio::time::timeout(PATIENCE, newest).await.unwrap();
    cancel.cancel();
    telling.await.unwrap().unwrap();
    newest
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_what_the_read_models_come_to_whenever_telling_began() {
    let world = World::new().await;
    let acme = world.store.tenant("acme").await.unwrap();
    let events = whole_run(&world, &acme, 7, 5).await;
    let (begin, rest) = events.split_at(events.len() / 2);
    let half = i64::try_from(world.publish(begin).await).unwrap();
    let from_the_log = told_up_to(&world, &acme, 7, half).await;
    assert!(!from_the_log.over && from_the_log.targeted == Some(5));
    // A teller that starts anew counts on from what the read models hold by then.
    world.project_all().await;
    let last = i64::try_from(world.publish(rest).await).unwrap();
    let told = told_up_to(&world, &acme, 7, last).await;
    world.project_all().await;
    let mut tx = world.projector.enter(&acme).await.unwrap();
    let known = standing(&mut tx, RunId::new(7).unwrap()).await.unwrap().unwrap();
    assert_eq!(told, known);
    assert_eq!((told.admitted, told.done, told.over, told.sequence), (5, 5, true, last));
    assert_eq!(told.stages["score"], 4);
}
