//! Rebuilding beside the live read models: the same rows, nobody brought back, and one swap.

use crate::support::{Teller, World, company, whole_run};
use presdr_events::{IdentifierKind, RunId, SubjectId, TenantId};
use presdr_projections::{
    ProjectError, ProjectorConfig, erasure,
    rebuild::{Difference, Progress},
};
use presdr_store::Role;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_rebuild_gives_the_same_rows() {
    let mut world = World::new().await;
    let (acme, beta) = (world.store.tenant("acme").await.unwrap(), world.store.tenant("beta").await.unwrap());
    // Both tenants' events are mixed, and read in small batches at first and in one at the rebuild.
    let (one, two) = (whole_run(&world, &acme, 1, 30).await, whole_run(&world, &beta, 2, 30).await);
    let mixed: Vec<_> = one.into_iter().zip(two).flat_map(|(one, two)| [one, two]).collect();
    world.publish(&mixed).await;
    world.config.events_max = 11;
    world.project_all().await;
    let before = (world.rows(&acme).await, world.rows(&beta).await);
    world.config = ProjectorConfig::default();
    let mut told: Vec<Progress> = vec![];
    let rebuilt = world.rebuild_until(CancellationToken::new(), |progress| told.push(progress)).await.unwrap();
    assert_eq!(u64::try_from(rebuilt.sequence).unwrap(), world.last_sequence().await);
    assert_eq!(told.last().map(|progress| progress.done), Some(rebuilt.sequence));
    assert_eq!(before, (world.rows(&acme).await, world.rows(&beta).await));
    assert!(before.0["lead_emails"].len() == 29);
    // And again from the tables that the first one put there.
    world.rebuild().await;
    assert_eq!(before, (world.rows(&acme).await, world.rows(&beta).await));
}

#[tokio::test]
async fn a_rebuild_leaves_isolation_and_rights_as_they_were() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 3).await).await;
    world.project_all().await;
    let before = (shape(&world).await, rights(&world).await);
    world.rebuild().await;
    assert_eq!(before, (shape(&world).await, rights(&world).await));
    let stranger = world.store.tenant("beta").await.unwrap();
    assert_eq!(world.rows(&stranger).await.values().map(Vec::len).sum::<usize>(), 0);
}

/// Every projection's comment, row level security and index definitions.
async fn shape(world: &World) -> Vec<(String, String, bool, bool, String)> {
    let mut tx = world.projector.shared().await.unwrap();
    sqlx::query_as(
        "select c.relname::text, obj_description(c.oid, 'pg_class'), c.relrowsecurity, c.relforcerowsecurity,
                (select string_agg(pg_get_indexdef(i.indexrelid), ';' order by pg_get_indexdef(i.indexrelid)) from pg_index i where i.indrelid = c.oid)
                || (select string_agg(polname || pg_get_expr(polqual, polrelid), ';') from pg_policy where polrelid = c.oid)
         from pg_class c join projection_tables('public') as t on t = c.relname where c.relnamespace = 'public'::regnamespace order by 1",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap()
}

async fn rights(world: &World) -> Vec<(String, String, String)> {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    sqlx::query_as(
        "select table_name::text, grantee::text, privilege_type::text from information_schema.table_privileges
         where table_schema = 'public' and table_name in (select projection_tables('public')) order by 1, 2, 3",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap()
}

#[tokio::test]
async fn events_flow_on_during_a_rebuild() {
    let mut world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.config.events_max = 50;
    let first = whole_run(&world, &tenant, 1, 60).await;
    let second = whole_run(&world, &tenant, 2, 60).await;
    world.publish(&first).await;
    let running = world.project();
    let (_, rebuilt) = tokio::join!(
        async {
            for few in second.chunks(20) {
                world.publish(few).await;
            }
        },
        world.rebuild()
    );
    assert!(rebuilt.sequence >= i64::try_from(first.len()).unwrap());
    world.wait(world.last_sequence().await).await;
    running.stop().await.unwrap();
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["run_event_logs"].len(), first.len() + second.len());
    world.rebuild().await;
    assert_eq!(rows, world.rows(&tenant).await);
}

#[tokio::test]
async fn a_stopped_rebuild_goes_on_where_it_stopped_and_the_live_rows_stay_until_the_swap() {
    let mut world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.config.events_max = 10;
    world.publish(&whole_run(&world, &tenant, 1, 30).await).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let stopped = world
        .rebuild_until(cancel, move |progress| {
            if progress.done >= 50 {
                stop.cancel()
            }
        })
        .await;
    assert!(matches!(stopped, Err(ProjectError::Stopped)), "{stopped:?}");
    assert_eq!(rows, world.rows(&tenant).await);
    let rebuilt = world.rebuild().await;
    assert!(rebuilt.read < rebuilt.sequence, "{rebuilt:?}");
    assert_eq!(rows, world.rows(&tenant).await);
}

#[tokio::test]
async fn a_rebuild_makes_a_stale_tenant_whole_again() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 3).await).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    // As if an older version had not been able to apply an event.
    let mut tx = world.projector.enter(&tenant).await.unwrap();
    for statement in [
        "insert into projection_parked (tenant_id, sequence, subject, error) values ('acme', 3, 'evt.acme.lead.admitted', 'was not known')",
        "delete from run_event_logs where sequence = 3",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(presdr_projections::stale_tenants(&world.projector).await.unwrap().len(), 1);
    world.rebuild().await;
    assert_eq!(presdr_projections::stale_tenants(&world.projector).await.unwrap(), []);
    assert_eq!(rows, world.rows(&tenant).await);
}

async fn erase(world: &World, tenant: &TenantId, subject: SubjectId) {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(tenant).await.unwrap();
    sqlx::query("update data_subjects set wrapped_key = null, erased_at = now() where subject_id = $1")
        .bind(subject.0)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_erased_person_is_gone_and_no_rebuild_or_late_event_brings_them_back() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 4).await).await;
    world.project_all().await;
    let jane = world.subject(&tenant, IdentifierKind::Email, "jane2@acme.example").await;
    let about_jane = "select count(*) from lead_emails where email = 'jane2@acme.example'";
    assert_eq!(world.count(&tenant, about_jane).await, 1);

    erase(&world, &tenant, jane.id).await;
    let forgotten = erasure::forget(&world.projector, &tenant, &[jane.id]).await.unwrap();
    let tables = ["contacts", "lead_email_verifications", "lead_emails", "lead_phones"];
    assert_eq!(forgotten, tables.map(|table| (table.to_owned(), 1)).into());
    assert_eq!(world.count(&tenant, about_jane).await, 0);

    let late = Teller { tenant: &tenant, run: RunId::new(9).unwrap() };
    world
        .publish(&[
            late.extracted(company(2), 1, &jane, "jane2@acme.example"),
            late.verified(company(2), 1, &jane, "valid"),
        ])
        .await;
    world.project_all().await;
    assert_eq!(world.count(&tenant, about_jane).await, 0);
    assert_eq!(world.count(&tenant, "select count(*) from audit_log where run_id = 9").await, 2, "the log stays whole");
    let rows = world.rows(&tenant).await;
    world.rebuild().await;
    assert_eq!(world.count(&tenant, about_jane).await, 0);
    assert_eq!(world.count(&tenant, "select count(*) from lead_emails").await, 2);
    assert_eq!(rows, world.rows(&tenant).await);
}

#[tokio::test]
async fn an_erasure_waits_for_a_batch_that_may_name_the_person() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let jane = world.subject(&tenant, IdentifierKind::Email, "jane@acme.example").await;
    // A batch that has read the key, but is not committed.
    let mut batch = world.projector.enter(&tenant).await.unwrap();
    sqlx::query("select pg_advisory_xact_lock_shared(hashtextextended('presdr erasure ' || 'acme', 0))")
        .execute(&mut *batch)
        .await
        .unwrap();
    sqlx::query(
        "insert into lead_emails (tenant_id, company_id, email, subject_id, role_account, own_domain, source, run_id, version, last_seen_at)
         values ('acme', 1, 'jane@acme.example', $1, false, true, 'site', 1, 1, now())",
    )
    .bind(jane.id.0)
    .execute(&mut *batch)
    .await
    .unwrap();
    erase(&world, &tenant, jane.id).await;
    let forgetting = tokio::spawn({
        let (projector, tenant) = (world.projector.clone(), tenant.clone());
        async move { erasure::forget(&projector, &tenant, &[jane.id]).await }
    });
    until_somebody_waits_for_a_lock(&world).await;
    batch.commit().await.unwrap();
    assert_eq!(forgetting.await.unwrap().unwrap()["lead_emails"], 1);
    assert_eq!(world.count(&tenant, "select count(*) from lead_emails").await, 0);
}

async fn until_somebody_waits_for_a_lock(world: &World) {
    let waiting = async {
        loop {
            let mut tx = world.projector.shared().await.unwrap();
            let count: i64 =
                sqlx::query_scalar("select count(*) from pg_locks where locktype = 'advisory' and not granted")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
            if count > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, waiting).await.expect("the erasure waits for the batch");
}

/// Each read model alone is made from the log with no more than it says it reads; the others stay as they are.
#[tokio::test]
async fn each_read_model_can_be_made_anew_alone() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 6).await).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    let spoilt = "update audit_log set tool = 'spoilt' where sequence = 1";
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let spoil = async |statement: String| {
        let mut tx = owner.enter(&tenant).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    spoil(spoilt.to_owned()).await;
    for table in
        rows.keys().filter(|table| !["audit_log", "audit_heads", "projection_parked"].contains(&table.as_str()))
    {
        spoil(format!("delete from {table}")).await;
        let reached = world.rebuild_only(&[table]).await.unwrap().sequence;
        assert_eq!(u64::try_from(reached).unwrap(), world.last_sequence().await);
        assert_eq!(world.rows(&tenant).await[table], rows[table], "{table}");
    }
    assert_ne!(world.rows(&tenant).await["audit_log"], rows["audit_log"], "nobody asked for it");
    world.rebuild_only(&["audit_log"]).await.unwrap();
    assert_eq!(world.rows(&tenant).await, rows);
    // And the live projector goes on from where it was.
    world.publish(&whole_run(&world, &tenant, 2, 2).await).await;
    world.project_all().await;
    assert!(world.verify(&[]).await.unwrap().iter().all(|table| table.different == 0));
    let refused = world.rebuild_only(&["lead_scors"]).await.unwrap_err();
    assert!(matches!(refused, ProjectError::NoModel { .. }), "{refused}");
}

#[tokio::test]
async fn rows_that_are_not_what_the_log_makes_are_told_without_personal_values() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 4).await).await;
    let running = world.project();
    world.wait(world.last_sequence().await).await;
    let same = world.verify(&[]).await.unwrap();
    assert!(same.len() > 15 && same.iter().all(|table| table.different == 0 && table.live_rows == table.rebuilt_rows));

    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&tenant).await.unwrap();
    for statement in [
        "update lead_scores set score = 0.5, bucket = 'Low' where company_id = 2",
        "delete from run_stage_stats where stage = 'crawl'",
        "update lead_emails set email = 'eve@acme.example' where company_id = 3",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let before = world.rows(&tenant).await;
    let compared = world.verify(&["lead_scores", "run_stage_stats", "lead_emails"]).await.unwrap();
    let of = |name: &str| compared.iter().find(|table| table.table == name).unwrap();
    let scores = &of("lead_scores").differences;
    let columns = Difference::Columns(vec!["bucket".to_owned(), "score".to_owned()]);
    assert_eq!((scores.len(), &scores[0].difference, &scores[0].key["company_id"]), (1, &columns, &2.into()));
    assert_eq!(of("lead_features").different, 0);
    assert_eq!(of("run_stage_stats").differences[0].difference, Difference::OnlyRebuilt);
    let mut emails: Vec<_> = of("lead_emails").differences.iter().map(|row| row.difference.clone()).collect();
    emails.sort_by_key(|difference| format!("{difference:?}"));
    assert_eq!(emails, [Difference::OnlyLive, Difference::OnlyRebuilt]);
    let told = serde_json::to_string(&compared).unwrap();
    assert!(!told.contains("acme.example"), "{told}");
    assert_eq!(before, world.rows(&tenant).await, "nothing is swapped");
    running.stop().await.unwrap();
}

/// A rebuild of some read models has only their tables: whoever is erased meanwhile is erased from those, too.
#[tokio::test]
async fn an_erasure_during_a_rebuild_of_some_read_models_clears_what_there_is() {
    let mut world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.config.events_max = 10;
    world.publish(&whole_run(&world, &tenant, 1, 10).await).await;
    world.project_all().await;
    let jane = world.subject(&tenant, IdentifierKind::Email, "jane1@acme.example").await;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let stopped = world
        .rebuild_some(&["contacts"], cancel, move |progress| {
            if progress.done >= 30 {
                stop.cancel()
            }
        })
        .await;
    assert!(matches!(stopped, Err(ProjectError::Stopped)), "{stopped:?}");
    let about_jane = "select count(*) from rebuild.contacts where subject_id =
                      (select subject_id from lead_emails where email = 'jane1@acme.example')";
    assert_eq!(world.count(&tenant, about_jane).await, 1);
    let rebuilt = "select count(*) from rebuild.contacts";
    let before = world.count(&tenant, rebuilt).await;
    erase(&world, &tenant, jane.id).await;
    erasure::forget(&world.projector, &tenant, &[jane.id]).await.unwrap();
    assert_eq!(world.count(&tenant, rebuilt).await, before - 1);
    world.rebuild_only(&["contacts"]).await.unwrap();
    assert_eq!(world.count(&tenant, "select count(*) from contacts").await, 8);
}

#[tokio::test]
async fn only_one_rebuild_runs() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 3).await).await;
    let mut holder = world.projector.dedicated().await.unwrap();
    sqlx::query("select pg_advisory_lock($1)").bind(0x7072_6f6a_6563_7402_i64).execute(&mut holder).await.unwrap();
    let refused = world.rebuild_until(CancellationToken::new(), |_| {}).await;
    assert!(matches!(refused, Err(ProjectError::RebuildRuns)), "{refused:?}");
}
