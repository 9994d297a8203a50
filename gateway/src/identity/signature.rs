//! Signatures of tokens (RFC 7515, RFC 7518), and the public keys that check them (RFC 7517). Asymmetric ones alone: with a symmetric one the
//! public key would be the secret.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// An algorithm that a token may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// With SHA-384.
    RS384,
    /// With SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// With SHA-384.
    PS384,
    /// With SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// The algorithm of this name; `none`, symmetric and unknown ones are no algorithms here.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::RS256),
            "RS384" => Some(Self::RS384),
            "RS512" => Some(Self::RS512),
            "PS256" => Some(Self::PS256),
            "PS384" => Some(Self::PS384),
            "PS512" => Some(Self::PS512),
            "ES256" => Some(Self::ES256),
            "ES384" => Some(Self::ES384),
            "EdDSA" => Some(Self::EdDSA),
            _ => None,
        }
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
            Self::ES256 | Self::ES384 | Self::EdDSA => None,
        }
    }
}

/// A public key of a provider.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    material: Material,
    /// The one algorithm that it is for, if the provider says so.
    only: Option<Algorithm>,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed(Vec<u8>),
}

impl PublicKey {
    /// The key of a JWK, with its id; `None` for one that signs nothing here.
    pub(super) fn read(jwk: &Value) -> Option<(Option<String>, Self)> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let only = match text("alg") {
            Some(name) => Some(Algorithm::named(name)?),
            None => None,
        };
        let number = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let point = |bytes: usize| {
            let (x, y) = (number("x")?, number("y")?);
            (x.len() == bytes && y.len() == bytes).then(|| [&[4][..], &x, &y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa(RsaPublicKeyComponents { n: number("n")?, e: number("e")? }),
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed(number("x")?),
            _ => return None,
        };
        Some((text("kid").map(str::to_owned), Self { material, only }))
    }

    /// Whether this key has signed `message`, with this algorithm.
    pub(super) fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        if self.only.is_some_and(|only| only != algorithm) {
            return false;
        }
        let verify = |of: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(of, key).verify(message, &signature).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa(key), algorithm) => {
                algorithm.rsa().is_some_and(|parameters| key.verify(parameters, message, &signature).is_ok())
            }
            (Material::P256(point), Algorithm::ES256) => verify(&ECDSA_P256_SHA256_FIXED, point),
            (Material::P384(point), Algorithm::ES384) => verify(&ECDSA_P384_SHA384_FIXED, point),
            (Material::Ed(key), Algorithm::EdDSA) => verify(&ED25519, key),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
    };
    use serde_json::json;

    use super::*;

    fn b64(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn curves_check_what_they_signed_and_nothing_else() {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]), "kid": "a" });
        let (id, key) = PublicKey::read(&jwk).unwrap();
        let signature = b64(pair.sign(&random, b"message").unwrap().as_ref());
        assert_eq!(id.as_deref(), Some("a"));
        assert!(key.has_signed(Algorithm::ES256, b"message", &signature));
        assert!(!key.has_signed(Algorithm::ES256, b"massage", &signature));
        for other in [Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256] {
            assert!(!key.has_signed(other, b"message", &signature), "{other:?}");
        }

        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref()), "alg": "EdDSA" });
        let (_, key) = PublicKey::read(&jwk).unwrap();
        assert!(key.has_signed(Algorithm::EdDSA, b"message", &b64(pair.sign(b"message").as_ref())));
    }

    #[test]
    fn keys_that_sign_nothing_here_are_passed_over() {
        let (x, y) = (b64(&[1; 32]), b64(&[2; 32]));
        let curve = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let with = |name: &str, value: &str| {
            let mut jwk = curve.clone();
            jwk[name] = json!(value);
            PublicKey::read(&jwk).is_some()
        };
        assert!(with("use", "sig") && with("alg", "ES256"));
        assert!(
            !with("use", "enc")
                && !with("alg", "HS256")
                && !with("crv", "secp256k1")
                && !with("x", "AQ")
                && !with("kty", "oct")
        );
        assert!(PublicKey::read(&json!({ "kty": "oct", "k": "AQ" })).is_none());
        assert!(PublicKey::read(&json!([])).is_none());
    }
}
