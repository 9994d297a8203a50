//! `presdr odoo`: a tenant's connection to its Odoo.

use std::{fs, io, path::PathBuf, process::ExitCode, str::FromStr};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use presdr_events::{Clear, TenantId};
use presdr_odoo::check::{Checked, Verdict};
use presdr_producers::odoo::{self, Given};
use presdr_store::odoo::connections::{Connection, Flavour};
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{Align, Output, Table},
    session::Session,
};

/// The variable that holds an API key, where no file does. A key is never an argument: others on the machine see those.
const KEY_VARIABLE: &str = "PRESDR_ODOO_API_KEY";

/// `presdr odoo connect --tenant acme --url https://odoo.acme.example --database acme --login presdr`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Connect the tenant to its Odoo and check that; the API key is read from PRESDR_ODOO_API_KEY or a file
    Connect {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Where the Odoo is: https, or http on loopback
        #[arg(long, value_name = "URL")]
        url: String,
        /// The name of its database
        #[arg(long, value_name = "NAME")]
        database: String,
        /// The login of the account that was made for presdr there
        #[arg(long)]
        login: String,
        /// A file with that account's API key; "-" is standard input
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// How it is asked: json2 for Odoo 19 and later, jsonrpc for 16 to 18
        #[arg(long, value_enum, default_value = "json2")]
        flavour: FlavourArgument,
    },
    /// Try the connection: reachable, version, key, rights, fields; a contact is written, read and removed again
    Check {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
    /// Tell how the connection stands
    Status {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
    /// Take the connection back: its key is forgotten, what was sent stays in Odoo
    Disconnect {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FlavourArgument {
    Json2,
    Jsonrpc,
}

impl From<FlavourArgument> for Flavour {
    fn from(flavour: FlavourArgument) -> Self {
        match flavour {
            FlavourArgument::Json2 => Self::Json2,
            FlavourArgument::Jsonrpc => Self::JsonRpc,
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// When the command is refused, or a server cannot be reached. A connection that does not work is an answer, and exit code 1.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    // Read first: a key that is missing needs no server to say so.
    let key = match &command.what {
        What::Connect { key_file, .. } => Some(key(key_file.as_ref())?),
        _ => None,
    };
    let session = Session::open(config).await?;
    let desk = &session.desk;
    let code = match &command.what {
        What::Connect { tenant, url, database, login, flavour, .. } => {
            let given = Given {
                base_url: url.clone(),
                database: database.clone(),
                login: login.clone(),
                key: key.unwrap_or_else(|| Clear(String::new())),
                flavour: (*flavour).into(),
            };
            let (version, sequence) = odoo::connect(desk, tenant, &given).await?;
            let checked = odoo::check(desk, tenant).await?;
            let answer =
                json!({ "tenant": tenant, "version": version, "sequence": sequence, "findings": checked.findings });
            output.answer(&answer, |_| format!("connected, version {version}\n\n{}", table(&checked)))?;
            code(&checked)
        }
        What::Check { tenant } => {
            let checked = odoo::check(desk, tenant).await?;
            output.answer(&checked, table)?;
            code(&checked)
        }
        What::Status { tenant } => {
            let connection = odoo::connection(desk, tenant).await?;
            output.answer(&json!({ "connection": connection.as_ref().map(object) }), |_| told(connection.as_ref()))?;
            ExitCode::SUCCESS
        }
        What::Disconnect { tenant } => {
            let sequence = odoo::disconnect(desk, tenant).await?;
            output.answer(&json!({ "tenant": tenant, "sequence": sequence }), |_| {
                format!("{tenant} is connected to no Odoo; what was sent stays there")
            })?;
            ExitCode::SUCCESS
        }
    };
    session.end().await;
    Ok(code)
}

fn key(file: Option<&PathBuf>) -> anyhow::Result<Clear<String>> {
    let what = "reading the API key";
    match file {
        Some(file) if file.as_os_str() == "-" => Ok(Clear(io::read_to_string(io::stdin()).context(what)?)),
        Some(file) => Ok(Clear(fs::read_to_string(file).with_context(|| format!("{what} from {}", file.display()))?)),
        None => match std::env::var(KEY_VARIABLE) {
            Ok(key) => Ok(Clear(key)),
            Err(_) => bail!(
                "give the API key in {KEY_VARIABLE} or with --key-file: an argument would be seen by others on this machine"
            ),
        },
    }
}

fn code(checked: &Checked) -> ExitCode {
    if checked.problem().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table(checked: &Checked) -> String {
    let mut table = Table::folding(&["told"], [("what", Align::Left), ("verdict", Align::Left), ("told", Align::Left)]);
    for finding in &checked.findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Fault => "fault",
        };
        table.row([finding.what.to_owned(), verdict.to_owned(), finding.told.clone()]);
    }
    table.render("nothing was looked at")
}

fn object(connection: &Connection) -> Value {
    json!({
        "url": connection.base_url, "database": connection.database, "login": connection.login, "flavour": connection.flavour.as_str(),
        "active": connection.active, "version": connection.version, "actor": connection.actor, "changed_at": connection.changed_at,
        "checked_at": connection.checked_at, "problem": connection.problem,
    })
}

fn told(connection: Option<&Connection>) -> String {
    let Some(held) = connection else {
        return "there is no connection: `presdr odoo connect` makes one".to_owned();
    };
    let state = match (held.active, &held.problem, held.checked_at) {
        (false, ..) => "disconnected".to_owned(),
        (true, Some(problem), _) => format!("does not work: {problem}"),
        (true, None, Some(at)) => format!("worked at {}", at.format("%F %T")),
        (true, None, None) => "not tried yet".to_owned(),
    };
    format!("{} at {} as {} ({}): {state}", held.database, held.base_url, held.login, held.flavour.as_str())
}
