use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;

fn now() -> DateTime<Utc> {
    "2026-11-27T13:00:00Z".parse().unwrap()
}

/// A server that asks.
struct Server {
    keys: KeyPair,
    curve: XKey,
    headers: HeaderMap,
}

impl Server {
    fn new() -> Self {
        let (keys, curve) = (KeyPair::new_server(), XKey::new());
        let mut headers = HeaderMap::new();
        headers.insert(SERVER_KEY, curve.public_key());
        Self { keys, curve, headers }
    }

    fn question(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": self.keys.public_key(), "aud": "nats-authorization-request",
            "nats": { "server_id": { "id": self.keys.public_key() }, "user_nkey": "UABC", "connect_opts": { "auth_token": "told" } },
        });
        change(&mut claims);
        claims::sign(&self.keys, &claims).unwrap()
    }

    fn sealed(&self, ours: &CalloutKeys, question: &str) -> Vec<u8> {
        let to = XKey::from_public_key(&ours.curve()).unwrap();
        self.curve.seal(question.as_bytes(), &to).unwrap()
    }
}

#[test]
fn a_servers_question_is_read_and_its_answer_is_for_that_server_alone() {
    let (ours, server) = (CalloutKeys::new(&[7; 32]).unwrap(), Server::new());
    let question = ours.open(&server.sealed(&ours, &server.question(|_| {})), Some(&server.headers)).unwrap();
    assert_eq!(question.token.expose(), "told");
    assert_eq!((format!("{:?}", question.token), question.from), ("Token(…)".to_owned(), None));
    let from = |claims: &mut Value| claims["nats"]["client_info"] = json!({ "host": "192.0.2.7", "id": 5 });
    let told = ours.open(&server.sealed(&ours, &server.question(from)), Some(&server.headers)).unwrap();
    assert_eq!(told.from, "192.0.2.7".parse().ok());
    let grant = Grant { hears: vec!["progress.acme.>".to_owned()], until: now() + TimeDelta::minutes(5) };
    let answer = ours.answer(&question, Ok(&grant), now()).unwrap();
    let from = XKey::from_public_key(&ours.curve()).unwrap();
    let read: Value = claims::read(&server.curve.open(&answer, &from).unwrap()).unwrap();
    assert_eq!((&read["sub"], &read["aud"]), (&json!("UABC"), &json!(server.keys.public_key())));
    let user: Value = claims::read(read["nats"]["jwt"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(user["nats"]["pub"], json!({ "deny": [">"] }));
    assert_eq!(user["nats"]["sub"], json!({ "allow": ["progress.acme.>"] }));
    assert_eq!(user["exp"], json!((now() + TimeDelta::minutes(5)).timestamp()));
    assert!(Server::new().curve.open(&answer, &from).is_err(), "nobody else opens it");
    let refused = ours.answer(&question, Err("no"), now()).unwrap();
    let read: Value = claims::read(&server.curve.open(&refused, &from).unwrap()).unwrap();
    assert_eq!((&read["nats"]["jwt"], &read["nats"]["error"]), (&json!(""), &json!("no")));
}

#[test]
fn what_no_server_has_signed_and_sealed_is_no_question() {
    let (ours, server) = (CalloutKeys::new(&[7; 32]).unwrap(), Server::new());
    let refused = |payload: &[u8], headers: Option<&HeaderMap>| ours.open(payload, headers).is_err();
    let good = server.question(|_| {});
    assert!(refused(&server.sealed(&ours, &good), None), "without the server's key");
    assert!(refused(good.as_bytes(), Some(&server.headers)), "in the clear");
    let (head, _) = good.rsplit_once('.').unwrap();
    let of_another = claims::sign(&KeyPair::new_server(), &json!({})).unwrap();
    let (_, signature) = of_another.rsplit_once('.').unwrap();
    for forged in [head.to_owned(), format!("{head}."), format!("{head}.{signature}"), "..".to_owned(), String::new()] {
        assert!(refused(&server.sealed(&ours, &forged), Some(&server.headers)), "{forged}");
    }
    let changed = server.question(|claims| claims["aud"] = json!("somebody else"));
    assert!(refused(&server.sealed(&ours, &changed), Some(&server.headers)));
    let changed = server.question(|claims| claims["nats"]["server_id"]["id"] = json!("NOTHER"));
    assert!(refused(&server.sealed(&ours, &changed), Some(&server.headers)));
    let changed = server.question(|claims| claims["iss"] = json!("nobody"));
    assert!(refused(&server.sealed(&ours, &changed), Some(&server.headers)));
}

#[test]
fn the_keys_are_made_from_one_and_do_not_show_it() {
    let (one, same, other) = ([7; 32], [7; 32], [8; 32]);
    let keys = |key| CalloutKeys::new(&key).unwrap();
    assert_eq!(keys(one).issuer(), keys(same).issuer());
    assert_ne!(keys(one).issuer(), keys(other).issuer());
    assert!(keys(one).issuer().starts_with('A') && keys(one).curve().starts_with('X'));
}
