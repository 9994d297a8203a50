//! `presdr run`: starting, watching and steering a tenant's runs.

mod view;
mod watch;

use std::{process::ExitCode, str::FromStr, time::Duration};

use anyhow::bail;
use clap::{Args, Subcommand};
use presdr_events::{CompanyId, RunId, TenantId};
use presdr_producers::{
    companies::{self, Named},
    runs::{self, StartedRun},
};
use presdr_rules::chat::{PageWish, company::Which};
use presdr_store::tenants;
use serde_json::json;

use crate::{config::Config, output::Output, session::Session};
use view::View;

/// `presdr run start --tenant acme --cap 50 --wait`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start a run now
    Start {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// At most so many leads [default: the tenant's daily cap]
        #[arg(long, value_name = "N")]
        cap: Option<u32>,
        /// Only this company, by its name or UEN, whatever the profile says of it; may be given several times
        #[arg(long, value_name = "NAME|UEN", conflicts_with = "cap")]
        company: Vec<String>,
        /// With --company: kinds of pages to read beside the usual choice, such as careers
        #[arg(long, value_name = "PAGES", value_delimiter = ',', requires = "company", value_parser = page_wish)]
        include: Vec<PageWish>,
        /// Wait until it is over, with its progress
        #[arg(long)]
        wait: bool,
        /// Stop waiting once the run has stood still for so many seconds without any worker
        #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
        patience: u64,
    },
    /// Show a run: its leads, stages, degraded reasons and alerts
    Show(OneRun),
    /// List a tenant's newest runs
    List {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        top: u32,
    },
    /// Admit no more leads; those in flight go on
    Pause(Steered),
    /// Admit leads again
    Resume(Steered),
    /// End a run with what it has
    Cancel(Steered),
}

#[derive(Debug, Args)]
struct OneRun {
    /// Whose
    #[arg(long, value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// The run's id
    #[arg(value_parser = RunId::from_str)]
    run: RunId,
}

#[derive(Debug, Args)]
struct Steered {
    #[command(flatten)]
    of: OneRun,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Does what was asked.
///
/// # Errors
/// When it is refused, or a server cannot be reached.
pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let session = Session::open(config).await?;
    let done = match command.what {
        What::Start { tenant, cap, company, include, wait, patience } => {
            let wait = wait.then(|| Duration::from_secs(patience));
            match begin(&session, &tenant, cap, &company, &include).await {
                Ok(started) => follow(&session, &tenant, started, wait, output).await,
                Err(error) => Err(error),
            }
        }
        What::Show(OneRun { tenant, run }) => show(&session, &tenant, run, output).await,
        What::List { tenant, top } => list(&session, &tenant, top, output).await,
        What::Pause(steered) => steer(&session, steered, Course::Pause, output).await,
        What::Resume(steered) => steer(&session, steered, Course::Resume, output).await,
        What::Cancel(steered) => steer(&session, steered, Course::Cancel, output).await,
    };
    session.end().await;
    done.map(|()| ExitCode::SUCCESS)
}

/// A kind of pages by its name.
fn page_wish(text: &str) -> Result<PageWish, String> {
    let all = PageWish::ALL.map(PageWish::as_str).join(", ");
    PageWish::named(text).ok_or_else(|| format!("the kinds of pages are {all}"))
}

async fn begin(
    session: &Session,
    tenant: &TenantId,
    cap: Option<u32>,
    companies: &[String],
    include: &[PageWish],
) -> anyhow::Result<StartedRun> {
    if companies.is_empty() {
        return Ok(runs::start(&session.desk, tenant, cap).await?);
    }
    let mut tx = tenants::enter_active(session.desk.database(), tenant).await?;
    let mut ids = Vec::new();
    for written in companies {
        ids.push(the_one(written, companies::find(&mut tx, written).await?)?);
    }
    drop(tx);
    Ok(runs::start_named(&session.desk, tenant, &ids, include).await?)
}

fn the_one(written: &str, found: Which<Named>) -> anyhow::Result<CompanyId> {
    match found {
        Which::One(company) => Ok(company.id),
        Which::Several(several) => {
            let told = several.iter().map(|one| format!("{} ({})", one.name, one.uen.as_deref().unwrap_or("no UEN")));
            bail!("{written:?} fits several companies; name one by its UEN: {}", told.collect::<Vec<_>>().join(", "))
        }
        Which::None => {
            bail!("no company seen, listed or fitting the profile is called {written:?}; name it by its UEN")
        }
    }
}

async fn follow(
    session: &Session,
    tenant: &TenantId,
    started: StartedRun,
    wait: Option<Duration>,
    output: &Output,
) -> anyhow::Result<()> {
    if let Some(patience) = wait {
        watch::until_over(session, tenant, started.run, patience).await?;
        return show(session, tenant, started.run, output).await;
    }
    let run = started.run;
    let answer = json!({ "tenant": tenant, "run_id": run, "sequence": started.sequence });
    output.answer(&answer, |_| format!("run {run} is started; to follow it: presdr run show --tenant {tenant} {run}"))
}

async fn show(session: &Session, tenant: &TenantId, run: RunId, output: &Output) -> anyhow::Result<()> {
    let run = runs::show(&session.desk, tenant, run).await?;
    let view = View::read(session.desk.database(), tenant, run).await?;
    output.answer(&view, View::told)
}

async fn list(session: &Session, tenant: &TenantId, top: u32, output: &Output) -> anyhow::Result<()> {
    let runs = runs::list(&session.desk, tenant, i64::from(top)).await?;
    let objects: Vec<_> = runs.iter().map(|run| view::object(&run.into())).collect();
    output.answer(&objects, |_| view::table(&runs, tenant))
}

/// Where a run is steered.
#[derive(Clone, Copy)]
enum Course {
    Pause,
    Resume,
    Cancel,
}

async fn steer(session: &Session, steered: Steered, course: Course, output: &Output) -> anyhow::Result<()> {
    let Steered { of: OneRun { tenant, run }, reason } = steered;
    let desk = &session.desk;
    let (status, sequence) = match course {
        Course::Pause => ("paused", runs::pause(desk, &tenant, run, reason).await?),
        Course::Resume => ("open", runs::resume(desk, &tenant, run, reason).await?),
        Course::Cancel => ("cancelled", runs::cancel(desk, &tenant, run, reason).await?),
    };
    let answer = json!({ "tenant": tenant, "run_id": run, "status": status, "sequence": sequence });
    output.answer(&answer, |_| format!("run {run} is {status}"))
}
