use std::{collections::BTreeMap, sync::Arc, time::Instant};
use async_nats::jetstream::message::PublishMessage;
use chrono::DateTime;
use futures::{TryStreamExt, stream};
use presdr_events::*;
use presdr_nats::{Broker, Message, Publisher, topology};
use presdr_servers::{Nats, NatsConfig};

fn make(company: u32, tenant: &TenantId, key: &Key, padding: &str) -> Message {
    let subject = SubjectId(uuid_of());
    let run = Some(RunId::new(1).unwrap());
    let company_id = CompanyId::new(i64::from(company)).unwrap();
    let id = EventId::of(tenant, run, Some(company_id), "lead.extracted", 1);
    let header = Header { id, source: "extract", time: DateTime::UNIX_EPOCH, tenant: tenant.clone(), run, company: Some(company_id), actor: Actor::service("extract"), correlation: id, causation: Some(id), traceparent: None };
    let address = Clear(format!("person{company}@bench.example"));
    let mut nonce = [0u8; 24];
    nonce[..4].copy_from_slice(&company.to_le_bytes());
    let context = PiiContext { tenant, event: id, field: "email.address" };
    let email = lead::FoundEmail { address: Pii::seal(subject, key, &context, nonce, &address).unwrap(), first_name: None, last_name: None, role_title: None, role_account: false, own_domain: true, source: "site".to_owned() };
    let event = Event::LeadExtracted(lead::Extracted {
        step: Step::done("extract", 12, 1, Vec::new()), corpus_hash: String::new(), words: 500, text_characters: 3000, language: Some("eng".to_owned()), technologies: vec![padding.to_owned()], social_networks: Vec::new(), careers: true, jobs_count: 2, keywords: Vec::new(), identity_confirmed: true, emails: vec![email], people: Vec::new(), phones: Vec::new(), emails_dropped: BTreeMap::new(), ai: None, route: Route { next: "score".to_owned(), because: "bench".to_owned() },
    });
    Message { id, subject: header.subject(&event).to_string(), body: header.encode(&event).unwrap().into() }
}
fn uuid_of() -> uuid::Uuid { EventId::of(&TenantId::platform(), None, None, "x", 1).0 }

fn cpu(pid: u32) -> f64 {
    let s = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    let _ = s;
    let mut total = 0.0;
    for t in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let s = std::fs::read_to_string(t.unwrap().path().join("schedstat")).unwrap_or_default();
        total += s.split(' ').next().unwrap_or("0").parse::<f64>().unwrap_or(0.0);
    }
    total / 1000.0
}
fn server() -> u32 {
    for e in std::fs::read_dir("/proc").unwrap() {
        let e = e.unwrap();
        let Ok(pid) = e.file_name().to_string_lossy().parse::<u32>() else { continue };
        let c = std::fs::read_to_string(e.path().join("cmdline")).unwrap_or_default();
        if c.contains("nats-server") && c.contains("/tmp/sp/nx") { return pid; }
    }
    panic!()
}
#[tokio::main]
async fn main() {
    let n: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let _ = std::fs::remove_dir_all("/tmp/sp/nx");
    let nats = Nats::start(std::path::Path::new("/tmp/sp/nx"), NatsConfig { sync_always: false, ..NatsConfig::default() }).await.unwrap();
    let broker = Broker::connect(&nats.url(), None).await.unwrap();
    topology::apply(&broker, &topology::TopologyConfig::default()).await.unwrap();
    let mut config = topology::events(&broker).await.unwrap().get_info().await.unwrap().config;
    config.name = "RAW".to_owned(); config.subjects = vec!["raw".to_owned()];
    broker.jetstream().create_stream(config).await.unwrap();
    let tenant = TenantId::new("bench").unwrap(); let key = Key::new([7; 32]);
    let padding = String::new();
    let padding = String::new();
    let me = std::process::id(); let srv = server();
    let publisher = Publisher::new(broker.clone());
    let only = std::env::args().nth(2).unwrap_or_default();
    for round in 0..3u32 {
        let ids = round * 1_000_000 + 1..round * 1_000_000 + 1 + n;
        let t = Instant::now(); let c = cpu(me);
        let messages: Vec<Message> = ids.clone().map(|i| make(i, &tenant, &key, &padding)).collect();
        println!("make     client {:.2} us/event wall {:.2}", (cpu(me) - c) / f64::from(n), t.elapsed().as_micros() as f64 / f64::from(n));
        for what in ["raw", "premade", "ours"] {
            if !only.is_empty() && only != what { continue; }
            let (t, c, s) = (Instant::now(), cpu(me), cpu(srv));
            let mut tasks = tokio::task::JoinSet::new();
            for share in 0..4 {
                let own: Vec<Message> = messages.iter().skip(share).step_by(4).cloned().collect();
                let (js, publisher, tenant, key, padding) = (broker.jetstream().clone(), publisher.clone(), tenant.clone(), key.clone(), padding.clone());
                let ids: Vec<u32> = ids.clone().skip(share).step_by(4).map(|i| i + 10_000_000).collect();
                match what {
                    "raw" => { tasks.spawn(async move { let js = &js; stream::iter(own.into_iter().map(Ok::<_, ()>)).try_for_each_concurrent(64, |m| async move {
                        js.send_publish("raw", PublishMessage::build().message_id(m.id.to_string()).payload(m.body)).await.unwrap().await.unwrap(); Ok(()) }).await.unwrap(); }); }
                    "premade" => { tasks.spawn(async move { let p = &publisher; stream::iter(own.into_iter().map(Ok::<_, ()>)).try_for_each_concurrent(64, |m| async move { p.publish(&m).await.unwrap(); Ok(()) }).await.unwrap(); }); }
                    _ => { tasks.spawn(async move { let p = &publisher; let (tenant, key, padding) = (&tenant, &key, &padding); stream::iter(ids.into_iter().map(Ok::<_, ()>)).try_for_each_concurrent(64, |i| async move { p.publish(&make(i, tenant, key, padding)).await.unwrap(); Ok(()) }).await.unwrap(); }); }
                }
            }
            while let Some(r) = tasks.join_next().await { r.unwrap(); }
            println!("{what:8} client {:.2} server {:.2} wall {:.2}", (cpu(me) - c) / f64::from(n), (cpu(srv) - s) / f64::from(n), t.elapsed().as_micros() as f64 / f64::from(n));
        }
    }
    let _ = Arc::new(());
    nats.stop().await;
}
