//! `presdr project rebuild`: read models anew from the first event, beside the live ones, which serve until the swap; and `presdr
//! project verify`, which compares the two instead.

use std::process::ExitCode;

use clap::Args;
use indicatif::ProgressBar;
use presdr_nats::topology::User;
use presdr_projections::{
    ProjectorConfig,
    rebuild::{self, Compared, Difference, Progress, Rebuild, RowDifference},
};
use presdr_store::{Database, Role, keys::Keyring};
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    output::{Align, Output, Table, printable, progress},
    roles::cancelled_when_asked,
};

/// Which read models.
#[derive(Debug, Args)]
pub struct Names {
    /// Only these, by their own names or a table's; all when none is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Rebuilds, or goes on with a rebuild that was stopped.
///
/// # Errors
/// When another rebuild runs, or a server cannot be reached; the live read models are untouched then.
pub async fn rebuild(names: &Names, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let workshop = Workshop::open(config).await?;
    let bar = progress::bar(0, "events");
    let rebuilt = rebuild::rebuild(workshop.work(&names.names), |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    workshop.end().await;
    let rebuilt = rebuilt?;
    let answer =
        json!({ "sequence": rebuilt.sequence, "events_read": rebuilt.read, "seconds": rebuilt.took.as_secs_f64() });
    output.answer(&answer, |_| {
        format!("the read models are made anew up to event {} in {:.1} s", rebuilt.sequence, rebuilt.took.as_secs_f64())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Compares; a difference is an answer, and the exit code says so.
///
/// # Errors
/// As [`rebuild()`], and when the live read models do not come to rest.
pub async fn verify(names: &Names, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let workshop = Workshop::open(config).await?;
    let bar = progress::bar(0, "events");
    let compared = rebuild::verify(workshop.work(&names.names), |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    workshop.end().await;
    let compared = compared?;
    output.answer(&compared, |compared| text(compared))?;
    let same = compared.iter().all(|table| table.different == 0);
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The servers, and who does what at them.
struct Workshop {
    database: DatabaseServer,
    broker: BrokerServer,
    owner: Database,
    projector: Database,
    connection: presdr_nats::Broker,
    keyring: Keyring,
    cancel: CancellationToken,
    _stopper: AbortOnDropHandle<()>,
}

impl Workshop {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let (database, broker) = tokio::try_join!(DatabaseServer::open(config), BrokerServer::open(config))?;
        let (owner, projector) = tokio::try_join!(database.connect(Role::Owner), database.connect(Role::Projector))?;
        let (connection, keyring) = (broker.connect(User::Projector).await?, database.keyring()?);
        let cancel = CancellationToken::new();
        let stopper = cancelled_when_asked(&cancel);
        Ok(Self { database, broker, owner, projector, connection, keyring, cancel, _stopper: stopper })
    }

    fn work<'a>(&'a self, only: &'a [String]) -> Rebuild<'a> {
        Rebuild {
            owner: &self.owner,
            projector: &self.projector,
            context: self.connection.jetstream(),
            keyring: &self.keyring,
            only,
            config: ProjectorConfig::default(),
            cancel: self.cancel.clone(),
        }
    }

    async fn end(self) {
        self.broker.stop().await;
        self.database.stop().await;
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.last.unsigned_abs());
    bar.set_position(progress.done.unsigned_abs());
    bar.set_message(format!("{:.0}/s", progress.rate));
}

fn text(compared: &[Compared]) -> String {
    let mut table = Table::new([
        ("read model", Align::Left),
        ("live rows", Align::Right),
        ("rebuilt rows", Align::Right),
        ("different", Align::Right),
    ]);
    for one in compared {
        table.row([
            one.table.clone(),
            one.live_rows.to_string(),
            one.rebuilt_rows.to_string(),
            one.different.to_string(),
        ]);
    }
    let differences = compared.iter().flat_map(|one| one.differences.iter().map(|row| told(&one.table, row)));
    let lines: Vec<String> = [table.render("there is nothing to compare")].into_iter().chain(differences).collect();
    lines.join("\n")
}

fn told(table: &str, row: &RowDifference) -> String {
    let how = match &row.difference {
        Difference::OnlyLive => "the log makes no such row".to_owned(),
        Difference::OnlyRebuilt => "the row is missing".to_owned(),
        Difference::Columns(columns) => format!("{} hold something else than the log makes", columns.join(", ")),
    };
    let key = serde_json::to_string(&row.key).unwrap_or_default();
    printable(&format!("{table} of {}, {key}: {how}", row.tenant))
}
