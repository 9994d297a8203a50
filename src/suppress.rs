//! `presdr suppress`: a tenant's list of whom it must not contact.

use std::{path::PathBuf, process::ExitCode, str::FromStr};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use presdr_events::TenantId;
use presdr_producers::suppressions::{self, Added, Given, ListKind};
use presdr_store::suppressions::Kept;
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{Align, Output, Table},
    session::Session,
};

/// Lines that could not be used which are told to a person; all of them are in the answer in JSON and in the database.
const WRONG_TOLD: usize = 10;

/// `presdr suppress import --tenant acme unsubscribed.csv`
#[derive(Debug, Args)]
#[command(
    after_help = "What is suppressed is kept as a keyed hash alone: the list tells nobody who is on it. It holds for what is found from now \
    on and for what was found before: addresses, people and numbers leave the read models, companies leave the shortlists."
)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a CSV file: columns `kind` and `value`, or one of `email`, `domain`, `company`, `phone`; `reason` if there is one
    Import {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// What lines are that do not say
        #[arg(long, value_name = "KIND")]
        kind: Option<Kind>,
        /// Why, for lines that do not say
        #[arg(long, default_value = "unsubscribed")]
        reason: String,
        /// A CSV file
        file: PathBuf,
    },
    /// Add what is named
    Add {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        #[command(flatten)]
        named: Named,
        /// Why, in a few words without anybody's data
        #[arg(long, default_value = "do not contact")]
        reason: String,
    },
    /// Tell whether what is named is suppressed, since when and why
    Check {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        #[command(flatten)]
        named: Named,
    },
    /// Take what is named off: what is found from now on may be contacted
    Remove {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        #[command(flatten)]
        named: Named,
    },
    /// List the newest, without who they are
    List {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Only of this kind
        #[arg(long, value_name = "KIND")]
        kind: Option<Kind>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        top: u32,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Email,
    Domain,
    Company,
    Phone,
}

impl From<Kind> for ListKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Domain => Self::Domain,
            Kind::Company => Self::Company,
            Kind::Phone => Self::Phone,
        }
    }
}

/// What is added, checked or taken off.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("named").args(["email", "domain", "company", "phone"]).required(true).multiple(true))]
struct Named {
    /// An address
    #[arg(long)]
    email: Vec<String>,
    /// A domain, with all below it, and the company whose site it is
    #[arg(long)]
    domain: Vec<String>,
    /// A company's UEN, or its number here
    #[arg(long)]
    company: Vec<String>,
    /// A phone number
    #[arg(long)]
    phone: Vec<String>,
}

impl Named {
    fn given(&self, reason: &str) -> anyhow::Result<Vec<Given>> {
        let of = |kind, values: &'_ [String]| values.iter().map(move |value| (kind, value.clone())).collect::<Vec<_>>();
        let all = [
            of(ListKind::Email, &self.email),
            of(ListKind::Domain, &self.domain),
            of(ListKind::Company, &self.company),
            of(ListKind::Phone, &self.phone),
        ];
        let read = |(kind, value): (ListKind, String)| Given::read(kind, &value, reason);
        Ok(all.into_iter().flatten().map(read).collect::<Result<_, _>>()?)
    }
}

/// Does what was asked.
///
/// # Errors
/// When something cannot be read for what it should be, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    // Read first: what is malformed needs no server to say so.
    let given = match &command.what {
        What::Add { named, reason, .. } => named.given(reason)?,
        What::Check { named, .. } | What::Remove { named, .. } => named.given("")?,
        What::Import { .. } | What::List { .. } => Vec::new(),
    };
    let session = Session::open(config).await?;
    let desk = &session.desk;
    match &command.what {
        What::Import { tenant, kind, reason, file } => {
            let added = suppressions::import(desk, tenant, file, (kind.map(Into::into), reason)).await?;
            output.answer(&answer(&added), |_| told(&added))?;
        }
        What::Add { tenant, .. } => {
            let added = suppressions::add(desk, tenant, &given).await?;
            output.answer(&answer(&added), |_| told(&added))?;
        }
        What::Check { tenant, .. } => {
            let kept = suppressions::look(desk, tenant, &given).await?;
            let held = kept.iter().any(|one| one.lifted_at.is_none());
            let answer = json!({ "suppressed": held, "entries": kept.iter().map(object).collect::<Vec<_>>() });
            output.answer(&answer, |_| table(&kept, "that is not suppressed"))?;
        }
        What::Remove { tenant, .. } => {
            let (lifted, sequence) = suppressions::lift(desk, tenant, &given).await?;
            output.answer(&json!({ "lifted": lifted, "sequence": sequence }), |_| {
                format!("{} may be contacted again, once it is found anew", counts(&lifted))
            })?;
        }
        What::List { tenant, kind, top } => {
            let kept = suppressions::list(desk, tenant, kind.map(Into::into), *top).await?;
            let rows: Vec<_> = kept.iter().map(object).collect();
            output.answer(&rows, |_| table(&kept, "nothing is suppressed"))?;
        }
    }
    session.end().await;
    Ok(ExitCode::SUCCESS)
}

fn answer(added: &Added) -> Value {
    let wrong: Vec<_> = added.wrong.iter().map(|(line, reason)| json!({ "line": line, "reason": reason })).collect();
    json!({ "added": added.added, "known": added.known, "quarantined": wrong, "sequence": added.sequence })
}

fn told(added: &Added) -> String {
    let mut text = format!("{} added, {} known already", counts(&added.added), added.known);
    if !added.wrong.is_empty() {
        text += &format!(", {} lines quarantined:", added.wrong.len());
        for (line, reason) in added.wrong.iter().take(WRONG_TOLD) {
            text += &format!("\n  line {line}: {reason}");
        }
        if added.wrong.len() > WRONG_TOLD {
            text += "\n  … the others are in the table ingest_quarantine";
        }
    }
    text
}

fn counts(of_kinds: &std::collections::BTreeMap<String, u64>) -> String {
    match of_kinds.is_empty() {
        true => "nothing".to_owned(),
        false => of_kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", "),
    }
}

fn object(kept: &Kept) -> Value {
    json!({
        "kind": kept.what.kind.as_str(), "reason": kept.reason, "source": kept.source, "actor": kept.actor,
        "created_at": kept.created_at, "lifted_at": kept.lifted_at, "erased_subject": kept.subject,
    })
}

fn table(kept: &[Kept], nothing: &str) -> String {
    let columns = ["kind", "since", "until", "how", "who", "reason"].map(|name| (name, Align::Left));
    let mut table = Table::new(columns);
    for one in kept {
        table.row([
            one.what.kind.as_str().to_owned(),
            one.created_at.format("%F %T").to_string(),
            one.lifted_at.map_or_else(|| "-".to_owned(), |time| time.format("%F %T").to_string()),
            one.source.clone(),
            one.actor.clone(),
            one.reason.clone(),
        ]);
    }
    table.render(nothing)
}
