//! The audit chain: each tenant's events linked in the order of the log, so that none can be changed, taken out, put in or moved unseen.
//!
//! A link is made of an event's stored bytes, sealed values as they are, and of its place: it says what was stored, not what a reader
//! understood, so an event that cannot be read is linked like any other, a newer reader makes the same chain, and erasing a person, which
//! destroys a key and no byte of the log, leaves it whole. An event that is stored twice is linked once, where it stands first.
//!
//! ```text
//! leaf(event)  = SHA-256("presdr audit event v1\0"  sequence:u64  id:16  len:u16 tenant  len:u16 subject  SHA-256(bytes))
//! chain(0)     = SHA-256("presdr audit chain v1\0"  tenant)
//! chain(n)     = SHA-256("presdr audit link v1\0"   chain(n - 1)  leaf(event n))
//! ```
//!
//! Numbers are big endian. These forms are evidence: they never change; another form is another version with a name of its own.

use serde::Deserialize;
use uuid::Uuid;

use crate::{Digest, EventId, Subject, TenantId, ids::NAMESPACE};

const EVENT: &[u8] = b"presdr audit event v1\0";
const CHAIN: &[u8] = b"presdr audit chain v1\0";
const LINK: &[u8] = b"presdr audit link v1\0";

/// An event as it stands in the log.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Whose chain it is in: [`Subject::owner`].
    pub tenant: &'a TenantId,
    /// Its place in the log.
    pub sequence: u64,
    /// What it is known by: [`identify`].
    pub id: EventId,
    /// Where it was published.
    pub subject: &'a str,
    /// Its stored bytes.
    pub body: &'a [u8],
}

/// The digest of one event at its place.
#[must_use]
pub fn leaf(stored: &Stored<'_>) -> Digest {
    let tenant = stored.tenant.as_str().as_bytes();
    let subject = stored.subject.as_bytes();
    Digest::of_parts(&[
        EVENT,
        &stored.sequence.to_be_bytes(),
        stored.id.0.as_bytes(),
        &length(tenant),
        tenant,
        &length(subject),
        subject,
        Digest::of(stored.body).bytes(),
    ])
}

/// A broker's subjects are far shorter than 64 KiB.
fn length(text: &[u8]) -> [u8; 2] {
    u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// Where a tenant's chain begins, before its first event.
#[must_use]
pub fn genesis(tenant: &TenantId) -> Digest {
    Digest::of_parts(&[CHAIN, tenant.as_str().as_bytes()])
}

/// The chain after one more event.
#[must_use]
pub fn link(before: Digest, leaf: Digest) -> Digest {
    Digest::of_parts(&[LINK, before.bytes(), leaf.bytes()])
}

/// What a stored message is known by, whether or not this reader understands it: the id that its envelope tells, as long as the envelope
/// belongs where it was published; otherwise its place. A reader of any version comes to the same.
#[must_use]
pub fn identify(subject: &str, body: &[u8], sequence: u64) -> EventId {
    /// As little of an envelope as tells whose it is.
    #[derive(Deserialize)]
    struct Label {
        id: EventId,
        tenantid: TenantId,
        #[serde(rename = "type")]
        name: String,
    }
    let label = serde_json::from_slice::<Label>(body).ok();
    let belongs = |label: &Label| Subject::is_of(subject, &label.tenantid, &label.name);
    let by_place = || EventId(Uuid::new_v5(&NAMESPACE, format!("place/{sequence}").as_bytes()));
    label.filter(belongs).map_or_else(by_place, |label| label.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    fn body(id: &str, tenant: &str) -> Vec<u8> {
        format!(r#"{{"id":"{id}","tenantid":"{tenant}","type":"lead.crawled","schemaversion":99}}"#).into_bytes()
    }

    const ID: &str = "0b7e9f0a-4f38-5d3e-9d0a-1f0a5b8f2c11";

    /// Written down once: a change of these digests breaks every checkpoint ever signed.
    #[test]
    fn the_forms_are_fixed() {
        let stored = Stored {
            tenant: &acme(),
            sequence: 7,
            id: EventId(ID.parse().unwrap()),
            subject: "evt.acme.lead.crawled",
            body: b"{}",
        };
        let (start, leaf) = (genesis(&acme()), leaf(&stored));
        assert_eq!(
            [start, leaf, link(start, leaf)].map(|digest| digest.to_string()),
            [
                "fbc6368837e65ce00d275cb897a8b2385670c8ae13b540c2f22085dbc4a7d379",
                "83c160268594e154aa66a63c280aa46b5b7fa7be96d6fe6f4f62a058dc4f4de9",
                "d99f2740fcb819cae1ce094b2d9c305d0b4e8827ca14cdbff7d55cb0b5b99b28"
            ]
        );
    }

    #[test]
    fn every_part_of_an_event_and_its_place_makes_another_leaf() {
        let (acme, beta) = (acme(), TenantId::new("beta").unwrap());
        let id = EventId(ID.parse().unwrap());
        let stored = Stored { tenant: &acme, sequence: 7, id, subject: "evt.acme.lead.crawled", body: b"{}" };
        let others = [
            Stored { tenant: &beta, ..stored },
            Stored { sequence: 8, ..stored },
            Stored { id: EventId(Uuid::nil()), ..stored },
            Stored { subject: "evt.acme.lead.thin", ..stored },
            Stored { body: b"{ }", ..stored },
        ];
        for other in others {
            assert_ne!(leaf(&other), leaf(&stored), "{other:?}");
        }
        assert_ne!(genesis(&acme), genesis(&beta));
    }

    #[test]
    fn an_event_is_known_by_its_id_even_if_it_is_newer_than_its_reader() {
        let (subject, bytes) = ("evt.acme.lead.crawled", body(ID, "acme"));
        assert!(crate::Envelope::decode(subject, &bytes).is_err());
        assert_eq!(identify(subject, &bytes, 7), EventId(ID.parse().unwrap()));
    }

    /// Otherwise whoever may publish somewhere could take the id of an event that comes later somewhere else.
    #[test]
    fn what_does_not_belong_where_it_stands_is_known_by_its_place() {
        let foreign = identify("evt.beta.lead.crawled", &body(ID, "acme"), 7);
        assert_ne!(foreign, EventId(ID.parse().unwrap()));
        assert_eq!(foreign, identify("evt.beta.lead.crawled", b"garbage", 7));
        assert_ne!(foreign, identify("evt.beta.lead.crawled", b"garbage", 8));
    }
}
