//! What LangGraph clients can ask for and is not here: told to them as anything else that there is not.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    chat::said,
    support::{World, body},
};

#[tokio::test]
async fn what_is_not_offered_is_told_in_the_shape_that_clients_read() {
    let world = World::new().await;
    world.tenant("acme").await;
    let token = world.token("acme", "admin");
    let said = said(&world, &token, "help").await;
    let (thread, id) = (said.thread, Uuid::now_v7());
    let turn = |command: Value| json!({ "assistant_id": "agent", "command": command });
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let asked = [
        (&put, "/store/items".to_owned(), json!({ "namespace": ["a"], "key": "b", "value": {} }), 404),
        (&get, "/store/items?namespace=a&key=b".to_owned(), Value::Null, 404),
        (&delete, "/store/items".to_owned(), json!({ "namespace": ["a"], "key": "b" }), 404),
        (&post, "/store/items/search".to_owned(), json!({}), 404),
        (&post, "/store/namespaces".to_owned(), json!({}), 404),
        (&post, "/runs/crons".to_owned(), json!({ "assistant_id": "agent", "schedule": "* * * * *" }), 404),
        (&post, "/runs/crons/search".to_owned(), json!({}), 404),
        (&delete, format!("/runs/crons/{id}"), Value::Null, 404),
        (&post, format!("/threads/{thread}/runs/crons"), json!({ "assistant_id": "agent" }), 404),
        (&post, "/runs/batch".to_owned(), json!([turn(Value::Null)]), 404),
        (&post, "/runs/cancel".to_owned(), json!({ "thread_id": thread }), 404),
        (&get, format!("/threads/{thread}/stream"), Value::Null, 404),
        (&post, format!("/threads/{thread}/commands"), json!({}), 404),
        (&post, format!("/threads/{thread}/stream/events"), json!({}), 404),
        (&get, format!("/assistants/{id}/schemas"), Value::Null, 404),
        (&get, format!("/assistants/{id}/graph"), Value::Null, 404),
        (&get, format!("/assistants/{id}/subgraphs"), Value::Null, 404),
        (&post, format!("/assistants/{id}/versions"), json!({}), 404),
        (&post, "/assistants".to_owned(), json!({ "graph_id": "agent" }), 404),
        (&patch, format!("/assistants/{id}"), json!({}), 405),
        (&delete, format!("/assistants/{id}"), Value::Null, 405),
        (&patch, format!("/threads/{thread}/state"), json!({}), 405),
        (&post, format!("/threads/{thread}/runs/stream"), turn(json!({ "resume": true })), 422),
        (&post, format!("/threads/{thread}/runs/wait"), turn(json!({ "goto": "__end__" })), 422),
        (&post, format!("/threads/{thread}/runs"), turn(json!({ "update": {} })), 422),
    ];
    for (method, path, asked, status) in asked {
        let request = world.client.request(method.clone(), world.url(&path)).header("x-api-key", &token);
        let request = if asked.is_null() { request } else { request.body(asked.to_string()) };
        let answer = request.send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!((answer.status().as_u16(), kind.as_str()), (status, "application/json"), "{method} {path}");
        let told = body(answer).await;
        let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert!(keys == ["detail"] && told["detail"].is_string(), "{method} {path}: {told}");
    }
    // Nothing was begun by what was refused, and runs of our own are told of as ever.
    let state = world.get(&format!("/threads/{thread}/state"), &token).send().await.unwrap();
    assert_eq!(body(state).await["checkpoint_id"], json!(said.checkpoint));
    let ours = world.get("/runs/none", &token).send().await.unwrap();
    assert_eq!(ours.headers()["content-type"], "application/problem+json");
}
