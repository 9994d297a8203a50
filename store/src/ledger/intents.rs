//! Intents: begun, given up, ended.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, RunId};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{Charge, Ended, GivenUp, LeadKey, NewIntent, Standing, ThingHash};
use crate::{StoreError, TenantTx};

/// Intents for these things (vendor, operation, hash) that are not over, or of which nothing is known.
///
/// # Errors
/// What the database says.
pub async fn standing(
    tx: &mut TenantTx,
    things: &[(&'static str, &'static str, ThingHash)],
) -> Result<Vec<Standing>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "with wanted as (select * from unnest($2::text[], $3::text[], $4::bytea[]) as w (vendor, operation, thing))
         select i.intent_id, i.ask_id, i.vendor, i.operation, i.thing, i.run_id, i.attempt, i.state, i.owner, i.lease_until
         from wanted join vendor_intents i using (vendor, operation, thing) where i.tenant_id = $1 and i.state in ('reserved', 'sent')
         union all
         select i.intent_id, i.ask_id, i.vendor, i.operation, i.thing, i.run_id, i.attempt, i.state, i.owner, i.lease_until
         from wanted join vendor_intents i using (vendor, operation, thing) where i.tenant_id = $1 and i.state = 'unknown'",
    )
    .bind(tenant.as_str())
    .bind(things.iter().map(|thing| thing.0).collect::<Vec<_>>())
    .bind(things.iter().map(|thing| thing.1).collect::<Vec<_>>())
    .bind(things.iter().map(|thing| thing.2.as_slice()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(standing_from).collect())
}

/// All intents of the tenant that are not over.
///
/// # Errors
/// What the database says.
pub async fn unfinished(tx: &mut TenantTx, limit: i64) -> Result<Vec<Standing>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select intent_id, ask_id, vendor, operation, thing, run_id, attempt, state, owner, lease_until
         from vendor_intents where tenant_id = $1 and state in ('reserved', 'sent') limit $2",
    )
    .bind(tenant.as_str())
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(standing_from).collect())
}

fn standing_from(row: &PgRow) -> Standing {
    Standing {
        id: row.get("intent_id"),
        ask: row.get("ask_id"),
        vendor: row.get("vendor"),
        operation: row.get("operation"),
        thing: row.get("thing"),
        run: row.get("run_id"),
        attempt: row.get("attempt"),
        state: row.get("state"),
        owner: row.get("owner"),
        lease_until: row.get("lease_until"),
    }
}

/// Those of `owners` whose process lives: its session holds the lock.
///
/// # Errors
/// What the database says.
pub async fn living(tx: &mut TenantTx, owners: &[i64]) -> Result<HashSet<i64>, StoreError> {
    if owners.is_empty() {
        return Ok(HashSet::new());
    }
    let held: Vec<i64> = sqlx::query_scalar(
        "select (classid::bigint << 32) | objid::bigint from pg_locks
         where locktype = 'advisory' and objsubid = 1 and granted and database = (select oid from pg_database where datname = current_database())",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(held.into_iter().filter(|held| owners.contains(held)).collect())
}

/// Gives up what was asked together with any of `intents` and is not over: what was sent becomes unknown, at its maximum; what was only
/// reserved is released. Tells what became unknown.
///
/// # Errors
/// What the database says.
pub async fn give_up(tx: &mut TenantTx, asks: &[Uuid], now: DateTime<Utc>) -> Result<Vec<GivenUp>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "update vendor_intents set ended_at = $3,
                state = case state when 'sent' then 'unknown' else 'released' end,
                reconciled_at = case state when 'sent' then $3 end,
                used = case state when 'sent' then reserved else 0 end,
                units = case state when 'sent' then reserved_units else 0 end,
                tokens_input = case state when 'sent' then reserved_input else 0 end,
                tokens_output = case state when 'sent' then reserved_output else 0 end,
                cost_usd = case state when 'sent' then reserved_usd else 0 end,
                requests = case state when 'sent' then 1 else 0 end
         where tenant_id = $1 and ask_id = any($2) and state in ('reserved', 'sent')
         returning ask_id, vendor, operation, purpose, because, step, run_id, company_id, attempt, used, units, tokens_input, tokens_output,
                   cost_usd, state",
    )
    .bind(tenant.as_str())
    .bind(asks)
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter(|row| row.get::<String, _>("state") == "unknown").map(given_up).collect())
}

fn given_up(row: &PgRow) -> GivenUp {
    let attempt: i32 = row.get("attempt");
    GivenUp {
        ask: row.get("ask_id"),
        vendor: row.get("vendor"),
        operation: row.get("operation"),
        purpose: row.get("purpose"),
        because: row.get("because"),
        step: row.get("step"),
        lead: LeadKey {
            run: RunId::new(row.get("run_id")).ok(),
            company: CompanyId::new(row.get("company_id")).ok(),
            attempt: attempt.unsigned_abs(),
        },
        charge: Charge {
            metered: row.get("used"),
            units: row.get("units"),
            tokens_input: row.get::<i64, _>("tokens_input").unsigned_abs(),
            tokens_output: row.get::<i64, _>("tokens_output").unsigned_abs(),
            usd: row.get("cost_usd"),
        },
    }
}

/// Writes intents. Call it under [`lock`](super::lock), with what [`take`](super::take) took for them.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut TenantTx, intents: &[NewIntent], now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let rows: serde_json::Value = intents.iter().map(intent_row).collect();
    sqlx::query(
        "insert into vendor_intents (tenant_id, intent_id, ask_id, vendor, operation, purpose, because, step, thing, run_id, company_id, attempt,
             state, owner, lease_until, day, meter, reserved, reserved_units, reserved_input, reserved_output, reserved_usd, counted, counted_usd,
             created_at)
         select $1, n.intent_id, n.ask_id, n.vendor, n.operation, n.purpose, n.because, n.step, decode(n.thing, 'hex'), n.run_id, n.company_id,
             n.attempt, n.state, n.owner, n.lease_until, n.day, n.meter, n.reserved, n.units, n.input, n.output, n.usd, n.reserved, n.usd, $3
         from jsonb_to_recordset($2) as n (intent_id uuid, ask_id uuid, vendor text, operation text, purpose text, because text, step text, thing text,
             run_id bigint, company_id bigint, attempt int, state text, owner bigint, lease_until timestamptz, day date, meter text,
             reserved numeric, units numeric, input bigint, output bigint, usd numeric)",
    )
    .bind(tenant.as_str())
    .bind(rows)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn intent_row(new: &NewIntent) -> serde_json::Value {
    serde_json::json!({
        "intent_id": new.id, "ask_id": new.ask, "vendor": new.vendor, "operation": new.operation, "purpose": new.purpose,
        "because": new.because, "step": new.step, "thing": hex(&new.thing), "run_id": new.lead.run_number(),
        "company_id": new.lead.company_number(), "attempt": new.lead.attempt, "state": if new.sent { "sent" } else { "reserved" },
        "owner": new.owner, "lease_until": new.lease_until, "day": new.day, "meter": new.meter, "reserved": new.reserved.metered,
        "units": new.reserved.units, "input": new.reserved.tokens_input, "output": new.reserved.tokens_output, "usd": new.reserved.usd,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Marks waiting intents as sent; `false`, and nothing is marked, when one is no longer waiting.
///
/// # Errors
/// What the database says.
pub async fn mark_sent(tx: &mut TenantTx, ids: &[Uuid], lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "update vendor_intents set state = 'sent', lease_until = $3 where tenant_id = $1 and intent_id = any($2) and state = 'reserved'",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .bind(lease_until)
    .execute(&mut **tx)
    .await?;
    Ok(usize::try_from(done.rows_affected()) == Ok(ids.len()))
}

/// Ends intents and tells which were still ours to end: one that was given up meanwhile stays unknown, at its maximum.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut TenantTx, ended: &[Ended], now: DateTime<Utc>) -> Result<HashSet<Uuid>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: serde_json::Value = ended.iter().map(ended_row).collect();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "update vendor_intents i set state = e.state, used = e.used, units = e.units, tokens_input = e.input, tokens_output = e.output,
                cost_usd = e.usd, requests = e.requests, http_status = e.http_status, ended_at = $3,
                reconciled_at = case when e.used = i.counted and e.usd = i.counted_usd then $3 end
         from jsonb_to_recordset($2) as e (intent_id uuid, state text, used numeric, units numeric, input bigint, output bigint, usd numeric,
              requests int, http_status int)
         where i.tenant_id = $1 and i.intent_id = e.intent_id and i.state in ('reserved', 'sent')
         returning i.intent_id",
    )
    .bind(tenant.as_str())
    .bind(rows)
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(ids.into_iter().collect())
}

fn ended_row(ended: &Ended) -> serde_json::Value {
    serde_json::json!({
        "intent_id": ended.id, "state": ended.end.as_str(), "used": ended.charge.metered, "units": ended.charge.units,
        "input": ended.charge.tokens_input, "output": ended.charge.tokens_output, "usd": ended.charge.usd, "requests": ended.requests,
        "http_status": ended.http_status,
    })
}
