//! People who use presdr are people, too: one who is erased is signed out, and their address does not come back.

use presdr_compliance::{Office, erase::erase, find::Identity};
use presdr_nats::topology::User;
use presdr_store::{Role, sessions, users};

use crate::support::{World, connect};

#[tokio::test]
async fn somebody_who_is_erased_is_signed_out_and_their_address_does_not_come_back() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (keyring, now) = (world.desk.keyring(), world.desk.now());
    let signed_in = async |subject: &str, email: &str| {
        let mut tx = world.desk.database().enter(&acme).await.unwrap();
        let user = users::upsert(&mut tx, &keyring, "https://sso.example", subject, Some(email)).await.unwrap();
        let later = now + chrono::TimeDelta::hours(1);
        let new = sessions::NewSession {
            hash: sessions::SessionHash::of(subject.as_bytes()),
            user,
            issuer: "https://sso.example",
            subject,
            provider_session: None,
            content: b"who they are",
            renew_at: later,
            expires_at: later,
        };
        sessions::begin(&mut tx, &keyring, &new, now).await.unwrap();
        tx.commit().await.unwrap();
    };
    for (subject, email) in [("jane", "Jane@people.example"), ("joe", "joe@people.example")] {
        signed_in(subject, email).await;
    }
    let office = Office {
        desk: world.desk.clone(),
        projector: world.store.connect(Role::Projector).await.unwrap(),
        context: connect(&world.broker, User::Projector).await.jetstream().clone(),
    };
    erase(&office, &acme, &[Identity::Email("jane@people.example".into())]).await.unwrap();
    let kept = async || {
        let mut tx = world.desk.database().enter(&acme).await.unwrap();
        let users: Vec<Option<String>> =
            sqlx::query_scalar("select email from users where tenant_id = $1 order by email nulls first")
                .bind(acme.as_str())
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        let hash = sessions::SessionHash::of(b"jane");
        (users, sessions::find(&mut tx, &keyring, hash, now).await.unwrap().is_some())
    };
    let joe = Some("joe@people.example".to_owned());
    assert_eq!(kept().await, (vec![joe.clone()], false));
    signed_in("jane", "jane@people.example").await;
    assert_eq!(kept().await, (vec![None, joe], true), "who works there still can, and stays without an address");
}
