use super::*;
use crate::testing::{said as told, table};

fn chat(model: &str) -> Chat {
    Chat {
        model: model.to_owned(),
        instructions: "Say what it is.".to_owned(),
        input: "A page. ".repeat(10),
        schema_name: "facts",
        schema: json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {"name": {"type": "string"}}}),
        tokens_max: 100,
    }
}

fn read(reply: &Reply<'_>) -> Result<Answered<Said>, Failure> {
    chat(CHAT_MODEL).read(reply, &Prices::default())
}

fn answer(finish: &str, content: &str, refusal: &str) -> String {
    format!(
        r#"{{"choices": [{{"index": 0, "message": {{"content": {content}, "refusal": {refusal}}}, "finish_reason": "{finish}"}}], "usage": {{"prompt_tokens": 58, "completion_tokens": 7}}, "new": 1}}"#
    )
}

#[test]
fn a_used_up_quota_is_told_from_a_rate_limit_by_its_code() {
    let error =
        |code: &str| format!(r#"{{"error": {{"message": "x", "type": "y", "param": null, "code": "{code}"}}}}"#);
    table(
        read,
        &[
            (429, &error("rate_limit_exceeded"), "rate limit"),
            (429, &error("slow_down"), "rate limit"),
            (429, &error("insufficient_quota"), "quota"),
            (429, &error("credit_balance_exhausted"), "quota"),
            (429, "<html>", "rate limit"),
            (400, &error("context_length_exceeded"), "never"),
            (401, &error("invalid_api_key"), "key"),
            (403, "<html>", "key"),
            (404, &error("model_not_found"), "never"),
            (500, "", "retry"),
            (503, &error("slow_down"), "retry"),
            (200, "{", "lost"),
            (200, r#"{"choices": []}"#, "lost"),
        ],
    );
}

#[test]
fn refusal_and_truncation_are_seen_before_anything_is_parsed_and_are_paid_for() {
    let said = |finish, content, refusal| told(read, 200, &answer(finish, content, refusal)).unwrap();
    assert_eq!(said("stop", r#""{\"name\":\"Acme\"}""#, "null").answer, Said::Json(json!({"name": "Acme"})));
    assert_eq!(said("stop", "null", r#""I cannot.""#).answer, Said::Refused);
    assert_eq!(said("length", r#""{\"name\":\"Ac""#, "null").answer, Said::CutOff);
    assert_eq!(said("stop", r#""not json""#, "null").answer, Said::CutOff);
    let charge = said("length", r#""{""#, "null").charge;
    assert_eq!((charge.tokens_input, charge.tokens_output, charge.usd.to_string()), (58, 7, "0.0000129".to_owned()));
}

#[test]
fn the_worst_case_is_never_below_what_a_text_can_come_to() {
    let chat = chat(CHAT_MODEL);
    let worst = chat.worst_case(&Prices::default()).unwrap();
    assert!(worst.tokens_input >= (chat.instructions.len() + chat.input.len()) as u64, "a token is at least a byte");
    assert_eq!(worst.tokens_output, 100);
    assert!(Chat { model: "unheard-of".to_owned(), ..chat }.worst_case(&Prices::default()).is_err());
}

#[test]
fn an_answer_that_does_not_say_what_it_took_is_charged_at_its_most() {
    let chat = chat(CHAT_MODEL);
    let silent = r#"{"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}"#;
    assert_eq!(told(read, 200, silent).unwrap().charge, chat.worst_case(&Prices::default()).unwrap());
    let embed = Embed::new(EMBEDDING_MODEL, "Moves freight.");
    let silent = r#"{"data": [{"embedding": [0.6, 0.8]}]}"#;
    let vector = told(|reply| embed.read(reply, &Prices::default()), 200, silent).unwrap();
    assert_eq!(vector.charge, embed.worst_case(&Prices::default()).unwrap());
}

#[test]
fn reasoning_models_are_not_told_a_temperature() {
    assert_eq!(chat("gpt-4o-mini").body()["temperature"], 0);
    assert!(chat("gpt-5.4-mini").body().get("temperature").is_none());
    assert_eq!(chat("gpt-4o-mini").body()["seed"], SEED);
    assert_eq!(chat("gpt-4o-mini").body()["response_format"]["json_schema"]["strict"], true);
}
