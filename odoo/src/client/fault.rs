//! In which ways an Odoo fails, in our own words: what it says may name people, its traceback may hold anything.

use super::Told;

/// Why a call did not do what it should. Holds nothing that Odoo said but the names of its error classes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The same call may succeed later.
    #[error("Odoo cannot be asked now: {0}")]
    Retry(String),
    /// What was sent is refused, and would be again.
    #[error("Odoo refuses what it was sent: {0}")]
    Refused(String),
    /// It fails at what it was sent as programs fail: at that alone, or at whatever it is sent.
    #[error("Odoo fails at what it was sent: {0}")]
    Failed(String),
    /// A record that was to be written or read is not there any more.
    #[error("a record is not in Odoo any more")]
    Missing,
    /// Somebody has to change something first.
    #[error("{what}: {cure}")]
    FixNeeded {
        /// What is wrong.
        what: String,
        /// What cures it.
        cure: String,
    },
}

impl Fault {
    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Retry(_))
    }
}

fn fix(what: String, cure: impl Into<String>) -> Fault {
    Fault::FixNeeded { what, cure: cure.into() }
}

pub(super) fn key_refused() -> Fault {
    fix(
        "Odoo refuses the API key".to_owned(),
        "make a new one for the service account (Preferences, Security, New API Key) and run `presdr odoo connect` with it",
    )
}

pub(super) fn no_database() -> Fault {
    fix(
        "Odoo has no such database, or is older than version 19".to_owned(),
        "give the database's exact name, and --flavour jsonrpc for Odoo 16 to 18",
    )
}

pub(super) fn no_right(told: &Told) -> Fault {
    fix(format!("the service account may not call {told}"), cure_of_right(told.model))
}

/// Which right cures a refusal, in Odoo's own words for its groups.
fn cure_of_right(model: &str) -> &'static str {
    match model {
        "crm.lead" => "give it Sales / User: All Documents",
        "ir.model" | "ir.model.fields" => {
            "give it Access Rights (base.group_erp_manager), or a group of its own that may read ir.model and read, write and create \
             ir.model.fields, until the fields are there"
        }
        _ => "give it Contact / Creation",
    }
}

pub(super) fn no_method(told: &Told) -> Fault {
    fix(format!("Odoo does not know {told}"), "install the module that has it (crm for leads), or check Odoo's version")
}

pub(super) fn elsewhere() -> Fault {
    fix("Odoo sends us elsewhere".to_owned(), "give the address that it redirects to, with https")
}

pub(super) fn not_understood(told: &Told) -> Fault {
    fix(
        format!("what answers {told} does not answer as an Odoo does"),
        "check the address: it must lead to Odoo itself, without a page in between",
    )
}

/// Which fault an error class of Odoo's is. `None` for one that says nothing of its own.
pub(super) fn of_class(class: &str, message: &str, told: &Told) -> Option<Fault> {
    let refused = || Some(Fault::Refused(format!("{} in {told}", class_name(class))));
    match class {
        "odoo.exceptions.AccessDenied" | "werkzeug.exceptions.Unauthorized" => Some(key_refused()),
        "odoo.exceptions.AccessError" | "werkzeug.exceptions.Forbidden" => Some(no_right(told)),
        "odoo.exceptions.MissingError" => Some(Fault::Missing),
        "werkzeug.exceptions.NotFound" => Some(no_method(told)),
        "odoo.exceptions.ValidationError"
        | "odoo.exceptions.UserError"
        | "odoo.exceptions.RedirectWarning"
        | "werkzeug.exceptions.UnprocessableEntity"
        | "werkzeug.exceptions.BadRequest" => refused(),
        "builtins.ValueError" | "builtins.TypeError" | "builtins.AttributeError" | "builtins.KeyError" => {
            Some(Fault::Failed(format!("{} in {told}", class_name(class))))
        }
        // JSON-RPC says this of a database that is not there, and of one that is away.
        "psycopg2.OperationalError" if message.contains("does not exist") => Some(no_database()),
        _ if is_collision(class) || is_collision(message) => {
            Some(Fault::Retry("two transactions met in Odoo".to_owned()))
        }
        _ if class.starts_with("psycopg2.") => {
            Some(Fault::Retry(format!("its database failed: {}", class_name(class))))
        }
        _ => None,
    }
}

/// Whether Odoo's words tell of transactions that met: it would have to be asked again.
pub(crate) fn is_collision(words: &str) -> bool {
    [
        "could not serialize",
        "SerializationFailure",
        "deadlock detected",
        "DeadlockDetected",
        "LockNotAvailable",
        "ConcurrencyError",
    ]
    .iter()
    .any(|known| words.contains(known))
}

/// A class's name as it is; anything that is none is not repeated.
pub(super) fn class_name(class: &str) -> &str {
    let is_name = class.contains('.')
        && class.len() <= 80
        && class.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.'));
    if is_name { class } else { "an error of no known class" }
}
