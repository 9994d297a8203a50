//! `presdr tenant`: creating tenants, and listing them.

use std::{process::ExitCode, str::FromStr};

use clap::{Args, Subcommand};
use presdr_events::TenantId;
use serde_json::json;

use crate::{
    config::Config,
    output::{Align, Output, Table},
    session::Session,
};

/// `presdr tenant create acme --name "Acme Pte Ltd"`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a tenant with its keys and defaults; doing it again is harmless
    Create {
        /// Its slug, 1 to 32 of a-z, 0-9 and "-"; never reused
        #[arg(value_parser = TenantId::from_str)]
        slug: TenantId,
        /// The organisation's name
        #[arg(long)]
        name: String,
    },
    /// List the active tenants
    List,
}

/// Does what was asked.
///
/// # Errors
/// When the command is refused, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let session = Session::open(config).await?;
    match &command.what {
        What::Create { slug, name } => create(&session, slug, name, output).await?,
        What::List => list(&session, output).await?,
    }
    session.end().await;
    Ok(ExitCode::SUCCESS)
}

async fn create(session: &Session, slug: &TenantId, name: &str, output: &Output) -> anyhow::Result<()> {
    let sequence = presdr_producers::tenants::create(&session.desk, slug, name).await?;
    let answer = json!({ "tenant": slug, "name": name, "sequence": sequence });
    output.answer(&answer, |_| format!("tenant {slug} stands; next: presdr icp set --tenant {slug} icp.json"))
}

async fn list(session: &Session, output: &Output) -> anyhow::Result<()> {
    let tenants = presdr_store::tenants::active(session.desk.database()).await?;
    let rows: Vec<_> =
        tenants.iter().map(|one| json!({ "tenant": one.id, "name": one.name, "status": one.status })).collect();
    output.answer(&rows, |_| {
        let mut table = Table::new([("tenant", Align::Left), ("name", Align::Left), ("status", Align::Left)]);
        for one in &tenants {
            table.row([one.id.to_string(), one.name.clone(), one.status.clone()]);
        }
        table.render("there is no tenant yet: `presdr tenant create SLUG --name NAME` makes one")
    })
}
