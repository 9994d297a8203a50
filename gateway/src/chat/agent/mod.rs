//! The agent: a line of text to a typed command, shown back before anything changes, then carried out as the caller.
//!
//! - [`Agent::hear`]: a line in, an [`Answer`] out
//! - `plan`: what a changing command would do, in words, and what waits for a yes
//! - `carry`: what happens after it
//! - `suppress`: whom not to contact
//! - `erase`: whom to forget
//! - `sealed`: what names somebody, while it waits for a yes
//! - `push`: a shortlist to Odoo
//! - `look`: commands that only read
//! - `second`: what the grammar does not know, a model may

mod carry;
mod erase;
mod look;
mod plan;
mod push;
mod sealed;
mod second;
mod suppress;

use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::{CompanyId, RunId};
use presdr_rules::chat::{self, Command, PageWish, Reading};
use presdr_store::threads;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::second::Second;
use super::block::Block;
use crate::{
    Gateway, Problem,
    identity::{Caller, roles::Permission},
};

/// Answers one caller.
pub struct Agent<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) caller: &'a Caller,
    /// The caller's opaque name.
    pub(super) owner: &'a str,
}

/// What is said in a turn.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// As it was written.
    pub text: &'a str,
    /// In which conversation.
    pub thread: Uuid,
    /// The message that says it, by its id.
    pub message: &'a str,
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
        /// The version that it was made of; 0 when there was none.
        version: u32,
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
    /// Write a run's shortlist to the tenant's Odoo.
    Push {
        /// Which.
        run_id: RunId,
    },
    /// Contact this no more.
    Suppress {
        /// What, under the tenant's key: it may name a person.
        sealed: String,
    },
    /// Erase a person.
    Erase {
        /// Whom, under the tenant's key.
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
            Self::Erase { .. } => Permission::Erase,
            Self::Push { .. } => Permission::Approve,
            Self::StartRun { .. } | Self::Steer { .. } => Permission::SteerRuns,
        }
    }

    fn pages(include: &[String]) -> Vec<PageWish> {
        include.iter().filter_map(|name| PageWish::named(name)).collect()
    }
}

impl Answer {
    /// Words of the agent's own. What they repeat of what a person wrote is kept no clearer than what was written.
    fn text(text: impl AsRef<str>) -> Self {
        Self { blocks: vec![Block::Text(chat::redact(text.as_ref()))], pending: None, follow: None }
    }
}

/// A change that was shown back, where it waits.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// In which conversation.
    pub thread: Uuid,
    /// In which of its states.
    pub checkpoint: Uuid,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What was shown back longer ago is shown again first.
const WAITS_MAX: TimeDelta = threads::NAMED_WAITS_MAX;

const HOW_TO_GO_ON: &str = "Say **yes** to go on, or **no** to leave everything as it is.";

impl Agent<'_> {
    /// Answers a line. `waiting` is what the answer before it left waiting; another line than yes drops it, and whom it names is forgotten.
    ///
    /// # Errors
    /// What the database or the broker says.
    pub async fn hear(&self, line: Line<'_>, waiting: Option<Waiting>) -> Result<Answer, Problem> {
        let reading = chat::read(line.text);
        if let Some(waiting) = waiting.filter(|_| !matches!(reading, Reading::Understood(Command::Confirm))) {
            let mut tx = self.gateway.enter(&self.caller.tenant).await?;
            threads::drop_named(&mut tx, waiting.thread, waiting.checkpoint).await?;
            tx.commit().await?;
        }
        match reading {
            Reading::Unknown(nearest) => self.hear_again(line, &nearest).await,
            reading => self.heard(reading, waiting).await,
        }
    }

    /// Answers a line that the grammar does not know: by what a model takes it for, or else with the nearest commands.
    async fn hear_again(&self, line: Line<'_>, nearest: &[&str]) -> Result<Answer, Problem> {
        match self.second(line.text, line.thread, line.message).await? {
            Second::Nothing => Ok(Answer::text(not_understood(nearest))),
            Second::Silent(why) => Ok(Answer::text(format!(
                "{}\n\n*(A model may understand more, but {why}: only the commands themselves are understood.)*",
                not_understood(nearest)
            ))),
            // What changes something is shown back anyhow.
            Second::Read(Reading::Understood(command)) if !command.changes() => {
                let mut answer = self.look(command.clone()).await?;
                answer.blocks.insert(0, Block::Text(chat::redact(&format!("*{command}:*\n\n"))));
                Ok(answer)
            }
            Second::Read(reading) => self.heard(reading, None).await,
        }
    }

    async fn heard(&self, reading: Reading, waiting: Option<Waiting>) -> Result<Answer, Problem> {
        match reading {
            Reading::Wrong(wrong) => Ok(Answer::text(wrong)),
            Reading::Unknown(nearest) => Ok(Answer::text(not_understood(&nearest))),
            Reading::Understood(Command::Confirm) => match waiting {
                Some(waiting) => self.confirmed(waiting).await,
                None => Ok(Answer::text("There is nothing that waits for a yes.")),
            },
            Reading::Understood(Command::Decline) => Ok(Answer::text(match waiting {
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

    /// Carries out what waits. It is taken first, so that of two who say yes one does it.
    async fn confirmed(&self, waiting: Waiting) -> Result<Answer, Problem> {
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let taken = threads::take_pending(&mut tx, waiting.thread, waiting.checkpoint).await?;
        tx.commit().await?;
        let Some(taken) = taken else {
            return Ok(Answer::text("You said yes to that already. Say it again to have it done again."));
        };
        if self.gateway.desk().now() - waiting.since > WAITS_MAX {
            return Ok(Answer::text("That was asked too long ago, and nothing was changed. Say it again."));
        }
        let Ok(pending) = serde_json::from_value::<Pending>(taken) else {
            return Ok(Answer::text(
                "That waited in the form of an older version, and nothing was changed. Say it again.",
            ));
        };
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
        Command::PushShortlist(_) => Permission::Approve,
        Command::Suppress(_) => Permission::Suppress,
        Command::Erase(_) => Permission::Erase,
        _ => Permission::Read,
    }
}

fn not_understood(nearest: &[&str]) -> String {
    let examples: Vec<String> = nearest.iter().map(|example| format!("- {example}")).collect();
    format!("I did not understand that. The nearest that I do:\n\n{}\n\nSay **help** for all.", examples.join("\n"))
}
