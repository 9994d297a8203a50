//! People who use presdr are people, too: one who is erased is signed out, and their address does not come back.

use presdr_compliance::{Office, erase::erase, find::Identity};
use presdr_nats::topology::User;
use presdr_store::{Role, sessions};

use crate::support::{World, connect};

#[tokio::test]
async fn somebody_who_is_erased_is_signed_out_and_their_address_does_not_come_back() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (keyring, now) = (world.desk.keyring(), world.desk.now());
    let later = now + chrono::TimeDelta::hours(1);
    let signed_in =
        async |subject: &str, email: &str| world.session_of(&acme, (subject, Some(email)), "ops", later).await.0;
    let janes = signed_in("jane", "Jane@people.example").await;
    signed_in("joe", "joe@people.example").await;
    let office = Office {
        desk: world.desk.clone(),
        projector: world.store.connect(Role::Projector).await.unwrap(),
        context: connect(&world.broker, User::Projector).await.jetstream().clone(),
    };
    erase(&office, &acme, &[Identity::Email("jane@people.example".into())]).await.unwrap();
    let kept = async |hash| {
        let mut tx = world.desk.database().enter(&acme).await.unwrap();
        let users: Vec<Option<String>> =
            sqlx::query_scalar("select email from users where tenant_id = $1 order by email nulls first")
                .bind(acme.as_str())
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        (users, sessions::find(&mut tx, &keyring, hash, now).await.unwrap().is_some())
    };
    let joe = Some("joe@people.example".to_owned());
    assert_eq!(kept(janes).await, (vec![joe.clone()], false));
    let again = signed_in("jane", "jane@people.example").await;
    assert_eq!(kept(again).await, (vec![None, joe], true), "who works there still can, and stays without an address");
}
