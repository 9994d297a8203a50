//! `presdr consent`: who agreed to be written to at a private address.

use std::{process::ExitCode, str::FromStr};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use presdr_events::TenantId;
use presdr_producers::consents;
use serde_json::json;

use crate::{config::Config, output::Output, session::Session};

/// `presdr consent record --tenant acme --email jane@example.com --given-at 2026-11-01T00:00:00Z --how "form on our site"`
#[derive(Debug, Args)]
#[command(
    after_help = "A consent is kept by a keyed hash of the address. It counts where the tenant's settings say so: section email_policy, \
    {\"free_mail\": \"allow_with_consent\"}."
)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Record that a person agreed
    Record {
        #[command(flatten)]
        whose: Whose,
        /// When they agreed, such as 2026-11-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        given_at: DateTime<Utc>,
        /// Where and how, in a few words without anybody's data
        #[arg(long, value_name = "TEXT")]
        how: String,
    },
    /// Take a consent back: the address is suppressed from now on, and leaves what is shown
    Withdraw {
        #[command(flatten)]
        whose: Whose,
    },
    /// Tell what is on record
    Check {
        #[command(flatten)]
        whose: Whose,
    },
}

#[derive(Debug, Args)]
struct Whose {
    /// Whose data
    #[arg(long, value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// The person's address
    #[arg(long)]
    email: String,
}

/// Does what was asked.
///
/// # Errors
/// When it is refused, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let session = Session::open(config).await?;
    let desk = &session.desk;
    match &command.what {
        What::Record { whose, given_at, how } => {
            let sequence = consents::record(desk, &whose.tenant, &whose.email, *given_at, how).await?;
            output.answer(&json!({ "sequence": sequence }), |_| "the consent is on record".to_owned())?;
        }
        What::Withdraw { whose } => {
            let sequence = consents::withdraw(desk, &whose.tenant, &whose.email).await?;
            output.answer(&json!({ "sequence": sequence }), |_| {
                "the consent is taken back, and the address suppressed".to_owned()
            })?;
        }
        What::Check { whose } => {
            let kept = consents::look(desk, &whose.tenant, &whose.email).await?;
            let answer = kept.as_ref().map(|kept| {
                json!({ "consent_id": kept.id, "given_at": kept.given_at, "how": kept.basis, "actor": kept.actor,
                        "withdrawn_at": kept.withdrawn_at })
            });
            output.answer(&answer, |_| match &kept {
                None => "no consent is on record".to_owned(),
                Some(kept) => {
                    let until =
                        kept.withdrawn_at.map_or_else(String::new, |at| format!(", taken back {}", at.format("%F %T")));
                    format!(
                        "given {}{until}: {} (recorded by {})",
                        kept.given_at.format("%F %T"),
                        kept.basis,
                        kept.actor
                    )
                }
            })?;
        }
    }
    session.end().await;
    Ok(ExitCode::SUCCESS)
}
