//! `presdr project rebuild`: all read models anew from the first event, beside the live ones, which serve until the swap.

use std::process::ExitCode;

use presdr_nats::topology::User;
use presdr_projections::{
    ProjectorConfig,
    rebuild::{Rebuild, rebuild},
};
use presdr_store::Role;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    output::{Output, progress},
    roles::cancelled_when_asked,
};

/// Rebuilds, or goes on with a rebuild that was stopped.
///
/// # Errors
/// When another rebuild runs, or a server cannot be reached; the live read models are untouched then.
pub async fn run(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let (database, broker) = tokio::try_join!(DatabaseServer::open(config), BrokerServer::open(config))?;
    let (owner, projector) = tokio::try_join!(database.connect(Role::Owner), database.connect(Role::Projector))?;
    let (connection, keyring) = (broker.connect(User::Projector).await?, database.keyring()?);
    let cancel = CancellationToken::new();
    let _stopper = cancelled_when_asked(&cancel);
    let bar = progress::bar(0, "events");
    let work = Rebuild {
        owner: &owner,
        projector: &projector,
        context: connection.jetstream(),
        keyring: &keyring,
        config: ProjectorConfig::default(),
        cancel,
    };
    let rebuilt = rebuild(work, |progress| {
        bar.set_length(progress.last.unsigned_abs());
        bar.set_position(progress.done.unsigned_abs());
        bar.set_message(format!("{:.0}/s", progress.rate));
    })
    .await;
    bar.finish_and_clear();
    broker.stop().await;
    database.stop().await;
    let rebuilt = rebuilt?;
    let answer =
        json!({ "sequence": rebuilt.sequence, "events_read": rebuilt.read, "seconds": rebuilt.took.as_secs_f64() });
    output.answer(&answer, |_| {
        format!("the read models are made anew up to event {} in {:.1} s", rebuilt.sequence, rebuilt.took.as_secs_f64())
    })?;
    Ok(ExitCode::SUCCESS)
}
