//! Which keys and algorithms are believed; the check itself is `jsonwebtoken`'s. Asymmetric ones alone: with a symmetric one the public key
//! would be the secret.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::token::Expected;

/// What a token may be signed with. What is not here does not exist for the gateway, whatever `jsonwebtoken` learns.
const ALLOWED: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
const OF_RSA: &[Algorithm] = ALLOWED.first_chunk::<6>().unwrap();

/// The algorithm of this name, if a token may be signed with it: `none`, symmetric and unknown ones are no algorithms here.
pub(super) fn allowed(name: &str) -> Option<Algorithm> {
    name.parse().ok().filter(|algorithm| ALLOWED.contains(algorithm))
}

/// A public key of a provider.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    key: DecodingKey,
    /// What it may have signed with: what the provider says, or what its kind can.
    algorithms: Vec<Algorithm>,
}

impl PublicKey {
    /// The key of a JWK (RFC 7517), with its id; `None` for one that signs nothing here.
    pub(super) fn read(jwk: &Value) -> Option<(Option<String>, Self)> {
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let able: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => OF_RSA,
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => &[Algorithm::ES256],
                EllipticCurve::P384 => &[Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => return None,
        };
        let algorithms = match jwk.common.key_algorithm {
            None => able.to_vec(),
            Some(named) => vec![Algorithm::try_from(named).ok().filter(|algorithm| able.contains(algorithm))?],
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some((jwk.common.key_id, Self { key, algorithms }))
    }

    /// Whether this key has signed the token with this algorithm, for whom it is expected. Times are not looked at: they were, with the
    /// caller's clock.
    pub(super) fn has_signed(&self, token: &str, algorithm: Algorithm, expected: &Expected) -> bool {
        if !self.algorithms.contains(&algorithm) {
            return false;
        }
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[expected.issuer.clone(), format!("{}/", expected.issuer)]);
        validation.set_audience(&expected.audiences);
        validation.validate_exp = false;
        decode::<IgnoredAny>(token, &self.key, &validation).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
    };
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    fn b64(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn token(algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let header = b64(json!({ "alg": algorithm }).to_string().as_bytes());
        let claims = json!({ "iss": "us", "aud": ["others", "ours"], "exp": 1 }).to_string();
        let message = format!("{header}.{}", b64(claims.as_bytes()));
        let signature = b64(&sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn expected(issuer: &str, audience: &str) -> Expected {
        Expected { issuer: issuer.into(), audiences: vec![audience.into()] }
    }

    #[test]
    fn a_key_checks_what_it_signed_and_nothing_else() {
        let (random, ours) = (SystemRandom::new(), expected("us", "ours"));
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]), "kid": "a" });
        let (id, key) = PublicKey::read(&jwk).unwrap();
        let sign = |message: &[u8]| pair.sign(&random, message).unwrap().as_ref().to_vec();
        let good = token("ES256", sign);
        assert_eq!(id.as_deref(), Some("a"));
        assert!(key.has_signed(&good, Algorithm::ES256, &ours));
        assert!(!key.has_signed(&token("ES256", |_| vec![0; 64]), Algorithm::ES256, &ours));
        for other in [Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256, Algorithm::HS256] {
            assert!(!key.has_signed(&good, other, &ours), "{other:?}");
        }
        assert!(!key.has_signed(&token("HS256", sign), Algorithm::ES256, &ours), "the header says another algorithm");
        assert!(!key.has_signed(&good, Algorithm::ES256, &expected("them", "ours")));
        assert!(!key.has_signed(&good, Algorithm::ES256, &expected("us", "theirs")));

        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref()), "alg": "EdDSA" });
        let (_, key) = PublicKey::read(&jwk).unwrap();
        let good = token("EdDSA", |message| pair.sign(message).as_ref().to_vec());
        assert!(key.has_signed(&good, Algorithm::EdDSA, &ours));
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
        for (name, value) in
            [("use", "enc"), ("alg", "HS256"), ("alg", "ES384"), ("crv", "secp256k1"), ("crv", "P-521"), ("kty", "oct")]
        {
            assert!(!with(name, value), "{name} {value}");
        }
        assert!(PublicKey::read(&json!({ "kty": "oct", "k": "AQ" })).is_none());
        assert!(PublicKey::read(&json!({ "kty": "oct", "k": "AQ", "alg": "RS256" })).is_none());
        assert!(PublicKey::read(&json!([])).is_none());
        assert!(["none", "None", "HS256", "HS512", "rs256", "", "ES256K"].iter().all(|name| allowed(name).is_none()));
    }
}
