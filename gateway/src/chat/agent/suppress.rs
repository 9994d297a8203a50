//! Whom not to contact. An address waits for its yes under the tenant's key, since what waits is kept.

use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_producers::suppressions::{Given, ListKind};
use presdr_rules::chat::{Command, Suppressed};
use presdr_store::threads;
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
enum Meant {
    Email(String),
    Domain(String),
    Company(String),
}

impl Meant {
    fn given(&self) -> Result<Given, String> {
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
        let plain = serde_json::to_vec(&meant).map_err(|_| Problem::internal())?;
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let sealed = threads::seal(&mut tx, &self.gateway.desk().keyring(), &plain).await?;
        Ok(Ok((shown, Pending::Suppress { sealed: STANDARD.encode(sealed) })))
    }

    /// What was sealed when it was asked for.
    pub(super) async fn opened(&self, sealed: &str) -> Result<Given, Problem> {
        let sealed = STANDARD.decode(sealed).map_err(|_| Problem::internal())?;
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let plain = threads::open(&mut tx, &self.gateway.desk().keyring(), &sealed).await?;
        let meant: Meant = serde_json::from_slice(&plain).map_err(|_| Problem::internal())?;
        meant.given().map_err(Problem::unprocessable)
    }
}
