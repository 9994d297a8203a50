//! Conversations over the LangGraph routes: what is said, kept, shown to whom, and done.

use std::time::Duration;

use presdr_events::{Clear, CompanyId, TenantId};
use presdr_odoo::rehearsal::{Rehearsed, rehearse};
use presdr_producers::{erasures, icp, odoo};
use presdr_sandbox::odoo::{OdooSandbox, Rights};
use presdr_store::{Role, odoo::connections::Flavour, sessions, turns};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    rest::filled,
    support::{World, body},
};

/// `j***@people.example` as it stands in a cell of a table, in JSON.
pub const MASKED: &str = r"j\\*\\*\\*@people.example";

/// Where something was said.
pub struct Said {
    pub thread: Uuid,
    pub run: Uuid,
    pub checkpoint: Uuid,
}

/// Says a line in a new thread.
pub async fn said(world: &World, token: &str, line: &str) -> Said {
    let talk = Talk::begin(world, token).await;
    talk.say(line).await;
    let state = talk.get("/state").await;
    let id = |value: &Value| value.as_str().unwrap().parse().unwrap();
    Said {
        thread: id(&json!(talk.thread)),
        run: id(&state["metadata"]["run_id"]),
        checkpoint: id(&state["checkpoint_id"]),
    }
}

/// One person's conversation.
pub struct Talk<'w> {
    world: &'w World,
    token: String,
    pub thread: String,
}

impl<'w> Talk<'w> {
    pub async fn begin(world: &'w World, token: &str) -> Self {
        let made = body(ask(world, token, Method::POST, "/threads", json!({})).await).await;
        Self { world, token: token.to_owned(), thread: made["thread_id"].as_str().unwrap().to_owned() }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Response {
        ask(self.world, &self.token, method, &format!("/threads/{}{path}", self.thread), body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status(), 200, "{path}");
        body(answer).await
    }

    pub async fn run(&self, more: Value) -> Value {
        let mut asked = json!({ "assistant_id": "agent" });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.ask(Method::POST, "/runs/wait", asked).await;
        assert_eq!(answer.status(), 200);
        body(answer).await
    }

    /// What is answered to a line.
    pub async fn say(&self, line: &str) -> String {
        last(&self.run(json!({ "input": human(line) })).await)
    }
}

pub fn human(line: &str) -> Value {
    json!({ "messages": [{ "type": "human", "content": [{ "type": "text", "text": line }] }] })
}

pub fn last(values: &Value) -> String {
    let messages = values["messages"].as_array().unwrap_or_else(|| panic!("{values}"));
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "ai", "{last}");
    last["content"].as_str().unwrap().to_owned()
}

async fn ask(world: &World, token: &str, method: Method, path: &str, body: Value) -> Response {
    let request = world.client.request(method.clone(), world.url(path)).header("x-api-key", token);
    let request = if method == Method::GET { request } else { request.body(body.to_string()) };
    request.send().await.unwrap()
}

/// Event names and data of a whole stream.
async fn events(answer: Response) -> Vec<(String, Value, Option<String>)> {
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(|value| value.trim().to_owned()))
    };
    let events = text.split("\r\n\r\n").filter(|event| event.contains("event: "));
    events
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data").unwrap()).unwrap();
            (field(event, "event").unwrap(), data, field(event, "id"))
        })
        .collect()
}

#[tokio::test]
async fn a_turn_is_streamed_kept_and_told_again() {
    let world = World::new().await;
    world.tenant("acme").await;
    let talk = Talk::begin(&world, &world.token("acme", "viewer")).await;
    assert_eq!(
        (talk.get("").await["values"].clone(), talk.get("/state").await["values"].clone()),
        (Value::Null, json!({}))
    );
    let modes = json!(["values", "messages-tuple", "updates", "custom"]);
    let asked = json!({
        "assistant_id": "agent", "input": human("help"), "stream_mode": modes, "stream_resumable": true, "unknown": 1,
    });
    let answer = talk.ask(Method::POST, "/runs/stream", asked).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
    let location = answer.headers()["content-location"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()["location"].to_str().unwrap(), format!("{location}/stream"));
    let first = events(answer).await;
    let of = |name: &str| {
        first.iter().filter(|(event, ..)| event == name).map(|(_, data, _)| data.clone()).collect::<Vec<_>>()
    };
    assert_eq!((first[0].0.as_str(), first[1].0.as_str()), ("metadata", "values"));
    let (values, pieces) = (of("values"), of("messages"));
    let answer = values.last().unwrap()["messages"][1].clone();
    let spoken: String = pieces.iter().map(|piece| piece[0]["content"].as_str().unwrap().to_owned()).collect();
    assert_eq!((values[0]["messages"].as_array().unwrap().len(), json!(spoken)), (1, answer["content"].clone()));
    assert!(pieces.iter().all(|piece| piece[0]["id"] == answer["id"]), "one id for what is told and what is kept");
    assert_eq!(pieces.last().unwrap()[0]["chunk_position"], "last");
    assert_eq!(of("updates")[0]["agent"]["messages"][0], answer);

    // Over, and told once more from any place.
    let run = body(ask(&world, &talk.token, Method::GET, &location, Value::Null).await).await;
    assert_eq!((&run["status"], &talk.get("").await["status"]), (&json!("success"), &json!("idle")));
    let again = async |last: Option<&str>| {
        let request = world.get(
            &format!(
                "{location}/stream?stream_mode=values&stream_mode=messages-tuple&stream_mode=updates&stream_mode=custom"
            ),
            &talk.token,
        );
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        events(request.send().await.unwrap()).await
    };
    assert_eq!(again(Some("-1")).await, first);
    assert_eq!(again(first[1].2.as_deref()).await, first[2..]);
    assert_eq!(again(None).await, []);
    // Who does not say in which modes is told what whoever asked for the turn wanted.
    let silent = world.get(&format!("{location}/stream"), &talk.token).header("last-event-id", "-1");
    assert_eq!(events(silent.send().await.unwrap()).await, first);
    let joined = body(ask(&world, &talk.token, Method::GET, &format!("{location}/join"), Value::Null).await).await;
    assert_eq!(joined, *values.last().unwrap());
    let over = talk.ask(Method::POST, &format!("/runs/{}/cancel", run["run_id"].as_str().unwrap()), json!({})).await;
    assert_eq!(over.status(), 404, "what is over cannot be cancelled");

    // Searches find it by what clients ask for, and so by what was attached.
    let found =
        ask(&world, &talk.token, Method::POST, "/threads/search", json!({ "metadata": { "graph_id": "agent" } })).await;
    assert_eq!(found.headers()["x-pagination-total"], "1");
    assert_eq!(body(found).await[0]["values"]["messages"][0]["content"], "help");
    let renamed =
        talk.ask(Method::PATCH, "", json!({ "metadata": { "title": "of jane@people.example, +65 9123 4567" } })).await;
    assert_eq!(body(renamed).await["metadata"]["title"], "of j***@people.example, +65***67");
    assert_eq!(talk.ask(Method::DELETE, "", Value::Null).await.status(), 204);
    let gone = talk.ask(Method::GET, "", Value::Null).await;
    assert_eq!((gone.status().as_u16(), body(gone).await), (404, json!({ "detail": "there is no such thing" })));
}

#[tokio::test]
async fn going_back_makes_a_branch() {
    let world = World::new().await;
    world.tenant("acme").await;
    let talk = Talk::begin(&world, &world.token("acme", "viewer")).await;
    let first = talk.say("help").await;
    let root = talk.get("/state").await["checkpoint"].clone();
    talk.say("show the icp").await;
    let history = async || body(talk.ask(Method::POST, "/history", json!({ "limit": 100 })).await).await;
    let before = history().await;
    assert_eq!(before.as_array().unwrap().len(), 5);
    for pair in before.as_array().unwrap().windows(2) {
        assert_eq!(pair[0]["parent_checkpoint"]["checkpoint_id"], pair[1]["checkpoint_id"], "the chain links");
        assert_eq!((&pair[0]["next"], &pair[0]["tasks"]), (&json!([]), &json!([])));
    }
    let nothing_said = &before[4];
    assert_eq!((&nothing_said["parent_checkpoint"], &nothing_said["values"]["messages"]), (&Value::Null, &json!([])));
    assert_eq!((&nothing_said["metadata"]["step"], &before[3]["metadata"]["step"]), (&json!(-1), &json!(0)));

    // Something else in place of the second line.
    let edited = talk.run(json!({ "input": human("costs this week"), "checkpoint": root })).await;
    assert_eq!(edited["messages"].as_array().unwrap().len(), 4);
    assert_eq!(edited["messages"][2]["content"], "costs this week");
    assert_eq!(history().await[1]["parent_checkpoint"], root);
    // Something else in place of the first line: as clients do it, from the state before the one that first had it.
    let first_line = json!({ "input": human("status of the run"), "checkpoint": before[3]["parent_checkpoint"] });
    assert_eq!(talk.run(first_line).await["messages"].as_array().unwrap().len(), 2);
    // The first answer once more, with nothing said anew.
    let asked = before[3]["checkpoint"].clone();
    let again = talk.run(json!({ "input": null, "checkpoint": asked })).await;
    assert_eq!((again["messages"].as_array().unwrap().len(), last(&again)), (2, first));
    assert_eq!(history().await[0]["parent_checkpoint"], asked);
    // The same id takes the place of what was said, and a state that never was is refused in the stream.
    let known =
        json!({ "messages": [{ "type": "human", "id": again["messages"][0]["id"], "content": "show the icp" }] });
    let replaced = body(talk.ask(Method::POST, "/state", json!({ "values": known })).await).await;
    let at = talk.get(&format!("/state/{}", replaced["checkpoint_id"].as_str().unwrap())).await;
    assert_eq!(at["values"]["messages"][0]["content"], "show the icp");
    let same = body(talk.ask(Method::POST, "/state/checkpoint", json!({ "checkpoint": at["checkpoint"] })).await).await;
    assert_eq!(same, at);
    // A copy stands where it stands, and goes on by itself.
    let copy = body(talk.ask(Method::POST, "/copy", Value::Null).await).await;
    assert_eq!((&copy["values"], &copy["metadata"]), (&at["values"], &talk.get("").await["metadata"]));
    let copied =
        Talk { world: &world, token: talk.token.clone(), thread: copy["thread_id"].as_str().unwrap().to_owned() };
    copied.say("help").await;
    assert_eq!(talk.get("/state").await["checkpoint"], at["checkpoint"]);
    let lost = talk.run(json!({ "input": human("help"), "checkpoint": { "checkpoint_id": Uuid::now_v7() } })).await;
    assert_eq!(lost["__error__"]["error"], "CommandFailed");
    assert_eq!(talk.get("").await["status"], "error");
    talk.say("help").await;
    assert_eq!(talk.get("").await["status"], "idle", "after a failure it goes on");
}

#[tokio::test]
async fn whoever_reads_sees_as_much_as_their_role() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let held = filled(&world, &acme, 1000).await;
    let ops = Talk::begin(&world, &world.token("acme", "ops")).await;
    let table = ops.say("Show today's shortlist (top 50)").await;
    assert!(table.contains("Jane Doe") && table.contains("jane@people.example"), "{table}");
    // The same person with less of a role, and the same conversation.
    let mut claims = world.provider.claims("acme", "ops");
    claims["roles"] = json!(["viewer"]);
    let demoted = Talk { world: &world, token: world.signer.sign(&claims), thread: ops.thread.clone() };
    let run = ops.get("/state").await["metadata"]["run_id"].as_str().unwrap().to_owned();
    for path in ["", "/state", &format!("/runs/{run}/join")] {
        let text = demoted.get(path).await.to_string();
        assert!(text.contains(MASKED) && !text.contains("jane@") && !text.contains("Doe"), "{path}: {text}");
    }
    let history = body(demoted.ask(Method::POST, "/history", json!({})).await).await.to_string();
    assert!(history.contains(MASKED) && !history.contains("jane@"), "{history}");
    // What the agent repeats of what was written is no clearer than what was written.
    for line in [
        "explain why jane@people.example is High",
        "re-enrich +65 9123 4567",
        "set icp to software; keywords jane@people.example",
        "set icp to software; keywords 65 9123 4567",
    ] {
        let told = ops.say(line).await;
        assert!(!told.contains("jane@") && !told.contains("9123"), "{line}: {told}");
    }
    // What is kept says nothing of the kind.
    let kept = kept(&world, &acme).await;
    assert!(
        kept.contains("Show today's shortlist")
            && !kept.contains("Jane")
            && !kept.contains("jane")
            && !kept.contains("9123"),
        "{kept}"
    );

    let why = ops.say("Explain why mark-of-acme is Low").await;
    assert!(why.starts_with(r"**=mark-of-acme is not Low: it is High**"), "{why}");
    assert_eq!(ops.say("costs this week").await.lines().nth(2), Some("| Vendor | Calls | Errors | From cache | USD |"));
    assert!(ops.say(&format!("status of run {}", held.run)).await.contains(" is open"));
    assert!(ops.say("export scores as csv").await.contains("/export/latest_scores.csv"));
    assert!(
        ops.say("show me a shortlst please").await.contains("Show today's shortlist (top 50)"),
        "the nearest commands"
    );
    // A run of companies by name is not today's shortlist.
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&acme).await.unwrap();
    sqlx::query("update enrichment_runs set kind = 'named' where tenant_id = $1")
        .bind(acme.as_str())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ops.say("Show today's shortlist").await, "No run of today has a shortlist.");
    assert_eq!(ops.say("Show yesterday's shortlist").await, "No run of yesterday has a shortlist.");
}

/// Everything that is kept of a tenant's conversations.
async fn kept(world: &World, tenant: &TenantId) -> String {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let mut all = String::new();
    for statement in [
        "select coalesce(string_agg(metadata::text, ''), '') from threads where tenant_id = $1",
        "select coalesce(string_agg(messages::text || coalesce(pending::text, ''), ''), '') from thread_checkpoints where tenant_id = $1",
        "select coalesce(string_agg(data::text, ''), '') from chat_run_events where tenant_id = $1",
    ] {
        let text: String = sqlx::query_scalar(statement).bind(tenant.as_str()).fetch_one(&mut *tx).await.unwrap();
        all.push_str(&text);
    }
    all
}

#[tokio::test]
async fn a_change_is_shown_back_and_done_after_a_yes_by_who_may() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let [viewer, ops, admin] = ["viewer", "ops", "admin"].map(|role| world.token("acme", role));
    let (viewer, ops, admin) =
        (Talk::begin(&world, &viewer).await, Talk::begin(&world, &ops).await, Talk::begin(&world, &admin).await);
    let icp = "Refresh ICP to software, 10-200 employees; run nightly";
    assert!(viewer.say(icp).await.ends_with("your role does not allow this."));
    assert_eq!(viewer.say("yes").await, "There is nothing that waits for a yes.");

    let shown = ops.say(icp).await;
    assert!(
        shown.contains("industries: software")
            && shown.contains("0 of 0 companies match")
            && shown.contains("(Singapore)"),
        "{shown}"
    );
    let profile = async || world.get("/icp", &world.token("acme", "ops")).send().await.unwrap();
    assert_eq!(profile().await.status(), 404, "nothing is changed before the yes");
    assert_eq!(ops.say("no").await, "Nothing was changed.");
    assert_eq!(ops.say("yes").await, "There is nothing that waits for a yes.");
    ops.say(icp).await;
    assert!(ops.say("yes").await.starts_with("The ICP is set, version 1. The next nightly run starts at "));
    let set = body(profile().await).await;
    assert_eq!(set["document"]["employee_range"], json!({ "min": 10, "max": 200 }));
    assert!(ops.say("show the icp").await.contains("\"software\""));
    // Yes to what was shown once is one yes, and not to what others have changed since.
    ops.say("Refresh ICP to logistics").await;
    let shown = ops.get("/state").await["checkpoint"].clone();
    ops.say("yes").await;
    let again = ops.run(json!({ "input": human("yes"), "checkpoint": shown })).await;
    assert_eq!(last(&again), "There is nothing that waits for a yes.");
    ops.say("Refresh ICP to fintech").await;
    icp::set(&world.desk, &acme, r#"{"keywords": ["api"], "employee_range": {"min": 10, "max": 200}}"#).await.unwrap();
    assert!(ops.say("yes").await.starts_with("The ICP was changed meanwhile"));
    assert_eq!(body(profile().await).await["document"]["keywords"], json!(["api"]));

    // Whom not to contact is for admins, and the address waits for its yes in no readable form.
    let suppress = "Suppress jane.roe@people.example";
    assert!(ops.say(suppress).await.ends_with("your role does not allow this."));
    assert!(admin.say(suppress).await.starts_with("Never contact j***@people.example again"));
    assert!(admin.say("yes").await.starts_with("It is on the suppression list"));
    assert!(!kept(&world, &acme).await.contains("jane.roe"));
    let look =
        ask(&world, &admin.token, Method::POST, "/suppressions/check", json!({ "email": ["jane.roe@people.example"] }))
            .await;
    let look = body(look).await;
    assert_eq!(
        (&look["suppressed"], look["entries"][0]["actor"].as_str().unwrap().starts_with("user:")),
        (&json!(true), true)
    );

    // Companies by name: asked about when several fit, looked at again when one does.
    let companies = [(7, "Codigo Pte Ltd"), (8, "Acme Marine Pte Ltd"), (9, "Acme Logistics Pte Ltd")];
    world.companies(&acme, &companies).await;
    let which = ops.say("Re-enrich Acme").await;
    assert!(
        which.starts_with("Which of these do you mean?")
            && which.contains("Acme Marine")
            && which.contains("Acme Logistics"),
        "{which}"
    );
    assert!(ops.say("Re-enrich Zebra").await.starts_with("I know no company called Zebra"));
    let shown = ops.say("Re-enrich codigo; include careers page").await;
    assert!(
        shown.starts_with("Visit the site of Codigo Pte Ltd again and score it anew, reading its pages on careers"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_run_from_the_chat_is_told_until_somebody_says_something_else() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    let talk = Talk::begin(&world, &world.token("acme", "ops")).await;
    talk.say("run with 3 leads").await;
    let asked = json!({ "assistant_id": "agent", "input": human("yes"), "stream_resumable": true });
    let begun = body(talk.ask(Method::POST, "/runs", asked).await).await;
    let turn = format!("/runs/{}", begun["run_id"].as_str().unwrap());
    // The run is on record with who started it, and the answer so far is kept while it follows.
    let mut state = talk.get("/state").await;
    while !state["values"]["messages"].as_array().unwrap().last().unwrap()["content"]
        .as_str()
        .unwrap()
        .contains("is started.\n\nIt goes on. Ask: status of run ")
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
        state = talk.get("/state").await;
    }
    assert_eq!((&talk.get("").await["status"], &talk.get(&turn).await["status"]), (&json!("busy"), &json!("running")));
    let rejected = json!({ "assistant_id": "agent", "input": human("help"), "multitask_strategy": "reject" });
    assert_eq!(talk.ask(Method::POST, "/runs/wait", rejected).await.status(), 409);
    let paused = talk.run(json!({ "input": human("pause the run"), "multitask_strategy": "interrupt" })).await;
    assert!(last(&paused).starts_with("Pause run "), "{paused}");
    assert_eq!(talk.get(&turn).await["status"], "interrupted");
    assert!(talk.say("yes").await.ends_with("is paused."));
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let runs = presdr_store::runs::list(&mut tx, 10).await.unwrap();
    assert_eq!((runs[0].status.as_str(), runs[0].cap), ("paused", 3));
    drop(tx);
    // One that is cancelled and taken back was never said.
    talk.say("resume the run").await;
    talk.say("yes").await;
    talk.say("run").await;
    let before = talk.get("/state").await;
    let asked = json!({ "assistant_id": "agent", "input": human("yes") });
    let begun = body(talk.ask(Method::POST, "/runs", asked).await).await;
    let cancel = format!("/runs/{}/cancel?wait=1&action=rollback", begun["run_id"].as_str().unwrap());
    assert_eq!(talk.ask(Method::POST, &cancel, json!({})).await.status(), 200);
    assert_eq!(talk.get("/state").await, before);
    assert_eq!(talk.get("").await["status"], "idle");
    // Also when it went back to an older state: the conversation stands where it stood.
    let history = body(talk.ask(Method::POST, "/history", json!({ "limit": 100 })).await).await;
    let older = history.as_array().unwrap().last().unwrap()["checkpoint"].clone();
    talk.run(json!({ "input": human("run with 2 leads"), "checkpoint": older })).await;
    let shown = talk.get("/state").await;
    let asked = json!({ "assistant_id": "agent", "input": human("yes"), "checkpoint": shown["checkpoint"] });
    let begun = body(talk.ask(Method::POST, "/runs", asked).await).await;
    let cancel = format!("/runs/{}/cancel?wait=1&action=rollback", begun["run_id"].as_str().unwrap());
    assert_eq!(talk.ask(Method::POST, &cancel, json!({})).await.status(), 200);
    assert_eq!(talk.get("/state").await["checkpoint"], shown["checkpoint"]);
}

#[tokio::test]
async fn a_turn_whose_gateway_is_gone_says_so_to_whoever_looks() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let talk = Talk::begin(&world, &world.token("acme", "viewer")).await;
    talk.say("help").await;
    let lost = Uuid::now_v7();
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    turns::begin(&mut tx, talk.thread.parse().unwrap(), lost, &json!({}), (&[], true)).await.unwrap();
    for statement in [
        "update chat_runs set status = 'running', alive_at = now() - interval '2 minutes' where status = 'pending'",
        "update threads set status = 'busy'",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(talk.get("").await["status"], "error");
    assert_eq!(talk.get(&format!("/runs/{lost}")).await["status"], "error");
    let told = events(
        world
            .get(&format!("/threads/{}/runs/{lost}/stream", talk.thread), &talk.token)
            .header("last-event-id", "-1")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!((told[0].0.as_str(), &told[0].1["error"]), ("error", &json!("CommandFailed")));
    talk.say("help").await;
    assert_eq!(talk.get("").await["status"], "idle");
}

#[tokio::test]
async fn a_stream_that_its_reader_may_no_longer_read_says_nothing_of_an_end() {
    let world = World::with(|config| config.limits.stream_look = Duration::from_millis(50)).await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    let talk = Talk::begin(&world, &world.token("acme", "ops")).await;
    talk.say("run with 3 leads").await;
    let mut claims = world.provider.claims("acme", "ops");
    claims["exp"] = json!(chrono::Utc::now().timestamp() + 2);
    let short = world.signer.sign(&claims);
    let asked = json!({ "assistant_id": "agent", "input": human("yes"), "on_disconnect": "cancel" });
    let answer = ask(&world, &short, Method::POST, &format!("/threads/{}/runs/stream", talk.thread), asked).await;
    let turn = answer.headers()["content-location"].to_str().unwrap().to_owned();
    let told = answer.text().await.unwrap();
    assert!(told.ends_with(": expired\r\n\r\n") && !told.contains("event: end"), "{told}");
    let turn = body(ask(&world, &talk.token, Method::GET, &turn, Value::Null).await).await;
    assert_eq!(turn["status"], "running", "who had to leave has not left");
}

/// What a push would change in Odoo is shown first; it is asked for after a yes, in the name of who said it.
#[tokio::test]
async fn a_shortlist_is_pushed_to_odoo_after_what_would_change_was_shown() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let push = "Push today's shortlist to Odoo";
    let viewer = Talk::begin(&world, &world.token("acme", "viewer")).await;
    assert!(viewer.say(push).await.ends_with("your role does not allow this."));
    let ops = Talk::begin(&world, &world.token("acme", "ops")).await;
    assert_eq!(ops.say(push).await, "No run of today has a shortlist.");

    let person = ("Jane Roe".to_owned(), "jane@kelmora.example".to_owned());
    let shortlist = [Rehearsed {
        company: CompanyId::new(7).unwrap(),
        name: "Kelmora".to_owned(),
        uen: None,
        domain: Some("kelmora.example".to_owned()),
        score: 0.8,
        people: vec![person],
    }];
    let now = world.desk.now();
    let run = rehearse(world.desk.database(), &world.desk.keyring(), &acme, &shortlist, now).await.unwrap();
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&acme).await.unwrap();
    sqlx::query("insert into enrichment_runs (tenant_id, run_id, ended_at) values ($1, $2, $3)")
        .bind(acme.as_str())
        .bind(run.get())
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(ops.say(push).await.contains("has no active connection to an Odoo"));

    let sandbox = OdooSandbox::start(&["acme"]).await.unwrap();
    let account = sandbox.account("acme", Rights::Admin).unwrap();
    let given = odoo::Given {
        base_url: sandbox.url(),
        database: "acme".to_owned(),
        login: account.login,
        key: Clear(account.key),
        flavour: Flavour::Json2,
    };
    // The same over REST: what stands in the way is told, and who may not approve may look.
    let place = format!("/runs/{run}/odoo");
    let rest = async |method: Method, path: String, role: &str| {
        let answer = ask(&world, &world.token("acme", role), method, &path, Value::Null).await;
        (answer.status().as_u16(), body(answer).await)
    };
    for (method, path) in [(Method::GET, format!("{place}?preview=true")), (Method::POST, place.clone())] {
        let (status, told) = rest(method.clone(), path.clone(), "ops").await;
        assert_eq!(status, 409, "{told}");
        assert!(told["detail"].as_str().unwrap().contains("`presdr odoo connect"), "{told}");
        assert_eq!(rest(method, path, "viewer").await.0, 403);
    }
    assert_eq!(rest(Method::GET, place.clone(), "viewer").await.1["connected"], false);
    odoo::connect(&world.desk, &acme, &given).await.unwrap();
    let (_, would) = rest(Method::GET, format!("{place}?preview=true"), "ops").await;
    let first = &would["preview"]["companies"][0];
    assert_eq!((&first["company_id"], &first["outcome"]), (&json!(7), &json!("created")), "{would}");
    assert_eq!((&would["connected"], &would["syncs"]), (&json!(true), &json!([])), "nothing is written by asking");
    let shown = ops.say(push).await;
    assert!(
        shown.contains("company: 1 made") && shown.contains("contact: 1 made") && !shown.contains("jane"),
        "{shown}"
    );
    assert!(
        odoo::list_syncs(&world.desk, &acme, None, 9).await.unwrap().is_empty()
            && sandbox.records("acme", "res.partner").is_empty()
    );
    assert!(ops.say("yes").await.starts_with("It is being written to Odoo"));
    let syncs = odoo::list_syncs(&world.desk, &acme, Some(run), 9).await.unwrap();
    assert_eq!(syncs.len(), 1);
    assert!(
        syncs[0].cause.actor.as_str().starts_with("user:"),
        "in the name of who said yes: {:?}",
        syncs[0].cause.actor
    );
    let (status, approved) = rest(Method::POST, place.clone(), "ops").await;
    assert_eq!((status, &approved["attempt"]), (200, &json!(1)), "it is due already: {approved}");
    let (_, stands) = rest(Method::GET, place, "viewer").await;
    assert_eq!(stands["syncs"][0]["asked_by"], json!(syncs[0].cause.actor.as_str()), "{stands}");
    assert_eq!(stands["syncs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_person_is_erased_after_what_that_means_was_shown() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let [ops, admin] = ["ops", "admin"].map(|role| world.token("acme", role));
    let (ops, talk) = (Talk::begin(&world, &ops).await, Talk::begin(&world, &admin).await);
    let line = "Please erase Jane@people.example";
    assert_eq!(ops.say(line).await, "Erase j***@people.example: your role does not allow this.");
    let shown = talk.say(line).await;
    assert!(shown.starts_with("Erase j***@people.example. That is for good."), "{shown}");
    let asked = async || erasures::list(&world.desk, &acme, 9).await.unwrap();
    assert!(asked().await.is_empty(), "nothing is asked for before the yes");
    let waiting = async || {
        let mut tx = world.desk.database().enter(&acme).await.unwrap();
        let waiting = "select count(*) from thread_checkpoints where tenant_id = $1 and pending is not null";
        sqlx::query_scalar::<_, i64>(waiting).bind(acme.as_str()).fetch_one(&mut *tx).await.unwrap()
    };
    assert_eq!(waiting().await, 1);
    assert_eq!(talk.say("no").await, "Nothing was changed.");
    assert_eq!(waiting().await, 0, "whom it names is forgotten with the no");
    talk.say(line).await;
    talk.say("help").await;
    assert_eq!(waiting().await, 0, "and with any other line");
    talk.say(line).await;
    let told = talk.say("yes").await;
    let asked = asked().await;
    assert_eq!((asked.len(), waiting().await), (1, 0));
    assert!(told.contains(&format!("GET /erasures/{}", asked[0].id)), "{told}");
    let told_of =
        body(ask(&world, &admin, Method::GET, &format!("/erasures/{}", asked[0].id), Value::Null).await).await;
    assert_eq!(
        (&told_of["state"], told_of["asked_by"].as_str().unwrap().starts_with("user:")),
        (&json!("asked"), true)
    );
    let kept = kept(&world, &acme).await;
    assert!(!kept.to_lowercase().contains("jane") && kept.contains("j***@people.example"), "{kept}");
    assert_eq!(talk.say("erase j***@people.example").await, "Write the whole address again: it was not kept.");
}

#[tokio::test]
async fn a_message_so_far_is_whole_for_who_comes_back_in_its_middle() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    let talk = Talk::begin(&world, &world.token("acme", "ops")).await;
    let asked = json!({
        "assistant_id": "agent", "input": human("Show today's shortlist"), "stream_mode": "messages", "stream_resumable": true,
    });
    let answer = talk.ask(Method::POST, "/runs/stream", asked).await;
    let location = answer.headers()["content-location"].to_str().unwrap().to_owned();
    let first = events(answer).await;
    let partials: Vec<_> = first.iter().filter(|(event, ..)| event == "messages/partial").collect();
    assert!(partials.len() >= 3, "{first:?}");
    for pair in partials.windows(2) {
        let text = |event: &(String, Value, Option<String>)| event.1[0]["content"].as_str().unwrap().to_owned();
        assert!(text(pair[1]).starts_with(&text(pair[0])), "{pair:?}");
    }
    let middle = partials[0].2.as_deref().unwrap();
    let rest = world.get(&format!("{location}/stream"), &talk.token).header("last-event-id", middle);
    let rest = events(rest.send().await.unwrap()).await;
    let after = first.iter().position(|event| event.2.as_deref() == Some(middle) && event.0 == "messages/partial");
    assert_eq!(rest, first[after.unwrap() + 1..], "from the whole message so far, and told of it once");
}

#[tokio::test]
async fn who_reads_changes_nothing_and_what_is_attached_has_an_end() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let talk = Talk::begin(&world, &world.token("acme", "viewer")).await;
    let version = async || {
        let mut tx = world.desk.database().enter(&acme).await.unwrap();
        let version: String =
            sqlx::query_scalar("select string_agg(xmin::text, ' ') from users").fetch_one(&mut *tx).await.unwrap();
        version
    };
    let before = version().await;
    for path in ["", "/state", "/runs"] {
        talk.get(path).await;
    }
    talk.ask(Method::POST, "/history", json!({})).await;
    assert_eq!(version().await, before, "reading writes no row");
    let mut claims = world.provider.claims("acme", "viewer");
    claims["email"] = json!("other@acme.example");
    let moved = Talk { world: &world, token: world.signer.sign(&claims), thread: talk.thread.clone() };
    moved.get("").await;
    assert_ne!(version().await, before, "a new address is kept");

    let attach = async |key: String| {
        let change = json!({ "metadata": { key: "x".repeat(4000) } });
        talk.ask(Method::PATCH, "", change).await.status().as_u16()
    };
    let statuses = futures::future::join_all((0..6).map(|number| attach(number.to_string()))).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "16 KiB in all: {statuses:?}");
    assert!(statuses.contains(&422));
    assert!(talk.get("").await["metadata"].to_string().len() <= 16 * 1024);
}

#[tokio::test]
async fn a_turn_may_take_back_what_the_one_before_says() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    let talk = Talk::begin(&world, &world.token("acme", "ops")).await;
    talk.say("run with 3 leads").await;
    let before = talk.get("/state").await;
    let asked = json!({ "assistant_id": "agent", "input": human("yes") });
    let begun = body(talk.ask(Method::POST, "/runs", asked).await).await;
    let turn = format!("/runs/{}", begun["run_id"].as_str().unwrap());
    while talk.get("/state").await["values"]["messages"].as_array().unwrap().len() < 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let instead = talk.run(json!({ "input": human("help"), "multitask_strategy": "rollback" })).await;
    let kept = before["values"]["messages"].as_array().unwrap();
    let said = instead["messages"].as_array().unwrap();
    assert_eq!((&said[..2], &said[2]["content"], said.len()), (&kept[..], &json!("help"), 4));
    assert_eq!(talk.ask(Method::GET, &turn, Value::Null).await.status(), 404, "it never was");
    assert_eq!(talk.get("").await["status"], "idle");
}

#[tokio::test]
async fn a_stream_ends_when_its_reader_is_something_else_by_now() {
    let world = World::with(|config| config.limits.stream_look = Duration::from_millis(50)).await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    let (hash, cookie) = world.session(&acme, "ops", chrono::Utc::now() + chrono::TimeDelta::hours(1)).await;
    let post = async |path: &str, asked: Value| {
        let request = world.client.post(world.url(path)).header("cookie", &cookie);
        let request = request.header("origin", "https://presdr.example").body(asked.to_string());
        request.send().await.unwrap()
    };
    let thread = body(post("/threads", json!({})).await).await["thread_id"].as_str().unwrap().to_owned();
    let asked = |line: &str| json!({ "assistant_id": "agent", "input": human(line), "stream_mode": "messages-tuple" });
    assert_eq!(post(&format!("/threads/{thread}/runs/wait"), asked("run with 3 leads")).await.status(), 200);
    let mut answer = post(&format!("/threads/{thread}/runs/stream"), asked("yes")).await;
    let first = tokio::time::timeout(crate::support::PATIENCE, answer.chunk()).await.unwrap().unwrap();
    assert!(first.is_some(), "it is being told");
    // The provider says at the next renewal that they are a viewer now.
    let claims = world.provider.claims("acme", "ops");
    let content = json!({
        "subject": claims["sub"], "email": null, "roles": ["viewer"], "odoo_db": null, "refresh_token": "one", "id_token": "",
    });
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let (keyring, later) = (world.desk.keyring(), chrono::Utc::now() + chrono::TimeDelta::hours(1));
    assert!(sessions::renew(&mut tx, &keyring, hash, content.to_string().as_bytes(), later).await.unwrap());
    tx.commit().await.unwrap();
    let rest = tokio::time::timeout(crate::support::PATIENCE, answer.text()).await.unwrap().unwrap();
    assert!(rest.ends_with(": expired\r\n\r\n"), "they come back as what they are now: {rest}");
}
