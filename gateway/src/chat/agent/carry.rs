//! Carrying out what was confirmed, as the caller.

use presdr_producers::{CommandError, erasures, icp, odoo, runs, suppressions};
use presdr_rules::icp::IcpDocument;

use super::{Agent, Answer, Course, Pending, suppress::Meant};
use crate::Problem;

impl Agent<'_> {
    pub(super) async fn carry_out(&self, pending: Pending) -> Result<Answer, Problem> {
        match self.done(pending).await {
            Ok(answer) => Ok(answer),
            // What is not possible as things are is an answer, not a fault.
            Err(Undone::Command(CommandError::Refused(why))) => Ok(Answer::text(why)),
            Err(Undone::Command(CommandError::Icp(errors))) => Ok(Answer::text(errors.to_string())),
            Err(Undone::Command(error)) => Err(error.into()),
            Err(Undone::Problem(problem)) => Err(problem),
        }
    }

    async fn done(&self, pending: Pending) -> Result<Answer, Undone> {
        let (tenant, desk) = (&self.caller.tenant, self.gateway.desk_of(self.caller).await?);
        match pending {
            Pending::SetIcp { document, version } => {
                // What others changed meanwhile is not in what was shown.
                if icp::show(&desk, tenant).await?.map_or(0, |(newest, _)| newest) != version {
                    return Ok(Answer::text("The ICP was changed meanwhile, so nothing was changed. Say it again."));
                }
                let set = icp::set(&desk, tenant, &document.to_string()).await?;
                let checked: IcpDocument = serde_json::from_value(document).map_err(|_| Problem::internal())?;
                let next = self.next_run(&checked);
                Ok(Answer::text(format!("The ICP is set, version {}. {next}", set.version)))
            }
            Pending::StartRun { cap } => {
                let started = runs::start(&desk, tenant, cap).await?;
                Ok(Answer { follow: Some(started.run), ..Answer::text(format!("Run {} is started.", started.run)) })
            }
            Pending::Reenrich { companies, include } => {
                let started = runs::start_named(&desk, tenant, &companies, &Pending::pages(&include)).await?;
                Ok(Answer { follow: Some(started.run), ..Answer::text(format!("Run {} is started.", started.run)) })
            }
            Pending::Push { run_id } => {
                odoo::request_sync(&desk, tenant, run_id).await?;
                let text = "It is being written to Odoo; what became of each company is in `presdr odoo status` and in the log.";
                Ok(Answer::text(text))
            }
            Pending::Suppress { sealed } => {
                let given = self.opened::<Meant>(&sealed).await?.given().map_err(Problem::unprocessable)?;
                let added = suppressions::add(&desk, tenant, &[given]).await?;
                Ok(Answer::text(match added.known {
                    0 => {
                        "It is on the suppression list: nobody there is contacted, and what was found leaves the read models."
                    }
                    _ => "It was on the suppression list already.",
                }))
            }
            Pending::Erase { sealed } => {
                let id = erasures::ask(&desk, tenant, &self.opened(&sealed).await?).await?;
                Ok(Answer::text(format!(
                    "It is asked for, and done within seconds as a rule. `GET /erasures/{id}` tells how far it is, and then its receipt."
                )))
            }
            Pending::Steer { run_id, course } => {
                let (done, _) = match course {
                    Course::Pause => ("paused", runs::pause(&desk, tenant, run_id, None).await?),
                    Course::Resume => ("resumed", runs::resume(&desk, tenant, run_id, None).await?),
                    Course::Cancel => ("cancelled", runs::cancel(&desk, tenant, run_id, None).await?),
                };
                Ok(Answer::text(format!("Run {run_id} is {done}.")))
            }
        }
    }
}

enum Undone {
    Command(CommandError),
    Problem(Problem),
}

impl From<CommandError> for Undone {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
