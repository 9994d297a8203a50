use uuid::Uuid;

use super::*;
use crate::keys::SigningKey;

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// Ten events at places 10, 20, … 100, and their rows.
fn both() -> (Vec<Event>, Vec<Row>) {
    let events: Vec<Event> = (1..=10).map(event).collect();
    let rows = linked(&events);
    (events, rows)
}

fn event(number: u8) -> Event {
    let id = EventId(Uuid::from_bytes([number; 16]));
    Event { sequence: u64::from(number) * 10, id, leaf: Digest::of(&[number]) }
}

/// Rows as the projector writes them.
fn linked(events: &[Event]) -> Vec<Row> {
    let mut head = Head::genesis(&acme());
    let row = |event: &Event| {
        head.link(event.sequence, event.leaf);
        Row { sequence: event.sequence, id: event.id, leaf: Some(event.leaf), chain: Some(head.chain), altered: vec![] }
    };
    events.iter().map(row).collect()
}

/// A checkpoint over the first `count` of the true events.
fn checkpoint(number: u32, count: usize) -> SignedCheckpoint {
    let mut head = Head::genesis(&acme());
    both().0.iter().take(count).for_each(|event| head.link(event.sequence, event.leaf));
    let Head { sequence, events, chain } = head;
    let day = "2026-11-23".parse().unwrap();
    let checkpoint = Checkpoint { tenant: acme(), number, day, sequence, events, chain, previous: None };
    SigningKey::from_seed(&[1; 32]).unwrap().sign(checkpoint).unwrap()
}

fn walk(events: Vec<Event>, rows: Vec<Row>, checkpoints: Vec<SignedCheckpoint>) -> Result<u64, Finding> {
    let mut walk = Walk::new(acme(), Head::genesis(&acme()), checkpoints);
    walk.walk(events, rows, 100);
    walk.end(100, Store::Log)
}

fn found(walked: Result<u64, Finding>) -> (Option<u64>, Difference) {
    let finding = walked.unwrap_err();
    (finding.sequence, finding.difference)
}

#[test]
fn what_is_as_it_was_is_covered_up_to_the_last_checkpoint() {
    let (events, rows) = both();
    assert_eq!(walk(events.clone(), rows.clone(), vec![checkpoint(1, 4), checkpoint(2, 7)]), Ok(70));
    assert_eq!(walk(events, rows, vec![]), Ok(0));
}

#[test]
fn it_does_not_matter_where_stretches_begin() {
    let (events, rows) = both();
    for size in 1..=10 {
        let mut walk = Walk::new(acme(), Head::genesis(&acme()), [checkpoint(1, 4), checkpoint(2, 10)]);
        for (events, rows) in events.chunks(size).zip(rows.chunks(size)) {
            walk.walk(events.to_vec(), rows.to_vec(), events.last().unwrap().sequence);
        }
        assert_eq!(walk.end(100, Store::Log), Ok(100), "{size}");
    }
}

#[test]
fn a_row_that_was_removed_changed_or_added_is_named_and_the_log_is_the_one_that_was_signed() {
    let (events, rows) = both();
    let signed = || vec![checkpoint(1, 3), checkpoint(2, 8)];
    let mut fewer = rows.clone();
    fewer.remove(4);
    assert_eq!(found(walk(events.clone(), fewer, signed())), (Some(50), Difference::NoRow { signed: Signed::Log }));

    let mut changed = rows.clone();
    changed[4].altered = vec!["actor"];
    let differs = Difference::Differs { columns: vec!["actor".to_owned()], signed: Signed::Log };
    assert_eq!(found(walk(events.clone(), changed, signed())), (Some(50), differs));

    let mut more = rows.clone();
    more.insert(4, Row { sequence: 45, id: EventId(Uuid::nil()), ..rows[3].clone() });
    assert_eq!(found(walk(events.clone(), more, signed())), (Some(45), Difference::NoEvent { signed: Signed::Log }));

    let mut relinked = rows;
    relinked[4].chain = Some(Digest::of(b"another"));
    assert_eq!(found(walk(events, relinked, signed())), (Some(50), Difference::Unlinked));
}

#[test]
fn an_event_that_was_removed_changed_added_or_moved_is_named_and_the_audit_log_is_the_one_that_was_signed() {
    let (events, rows) = both();
    let signed = || vec![checkpoint(1, 3), checkpoint(2, 8)];
    let mut fewer = events.clone();
    fewer.remove(4);
    assert_eq!(
        found(walk(fewer, rows.clone(), signed())),
        (Some(50), Difference::NoEvent { signed: Signed::AuditLog })
    );

    let mut changed = events.clone();
    changed[4].leaf = Digest::of(b"another");
    let differs = Difference::Differs { columns: vec!["event_hash".to_owned()], signed: Signed::AuditLog };
    assert_eq!(found(walk(changed, rows.clone(), signed())), (Some(50), differs.clone()));

    let mut more = events.clone();
    more.insert(4, Event { sequence: 45, ..event(99) });
    assert_eq!(found(walk(more, rows.clone(), signed())), (Some(45), Difference::NoRow { signed: Signed::AuditLog }));

    let mut moved = events;
    moved.swap(4, 5);
    (moved[4].sequence, moved[5].sequence) = (50, 60);
    assert_eq!(found(walk(moved, rows, signed())), (Some(50), differs));
}

#[test]
fn a_chain_that_was_computed_anew_is_found_at_the_next_checkpoint() {
    let (mut events, _) = both();
    events[4].leaf = Digest::of(b"another");
    let rows = linked(&events);
    let recomputed = Difference::Recomputed { after: 30, checkpoint: 2, signed_events: 8, events: 8 };
    assert_eq!(found(walk(events, rows, vec![checkpoint(1, 3), checkpoint(2, 8)])), (None, recomputed));
}

#[test]
fn events_that_were_removed_up_to_a_checkpoint_are_missed() {
    let (events, rows) = both();
    let mut walk = Walk::new(acme(), Head::genesis(&acme()), [checkpoint(1, 3), checkpoint(2, 8)]);
    walk.walk(events[..6].to_vec(), rows[..6].to_vec(), 60);
    let truncated = Difference::Truncated { checkpoint: 2, covers: 80, ends: 60, of: Store::Log };
    assert_eq!(found(walk.end(60, Store::Log)), (None, truncated));
}

#[test]
fn of_two_differences_the_first_is_named() {
    let (mut events, mut rows) = both();
    events.remove(8);
    rows.remove(6);
    let first = found(walk(events, rows, vec![checkpoint(1, 10)]));
    assert_eq!(first, (Some(70), Difference::NoRow { signed: Signed::Neither }));
}

#[test]
fn behind_the_last_checkpoint_it_cannot_be_told_who_is_right() {
    let (events, mut rows) = both();
    rows.remove(9);
    let not_yet = Difference::NoRow { signed: Signed::NotYet };
    assert_eq!(found(walk(events, rows, vec![checkpoint(1, 3)])), (Some(100), not_yet));
}
