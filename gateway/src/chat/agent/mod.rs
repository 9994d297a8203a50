//! The agent: a line of text to a typed command, shown back before anything changes, then carried out as the caller.
//!
//! - [`Agent::hear`]: a line in, an [`Answer`] out
//! - `plan`: what a changing command would do, in words, and what waits for a yes
//! - `carry`: what happens after it
//! - `suppress`: whom not to contact
//! - `look`: commands that only read

mod carry;
mod look;
mod plan;
mod suppress;

use presdr_events::{CompanyId, RunId};
use presdr_rules::chat::{self, Command, PageWish, Reading};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::block::Block;
use crate::{
    Gateway, Problem,
    identity::{Caller, roles::Permission},
};

/// Answers one caller.
pub struct Agent<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) caller: &'a Caller,
}

/// What the agent says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// In order.
    pub blocks: Vec<Block>,
    /// What waits for a yes.
    pub pending: Option<Pending>,
    /// A run whose progress belongs to the answer.
    pub follow: Option<RunId>,
}

/// A change that was shown back and waits for a yes. Holds ids, no names of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Pending {
    /// Set the profile to this document.
    SetIcp {
        /// Whole.
        document: Value,
    },
    /// Start a run.
    StartRun {
        /// At most so many leads.
        cap: Option<u32>,
    },
    /// Start a run of these companies.
    Reenrich {
        /// Which.
        companies: Vec<CompanyId>,
        /// Pages to read beside the usual choice.
        include: Vec<String>,
    },
    /// Contact this no more.
    Suppress {
        /// What, under the tenant's key: it may name a person.
        sealed: String,
    },
    /// Steer a run.
    Steer {
        /// Which.
        run_id: RunId,
        /// Where.
        course: Course,
    },
}

/// Where a run is steered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Admit no more leads.
    Pause,
    /// Admit leads again.
    Resume,
    /// End it with what it has.
    Cancel,
}

impl Pending {
    /// What its caller must be allowed to do.
    fn permission(&self) -> Permission {
        match self {
            Self::SetIcp { .. } => Permission::EditIcp,
            Self::Reenrich { .. } => Permission::Enrich,
            Self::Suppress { .. } => Permission::Suppress,
            Self::StartRun { .. } | Self::Steer { .. } => Permission::SteerRuns,
        }
    }

    fn pages(include: &[String]) -> Vec<PageWish> {
        include.iter().filter_map(|name| PageWish::named(name)).collect()
    }
}

impl Answer {
    fn text(text: impl Into<String>) -> Self {
        Self { blocks: vec![Block::Text(text.into())], pending: None, follow: None }
    }
}

const HOW_TO_GO_ON: &str = "Say **yes** to go on, or **no** to leave everything as it is.";

impl Agent<'_> {
    /// Answers a line. `pending` is what the answer before it left waiting; another command than yes drops it.
    ///
    /// # Errors
    /// What the database or the broker says.
    pub async fn hear(&self, line: &str, pending: Option<Pending>) -> Result<Answer, Problem> {
        match chat::read(line) {
            Reading::Wrong(wrong) => Ok(Answer::text(wrong)),
            Reading::Unknown(nearest) => Ok(Answer::text(not_understood(&nearest))),
            Reading::Understood(Command::Confirm) => match pending {
                Some(pending) => self.confirmed(pending).await,
                None => Ok(Answer::text("There is nothing that waits for a yes.")),
            },
            Reading::Understood(Command::Decline) => Ok(Answer::text(match pending {
                Some(_) => "Nothing was changed.",
                None => "There is nothing that waits for an answer.",
            })),
            Reading::Understood(command) if command.changes() => self.propose(&command).await,
            Reading::Understood(command) => self.look(command).await,
        }
    }

    /// Shows a change back.
    async fn propose(&self, command: &Command) -> Result<Answer, Problem> {
        if !self.caller.may(permission(command)) {
            return Ok(Answer::text(format!("{command}: your role does not allow this.")));
        }
        let planned = self.plan(command).await?;
        Ok(match planned {
            Ok((shown, pending)) => {
                Answer { pending: Some(pending), ..Answer::text(format!("{shown}\n\n{HOW_TO_GO_ON}")) }
            }
            Err(instead) => Answer::text(instead),
        })
    }

    async fn confirmed(&self, pending: Pending) -> Result<Answer, Problem> {
        // Whoever was allowed to ask may be no more.
        if !self.caller.may(pending.permission()) {
            return Ok(Answer::text("Your role does not allow this any more; nothing was changed."));
        }
        self.carry_out(pending).await
    }
}

fn permission(command: &Command) -> Permission {
    match command {
        Command::ChangeIcp(_) => Permission::EditIcp,
        Command::Reenrich { .. } => Permission::Enrich,
        Command::StartRun { .. } | Command::PauseRun(_) | Command::ResumeRun(_) | Command::CancelRun(_) => {
            Permission::SteerRuns
        }
        Command::Suppress(_) => Permission::Suppress,
        _ => Permission::Read,
    }
}

fn not_understood(nearest: &[&str]) -> String {
    let examples: Vec<String> = nearest.iter().map(|example| format!("- {example}")).collect();
    format!("I did not understand that. The nearest that I do:\n\n{}\n\nSay **help** for all.", examples.join("\n"))
}
