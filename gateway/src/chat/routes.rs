//! The routes of the chat, as LangGraph clients ask for them.

use axum::{
    http::Method,
    routing::{MethodRouter, delete, get, patch, post},
};
use serde_json::Value;

use super::{assistants, runs, threads};
use crate::{
    Gateway,
    identity::roles::Permission,
    routes::{Access, LAST_EVENT_ID, Parameter, Route},
};

const PAGES: &[(&str, &str)] = &[
    ("X-Pagination-Total", "How many there are in all"),
    ("X-Pagination-Next", "The offset of the next page; absent on the last"),
];
const PLACES: &[(&str, &str)] = &[
    ("Content-Location", "The turn's path, relative to the root of the API"),
    ("Location", "Where it is joined, relative to the root of the API"),
];
const PLACE: &[(&str, &str)] = &[("Content-Location", "The turn's path, relative to the root of the API")];
const FLAG: &str = r#"{"type":"string","enum":["0","1","false","true"]}"#;
const LEAVING: Parameter = Parameter {
    name: "cancel_on_disconnect",
    place: "query",
    told: "Whether the turn is interrupted when its reader leaves",
    schema: FLAG,
};
const MODES: Parameter = Parameter {
    name: "stream_mode",
    place: "query",
    told: "What is told; what was asked for with the turn, when not given",
    schema: r#"{"type":"array","items":{"type":"string","enum":["values","messages-tuple","messages","updates","custom","events","debug","tasks","checkpoints"]}}"#,
};
const WAIT: Parameter = Parameter {
    name: "wait",
    place: "query",
    told: "It is over when this answers, whether asked to or not",
    schema: FLAG,
};
const ACTION: Parameter = Parameter {
    name: "action",
    place: "query",
    told: "`rollback` takes back what the turn said",
    schema: r#"{"type":"string","enum":["interrupt","rollback"]}"#,
};

fn route(method: Method, path: &'static str, operation: &'static str, handler: MethodRouter<Gateway>) -> Route {
    // Whoever may read may ask; what a command changes, the agent asks for the permission of.
    Route::new(method, path, operation, Access::Allowed(Permission::Read), handler).langgraph()
}

/// All of them.
pub(crate) fn list() -> Vec<Route> {
    let get_ = |path, operation, handler| route(Method::GET, path, operation, handler);
    let post_ = |path, operation, handler| route(Method::POST, path, operation, handler);
    let mut routes = vec![
        post_("/assistants/search", "searchAssistants", post(assistants::search))
            .summary("The assistants: there is one, the command agent")
            .body::<assistants::Asked>()
            .json::<Value>()
            .headers(PAGES),
        post_("/assistants/count", "countAssistants", post(assistants::count))
            .summary("How many assistants there are")
            .body::<assistants::Asked>()
            .json::<Value>(),
        get_("/assistants/{assistant_id}", "getAssistant", get(assistants::get))
            .summary("An assistant")
            .json::<Value>()
            .others(&[422]),
        post_("/threads", "createThread", post(threads::create))
            .summary("Begin a conversation")
            .body::<threads::New>()
            .json::<Value>()
            .others(&[409]),
        post_("/threads/search", "searchThreads", post(threads::search))
            .summary("The caller's conversations, the one that changed last first")
            .body::<threads::Asked>()
            .json::<Value>()
            .headers(PAGES),
        post_("/threads/count", "countThreads", post(threads::count))
            .summary("How many conversations the caller has")
            .body::<threads::Asked>()
            .json::<Value>(),
        get_("/threads/{thread_id}", "getThread", get(threads::get))
            .summary("A conversation")
            .json::<Value>()
            .others(&[422]),
        route(Method::PATCH, "/threads/{thread_id}", "updateThread", patch(threads::patch))
            .summary("Attach something to a conversation, such as its title")
            .body::<threads::Change>()
            .json::<Value>(),
        route(Method::DELETE, "/threads/{thread_id}", "deleteThread", delete(threads::delete))
            .summary("Delete a conversation with all that was said in it")
            .nothing(204)
            .others(&[422]),
        get_("/threads/{thread_id}/state", "getThreadState", get(threads::head))
            .summary("Where a conversation stands")
            .json::<Value>()
            .others(&[422]),
        post_("/threads/{thread_id}/state", "updateThreadState", post(threads::update))
            .summary("Put messages into a conversation without an answer")
            .body::<threads::Update>()
            .json::<Value>()
            .others(&[409]),
        get_("/threads/{thread_id}/state/{checkpoint_id}", "getThreadStateAt", get(threads::state_at))
            .summary("A state that a conversation has been in")
            .json::<Value>()
            .others(&[422]),
        post_("/threads/{thread_id}/state/checkpoint", "getThreadStateOf", post(threads::state_of))
            .summary("A state that a conversation has been in, by its checkpoint")
            .body::<threads::Place>()
            .json::<Value>(),
        post_("/threads/{thread_id}/copy", "copyThread", post(threads::copy))
            .summary("A conversation of its own that stands where another stands")
            .json::<Value>()
            .others(&[422]),
        post_("/threads/{thread_id}/history", "getThreadHistory", post(threads::history))
            .summary("The states that a conversation has been in, newest first, all branches")
            .body::<threads::Before>()
            .json::<Value>(),
    ];
    routes.extend(of_runs());
    routes
}

fn of_runs() -> [Route; 12] {
    let get_ = |path, operation, handler| route(Method::GET, path, operation, handler);
    let post_ = |path, operation, handler| route(Method::POST, path, operation, handler);
    let asked = |path, operation, handler| post_(path, operation, handler).body::<runs::Asked>().others(&[404, 409]);
    [
        asked("/threads/{thread_id}/runs/stream", "streamTurn", post(runs::stream_in))
            .summary("Say something, and be told the answer as it is given")
            .stream("text/event-stream")
            .headers(PLACES),
        asked("/threads/{thread_id}/runs/wait", "waitTurn", post(runs::wait_in))
            .summary("Say something, and wait for the answer")
            .json::<Value>()
            .headers(PLACES),
        asked("/threads/{thread_id}/runs", "createTurn", post(runs::create))
            .summary("Say something, and leave")
            .json::<Value>()
            .headers(PLACE),
        get_("/threads/{thread_id}/runs", "listTurns", get(runs::list))
            .summary("The turns of a conversation, newest first")
            .query::<runs::Page>()
            .json::<Value>()
            .others(&[422]),
        get_("/threads/{thread_id}/runs/{run_id}", "getTurn", get(runs::get))
            .summary("A turn of a conversation")
            .json::<Value>()
            .others(&[422]),
        route(Method::DELETE, "/threads/{thread_id}/runs/{run_id}", "deleteTurn", delete(runs::delete))
            .summary("Forget a turn; what was said stays")
            .nothing(204)
            .others(&[422]),
        get_("/threads/{thread_id}/runs/{run_id}/stream", "joinTurnStream", get(runs::rejoin))
            .summary("What a turn told after Last-Event-ID, then what comes")
            .stream("text/event-stream")
            .headers(PLACES)
            .parameters(&[LAST_EVENT_ID, MODES, LEAVING])
            .others(&[422]),
        get_("/threads/{thread_id}/runs/{run_id}/join", "joinTurn", get(runs::join))
            .summary("Wait for the end of a turn")
            .json::<Value>()
            .headers(PLACES)
            .others(&[422]),
        post_("/threads/{thread_id}/runs/{run_id}/cancel", "cancelTurn", post(runs::cancel))
            .summary("End a turn with what it said so far, or take it back")
            .json::<Value>()
            .parameters(&[WAIT, ACTION])
            .others(&[422]),
        asked("/runs/stream", "streamAlone", post(runs::stream_alone))
            .summary("Say something outside of conversations, and be told the answer as it is given")
            .stream("text/event-stream")
            .headers(PLACES),
        asked("/runs/wait", "waitAlone", post(runs::wait_alone))
            .summary("Say something outside of conversations, and wait for the answer")
            .json::<Value>()
            .headers(PLACES),
        asked("/runs", "createAlone", post(runs::create_alone))
            .summary("Say something outside of conversations, and leave")
            .json::<Value>()
            .headers(PLACE),
    ]
}
