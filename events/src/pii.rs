//! Personal data in events: sealed with the data subject's key from the first event on.
//!
//! Master key -> tenant key -> subject key, each wrapping the next; a field is sealed with XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha) and bound to tenant, event id and field name, so that a ciphertext copied elsewhere does not open.
//! Keys and nonces come from the caller: this module has no randomness of its own.

use std::{fmt, marker::PhantomData};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    AeadInOut, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;
use uuid::fmt::Hyphenated;

use crate::{EventId, SubjectId, TenantId};

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Room for the values that there are: addresses, names, numbers, links.
const USUAL_BYTES: usize = 64;

/// Why a personal value could not be sealed or opened. Says nothing about the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PiiError {
    /// The bytes are not what this key sealed in this place.
    #[error("a sealed value does not open with this key in this place")]
    Sealed,
    /// The sealed text is not base64 of nonce and ciphertext.
    #[error("a sealed value is malformed")]
    Malformed,
    /// The value is not of the type its field has.
    #[error("a sealed value opens to another type than its field has")]
    Type,
}

/// A 256-bit key (master, tenant or subject). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A key from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key from a slice.
    ///
    /// # Errors
    /// [`PiiError::Malformed`] unless it is 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, PiiError> {
        bytes.try_into().map(Self).map_err(|_| PiiError::Malformed)
    }

    /// The bytes, for wrapping.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals bytes for the place that `bound_to` names. `nonce` must be random.
    ///
    /// # Errors
    /// [`PiiError::Sealed`] when the cipher refuses.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], bound_to: &[u8], plain: &[u8]) -> Result<Vec<u8>, PiiError> {
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        self.seal_in_place(bound_to, &mut sealed)?;
        Ok(sealed)
    }

    /// Seals what follows the nonce at the beginning of `buffer`, and appends the tag.
    fn seal_in_place(&self, bound_to: &[u8], buffer: &mut Vec<u8>) -> Result<(), PiiError> {
        let (nonce, plain) = buffer.split_first_chunk_mut::<NONCE_BYTES>().ok_or(PiiError::Malformed)?;
        let cipher = XChaCha20Poly1305::new(&self.0.into());
        let tag = cipher.encrypt_inout_detached(&XNonce::from(*nonce), bound_to, plain.into());
        buffer.extend_from_slice(&tag.map_err(|_| PiiError::Sealed)?);
        Ok(())
    }

    /// Opens what [`Key::seal`] sealed for this place.
    ///
    /// # Errors
    /// [`PiiError`] when the key, the place or the bytes differ.
    pub fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Result<Vec<u8>, PiiError> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_BYTES).ok_or(PiiError::Malformed)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| PiiError::Malformed)?;
        let payload = Payload { msg: ciphertext, aad: bound_to };
        let cipher = XChaCha20Poly1305::new(&self.0.into());
        cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| PiiError::Sealed)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Wraps `inner` with `outer`; `bound_to` names what the inner key is for and must be given again to unwrap.
///
/// # Errors
/// [`PiiError::Sealed`] when the cipher refuses (never for a 32-byte key).
pub fn wrap_key(outer: &Key, inner: &Key, bound_to: &str, nonce: [u8; 24]) -> Result<Vec<u8>, PiiError> {
    outer.seal(nonce, bound_to.as_bytes(), &inner.0)
}

/// Unwraps what [`wrap_key`] made.
///
/// # Errors
/// [`PiiError`] when the key, the purpose or the bytes differ.
pub fn unwrap_key(outer: &Key, wrapped: &[u8], bound_to: &str) -> Result<Key, PiiError> {
    Key::from_slice(&outer.open(bound_to.as_bytes(), wrapped)?)
}

/// Where a sealed value stands: it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct PiiContext<'a> {
    /// Whose data it is.
    pub tenant: &'a TenantId,
    /// The event that carries it.
    pub event: EventId,
    /// The field's permanent name, such as `email.address`.
    pub field: &'static str,
}

impl PiiContext<'_> {
    fn bytes(&self) -> Vec<u8> {
        let (tenant, event) = (self.tenant.as_str().as_bytes(), self.event.0.hyphenated());
        let mut text = [0; Hyphenated::LENGTH];
        [tenant, event.encode_lower(&mut text).as_bytes(), self.field.as_bytes()].join(&0)
    }
}

/// A personal value of type `T`, sealed. The only form in which names, addresses, phones and profile links travel.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(rename = "Pii")]
pub struct Pii<T> {
    /// Whose key opens it.
    pub subject: SubjectId,
    /// Base64 (no padding) of nonce and ciphertext of the value's JSON.
    pub sealed: String,
    #[serde(skip)]
    #[schemars(skip)]
    kind: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Pii<T> {
    /// Seals `value` for `subject` in the place `context` names. `nonce` must be random.
    ///
    /// # Errors
    /// [`PiiError::Type`] when the value has no JSON form.
    pub fn seal(
        subject: SubjectId,
        key: &Key,
        context: &PiiContext<'_>,
        nonce: [u8; 24],
        value: &Clear<T>,
    ) -> Result<Self, PiiError> {
        let mut buffer = Vec::with_capacity(NONCE_BYTES + USUAL_BYTES + TAG_BYTES);
        buffer.extend_from_slice(&nonce);
        serde_json::to_writer(&mut buffer, &value.0).map_err(|_| PiiError::Type)?;
        key.seal_in_place(&context.bytes(), &mut buffer)?;
        Ok(Self { subject, sealed: STANDARD_NO_PAD.encode(buffer), kind: PhantomData })
    }

    /// Opens the value with its subject's key.
    ///
    /// # Errors
    /// [`PiiError`] when key, place or bytes are not the ones it was sealed with.
    pub fn open(&self, key: &Key, context: &PiiContext<'_>) -> Result<Clear<T>, PiiError> {
        let sealed = STANDARD_NO_PAD.decode(&self.sealed).map_err(|_| PiiError::Malformed)?;
        let plain = key.open(&context.bytes(), &sealed)?;
        serde_json::from_slice(&plain).map(Clear).map_err(|_| PiiError::Type)
    }
}

impl<T> Clone for Pii<T> {
    fn clone(&self) -> Self {
        Self { subject: self.subject, sealed: self.sealed.clone(), kind: PhantomData }
    }
}

impl<T> PartialEq for Pii<T> {
    fn eq(&self, other: &Self) -> bool {
        self.subject == other.subject && self.sealed == other.sealed
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pii({})", self.subject)
    }
}

/// A personal value in the clear, in memory only: it does not print and does not serialise.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clear<T>(pub T);

impl<T> fmt::Debug for Clear<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clear(…)")
    }
}

/// What kind of identifier leads to a data subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// An e-mail address: identifies.
    Email,
    /// A profile link: identifies.
    Profile,
    /// A phone number: suggests.
    Phone,
    /// A name with its company: suggests.
    Name,
    /// A company's own switchboard and mailboxes, where no person is known.
    Company,
}

impl IdentifierKind {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Profile => "profile",
            Self::Phone => "phone",
            Self::Name => "name",
            Self::Company => "company",
        }
    }
}

/// A tenant's index key: makes keyed hashes (HMAC-SHA-256, RFC 2104) under which identifiers and suppressions are looked up.
#[derive(Clone)]
pub struct IndexKey(Key);

impl IndexKey {
    /// From the unwrapped key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    /// The key, for wrapping.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.0
    }

    /// The keyed hash of a normalised identifier (trimmed, lower case).
    #[must_use]
    pub fn hash(&self, kind: IdentifierKind, value: &str) -> [u8; 32] {
        self.hash_bytes(kind.as_str(), value.trim().to_lowercase().as_bytes())
    }

    /// The keyed hash of bytes as they are; `context` keeps the hashes of different kinds of things apart and holds no zero byte.
    #[must_use]
    pub fn hash_bytes(&self, context: &str, bytes: &[u8]) -> [u8; 32] {
        let key = hmac::digest::Key::<Hmac<Sha256>>::try_from(&[&self.0.0[..], &[0; 32]].concat()[..]);
        let mut mac = match key {
            Ok(key) => <Hmac<Sha256> as KeyInit>::new(&key),
            Err(_) => unreachable!("an HMAC-SHA-256 block is 64 bytes"),
        };
        mac.update(context.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn place(tenant: &TenantId) -> PiiContext<'_> {
        PiiContext { tenant, event: EventId::of(tenant, None, None, "lead.extracted", 1), field: "email.address" }
    }

    fn sealed(tenant: &TenantId, key: &Key) -> Pii<String> {
        let value = Clear("jane@acme.example".to_owned());
        Pii::seal(SubjectId(Uuid::nil()), key, &place(tenant), [7; 24], &value).unwrap()
    }

    #[test]
    fn a_value_opens_with_its_key_in_its_place() {
        let (tenant, key) = (TenantId::new("acme").unwrap(), Key::new([1; 32]));
        let opened = sealed(&tenant, &key).open(&key, &place(&tenant)).unwrap();
        assert_eq!(opened.0, "jane@acme.example");
    }

    #[test]
    fn another_key_tenant_event_or_field_does_not_open_it() {
        let (tenant, key) = (TenantId::new("acme").unwrap(), Key::new([1; 32]));
        let value = sealed(&tenant, &key);
        let other = TenantId::new("beta").unwrap();
        assert_eq!(value.open(&Key::new([2; 32]), &place(&tenant)), Err(PiiError::Sealed));
        assert_eq!(value.open(&key, &place(&other)), Err(PiiError::Sealed));
        let field = PiiContext { field: "email.name", ..place(&tenant) };
        assert_eq!(value.open(&key, &field), Err(PiiError::Sealed));
        let event = PiiContext { event: EventId(Uuid::nil()), ..place(&tenant) };
        assert_eq!(value.open(&key, &event), Err(PiiError::Sealed));
    }

    #[test]
    fn nothing_personal_prints() {
        let tenant = TenantId::new("acme").unwrap();
        let text = format!("{:?} {:?}", sealed(&tenant, &Key::new([1; 32])), Clear("jane@acme.example"));
        assert!(!text.contains("jane"));
        assert!(!serde_json::to_string(&sealed(&tenant, &Key::new([1; 32]))).unwrap().contains("jane"));
    }

    #[test]
    fn a_wrapped_key_unwraps_only_for_its_purpose() {
        let (outer, inner) = (Key::new([1; 32]), Key::new([2; 32]));
        let wrapped = wrap_key(&outer, &inner, "tenant/acme", [3; 24]).unwrap();
        assert_eq!(unwrap_key(&outer, &wrapped, "tenant/acme"), Ok(inner));
        assert_eq!(unwrap_key(&outer, &wrapped, "tenant/beta"), Err(PiiError::Sealed));
    }

    #[test]
    fn a_keyed_hash_ignores_case_and_depends_on_kind_and_key() {
        let key = IndexKey::new(Key::new([1; 32]));
        assert_eq!(
            key.hash(IdentifierKind::Email, " Jane@Acme.example"),
            key.hash(IdentifierKind::Email, "jane@acme.example")
        );
        assert_ne!(key.hash(IdentifierKind::Email, "x"), key.hash(IdentifierKind::Name, "x"));
        assert_ne!(
            key.hash(IdentifierKind::Email, "x"),
            IndexKey::new(Key::new([2; 32])).hash(IdentifierKind::Email, "x")
        );
    }
}
