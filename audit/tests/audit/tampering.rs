//! Every way to change the log, the audit log or a checkpoint is found, and what is told names it.

use async_nats::jetstream::stream;
use presdr_audit::{Difference, Log, Message, Signed, Store};
use presdr_events::{Envelope, EventId, TenantId, audit::SignedCheckpoint, chain};
use presdr_nats::Broker;
use presdr_servers::{Nats, NatsConfig, testing};

use crate::support::{World, keys, started, visits};

/// A log of two tenants with two checkpoints of acme's:
///
/// | place | |
/// |---|---|
/// | 1 | beta's only event |
/// | 2 to 12 | acme's run and visits, covered by checkpoint 1, which is event 13 |
/// | 14 to 19 | more visits, covered by checkpoint 2 together with 13; it is event 20 |
/// | 21, 22 | visits that no checkpoint covers yet |
struct Scene {
    world: World,
    acme: TenantId,
    messages: Vec<Message>,
    checkpoints: Vec<SignedCheckpoint>,
    /// A broker whose log can be made to be anything.
    doctored: testing::Own<Nats>,
}

const SAVED: [&str; 3] = ["audit_log", "audit_heads", "audit_checkpoints"];

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
        world.publish(&[started(&beta), started(&acme)]).await;
        world.publish(&visits(&acme, 1..=5)).await;
        world.project_all().await;
        let first = world.sign(&acme).await;
        world.publish(&visits(&acme, 6..=8)).await;
        world.project_all().await;
        let second = world.sign(&acme).await;
        world.publish(&visits(&acme, 9..=9)).await;
        world.project_all().await;
        let verified = world.verify(&acme).await.unwrap();
        assert_eq!((verified.events, verified.sequence, verified.not_signed_yet), (21, 22, 3));
        let saved = SAVED.map(|table| format!("create table saved_{table} as select * from {table}"));
        world.tamper(&acme, &saved).await;
        let messages = world.messages().await;
        let doctored = testing::nats_with(NatsConfig::default()).await.unwrap();
        Self { world, acme, messages, checkpoints: vec![first, second], doctored }
    }

    /// What is found once the tables were changed.
    async fn tables(&self, statements: &[&str]) -> String {
        let statements: Vec<String> = statements.iter().map(|statement| (*statement).to_owned()).collect();
        self.world.tamper(&self.acme, &statements).await;
        let finding = self.world.verify(&self.acme).await.unwrap_err();
        self.restore().await;
        assert_eq!(finding.tenant, self.acme);
        finding.to_string()
    }

    async fn restore(&self) {
        let back = SAVED.map(|table| format!("delete from {table}; insert into {table} select * from saved_{table}"));
        self.world.tamper(&self.acme, &back).await;
        assert!(self.world.verify(&self.acme).await.is_ok());
    }

    /// A log with these messages, one place after the other, of which some are then deleted.
    async fn log(&self, messages: &[Message], deleted: &[u64]) -> Log {
        let broker = Broker::connect(&self.doctored.url(), None).await.unwrap();
        let _ = broker.jetstream().delete_stream("EVENTS").await;
        let config = stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["evt.>".to_owned()],
            allow_direct: true,
            // A broker tells that a stream is deleted before its files are gone, and one made anew on a busy machine then finds them.
            storage: stream::StorageType::Memory,
            ..stream::Config::default()
        };
        let made = broker.jetstream().create_stream(config).await.unwrap();
        for message in messages {
            let sent = broker.jetstream().publish(message.subject.clone(), message.body.clone()).await.unwrap();
            sent.await.unwrap();
        }
        for sequence in deleted {
            made.delete_message(*sequence).await.unwrap();
        }
        Log::open(&broker).await.unwrap()
    }

    /// What is found with another log beside the true tables.
    async fn doctored(&self, messages: &[Message], deleted: &[u64]) -> presdr_audit::Finding {
        let log = self.log(messages, deleted).await;
        self.world.stores(&log).verify(&self.acme, &keys(), &[]).await.unwrap().unwrap_err()
    }

    /// The true log with one change.
    fn changed(&self, change: impl FnOnce(&mut Vec<Message>)) -> Vec<Message> {
        let mut messages = self.messages.clone();
        change(&mut messages);
        messages
    }

    fn id(&self, sequence: usize) -> EventId {
        let Message { subject, body, sequence, .. } = &self.messages[sequence - 1];
        chain::identify(subject, body, *sequence)
    }

    /// Statements that make the audit log agree with a log: what somebody would do who can write both stores, but cannot sign.
    fn relinked(&self, messages: &[Message]) -> Vec<String> {
        self.relinked_without(messages, None)
    }

    /// The same without the event at a place.
    fn relinked_without(&self, messages: &[Message], hidden: Option<u64>) -> Vec<String> {
        let (mut chain, mut events, mut statements) =
            (chain::genesis(&self.acme), 0, vec!["delete from audit_log".to_owned()]);
        let mut last = 0;
        for (sequence, message) in (1..).zip(messages) {
            if !message.subject.starts_with("evt.acme.") || hidden == Some(sequence) {
                continue;
            }
            let id = chain::identify(&message.subject, &message.body, sequence);
            let (tenant, subject, body) = (&self.acme, message.subject.as_str(), &message.body[..]);
            let leaf = chain::leaf(&chain::Stored { tenant, sequence, id, subject, body });
            chain = chain::link(chain, leaf);
            (events, last) = (events + 1, sequence);
            let envelope = Envelope::decode(subject, body).unwrap();
            let said = serde_json::json!({
                "event_id": id,
                "sequence": sequence,
                "company_id": envelope.company.map(i64::from),
                "occurred_at": envelope.time,
                "correlation_id": envelope.correlation,
                "event_hash": format!("\\x{leaf}"),
                "chain_hash": format!("\\x{chain}"),
            });
            let name = envelope.event.event_type().name;
            statements.push(format!(
                "insert into audit_log select * from jsonb_populate_record(null::audit_log,
                     (select to_jsonb(s) from saved_audit_log s where event_type = '{name}' order by event_id = '{id}' desc limit 1)
                     || '{said}'::jsonb)"
            ));
        }
        statements
            .push(format!("update audit_heads set sequence = {last}, events = {events}, chain_hash = '\\x{chain}'"));
        statements
    }
}

/// An event of acme's that never happened.
fn invented(scene: &Scene) -> Message {
    let told = visits(&scene.acme, 77..=77).remove(0);
    Message { subject: told.subject, body: told.body.into(), ..scene.messages[0].clone() }
}

/// The same event with another number in it.
fn forged(message: &Message) -> Message {
    let text = String::from_utf8(message.body.to_vec()).unwrap();
    let changed = text.replace("\"confidence\":0.9", "\"confidence\":0.8");
    assert_ne!(changed, text);
    Message { body: changed.into_bytes().into(), ..message.clone() }
}

#[tokio::test]
async fn every_change_of_the_audit_log_is_found_and_named() {
    let scene = Scene::new().await;
    let (id4, id15, id21) = (scene.id(4), scene.id(15), scene.id(21));
    let by_log = "the log is as signed, so the audit log was changed";
    let cases = [
        (
            "update audit_log set actor = 'user:eve' where sequence = 4",
            format!("event 4 ({id4}): its audit row says something else than the log (actor): {by_log}"),
        ),
        (
            "update audit_log set arguments = '{\"candidates\": \"4\"}' where sequence = 4",
            format!("event 4 ({id4}): its audit row says something else than the log (arguments): {by_log}"),
        ),
        (
            "update audit_log set occurred_at = occurred_at + interval '1 s', duration_ms = 7 where sequence = 15",
            format!(
                "event 15 ({id15}): its audit row says something else than the log (occurred_at, duration_ms): {by_log}"
            ),
        ),
        (
            "update audit_log set event_hash = sha256('x') where sequence = 4",
            format!("event 4 ({id4}): its audit row says something else than the log (event_hash): {by_log}"),
        ),
        (
            "update audit_log set chain_hash = sha256('x') where sequence = 4",
            format!(
                "event 4 ({id4}): its audit row's chain_hash does not follow from the rows before it: it was changed"
            ),
        ),
        (
            "update audit_log set event_hash = '' where sequence = 15",
            format!("event 15 ({id15}): its audit row says something else than the log (event_hash): {by_log}"),
        ),
        (
            "delete from audit_log where sequence = 4",
            format!("event 4 ({id4}): is in the log and not in the audit log: {by_log}"),
        ),
        (
            "delete from audit_log where sequence between 14 and 19",
            format!("event 14 ({}): is in the log and not in the audit log: {by_log}", scene.id(14)),
        ),
        (
            "insert into audit_log select (jsonb_populate_record(a, '{\"event_id\": \"00000000-0000-0000-0000-000000000001\", \"sequence\": 1}')).* from audit_log a where sequence = 4",
            format!("event 1 (00000000-0000-0000-0000-000000000001): is in the audit log and not in the log: {by_log}"),
        ),
        (
            "update audit_log set sequence = case sequence when 4 then 6 else 4 end where sequence in (4, 6)",
            format!("event 4 ({id4}): its audit row says something else than the log"),
        ),
        // Behind the last checkpoint both stores still have to agree.
        (
            "delete from audit_log where sequence = 21",
            format!("event 21 ({id21}): is in the log and not in the audit log: no checkpoint covers it yet"),
        ),
        (
            "update audit_heads set events = events + 1",
            "tenant acme: the end of the chain in audit_heads is not the end of the rows: it was changed".to_owned(),
        ),
        (
            "update audit_heads set chain_hash = sha256('x')",
            "tenant acme: the end of the chain in audit_heads is not the end of the rows: it was changed".to_owned(),
        ),
    ];
    for (statement, expected) in cases {
        let told = scene.tables(&[statement]).await;
        assert!(told.contains(&expected), "{statement}:\n{told}\nshould say\n{expected}");
    }
}

#[tokio::test]
async fn every_change_of_a_checkpoint_is_found_and_named() {
    let scene = Scene::new().await;
    let signature = "checkpoint 1 is not as this key signed it: it was changed, or signed with another key";
    let cases = [
        ("update audit_checkpoints set sequence = 11 where number = 1", signature),
        ("update audit_checkpoints set events = 10 where number = 1", signature),
        ("update audit_checkpoints set chain_hash = sha256('x') where number = 1", signature),
        ("update audit_checkpoints set day = day - 1 where number = 1", signature),
        (
            "update audit_checkpoints set signature = (select signature from audit_checkpoints where number = 2) where number = 1",
            signature,
        ),
        ("update audit_checkpoints set key_hash = sha256('x') where number = 1", signature),
        ("update audit_checkpoints set number = 3 where number = 2", "checkpoint 3 is not as this key signed it"),
        // The one that is left says that there was one before it; retention takes the oldest, which is seen below.
        (
            "delete from audit_checkpoints where number = 2",
            "checkpoint 2 is known from event 20 of the log and is not kept any more: it was removed",
        ),
        (
            "delete from audit_checkpoints",
            "checkpoint 1 is known from event 13 of the log and is not kept any more: it was removed",
        ),
    ];
    for (statement, expected) in cases {
        let told = scene.tables(&[statement]).await;
        assert!(told.contains(expected), "{statement}:\n{told}\nshould say\n{expected}");
    }
    // Removed where the log tells of it, too: whoever kept a copy of it finds out.
    let known = scene.checkpoints.clone();
    let messages = &scene.messages[..19];
    scene.world.tamper(&scene.acme, &["delete from audit_checkpoints where number = 2".to_owned()]).await;
    scene.world.tamper(&scene.acme, &["delete from audit_log where sequence > 19".to_owned()]).await;
    let log = scene.log(messages, &[]).await;
    scene.world.tamper(&scene.acme, &scene.relinked(messages)).await;
    scene.world.tamper(&scene.acme, &["update projection_checkpoints set sequence = 19".to_owned()]).await;
    let stores = scene.world.stores(&log);
    assert!(
        stores.verify(&scene.acme, &keys(), &[]).await.unwrap().is_ok(),
        "removed from both stores without a trace"
    );
    let finding = stores.verify(&scene.acme, &keys(), &known).await.unwrap().unwrap_err();
    assert_eq!(
        finding.to_string(),
        "tenant acme, event 19: checkpoint 2 is known from the checkpoints that were given and is not kept any more: it was removed"
    );
}

#[tokio::test]
async fn every_change_of_the_log_is_found_and_named() {
    let scene = Scene::new().await;
    let by_rows = Signed::AuditLog;
    let differs = |column: &str| Difference::Differs { columns: vec![column.to_owned()], signed: by_rows };
    let found = |finding: presdr_audit::Finding| (finding.sequence, finding.event_id, finding.difference);

    let copied = scene.log(&scene.messages, &[]).await;
    assert!(
        scene.world.stores(&copied).verify(&scene.acme, &keys(), &[]).await.unwrap().is_ok(),
        "a true copy is true"
    );

    let changed = scene.changed(|messages| messages[2] = forged(&messages[2]));
    assert_eq!(found(scene.doctored(&changed, &[]).await), (Some(3), Some(scene.id(3)), differs("event_hash")));

    let removed = found(scene.doctored(&scene.messages, &[5]).await);
    assert_eq!(removed, (Some(5), Some(scene.id(5)), Difference::NoEvent { signed: by_rows }));

    let added = scene.changed(|messages| messages[0] = invented(&scene));
    let (sequence, _, difference) = found(scene.doctored(&added, &[]).await);
    assert_eq!((sequence, difference), (Some(1), Difference::NoRow { signed: by_rows }));

    let swapped = scene.changed(|messages| messages.swap(3, 5));
    let (sequence, _, difference) = found(scene.doctored(&swapped, &[]).await);
    assert!(
        sequence == Some(4) && matches!(difference, Difference::Differs { signed: Signed::AuditLog, .. }),
        "{difference:?}"
    );

    let inserted = scene.changed(|messages| messages.insert(5, invented(&scene)));
    let (sequence, _, _) = found(scene.doctored(&inserted, &[]).await);
    assert_eq!(sequence, Some(6), "everything behind it stands elsewhere");

    let subject = scene.changed(|messages| messages[2].subject = "evt.acme.lead.domain_missing".to_owned());
    let (sequence, _, difference) = found(scene.doctored(&subject, &[]).await);
    assert!(sequence == Some(3) && matches!(difference, Difference::Differs { .. }), "{difference:?}");

    let behind = scene.changed(|messages| messages.truncate(21));
    assert_eq!(
        found(scene.doctored(&behind, &[]).await),
        (Some(22), Some(scene.id(22)), Difference::NoEvent { signed: Signed::NotYet })
    );
    let shorter = scene.changed(|messages| messages.truncate(17));
    assert_eq!(
        found(scene.doctored(&shorter, &[]).await),
        (Some(18), Some(scene.id(18)), Difference::NoEvent { signed: by_rows })
    );

    // What is told twice is one event: a repeat changes nothing, wherever it comes from.
    let repeated = scene.changed(|messages| messages.push(messages[3].clone()));
    let repeated = scene.log(&repeated, &[]).await;
    assert!(scene.world.stores(&repeated).verify(&scene.acme, &keys(), &[]).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_chain_that_was_computed_anew_in_both_stores_does_not_come_to_what_was_signed() {
    let scene = Scene::new().await;
    let recomputed =
        |after, checkpoint, signed_events, events| Difference::Recomputed { after, checkpoint, signed_events, events };
    let removed = scene.changed(|messages| drop(messages.remove(14)));
    let cases = [
        (scene.changed(|messages| messages[2] = forged(&messages[2])), recomputed(0, 1, 11, 11)),
        (scene.changed(|messages| messages[13] = forged(&messages[13])), recomputed(12, 2, 18, 18)),
        (scene.changed(|messages| messages.swap(14, 16)), recomputed(12, 2, 18, 18)),
        (removed, recomputed(12, 2, 18, 18)),
        (scene.changed(|messages| messages.insert(14, invented(&scene))), recomputed(12, 2, 18, 18)),
    ];
    for (at, (messages, expected)) in cases.into_iter().enumerate() {
        scene.world.tamper(&scene.acme, &scene.relinked(&messages)).await;
        let found = scene.doctored(&messages, &[]).await;
        assert_eq!(found.difference, expected, "case {at}");
        scene.restore().await;
    }
    // The newest events and their rows, up to the last checkpoint.
    let messages = scene.changed(|messages| messages.truncate(17));
    scene.world.tamper(&scene.acme, &scene.relinked(&messages)).await;
    scene.world.tamper(&scene.acme, &["update projection_checkpoints set sequence = 17".to_owned()]).await;
    let found = scene.doctored(&messages, &[]).await;
    assert_eq!(found.difference, Difference::Truncated { checkpoint: 2, covers: 19, ends: 17, of: Store::AuditLog });
}

#[tokio::test]
async fn retention_may_take_old_rows_with_their_checkpoints_and_verification_begins_at_the_oldest_kept() {
    let scene = Scene::new().await;
    let retained = ["delete from audit_log where sequence <= 12", "delete from audit_checkpoints where number = 1"];
    // The first checkpoint stands at 12 and is still needed when it alone tells where to begin.
    scene.world.tamper(&scene.acme, &[retained[0].to_owned()]).await;
    let finding = scene.world.verify(&scene.acme).await.unwrap_err();
    assert_eq!(
        (finding.sequence, finding.difference),
        (Some(2), Difference::NoRow { signed: Signed::Log }),
        "not all of it is gone"
    );

    let rows = "delete from audit_log where sequence <= 19".to_owned();
    scene.world.tamper(&scene.acme, &[retained[1].to_owned(), rows]).await;
    let verified = scene.world.verify(&scene.acme).await.unwrap();
    assert_eq!((verified.from_checkpoint, verified.events), (Some(2), 3));
}

#[tokio::test]
async fn an_event_is_not_hidden_by_a_row_that_says_it_stood_earlier() {
    const HIDDEN: u64 = 21;
    let scene = Scene::new().await;
    let id = scene.id(21);
    // Nowhere, before the log, at another event's place, at another tenant's.
    for place in [0, -3, 5, 1] {
        let mut statements = scene.relinked_without(&scene.messages, Some(HIDDEN));
        statements.push(format!("insert into audit_log select * from saved_audit_log where event_id = '{id}'"));
        statements.push(format!("update audit_log set sequence = {place} where event_id = '{id}'"));
        scene.world.tamper(&scene.acme, &statements).await;
        let refused = scene.world.signer().sign(&scene.acme).await.unwrap_err();
        assert!(matches!(refused, presdr_audit::AuditError::NotSigned(_)), "{place}: {refused}");
        let finding = scene.world.verify(&scene.acme).await.unwrap_err();
        assert_eq!(finding.tenant, scene.acme, "{place}");
        scene.restore().await;
    }
}
