//! `presdr audit`: whether the event log and the audit log are as they were, and evidence for whoever asks.

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context, bail};
use chrono::{NaiveDate, Utc};
use clap::{Args, Subcommand};
use presdr_audit::{AuditError, Finding, Log, PublicKeys, Signer, SigningKey, Verified, bundle};
use presdr_events::{TenantId, audit::SignedCheckpoint};
use presdr_nats::topology::User;
use presdr_store::{Database, tenants};
use serde_json::json;

use crate::{
    config::Config,
    evidence::Evidence,
    key_file,
    output::{Align, Output, Table},
    session::Session,
};

/// `presdr audit verify --public-key audit.pem`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Compare the event log, the audit log and the signed checkpoints: tells the first difference, and exits with 1 if there is one
    Verify(Verify),
    /// Verify what happened since each tenant's last checkpoint, and sign it now rather than tomorrow
    Checkpoint {
        /// Only this tenant (`presdr` is the platform itself)
        #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
        tenant: Option<TenantId>,
        /// Public keys that signed before this one, in PEM form: after a change of key
        #[arg(long, value_name = "FILE")]
        before: Option<PathBuf>,
    },
    /// Write a tenant's events of some days with the checkpoints that cover them: verified without a database or a broker
    Export(Export),
    /// Print the public key that verifies checkpoints, in PEM form
    Key {
        /// Make the signing key first if there is none yet
        #[arg(long)]
        make: bool,
        /// Write the public key into this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Verify {
    /// The public key, in PEM form; after a change of key the ones before it too, one after the other
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// Only this tenant (`presdr` is the platform itself)
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str, conflicts_with = "bundle")]
    tenant: Option<TenantId>,
    /// Verify what was exported into this file, without a database or a broker
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Checkpoints kept elsewhere, one a line, or an earlier bundle: none of them may be missing
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Export {
    /// Whose
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// First day, in Singapore; the first that is kept when not given
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last day, in Singapore; up to the newest checkpoint when not given
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// Into this file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Does what was asked.
///
/// # Errors
/// When a server cannot be reached or a file not read; a difference that was found is an answer.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    match &command.what {
        What::Verify(command) => verify(command, config, output).await,
        What::Checkpoint { tenant, before } => checkpoint(tenant.clone(), before.as_deref(), config, output).await,
        What::Export(command) => export(command, config, output).await,
        What::Key { make, out } => print_key(*make, out.as_deref(), config, output),
    }
}

/// The key that signs checkpoints.
///
/// # Errors
/// When there is none: it must be the same wherever a scheduler runs, so none is made here.
pub fn key(config: &Config) -> anyhow::Result<SigningKey> {
    let path = config.audit_key_file();
    if !path.exists() {
        bail!(
            "the key that signs the audit log's checkpoints is missing: {} (`presdr audit key --make` makes it; copy it to wherever a scheduler \
             runs, and keep it out of the databases' backups)",
            path.display()
        );
    }
    Ok(SigningKey::from_seed(&key_file::read(&path)?)?)
}

/// The key that signs checkpoints, made if there is none: for whoever runs everything in one place.
///
/// # Errors
/// When it cannot be read or made.
pub fn key_or_make(config: &Config) -> anyhow::Result<SigningKey> {
    Ok(SigningKey::from_seed(&key_file::read_or_make(&config.audit_key_file())?)?)
}

fn print_key(make: bool, out: Option<&Path>, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let key = if make { key_or_make(config)? } else { key(config)? };
    let public = key.public()?;
    let (pem, fingerprint) = (public.to_pem(), public.fingerprint());
    if let Some(path) = out {
        std::fs::write(path, &pem).with_context(|| format!("writing {}", path.display()))?;
    }
    output.answer(&json!({ "public_key": pem, "fingerprint": fingerprint }), |_| match out {
        Some(path) => format!("wrote the public key {fingerprint} to {}", path.display()),
        None => pem.clone(),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn verify(command: &Verify, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let keys = PublicKeys::from_file(&command.public_key)?;
    let known = match &command.checkpoints {
        Some(path) => bundle::known_checkpoints(open(path)?)?,
        None => Vec::new(),
    };
    let found = match &command.bundle {
        Some(path) => vec![bundle::verify(open(path)?, &keys, &known)?],
        None => verify_stores(command.tenant.clone(), &keys, &known, config).await?,
    };
    let (mut verified, mut findings) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Ok(one) => verified.push(one),
            Err(finding) => findings.push(finding),
        }
    }
    let told: Vec<_> =
        findings.iter().map(|finding| json!({ "finding": finding, "told": finding.to_string() })).collect();
    output.answer(&json!({ "verified": verified, "findings": told }), |_| text(&verified, &findings))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("opening {}", path.display()))?))
}

async fn verify_stores(
    tenant: Option<TenantId>,
    keys: &PublicKeys,
    known: &[SignedCheckpoint],
    config: &Config,
) -> anyhow::Result<Vec<Result<Verified, Finding>>> {
    let evidence = Evidence::open(config).await?;
    let mut found = Vec::new();
    for tenant in asked(tenant, &evidence.database).await? {
        found.push(evidence.stores().verify(&tenant, keys, known).await?);
    }
    evidence.end().await;
    Ok(found)
}

/// One tenant, or all and the platform.
async fn asked(tenant: Option<TenantId>, database: &Database) -> anyhow::Result<Vec<TenantId>> {
    if let Some(tenant) = tenant {
        if tenant != TenantId::platform() {
            tenants::enter_active(database, &tenant).await?;
        }
        return Ok(vec![tenant]);
    }
    // Whatever a tenant's row says of it now: what it had must be there.
    Ok(tenants::with_events(database).await?)
}

fn text(verified: &[Verified], findings: &[Finding]) -> String {
    let mut table = Table::new([
        ("tenant", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
        ("events", Align::Right),
        ("not signed yet", Align::Right),
    ]);
    let at = |number: Option<u32>, day: Option<NaiveDate>, none: &str| match (number, day) {
        (Some(number), Some(day)) => format!("checkpoint {number} of {day}"),
        _ => none.to_owned(),
    };
    for one in verified {
        table.row([
            one.tenant.to_string(),
            at(one.from_checkpoint, one.from_day, "the first event"),
            at(one.to_checkpoint, one.to_day, "no checkpoint yet"),
            one.events.to_string(),
            one.not_signed_yet.to_string(),
        ]);
    }
    let mut lines = vec![];
    if !verified.is_empty() {
        lines.push(format!("as it was:\n{}", table.render("")));
    }
    lines.extend(findings.iter().map(|finding| format!("NOT AS IT WAS: {finding}")));
    lines.join("\n\n")
}

async fn checkpoint(
    tenant: Option<TenantId>,
    before: Option<&Path>,
    config: &Config,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let key = key(config)?;
    let before = before.map(PublicKeys::from_file).transpose()?;
    let session = Session::open(config).await?;
    let log = Log::open(&session.broker.connect(User::Auditor).await?).await?;
    let signer = Signer::new(session.desk.clone(), log, key, before)?;
    let mut findings = Vec::new();
    for tenant in asked(tenant, session.desk.database()).await? {
        match signer.sign(&tenant).await {
            Ok(Some(signed)) if output.is_json() => output.json_line(&signed)?,
            Ok(Some(signed)) => output.line(&told(&signed))?,
            Ok(None) => tracing::info!(tenant.id = %tenant, "nothing has happened since the last checkpoint"),
            Err(AuditError::NotSigned(finding)) => findings.push(*finding),
            Err(error) => return Err(error.into()),
        }
    }
    session.end().await;
    for finding in &findings {
        eprintln!("presdr: nothing was signed: {finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(signed: &SignedCheckpoint) -> String {
    let checkpoint = &signed.checkpoint;
    format!(
        "{}: checkpoint {} of {} covers {} events up to {}, chain {}",
        checkpoint.tenant, checkpoint.number, checkpoint.day, checkpoint.events, checkpoint.sequence, checkpoint.chain
    )
}

async fn export(command: &Export, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    if let (Some(from), Some(to)) = (command.from, command.to) {
        anyhow::ensure!(from <= to, "--from {from} is after --to {to}: exchange them");
    }
    let evidence = Evidence::open(config).await?;
    let made = File::create(&command.out).with_context(|| format!("making {}", command.out.display()))?;
    let mut file = BufWriter::new(made);
    let exported = evidence.stores().export(&command.tenant, command.from, command.to, Utc::now(), &mut file).await;
    evidence.end().await;
    let exported = exported?;
    output.answer(&exported, |exported| {
        let from = exported.from_checkpoint.map_or_else(
            || "the first event".to_owned(),
            |number| format!("checkpoint {number}"),
        );
        format!(
            "wrote {} events to {}, from {from} to checkpoint {} of {}; give the public key (`presdr audit key`) on another way",
            exported.events,
            command.out.display(),
            exported.to_checkpoint,
            exported.to_day
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
