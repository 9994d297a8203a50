//! Facts about the audit chain: a tenant's log as it stood on a day, signed by a key that lives neither in Postgres nor in NATS.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, Step, TenantId};

/// How far a tenant's chain had come on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// Whose chain.
    pub tenant: TenantId,
    /// The tenant's first checkpoint is 1, each next one more.
    pub number: u32,
    /// When it was made, in Singapore.
    pub day: NaiveDate,
    /// The place in the log of the last event that it covers.
    pub sequence: u64,
    /// How many events it covers from the first on, each once.
    pub events: u64,
    /// The chain after that event.
    pub chain: Digest,
    /// [`Checkpoint::digest`] of the one before; none for the first.
    #[serde(default)]
    pub previous: Option<Digest>,
}

impl Checkpoint {
    /// The text that is signed: a line for each field. Evidence: this form never changes.
    #[must_use]
    pub fn statement(&self) -> String {
        let Self { tenant, number, day, sequence, events, chain, previous } = self;
        let previous = previous.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        format!(
            "presdr audit checkpoint v1\ntenant {tenant}\nnumber {number}\nday {day}\nsequence {sequence}\nevents {events}\n\
             chain {chain}\nprevious {previous}\n"
        )
    }

    /// What the next checkpoint names it by: the digest of its statement.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.statement().as_bytes())
    }
}

/// A checkpoint with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedCheckpoint {
    /// What was signed: its [`Checkpoint::statement`].
    pub checkpoint: Checkpoint,
    /// Which key signed: SHA-256 of the public key's DER form (RFC 8410).
    pub key: Digest,
    /// Ed25519 (RFC 8032), base64.
    pub signature: String,
}

/// A tenant's chain was verified up to an event and signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpointed {
    /// How the signing went.
    pub step: Step,
    /// What was signed.
    pub signed: SignedCheckpoint,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            tenant: TenantId::new("acme").unwrap(),
            number: 2,
            day: "2026-11-23".parse().unwrap(),
            sequence: 1234,
            events: 987,
            chain: Digest::of(b"chain"),
            previous: Some(Digest::of(b"first")),
        }
    }

    #[test]
    fn the_statement_is_fixed() {
        let statement = checkpoint().statement();
        assert_eq!(
            statement,
            "presdr audit checkpoint v1\ntenant acme\nnumber 2\nday 2026-11-23\nsequence 1234\nevents 987\n\
             chain 9414886b1ebf025db067a4cbd13a0903fbd9733a5372bba1b58bd72c1699b798\n\
             previous a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e\n"
        );
    }

    #[test]
    fn every_field_is_signed() {
        let one = checkpoint();
        let others = [
            Checkpoint { tenant: TenantId::new("beta").unwrap(), ..one.clone() },
            Checkpoint { number: 3, ..one.clone() },
            Checkpoint { day: "2026-11-24".parse().unwrap(), ..one.clone() },
            Checkpoint { sequence: 1235, ..one.clone() },
            Checkpoint { events: 988, ..one.clone() },
            Checkpoint { chain: Digest::of(b"other"), ..one.clone() },
            Checkpoint { previous: None, ..one.clone() },
        ];
        for other in others {
            assert_ne!(other.digest(), one.digest(), "{other:?}");
        }
    }
}
