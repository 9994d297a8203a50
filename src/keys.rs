//! `presdr keys rotate`: another master key, while everything runs.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use presdr_producers::keys::{Rotated, rotate};
use presdr_store::{
    Role,
    keys::{Keyring, MasterKey, master},
};
use serde_json::json;

use crate::{
    config::Config,
    key_file,
    output::{Output, progress},
    session::Session,
};

/// `presdr keys rotate --new-key-file next.key`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Wrap every tenant's keys with a new master key while services run; killed, the same command goes on
    Rotate {
        /// The new master key, 32 bytes in base64; a file that is not there gets one
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
        /// Leave the master key file alone: it holds old and new key already, on every machine (docs/runbooks/master-key.md)
        #[arg(long)]
        leave_key_file: bool,
    },
}

/// Does what was asked.
///
/// # Errors
/// When a key file cannot be read or written, something is left under an old key, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let What::Rotate { new_key_file, leave_key_file } = &command.what;
    let session = Session::open(config).await?;
    let new = new_key(new_key_file)?;
    let held = config.master_key_file();
    let old = add(&held, &new, *leave_key_file)?;
    let owner = session.database().connect(Role::Owner).await?;
    let bar = progress::bar(0, "tenants");
    let rotated = rotate(&session.desk, &owner, &Keyring::from_file(&held)?, &new, |done, of| {
        bar.set_length(u64::try_from(of).unwrap_or(0));
        bar.set_position(u64::try_from(done).unwrap_or(0));
    })
    .await;
    bar.finish_and_clear();
    owner.close().await;
    session.end().await;
    let rotated = rotated?;
    let kept = if *leave_key_file { None } else { take_out(&held, &new, &old)? };
    answer(&held, &new, &rotated, kept.as_deref(), output)?;
    Ok(ExitCode::SUCCESS)
}

fn new_key(path: &Path) -> anyhow::Result<MasterKey> {
    if !path.exists() {
        key_file::read_or_make(path)?;
    }
    let mut keys = master::read(path)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(new), true) => Ok(new),
        _ => bail!("{} holds more than one key: the new master key has a file of its own", path.display()),
    }
}

/// Puts the new key beside the old ones, so that whoever meets it can open with it. Tells the old ones.
fn add(held: &Path, new: &MasterKey, leave: bool) -> anyhow::Result<Vec<MasterKey>> {
    let mut keys = master::read(held)?;
    if !keys.contains(new) {
        if leave {
            bail!("{} does not hold the new key: add it as a line of its own on every machine first", held.display());
        }
        let lines: Vec<String> = keys.iter().chain([new]).map(MasterKey::line).collect();
        key_file::replace(held, &lines)
            .context("add the new key there yourself, on every machine, and say --leave-key-file")?;
    }
    keys.retain(|key| key != new);
    Ok(keys)
}

/// Leaves the new key alone in the file. The old ones are put aside: backups that were made under them need them.
fn take_out(held: &Path, new: &MasterKey, old: &[MasterKey]) -> anyhow::Result<Option<PathBuf>> {
    if old.is_empty() {
        return Ok(None);
    }
    let aside = held.with_extension("retired");
    let before = if aside.exists() { master::read(&aside)? } else { Vec::new() };
    let known = old.iter().filter(|key| !before.contains(key));
    let lines: Vec<String> = before.iter().chain(known).map(MasterKey::line).collect();
    key_file::replace(&aside, &lines)?;
    key_file::replace(held, &[new.line()])?;
    Ok(Some(aside))
}

fn answer(held: &Path, new: &MasterKey, rotated: &Rotated, kept: Option<&Path>, output: &Output) -> anyhow::Result<()> {
    let retired: Vec<String> = rotated.retired.iter().map(ToString::to_string).collect();
    let answer = json!({
        "master_id": new.id().to_string(), "retired": retired, "tenants": rotated.tenants, "rewrapped": rotated.rewrapped,
        "left_under_old_keys": 0, "key_file": held, "retired_key_file": kept, "sequence": rotated.sequence,
    });
    output.answer(&answer, |_| {
        let aside = kept.map(|path| {
            format!(
                "\nThe old key is in {}: keep it, apart, for as long as you keep backups from before.",
                path.display()
            )
        });
        format!(
            "the keys of all {} tenants are under master key {}; {} were wrapped anew, none is under an old one{}",
            rotated.tenants,
            new.id(),
            rotated.rewrapped,
            aside.unwrap_or_default()
        )
    })
}
