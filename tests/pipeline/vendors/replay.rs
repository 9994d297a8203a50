//! Looking back at a run with vendors: a lead's story, read models of some events, a rebuild compared with them, other weights.

use presdr_audit::{
    AuditError, Log, Stores,
    replay::{Filter, Replayed, Story, find_company, what_if::rescore},
};
use presdr_events::{CompanyId, RunId, SubjectId, TenantId};
use presdr_nats::topology::User;
use presdr_projections::{
    Entry, feed,
    rebuild::{self, Rebuild},
};
use presdr_rules::score::{Thresholds, Weights};
use presdr_store::{Database, Role};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    branches::Lead,
    world::{VendorWorld, way},
};
use crate::support::{connect, rebuilding};

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_explained_by_its_events_and_they_make_the_same_rows_and_the_same_score_again() {
    let scene = Scene::new().await;
    scene.the_story_tells_each_branch_and_call().await;
    scene.a_person_is_found_by_their_events().await;
    scene.some_events_make_the_rows_that_people_read().await;
    scene.a_rebuild_is_compared_and_swaps_nothing().await;
    let scores = scene.stores().scores(&scene.tenant, scene.run).await.unwrap();
    let again = rescore(&scores, &Weights::default(), &Thresholds::default());
    assert_eq!(again.len(), 1);
    assert!(!again[0].differs() && again[0].score.to_bits() == again[0].new_score.to_bits(), "{again:?}");
    let refused = scene.stores().scores(&scene.tenant, RunId::new(999).unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("no lead of run 999"), "{refused}");
}

/// A tenant whose only lead needed every kind of vendor.
struct Scene {
    vendors: VendorWorld,
    tenant: TenantId,
    run: RunId,
    name: String,
    log: Log,
}

impl Scene {
    async fn new() -> Self {
        let vendors = VendorWorld::new().await;
        let roles = vendors.world.roles_of(vendors.services().await).await;
        let company = Lead::Thin.company(&vendors);
        let tenant = vendors.tenant("acme", &company, &json!({})).await;
        let run = vendors.world.start(&tenant, 1).await;
        vendors.world.finished(&tenant, run).await;
        roles.stop().await;
        let log = Log::open(&connect(&vendors.world.nats.url(), User::Auditor).await).await.unwrap();
        Self { vendors, tenant, run, name: company.0, log }
    }

    fn database(&self) -> &Database {
        self.vendors.world.desk.database()
    }

    fn stores(&self) -> Stores<'_> {
        Stores { database: self.database(), log: &self.log }
    }

    async fn replay(&self, filter: &Filter, scan: bool) -> Vec<Replayed> {
        let mut events = Vec::new();
        let take = |replayed| -> Result<(), AuditError> {
            events.push(replayed);
            Ok(())
        };
        self.stores().replay(&self.tenant, filter, scan, take).await.unwrap();
        events
    }

    fn of_run(&self) -> Filter {
        Filter { run: Some(self.run), ..Filter::default() }
    }

    async fn the_story_tells_each_branch_and_call(&self) {
        let mut tx = self.database().enter(&self.tenant).await.unwrap();
        let company = find_company(&mut tx, Some(self.run), &self.name.to_lowercase()).await.unwrap();
        drop(tx);
        let filter = Filter { company: CompanyId::new(company.id).ok(), ..self.of_run() };
        let events = self.replay(&filter, false).await;
        let places = |events: &[Replayed]| events.iter().map(|event| event.message.sequence).collect::<Vec<_>>();
        assert_eq!(places(&events), places(&self.replay(&filter, true).await), "looked up and read through");

        let (story, way) = (Story::of(&events), way(&self.vendors.world.events().await, &self.tenant, self.run));
        let branches = story.chapters.iter().filter_map(|chapter| {
            let next = chapter.next.as_ref()?;
            assert!(chapter.because.as_ref().is_some_and(|because| !because.is_empty()), "{chapter:?}");
            Some(format!("{}>{next}", chapter.event.trim_start_matches("lead.")))
        });
        assert_eq!(branches.collect::<Vec<_>>(), way.steps);
        assert_eq!(story.outcome, Some("scored"));
        let calls: Vec<_> = story.chapters.iter().filter(|chapter| chapter.event == "vendor.called").collect();
        assert_eq!(calls.len(), way.calls.len());
        assert!(calls.iter().all(|call| call.cost_usd.is_some() && call.because.is_some()), "{calls:?}");
        let mut tx = self.database().enter(&self.tenant).await.unwrap();
        let cost: Decimal = sqlx::query_scalar("select sum(cost_usd) from vendor_calls where tenant_id = 'acme'")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert!(story.cost_usd == cost && cost > Decimal::ZERO, "{} {cost}", story.cost_usd);
    }

    async fn a_person_is_found_by_their_events(&self) {
        let mut tx = self.database().enter(&self.tenant).await.unwrap();
        let id: uuid::Uuid = sqlx::query_scalar("select subject_id from contacts where tenant_id = 'acme' limit 1")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        drop(tx);
        let of = |id| Filter { subject: Some(SubjectId(id)), ..Filter::default() };
        let named = self.replay(&of(id), false).await;
        let names: Vec<&str> = named.iter().map(|event| event.message.subject.as_str()).collect();
        assert!(names.iter().any(|name| name.ends_with("lead.contacts_found")), "{names:?}");
        assert!(self.replay(&of(uuid::Uuid::nil()), false).await.is_empty());
    }

    async fn some_events_make_the_rows_that_people_read(&self) {
        let entry = |Replayed { message, .. }: Replayed| {
            let place = i64::try_from(message.sequence).unwrap();
            Entry::read(place, &message.subject, &message.body, message.stored_at)
        };
        let entries: Vec<Entry> = self.replay(&self.of_run(), false).await.into_iter().map(entry).collect();
        let projector = self.vendors.world.store.connect(Role::Projector).await.unwrap();
        let names = ["lead_scores", "run_summaries", "vendor_calls", "contacts"].map(str::to_owned);
        let fed = feed(&projector, &self.tenant, &names, &entries).await.unwrap();
        for table in &fed {
            let live = self.live(table.table).await;
            match table.table {
                "contacts" => assert!(table.rows.is_empty() && !live.is_empty(), "no key is opened"),
                name => assert!(table.rows == live && !live.is_empty(), "{name}: {:?}", table.rows),
            }
        }
        assert_eq!(fed.len(), 5, "lead_features comes with lead_scores");
        let refused = feed(&projector, &self.tenant, &["audit_log".to_owned()], &entries).await.unwrap_err();
        assert!(refused.to_string().contains("cannot be fed with some"), "{refused}");
    }

    async fn live(&self, table: &str) -> Vec<Value> {
        let mut tx = self.database().enter(&self.tenant).await.unwrap();
        let statement =
            format!("select to_jsonb(kept) - 'tenant_id' from {table} as kept where tenant_id = 'acme' order by kept");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_all(&mut *tx).await.unwrap()
    }

    async fn a_rebuild_is_compared_and_swaps_nothing(&self) {
        let verify = async |work: Rebuild<'_>| rebuild::verify(work, |_| {}).await.unwrap();
        let compared = rebuilding(&self.vendors.world, verify).await;
        assert!(compared.len() > 15 && compared.iter().all(|table| table.different == 0), "{compared:#?}");
        assert!(compared.iter().any(|table| table.table == "contacts" && table.rebuilt_rows > 0));
    }
}
