//! `presdr tenant purge`: a tenant is erased for good, and the receipt is printed.

use anyhow::bail;
use presdr_events::TenantId;
use presdr_nats::{Broker, topology::User};
use presdr_producers::purge::{Purge, Receipt, Stage, purge};
use presdr_store::{Role, purge::tables};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    output::{Align, Output, Table},
    roles::cancelled_when_asked,
    session::Session,
};

/// Erases the tenant, or goes on with an erasure that was stopped.
///
/// # Errors
/// When it is not confirmed, when something is left, or a server cannot be reached; the same command goes on from there.
pub async fn run(
    session: &Session,
    tenant: &TenantId,
    confirm: &TenantId,
    eraser_url: Option<&SecretString>,
    output: &Output,
) -> anyhow::Result<()> {
    if confirm != tenant {
        bail!("--confirm says {confirm}, and the tenant to erase is {tenant}: nothing was done");
    }
    let owner = session.database().connect(Role::Owner).await?;
    let eraser = match eraser_url {
        Some(url) => Broker::connect(url.expose_secret(), None).await?,
        None => session.broker.connect(User::Eraser).await?,
    };
    let cancel = CancellationToken::new();
    let _stopper = cancelled_when_asked(&cancel);
    let work = Purge { desk: &session.desk, owner: &owner, eraser: &eraser, cancel };
    let mut last = None;
    let told = |stage| {
        if !output.is_json() && last != Some(stage) {
            eprintln!("{}", words(stage));
        }
        last = Some(stage);
    };
    let purged = purge(&work, tenant, told).await;
    let looked_at = tables(&owner).await;
    eraser.close().await;
    owner.close().await;
    answer(tenant, &purged?, looked_at?.len(), output)
}

fn words(stage: Stage) -> String {
    match stage {
        Stage::Closed => "closed: nobody can enter the tenant any more".to_owned(),
        Stage::Draining(open) => format!("waiting for {open} open transactions"),
        Stage::Drained => "drained: nobody is in it".to_owned(),
        Stage::KeysDestroyed => "its keys are destroyed".to_owned(),
        Stage::EventsRemoved => "its events are removed".to_owned(),
        Stage::RowsRemoved => "its rows are removed".to_owned(),
        Stage::Counted => "counted again: nothing is left".to_owned(),
    }
}

fn answer(tenant: &TenantId, receipt: &Receipt, tables: usize, output: &Output) -> anyhow::Result<()> {
    let removed: u64 = receipt.rows.values().sum();
    let answer = json!({
        "tenant": tenant, "purge": receipt.number, "sequence": receipt.sequence,
        "removed": { "rows": removed, "tables": receipt.rows, "events": receipt.events },
        "left": { "rows": 0, "events": 0, "tables_counted": tables },
        "others": { "rows": receipt.rows_of_others, "changed": 0 },
    });
    output.answer(&answer, |_| {
        let mut table = Table::new([("table", Align::Left), ("rows removed", Align::Right)]);
        for (name, rows) in &receipt.rows {
            table.row([name.clone(), rows.to_string()]);
        }
        format!(
            "{}\ntenant {tenant} is erased: {removed} rows and {} events were removed; none is left in {tables} tables and in the log; \
             the {} rows of others in the same tables are all there.\nReceipt {} is event {} of the log.",
            table.render("there were no rows"),
            receipt.events,
            receipt.rows_of_others,
            receipt.number,
            receipt.sequence
        )
    })
}
