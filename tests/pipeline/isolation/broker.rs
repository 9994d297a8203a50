//! What each user of the broker may say and hear, asked of a real server.

use std::collections::BTreeSet;

use async_nats::{ConnectOptions, Event, ServerError};
use presdr_nats::topology::{self, DURABLES, User};
use presdr_servers::{NatsConfig, testing};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::support::PATIENCE;

/// Subjects with those who may publish to them: what is not here for a user is refused.
fn rights() -> Vec<(String, Vec<User>)> {
    use User::{Auditor, Backup, Eraser, Gateway, Producer, Projector, Restore, Topology, Worker};
    let mut rights: Vec<(String, Vec<User>)> = [
        ("evt.acme.lead.crawled", &[Worker, Producer, Gateway][..]),
        ("progress.acme.1", &[Projector]),
        ("$JS.API.STREAM.INFO.EVENTS", &User::ALL),
        ("$JS.API.STREAM.CREATE.EVENTS", &[Topology]),
        ("$JS.API.STREAM.CREATE.ANOTHER", &[Topology]),
        ("$JS.API.STREAM.UPDATE.EVENTS", &[Topology]),
        ("$JS.API.STREAM.DELETE.EVENTS", &[Restore]),
        ("$JS.API.STREAM.DELETE.PROGRESS", &[]),
        ("$JS.API.STREAM.PURGE.EVENTS", &[Eraser]),
        ("$JS.API.STREAM.PURGE.PROGRESS", &[Eraser]),
        ("$JS.API.STREAM.MSG.DELETE.EVENTS", &[]),
        ("$JS.API.STREAM.SNAPSHOT.EVENTS", &[Backup]),
        ("$JS.API.STREAM.RESTORE.EVENTS", &[Restore]),
        ("$JS.API.STREAM.RESTORE.PROGRESS", &[]),
        ("$JS.API.STREAM.SNAPSHOT.PROGRESS", &[]),
        ("$JS.SNAPSHOT.ACK.EVENTS.x.1.1", &[Backup]),
        ("$JS.SNAPSHOT.RESTORE.EVENTS.x", &[Restore]),
        ("$JS.API.STREAM.LEADER.STEPDOWN.EVENTS", &[]),
        ("$JS.API.ACCOUNT.PURGE.G", &[]),
        ("$SYS.REQ.SERVER.PING", &[]),
        ("$JS.API.STREAM.MSG.GET.EVENTS", &[Projector, Auditor, Backup]),
        ("$JS.API.DIRECT.GET.EVENTS", &[Projector, Auditor, Backup]),
        ("$JS.API.DIRECT.GET.PROGRESS.progress.acme.1", &[Gateway]),
        ("$JS.API.CONSUMER.CREATE.EVENTS", &[Topology]), // under this one a body may name any consumer
        ("$JS.API.CONSUMER.CREATE.EVENTS.of_its_own", &[Projector, Auditor, Topology]),
        ("$JS.API.CONSUMER.MSG.NEXT.EVENTS.of_its_own", &[Projector, Auditor, Topology]),
        ("$JS.API.CONSUMER.CREATE.PROGRESS.of_its_own", &[Topology]),
    ]
    .map(|(subject, users)| (subject.to_owned(), users.to_vec()))
    .into();
    for durable in DURABLES {
        let name = durable.name;
        rights.extend([
            (format!("$JS.API.CONSUMER.MSG.NEXT.EVENTS.{name}"), vec![Worker, Topology]),
            (format!("$JS.ACK.EVENTS.{name}.1.1.1.1.0"), vec![Worker]),
            (format!("$JS.API.CONSUMER.CREATE.EVENTS.{name}"), vec![Topology]),
            (format!("$JS.API.CONSUMER.CREATE.EVENTS.{name}.evt.acme.lead.crawled"), vec![Topology]),
            (format!("$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.{name}"), vec![Topology]),
            (format!("$JS.API.CONSUMER.DELETE.EVENTS.{name}"), vec![Topology]),
            (format!("$JS.API.CONSUMER.PAUSE.EVENTS.{name}"), vec![Topology]),
        ]);
    }
    // A reply is the server's to give.
    rights.extend(User::ALL.map(|user| (format!("_INBOX.{}.x", user.name()), vec![])));
    rights
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_of_the_broker_may_say_what_it_needs_to_and_nothing_else() {
    let nats = broker().await;
    for user in User::ALL {
        let mut probe = Probe::connect(&nats.url(), user).await;
        let refused = probe.refused_to_say(rights().iter().map(|(subject, _)| subject.as_str())).await;
        for (subject, allowed) in rights() {
            assert_ne!(refused.contains(&subject), allowed.contains(&user), "{user:?} and {subject}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_of_the_broker_hears_its_own_answers_alone() {
    let nats = broker().await;
    for user in User::ALL {
        let mut probe = Probe::connect(&nats.url(), user).await;
        let others = User::ALL.map(|other| format!("_INBOX.{}.>", other.name()));
        let others = others.iter().filter(|inbox| !inbox.contains(user.name())).map(String::as_str);
        let mut foreign: BTreeSet<&str> =
            others.chain([">", "evt.>", "evt.acme.>", "progress.>", "_INBOX.>", "$JS.>", "$SYS.>"]).collect();
        let own = format!("_INBOX.{}.x", user.name());
        let asked = foreign.clone();
        if user == User::Gateway {
            foreign.remove("progress.>"); // what people watch
        }
        let refused = probe.refused_to_hear(asked.into_iter().chain([own.as_str()])).await;
        assert_eq!(refused.iter().map(String::as_str).collect::<BTreeSet<_>>(), foreign, "{user:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_the_right_password() {
    let nats = broker().await;
    assert!(ConnectOptions::new().connect(nats.url()).await.is_err());
    for user in User::ALL {
        let wrong = ConnectOptions::new().user_and_password(user.name().to_owned(), "guessed".to_owned());
        assert!(wrong.connect(nats.url()).await.is_err(), "{user:?}");
    }
}

async fn broker() -> testing::Own<presdr_servers::Nats> {
    let access = topology::authorization(|user| user.name().to_owned());
    testing::nats_with(NatsConfig { access, ..NatsConfig::default() }).await.unwrap()
}

/// A plain connection that notes what the server refuses.
struct Probe {
    client: async_nats::Client,
    errors: UnboundedReceiver<String>,
}

impl Probe {
    async fn connect(url: &str, user: User) -> Self {
        let (sender, errors) = unbounded_channel();
        let noted = move |event| {
            let sender = sender.clone();
            async move {
                if let Event::ServerError(ServerError::Other(message)) = event {
                    sender.send(message).unwrap();
                }
            }
        };
        let options = ConnectOptions::new()
            .user_and_password(user.name().to_owned(), user.name().to_owned())
            .event_callback(noted);
        Self { client: options.connect(url).await.unwrap(), errors }
    }

    async fn refused_to_say(&mut self, subjects: impl Iterator<Item = &str>) -> BTreeSet<String> {
        for subject in subjects {
            // A body that no request has: what is allowed has no effect.
            self.client.publish(subject.to_owned(), "no request".into()).await.unwrap();
        }
        self.refused().await
    }

    async fn refused_to_hear(&mut self, subjects: impl Iterator<Item = &str>) -> BTreeSet<String> {
        let mut held = Vec::new();
        for subject in subjects {
            held.push(self.client.subscribe(subject.to_owned()).await.unwrap());
        }
        self.refused().await
    }

    /// The subjects that were refused until now. The server answers in order, so the refusal of a last one ends the wait.
    async fn refused(&mut self) -> BTreeSet<String> {
        const LAST: &str = "nobody.may.say.this";
        self.client.publish(LAST, "".into()).await.unwrap();
        let mut refused = BTreeSet::new();
        loop {
            let error = tokio::time::timeout(PATIENCE, self.errors.recv()).await.unwrap().unwrap();
            assert!(error.to_lowercase().contains("permissions violation"), "{error}");
            match error.split('"').nth(1) {
                Some(LAST) => return refused,
                Some(subject) => refused.insert(subject.to_owned()),
                None => panic!("{error}"),
            };
        }
    }
}
