//! The key that signs checkpoints. It lives in a file, neither in Postgres nor in NATS: whoever can write both still cannot sign.

use std::{fmt, path::Path};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_events::{
    Digest,
    audit::{Checkpoint, SignedCheckpoint},
};

/// A public Ed25519 key in DER is this and its 32 bytes (RFC 8410, section 4).
const DER_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// A key that cannot be used. Never shows what a file holds.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("key file {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The seed is refused.
    #[error("the signing key is not 32 bytes of an Ed25519 key")]
    Seed,
    /// Not a public key.
    #[error("not a public Ed25519 key in PEM form (`presdr audit key` prints it, beginning with {PEM_BEGIN})")]
    Public,
}

/// Signs checkpoints. Never printed.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// The key of a seed (RFC 8032's private key).
    ///
    /// # Errors
    /// [`KeyError::Seed`] when the library refuses it.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| KeyError::Seed)
    }

    /// The key that verifies what this one signs.
    ///
    /// # Errors
    /// [`KeyError::Seed`] when the library does not give it out.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        self.0.public_key().as_ref().try_into().map(PublicKey).map_err(|_| KeyError::Seed)
    }

    /// Signs a checkpoint's statement.
    ///
    /// # Errors
    /// [`KeyError::Seed`] when the library refuses.
    pub fn sign(&self, checkpoint: Checkpoint) -> Result<SignedCheckpoint, KeyError> {
        let signature = self.0.try_sign(checkpoint.statement().as_bytes()).map_err(|_| KeyError::Seed)?;
        Ok(SignedCheckpoint {
            key: self.public()?.fingerprint(),
            signature: STANDARD.encode(signature.as_ref()),
            checkpoint,
        })
    }
}

/// The public keys whose checkpoints are believed: after a change of key, the ones before it, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// Reads a file with one key in PEM form, or with several, one after the other.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be read or holds something else.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File { path: path.display().to_string(), source };
        Self::from_pem(&std::fs::read_to_string(path).map_err(file)?)
    }

    /// Reads keys in PEM form.
    ///
    /// # Errors
    /// [`KeyError::Public`] when there is none, or something else.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let texts = text.split_inclusive(PEM_END).filter(|text| !text.trim().is_empty());
        let keys = texts.map(PublicKey::from_pem).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::Public) } else { Ok(Self(keys)) }
    }

    /// These and one more.
    #[must_use]
    pub fn and(mut self, key: PublicKey) -> Self {
        self.0.push(key);
        self
    }

    /// Whether one of them signed the checkpoint as it stands.
    #[must_use]
    pub fn verify(&self, signed: &SignedCheckpoint) -> bool {
        self.0.iter().any(|key| key.verifies(signed))
    }

    /// What each key is told by.
    pub fn fingerprints(&self) -> impl Iterator<Item = Digest> {
        self.0.iter().map(PublicKey::fingerprint)
    }
}

impl From<PublicKey> for PublicKeys {
    fn from(key: PublicKey) -> Self {
        Self(vec![key])
    }
}

/// Verifies checkpoints: all that an auditor needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads the PEM form (RFC 7468).
    ///
    /// # Errors
    /// [`KeyError::Public`] when it is something else.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (_, rest) = text.split_once(PEM_BEGIN).ok_or(KeyError::Public)?;
        let (base64, _) = rest.split_once(PEM_END).ok_or(KeyError::Public)?;
        let base64: String = base64.split_whitespace().collect();
        let der = STANDARD.decode(base64).map_err(|_| KeyError::Public)?;
        let bytes = der.strip_prefix(&DER_PREFIX).ok_or(KeyError::Public)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::Public)
    }

    /// The PEM form, as OpenSSL reads it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(self.der()))
    }

    fn der(&self) -> Vec<u8> {
        [&DER_PREFIX[..], &self.0[..]].concat()
    }

    /// What the key is told by: SHA-256 of its DER form.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der())
    }

    /// Whether this key signed the checkpoint as it stands.
    #[must_use]
    pub fn verifies(&self, signed: &SignedCheckpoint) -> bool {
        let Ok(signature) = STANDARD.decode(&signed.signature) else { return false };
        let key = UnparsedPublicKey::new(&ED25519, &self.0[..]);
        signed.key == self.fingerprint() && key.verify(signed.checkpoint.statement().as_bytes(), &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use presdr_events::TenantId;

    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            tenant: TenantId::new("acme").unwrap(),
            number: 1,
            day: "2026-11-23".parse().unwrap(),
            sequence: 10,
            events: 9,
            chain: Digest::of(b"chain"),
            previous: None,
        }
    }

    /// RFC 8032, section 7.1, test 1, and the same key as `openssl pkey -pubout` writes it.
    #[test]
    fn a_key_is_the_one_that_the_standard_says() {
        let seed: Digest = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        let public = SigningKey::from_seed(seed.bytes()).unwrap().public().unwrap();
        assert_eq!(
            public.to_pem(),
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
        );
        assert_eq!(PublicKey::from_pem(&public.to_pem()).unwrap(), public);
    }

    #[test]
    fn only_what_was_signed_by_this_key_verifies() {
        let (key, other) = (SigningKey::from_seed(&[1; 32]).unwrap(), SigningKey::from_seed(&[2; 32]).unwrap());
        let signed = key.sign(checkpoint()).unwrap();
        let public = key.public().unwrap();
        assert!(public.verifies(&signed));
        assert!(!other.public().unwrap().verifies(&signed));
        let changed = |change: fn(&mut SignedCheckpoint)| {
            let mut changed = signed.clone();
            change(&mut changed);
            changed
        };
        assert!(!public.verifies(&changed(|signed| signed.checkpoint.events = 8)));
        assert!(!public.verifies(&changed(|signed| signed.signature.clear())));
        assert!(!public.verifies(&changed(|signed| signed.key = Digest::of(b"another key"))));
        assert!(!public.verifies(&SignedCheckpoint { key: signed.key, ..other.sign(checkpoint()).unwrap() }));
    }

    #[test]
    fn after_a_change_of_key_both_are_believed() {
        let (old, new) = (SigningKey::from_seed(&[1; 32]).unwrap(), SigningKey::from_seed(&[2; 32]).unwrap());
        let file = format!("{}\n{}", old.public().unwrap().to_pem(), new.public().unwrap().to_pem());
        let keys = PublicKeys::from_pem(&file).unwrap();
        assert!(keys.verify(&old.sign(checkpoint()).unwrap()) && keys.verify(&new.sign(checkpoint()).unwrap()));
        assert!(!keys.verify(&SigningKey::from_seed(&[3; 32]).unwrap().sign(checkpoint()).unwrap()));
        assert!(PublicKeys::from_pem("").is_err() && PublicKeys::from_pem(&(file + "x")).is_err());
    }

    #[test]
    fn a_wrong_file_is_refused_and_a_secret_is_not_shown() {
        for wrong in ["", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert!(PublicKey::from_pem(wrong).is_err(), "{wrong}");
        }
        assert_eq!(format!("{:?}", SigningKey::from_seed(&[1; 32]).unwrap()), "SigningKey(…)");
    }
}
