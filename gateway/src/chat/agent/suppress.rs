//! Whom not to contact. An address waits for its yes under the tenant's key, since what waits is kept.

use presdr_producers::suppressions::{Given, ListKind};
use presdr_rules::chat::{Command, Suppressed};
use serde::{Deserialize, Serialize};

use super::{
    Agent, Pending,
    plan::{Planned, told},
};
use crate::Problem;

const REASON: &str = "asked for in the chat";

/// What is sealed.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub(super) enum Meant {
    Email(String),
    Domain(String),
    Company(String),
}

impl Meant {
    pub(super) fn given(&self) -> Result<Given, String> {
        let (kind, value) = match self {
            Self::Email(value) => (ListKind::Email, value),
            Self::Domain(value) => (ListKind::Domain, value),
            Self::Company(value) => (ListKind::Company, value),
        };
        Given::read(kind, value, REASON).map_err(|error| format!("This cannot be suppressed: {error}."))
    }
}

impl Agent<'_> {
    pub(super) async fn plan_suppression(&self, suppressed: &Suppressed) -> Result<Planned, Problem> {
        let (shown, meant) = match suppressed {
            Suppressed::Email(address) if address.0.contains('*') => {
                return Ok(Err("Write the whole address again: it was not kept.".to_owned()));
            }
            Suppressed::Email(address) => {
                (Command::Suppress(suppressed.clone()).to_string(), Meant::Email(address.0.clone()))
            }
            Suppressed::Domain(domain) => {
                (Command::Suppress(suppressed.clone()).to_string(), Meant::Domain(domain.clone()))
            }
            Suppressed::Company(written) => match self.the_company(written).await? {
                Ok(named) => (format!("Never contact {} again", told(&named)), Meant::Company(named.id.to_string())),
                Err(instead) => return Ok(Err(instead)),
            },
        };
        if let Err(wrong) = meant.given() {
            return Ok(Err(wrong));
        }
        Ok(Ok((shown, Pending::Suppress { sealed: self.sealed(&meant).await? })))
    }
}
