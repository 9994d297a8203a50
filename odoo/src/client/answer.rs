//! Reading what came back: the answer itself, or which fault it is.

use serde_json::Value;

use super::{
    Fault, Told,
    fault::{self, of_class},
    wire::Received,
};

/// A 404 has three meanings: no such database is told in HTML, the others in JSON with the name of a class.
pub(super) fn json2(told: &Told, received: &Received) -> Result<Value, Fault> {
    let body: Option<Value> = received.is_json.then(|| serde_json::from_slice(&received.body).ok()).flatten();
    if (200..300).contains(&received.status) {
        return body.ok_or_else(|| fault::not_understood(told));
    }
    let said = |key: &str| body.as_ref().and_then(|body| body[key].as_str()).unwrap_or("");
    if let Some(fault) = of_class(said("name"), said("message"), told) {
        return Err(fault);
    }
    Err(match received.status {
        300..=399 => fault::elsewhere(),
        401 => fault::key_refused(),
        403 => fault::no_right(told),
        404 => fault::no_database(),
        400 | 405 | 406 | 413 | 415 | 422 => Fault::Refused(format!("status {} to {told}", received.status)),
        status => Fault::Retry(format!("status {status} to {told}")),
    })
}

/// JSON-RPC answers 200 whatever happened, unless something in front of it does not let us through.
pub(super) fn jsonrpc(told: &Told, received: &Received) -> Result<Value, Fault> {
    let body: Option<Value> = received.is_json.then(|| serde_json::from_slice(&received.body).ok()).flatten();
    let Some(mut body) = body.filter(|_| (200..300).contains(&received.status)) else {
        return Err(match received.status {
            200..=299 => fault::not_understood(told),
            300..=399 => fault::elsewhere(),
            401 | 403 | 404 | 405 => fault::not_understood(told),
            status => Fault::Retry(format!("status {status} to {told}")),
        });
    };
    if let Some(error) = body.get("error") {
        let said = |key: &str| error["data"][key].as_str().unwrap_or("");
        let class = said("name");
        return Err(of_class(class, said("message"), told)
            .unwrap_or_else(|| Fault::Retry(format!("{} in {told}", fault::class_name(class)))));
    }
    // `None` in Python is no result at all.
    Ok(body.get_mut("result").map(Value::take).unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOLD: Told = Told { model: "res.partner", method: "load" };

    fn error(status: u16, name: &str, message: &str) -> Fault {
        let body = json!({ "name": name, "message": message, "debug": "Traceback: jane@acme.example" });
        let received = Received { status, is_json: true, body: body.to_string().into_bytes() };
        json2(&TOLD, &received).unwrap_err()
    }

    fn rpc_error(name: &str, message: &str) -> Fault {
        let data = json!({ "name": name, "message": message, "debug": "jane@acme.example" });
        let body =
            json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 0, "message": "Odoo Server Error", "data": data } });
        let received = Received { status: 200, is_json: true, body: body.to_string().into_bytes() };
        jsonrpc(&TOLD, &received).unwrap_err()
    }

    /// Every row of the table of what Odoo 19 answers.
    #[test]
    fn every_way_to_fail_is_told_apart() {
        let fix = |fault: &Fault, word: &str| {
            assert!(matches!(fault, Fault::FixNeeded { .. }) && fault.to_string().contains(word), "{fault}");
        };
        fix(&error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey"), "API key");
        fix(
            &error(403, "odoo.exceptions.AccessError", "You are not allowed to create 'Contact'"),
            "Contact / Creation",
        );
        fix(&error(404, "werkzeug.exceptions.NotFound", "the model 'crm.lead' does not exist"), "does not know");
        let html = Received { status: 404, is_json: false, body: b"<!doctype html>No database is selected".to_vec() };
        fix(&json2(&TOLD, &html).unwrap_err(), "database");
        let page = Received { status: 200, is_json: false, body: b"<!doctype html>".to_vec() };
        fix(&json2(&TOLD, &page).unwrap_err(), "address");
        let moved = Received { status: 308, is_json: false, body: Vec::new() };
        fix(&json2(&TOLD, &moved).unwrap_err(), "redirects");
        assert_eq!(error(404, "odoo.exceptions.MissingError", "Record does not exist"), Fault::Missing);
        let refused = |fault: &Fault| assert!(matches!(fault, Fault::Refused(_)), "{fault}");
        refused(&error(422, "odoo.exceptions.ValidationError", "Contacts require a name"));
        refused(&error(422, "werkzeug.exceptions.UnprocessableEntity", "missing a required argument: 'domain'"));
        let failed = |fault: &Fault| assert!(matches!(fault, Fault::Failed(_)) && !fault.is_transient(), "{fault}");
        failed(&error(500, "builtins.ValueError", "Invalid field 'nope' in 'res.partner'"));
        failed(&error(500, "builtins.AttributeError", "'bool' object has no attribute 'lower'"));
        refused(&error(400, "werkzeug.exceptions.BadRequest", ""));
        let again = |fault: &Fault| assert!(fault.is_transient(), "{fault}");
        again(&error(500, "psycopg2.errors.SerializationFailure", "could not serialize access"));
        again(&error(500, "some.other.Error", "x"));
        for status in [429, 502, 503, 504] {
            let html = Received { status, is_json: false, body: b"<html>".to_vec() };
            again(&json2(&TOLD, &html).unwrap_err());
        }
    }

    #[test]
    fn json_rpc_fails_in_the_same_ways() {
        assert!(matches!(rpc_error("odoo.exceptions.AccessDenied", "Access Denied"), Fault::FixNeeded { .. }));
        assert!(matches!(rpc_error("odoo.exceptions.AccessError", "x"), Fault::FixNeeded { .. }));
        let no_database =
            r#"connection to server at "10.0.0.5", port 5432 failed: FATAL:  database "x" does not exist"#;
        let fault = rpc_error("psycopg2.OperationalError", no_database);
        assert!(matches!(fault, Fault::FixNeeded { .. }) && !fault.to_string().contains("10.0.0.5"), "{fault}");
        assert!(rpc_error("psycopg2.OperationalError", "connection refused").is_transient());
        assert_eq!(rpc_error("odoo.exceptions.MissingError", "x"), Fault::Missing);
        assert!(matches!(rpc_error("builtins.ValueError", "x"), Fault::Failed(_)));
    }

    #[test]
    fn what_odoo_says_is_never_told() {
        for fault in [
            error(422, "odoo.exceptions.ValidationError", "jane@acme.example is wrong"),
            error(500, "a jane@acme.example b", "jane@acme.example"),
            rpc_error("odoo.exceptions.UserError", "jane@acme.example"),
        ] {
            assert!(!fault.to_string().contains('@'), "{fault}");
        }
    }
}
