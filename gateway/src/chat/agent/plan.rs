//! What a changing command would do, in words.

use chrono::FixedOffset;
use presdr_consumers::candidates::Preview;
use presdr_events::RunId;
use presdr_producers::{
    companies::{self, Named},
    icp, schedule,
};
use presdr_rules::{
    chat::{Command, IcpChanges, company::Which, explained::cell, redact},
    icp::IcpDocument,
};
use presdr_store::runs;

use super::{Agent, Course, Pending};
use crate::Problem;

/// What is shown and waits for a yes; or what is said instead.
pub(super) type Planned = Result<(String, Pending), String>;

const SINGAPORE_SECONDS: i32 = 8 * 3600;

impl Agent<'_> {
    pub(super) async fn plan(&self, command: &Command) -> Result<Planned, Problem> {
        match command {
            Command::ChangeIcp(changes) => self.plan_icp(command, changes).await,
            Command::StartRun { cap } => Ok(Ok((command.to_string(), Pending::StartRun { cap: *cap }))),
            Command::Reenrich { company, include } => {
                let include: Vec<String> = include.iter().map(|page| page.as_str().to_owned()).collect();
                Ok(self.the_company(company).await?.map(|named| {
                    let pages = if include.is_empty() {
                        String::new()
                    } else {
                        format!(", reading its pages on {}", include.join(", "))
                    };
                    let shown = format!("Visit the site of {} again and score it anew{pages}", told(&named));
                    (shown, Pending::Reenrich { companies: vec![named.id], include })
                }))
            }
            Command::Suppress(suppressed) => self.plan_suppression(suppressed).await,
            Command::Erase(address) => self.plan_erasure(address).await,
            Command::PushShortlist(day) => self.plan_push(*day).await,
            Command::PauseRun(run) => self.plan_course(*run, Course::Pause, "Pause").await,
            Command::ResumeRun(run) => self.plan_course(*run, Course::Resume, "Resume").await,
            Command::CancelRun(run) => self.plan_course(*run, Course::Cancel, "Cancel").await,
            other => Ok(Err(format!("{other}: this cannot be done from the chat."))),
        }
    }

    /// The company that is meant, or a question which.
    pub(super) async fn the_company(&self, written: &str) -> Result<Result<Named, String>, Problem> {
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        Ok(match companies::find(&mut tx, written).await? {
            Which::One(named) => Ok(named),
            Which::Several(several) => {
                let lines: Vec<String> = several.iter().map(|named| format!("- {}", told(named))).collect();
                Err(format!("Which of these do you mean? Say it again with the UEN.\n\n{}", lines.join("\n")))
            }
            Which::None => Err(format!(
                "I know no company called {}: none that was looked at, is on your list or fits your ICP.",
                cell(written)
            )),
        })
    }

    async fn plan_icp(&self, command: &Command, changes: &IcpChanges) -> Result<Planned, Problem> {
        let tenant = &self.caller.tenant;
        let (version, present) = match icp::show(self.gateway.desk(), tenant).await? {
            Some((version, document)) => (version, serde_json::from_value(document).map_err(|_| Problem::internal())?),
            None => (0, IcpDocument::default()),
        };
        let told = command.to_string();
        if redact(&told) != told {
            return Ok(Err("A profile names no addresses and numbers of people. Say it without them.".to_owned()));
        }
        let document = serde_json::to_value(changes.merge_into(&present)).map_err(|_| Problem::internal())?;
        let checked = match icp::check(self.gateway.desk(), tenant, &document.to_string()).await {
            Ok(checked) => checked,
            Err(presdr_producers::CommandError::Icp(errors)) => return Ok(Err(errors.to_string())),
            Err(error) => return Err(error.into()),
        };
        let preview = self.gateway.preview(tenant, &checked).await?;
        let shown = format!("{told}.\n\n{}\n\n{}", matches(&preview), self.next_run(&checked));
        Ok(Ok((shown, Pending::SetIcp { document, version })))
    }

    /// When the schedule of a profile starts the next run.
    pub(super) fn next_run(&self, document: &IcpDocument) -> String {
        let next = schedule::next(document.schedule, &self.caller.tenant, self.gateway.desk().now());
        match (next, FixedOffset::east_opt(SINGAPORE_SECONDS)) {
            (Some(next), Some(singapore)) => {
                format!(
                    "The next nightly run starts at {} (Singapore).",
                    next.with_timezone(&singapore).format("%F %H:%M")
                )
            }
            _ => "Runs start on request only.".to_owned(),
        }
    }

    async fn plan_course(&self, run: Option<RunId>, course: Course, verb: &str) -> Result<Planned, Problem> {
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        let held = match run {
            Some(run) => runs::get(&mut tx, run).await?,
            None => runs::list(&mut tx, 1).await?.into_iter().next(),
        };
        Ok(match held {
            None => Err("There is no such run.".to_owned()),
            Some(held) if held.finished_at.is_some() => Err(format!("Run {} is over: it is {}.", held.id, held.status)),
            Some(held) => {
                let shown = format!("{verb} run {}, which is {}", held.id, held.status);
                Ok((shown, Pending::Steer { run_id: held.id, course }))
            }
        })
    }
}

pub(super) fn told(named: &Named) -> String {
    match &named.uen {
        Some(uen) => format!("{} ({})", cell(&named.name), cell(uen)),
        None => cell(&named.name),
    }
}

fn matches(preview: &Preview) -> String {
    let mut text = format!("{} of {} companies match.", preview.candidates, preview.before);
    if preview.fallback {
        text.push_str(" Nothing fits the whole profile, so these are the companies of its industries.");
    }
    if !preview.unknown_industries.is_empty() {
        let unknown: Vec<String> = preview.unknown_industries.iter().map(|industry| cell(industry)).collect();
        text.push_str(&format!(" The classification has no title for: {}.", unknown.join(", ")));
    }
    text
}
