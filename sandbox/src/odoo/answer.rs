//! Errors, as Odoo tells them.

use serde_json::{Value, json};

/// An error of Odoo's, with the status that JSON-2 gives it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub status: u16,
    pub class: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(status: u16, class: &'static str, message: impl Into<String>) -> Self {
        Self { status, class, message: message.into() }
    }

    pub fn unauthorized(message: &str) -> Self {
        Self::new(401, "werkzeug.exceptions.Unauthorized", message)
    }

    pub fn denied(verb: &str, model: &str) -> Self {
        let label = if model == "res.partner" { "Contact" } else { model };
        let message = format!("You are not allowed to {verb} '{label}' ({model}) records.");
        Self::new(403, "odoo.exceptions.AccessError", message)
    }

    pub fn no_model(model: &str) -> Self {
        Self::new(404, "werkzeug.exceptions.NotFound", format!("the model '{model}' does not exist"))
    }

    pub fn no_method(model: &str, method: &str) -> Self {
        Self::new(404, "werkzeug.exceptions.NotFound", format!("the method '{model}.{method}' does not exist"))
    }

    pub fn missing(model: &str, id: i64) -> Self {
        let message = format!("Record does not exist or has been deleted.\n(Record: {model}({id},), User: 5)");
        Self::new(404, "odoo.exceptions.MissingError", message)
    }

    pub fn argument(name: &str) -> Self {
        let message = format!("missing a required argument: '{name}'");
        Self::new(422, "werkzeug.exceptions.UnprocessableEntity", message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(422, "odoo.exceptions.ValidationError", message)
    }

    pub fn no_field(field: &str, model: &str) -> Self {
        Self::new(500, "builtins.ValueError", format!("Invalid field '{field}' in '{model}'"))
    }

    pub fn no_argument(what: &str) -> Self {
        Self::new(500, "builtins.AttributeError", what)
    }

    /// The body of an error: the traceback is there, as it is in the real one.
    pub fn body(&self) -> Value {
        json!({
            "name": self.class, "message": self.message, "arguments": [self.message], "context": {},
            "debug": format!("Traceback (most recent call last):\n{}: {}", self.class, self.message),
        })
    }
}
