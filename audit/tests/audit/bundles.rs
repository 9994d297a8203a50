//! Bundles: verified with a file and a public key, and nothing else.

use presdr_audit::{AuditError, Difference, Finding, SigningKey, Verified, bundle};
use presdr_events::TenantId;

use crate::support::{World, at, keys, started, visits};

/// A bundle of acme's whole log with two checkpoints, as lines.
async fn exported() -> (World, TenantId, Vec<String>) {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.publish(&[started(&acme)]).await;
    world.publish(&visits(&acme, 1..=3)).await;
    world.publish(&[crate::support::Told { subject: "evt.acme.lead.thin".to_owned(), body: vec![0xff] }]).await;
    world.publish(&visits(&acme, 3..=3)).await; // told twice
    world.project_all().await;
    world.sign(&acme).await;
    world.publish(&visits(&acme, 4..=5)).await;
    world.project_all().await;
    world.sign(&acme).await;
    let lines = export(&world, &acme).await;
    (world, acme, lines)
}

async fn export(world: &World, tenant: &TenantId) -> Vec<String> {
    let mut file = Vec::new();
    world.stores(&world.log).export(tenant, None, None, at(0), &mut file).await.unwrap();
    String::from_utf8(file).unwrap().lines().map(str::to_owned).collect()
}

fn verify(lines: &[String]) -> Result<Verified, Finding> {
    bundle::verify(lines.join("\n").as_bytes(), &keys(), &[]).unwrap()
}

#[tokio::test]
async fn a_bundle_verifies_with_the_public_key_alone_and_every_change_of_it_is_found() {
    let (_world, _, lines) = exported().await;
    let verified = verify(&lines).unwrap();
    assert_eq!((verified.events, verified.to_checkpoint, verified.not_signed_yet), (13, Some(2), 0));
    let other = SigningKey::from_seed(&[8; 32]).unwrap().public().unwrap().into();
    let finding = bundle::verify(lines.join("\n").as_bytes(), &other, &[]).unwrap().unwrap_err();
    assert_eq!(finding.difference, Difference::Signature { checkpoint: 1 });

    // One line is the heading, then 8 events, a checkpoint, 5 events, a checkpoint.
    assert!(lines[9].contains("\"line\":\"checkpoint\"") && lines.len() == 16, "{lines:#?}");
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        match verify(&lines) {
            Err(finding) => finding.to_string(),
            Ok(verified) => format!("nothing was found: {verified:?}"),
        }
    };
    let event3 = "tenant acme, event 3 ";
    for (told, expected) in [
        (changed(&|lines| lines[3] = lines[3].replace("allows all", "allows none")), event3),
        (changed(&|lines| lines[3] = lines[3].replace("lead.thin", "lead.crawled")), event3),
        (changed(&|lines| drop(lines.remove(2))), event3),
        (changed(&|lines| lines.swap(2, 3)), event3),
        (changed(&|lines| lines.insert(3, lines[2].clone())), "tenant acme, event 2 "),
        (
            changed(&|lines| drop(lines.remove(9))),
            "checkpoint 2 does not follow the one before it: the first was removed",
        ),
        (changed(&|lines| drop(lines.pop())), "checkpoint 2 is known from the bundle's first line"),
        (changed(&|lines| lines.truncate(10)), "checkpoint 2 is known from the bundle's first line"),
        (
            changed(&|lines| lines[9] = lines[9].replace("\"events\":8", "\"events\":7")),
            "checkpoint 1 is not as this key signed it",
        ),
        (changed(&|lines| lines[15] = lines[9].clone()), "checkpoint 1 does not follow the one before it"),
    ] {
        assert!(told.contains(expected), "{told}\nshould say\n{expected}");
    }
}

/// What the heading says is signed by nobody: it may leave out no checkpoint, and a bundle without one proves nothing.
#[tokio::test]
async fn a_bundle_without_a_checkpoint_of_its_own_or_with_a_forged_beginning_is_found() {
    let (world, acme, lines) = exported().await;
    let headed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut heading: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        change(&mut heading);
        heading.to_string()
    };
    let told = |lines: &[String]| verify(lines).unwrap_err().to_string();
    assert!(told(&[headed(&|heading| heading["ends_with"] = 0.into())]).contains("checkpoint 0 is known"));
    let signed: Vec<_> = bundle::known_checkpoints(lines.join("\n").as_bytes()).unwrap();
    let beginning = |signed: &presdr_events::audit::SignedCheckpoint| {
        headed(&|heading| {
            heading["starts_behind"] = serde_json::to_value(signed).unwrap();
            heading["ends_with"] = signed.checkpoint.number.into();
        })
    };
    assert!(told(&[beginning(&signed[1])]).contains("checkpoint 2 is known from the bundle's first line"));
    let mut forged = signed[1].clone();
    forged.checkpoint.events += 1;
    assert!(told(&[beginning(&forged)]).contains("checkpoint 2 is not as this key signed it"));
    // A true checkpoint, but of somebody else.
    let beta = world.tenant("beta").await;
    world.publish(&[started(&beta)]).await;
    world.project_all().await;
    let foreign = world.sign(&beta).await;
    assert_eq!(foreign.checkpoint.tenant, beta);
    assert!(told(&[beginning(&foreign)]).contains("it is of tenant beta"), "{acme}");
}

/// Whoever computes all chains of the file anew cannot sign them.
#[tokio::test]
async fn a_bundle_whose_chain_was_computed_anew_does_not_come_to_its_checkpoint() {
    let (_world, acme, lines) = exported().await;
    let mut forged = lines.clone();
    let mut chain = presdr_events::chain::genesis(&acme);
    for line in &mut forged[1..9] {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        let (sequence, subject) = (event["sequence"].as_u64().unwrap(), event["subject"].as_str().unwrap().to_owned());
        let body = match event["body"].as_str() {
            Some(body) => body.replace("allows all", "allows none").into_bytes(),
            None => vec![0xff],
        };
        let id = presdr_events::chain::identify(&subject, &body, sequence);
        let stored = presdr_events::chain::Stored { tenant: &acme, sequence, id, subject: &subject, body: &body };
        chain = presdr_events::chain::link(chain, presdr_events::chain::leaf(&stored));
        event["chain"] = chain.to_string().into();
        if let Ok(body) = String::from_utf8(body) {
            event["body"] = body.into();
        }
        *line = event.to_string();
    }
    let finding = verify(&forged).unwrap_err();
    assert_eq!(finding.difference, Difference::Recomputed { after: 0, checkpoint: 1, signed_events: 8, events: 8 });
}

#[tokio::test]
async fn a_bundle_may_begin_behind_a_checkpoint_and_needs_one_to_end_with() {
    let (world, acme, _) = exported().await;
    // A day later than the first two checkpoints.
    let mut file = Vec::new();
    let day = "2026-11-24".parse().ok();
    let refused = world.stores(&world.log).export(&acme, day, None, at(0), &mut file).await;
    assert!(matches!(refused, Err(AuditError::NoCheckpoint(_))), "{refused:?}");
    let beta = world.tenant("beta").await;
    let refused = world.stores(&world.log).export(&beta, None, None, at(0), &mut file).await.unwrap_err();
    assert!(refused.to_string().contains("presdr audit checkpoint --tenant beta"), "{refused}");
    // Once retention has taken the first, a bundle begins behind the oldest that is kept.
    world.sign(&acme).await;
    world.tamper(&acme, &["delete from audit_checkpoints where number = 1".to_owned()]).await;
    let lines = export(&world, &acme).await;
    let verified = verify(&lines).unwrap();
    assert_eq!((verified.from_checkpoint, verified.to_checkpoint, verified.events), (Some(2), Some(3), 1));
}

#[tokio::test]
async fn checkpoints_that_were_kept_are_read_from_bundles_and_from_lines() {
    let (_world, _, lines) = exported().await;
    let known = bundle::known_checkpoints(lines.join("\n").as_bytes()).unwrap();
    assert_eq!(known.iter().map(|known| known.checkpoint.number).collect::<Vec<_>>(), [1, 2]);
    let plain: Vec<String> = known.iter().map(|known| serde_json::to_string(known).unwrap()).collect();
    assert_eq!(bundle::known_checkpoints(plain.join("\n\n").as_bytes()).unwrap(), known);
    assert!(bundle::known_checkpoints(&b"{\"a\": 1}"[..]).unwrap_err().to_string().contains("line 1"));
}
