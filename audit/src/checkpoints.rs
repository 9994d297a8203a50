//! Checkpoints as they are kept, and whether each follows the one before it.

use presdr_events::{
    Digest,
    audit::{Checkpoint, SignedCheckpoint},
};
use presdr_store::{StoreError, TenantTx};
use sqlx::{Row, postgres::PgRow};

use crate::{
    finding::{Difference, Finding},
    keys::PublicKeys,
};

/// The tenant's checkpoints, oldest first.
///
/// # Errors
/// What the database says.
pub async fn kept(tx: &mut TenantTx) -> Result<Vec<SignedCheckpoint>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select number, day, sequence, events, chain_hash, previous_hash, key_hash, signature
         from audit_checkpoints where tenant_id = $1 order by number",
    )
    .bind(tenant.as_str())
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(|row| read(tx, row)).collect()
}

fn read(tx: &TenantTx, row: &PgRow) -> Result<SignedCheckpoint, StoreError> {
    let digest = |bytes: Vec<u8>| Digest::from_slice(&bytes).map_err(|error| StoreError::Refused(error.to_string()));
    let count = |name: &str| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
    let previous: Option<Vec<u8>> = row.try_get("previous_hash")?;
    Ok(SignedCheckpoint {
        checkpoint: Checkpoint {
            tenant: tx.tenant().clone(),
            number: row.try_get::<i32, _>("number")?.unsigned_abs(),
            day: row.try_get("day")?,
            sequence: count("sequence")?,
            events: count("events")?,
            chain: digest(row.try_get("chain_hash")?)?,
            previous: previous.map(digest).transpose()?,
        },
        key: digest(row.try_get("key_hash")?)?,
        signature: row.try_get("signature")?,
    })
}

/// Keeps a checkpoint; `false` when there is one of its number.
///
/// # Errors
/// What the database says.
pub async fn keep(tx: &mut TenantTx, signed: &SignedCheckpoint) -> Result<bool, StoreError> {
    let Checkpoint { tenant, number, day, sequence, events, chain, previous } = &signed.checkpoint;
    let number =
        i32::try_from(*number).map_err(|_| StoreError::Refused("checkpoint numbers have run out".to_owned()))?;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let kept = sqlx::query(
        "insert into audit_checkpoints (tenant_id, number, day, sequence, events, chain_hash, previous_hash, key_hash, signature)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(number)
    .bind(day)
    .bind(count(*sequence))
    .bind(count(*events))
    .bind(chain.bytes().as_slice())
    .bind(previous.as_ref().map(|previous| previous.bytes().as_slice()))
    .bind(signed.key.bytes().as_slice())
    .bind(&signed.signature)
    .execute(&mut **tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Whether each is as one of the keys signed it, and follows the one before it. The first may be any number: older ones go with their
/// retention window.
///
/// # Errors
/// The first that is not, or does not.
pub fn check(checkpoints: &[SignedCheckpoint], keys: &PublicKeys) -> Result<(), Finding> {
    let mut before: Option<&Checkpoint> = None;
    for signed in checkpoints {
        let checkpoint = &signed.checkpoint;
        let finding = |difference| Finding {
            tenant: checkpoint.tenant.clone(),
            sequence: Some(checkpoint.sequence),
            event_id: None,
            difference,
        };
        if !keys.verify(signed) {
            return Err(finding(Difference::Signature { checkpoint: checkpoint.number }));
        }
        if let Some(why) = breaks(before, checkpoint) {
            return Err(finding(Difference::Broken { checkpoint: checkpoint.number, why }));
        }
        before = Some(checkpoint);
    }
    Ok(())
}

/// Why a checkpoint does not follow, if it does not.
fn breaks(before: Option<&Checkpoint>, checkpoint: &Checkpoint) -> Option<String> {
    let Some(before) = before else {
        let first = checkpoint.number == 1;
        return (first && checkpoint.previous.is_some()).then(|| "it is the first and names one before it".to_owned());
    };
    if checkpoint.number != before.number + 1 {
        return Some(format!("{} was removed", missing(before.number + 1, checkpoint.number - 1)));
    }
    if checkpoint.previous != Some(before.digest()) {
        return Some(format!("it names another than the {} that is there", before.number));
    }
    let back =
        checkpoint.sequence < before.sequence || checkpoint.events < before.events || checkpoint.day < before.day;
    back.then(|| "it goes back behind it".to_owned())
}

fn missing(first: u32, last: u32) -> String {
    if first >= last { format!("checkpoint {first}") } else { format!("what was between, {first} to {last},") }
}
