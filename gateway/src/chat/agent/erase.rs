//! Whom to forget: what will happen is shown first, and a yes ends in the same request as `POST /erasures`.

use presdr_events::Clear;
use presdr_producers::erasures;
use presdr_rules::chat::Command;
use presdr_store::erasure_requests::Meant;

use super::{Agent, Pending, plan::Planned};
use crate::Problem;

const WHAT_HAPPENS: &str = "That is for good. Their key is destroyed, so that nothing that the log holds of them opens again; their addresses, \
    contacts and numbers, bought answers, pages and what conversations say of them are removed, in Odoo, too. Keyed hashes stay, so that they are \
    not found again. The receipt tells how much there was.";

impl Agent<'_> {
    pub(super) async fn plan_erasure(&self, address: &Clear<String>) -> Result<Planned, Problem> {
        if address.0.contains('*') {
            return Ok(Err("Write the whole address again: it was not kept.".to_owned()));
        }
        match erasures::read(Meant { emails: vec![address.0.clone()], ..Meant::default() }) {
            Ok(meant) => {
                let shown = format!("{}. {WHAT_HAPPENS}", Command::Erase(address.clone()));
                Ok(Ok((shown, Pending::Erase { sealed: self.sealed(&meant).await? })))
            }
            Err(_) => Ok(Err("That is no e-mail address.".to_owned())),
        }
    }
}
