//! Neither keys nor personal values are in anything that is kept in the clear or shown.

use std::sync::{Arc, Mutex};

use presdr_events::vendor::CallStatus;
use presdr_vendors::{
    Purpose,
    zerobounce::{Address, Validate},
};
use sqlx::Row;

use crate::{
    stub::{Act, Stub},
    support::{KEY, World, config, without_breaker},
};

/// What must be nowhere: the key, and what the stub says about a person.
const HIDDEN: [&str; 5] = [KEY, "very-secret", "jane-roe", "Jane Roe", "jane@site.example"];

fn clean(what: &str, text: &str) {
    for hidden in HIDDEN {
        assert!(!text.contains(hidden), "{what} shows {hidden:?}: {text}");
    }
}

#[tokio::test]
async fn no_table_no_event_and_no_error_holds_a_key_or_a_personal_value() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk_with(config(&stub), without_breaker()).await;
    let found = world.search(&desk, 1, "Jane Roe of jane-roe.example").await.unwrap();
    assert!(found.results[0].url.contains("jane-roe"), "the caller sees it");
    let asking = world.asking(2, "zerobounce.validate", Purpose::Verification);
    assert!(desk.ask_many(&Validate, &[(asking, Address::new("jane@site.example"))]).await[0].is_ok());
    stub.will([Act::Say(401, None, "Incorrect API key provided: tvly-very-secret")]);
    let refused = world.search(&desk, 3, "y").await.unwrap_err();
    clean("an error", &format!("{refused} {refused:?}"));
    for table in
        ["vendor_intents", "vendor_answers", "vendor_breakers", "vendor_budgets", "vendor_alert_claims", "lead_steps"]
    {
        clean(table, &dump(&world, table).await);
    }
    for event in world.events().await {
        clean("an event", &format!("{event:?}"));
    }
    assert!(world.calls().await.iter().any(|call| call.status == CallStatus::KeyRefused));
    clean("Debug", &format!("{desk:?} {:?} {:?}", desk.config(), Address::new("jane@site.example")));
}

/// All of a table as text, bytes as hexadecimal digits and, where they are text, as that.
async fn dump(world: &World, table: &str) -> String {
    let mut tx = world.database.enter(&world.tenant).await.unwrap();
    let statement = format!("select row_to_json(t)::text from {table} t");
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_all(&mut *tx).await.unwrap();
    let mut text: String = rows.iter().map(|row| row.get::<String, _>(0)).collect();
    if table == "lead_steps" {
        let bodies: Vec<Vec<u8>> = sqlx::query_scalar("select body from lead_steps").fetch_all(&mut *tx).await.unwrap();
        bodies.iter().for_each(|body| text.push_str(&String::from_utf8_lossy(body)));
    }
    for hidden in HIDDEN {
        let hex: String = hidden.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&hex), "{table} holds {hidden:?} in bytes");
    }
    text
}

#[tokio::test]
async fn no_log_line_holds_a_key_a_url_or_a_personal_value() {
    let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
    let writer = {
        let lines = Arc::clone(&lines);
        move || Lines(Arc::clone(&lines))
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(writer).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk_with(config(&stub), without_breaker()).await;
    stub.will([Act::Say(500, None, "jane@site.example"), Act::Half]);
    world.search(&desk, 1, "Jane Roe").await.unwrap();
    let asking = world.asking(2, "zerobounce.validate", Purpose::Verification);
    stub.will([Act::Say(200, None, r#"{"error": "Invalid API key or your account ran out of credits"}"#)]);
    assert!(desk.ask_many(&Validate, &[(asking, Address::new("jane@site.example"))]).await[0].is_err());
    let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    let ours: String = text
        .lines()
        .filter(|line| line.contains("presdr_vendors") || line.contains("reqwest") || line.contains("hyper"))
        .collect();
    assert!(ours.contains("credits or quota are gone"), "something was logged: {text}");
    clean("a log line", &ours);
    assert!(!ours.contains("api_key="), "{ours}");
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
