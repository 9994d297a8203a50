use std::collections::BTreeMap;
use chrono::DateTime;
use presdr_events::*;
fn main() {
    let n: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let tenant = TenantId::new("bench").unwrap();
    let key = Key::new([7; 32]);
    let padding = String::new();
    let subject = SubjectId(uuid::Uuid::from_bytes([9; 16]));
    let mut total = 0;
    let run = Some(RunId::new(1).unwrap());
    let started = std::time::Instant::now();
    for company in 1..=n {
        let company_id = CompanyId::new(i64::from(company)).unwrap();
        let id = EventId::of(&tenant, run, Some(company_id), "lead.extracted", 1);
        let header = Header { id, source: "extract", time: DateTime::UNIX_EPOCH, tenant: tenant.clone(), run, company: Some(company_id), actor: Actor::service("extract"), correlation: id, causation: Some(id), traceparent: None };
        let address = Clear(format!("person{company}@bench.example"));
        let mut nonce = [0u8; 24];
        nonce[..4].copy_from_slice(&company.to_le_bytes());
        let context = PiiContext { tenant: &tenant, event: id, field: "email.address" };
        let email = lead::FoundEmail { address: Pii::seal(subject, &key, &context, nonce, &address).unwrap(), first_name: None, last_name: None, role_title: None, role_account: false, own_domain: true, source: "site".to_owned() };
        let event = Event::LeadExtracted(lead::Extracted {
            step: Step::done("extract", 12, 1, Vec::new()), corpus_hash: String::new(), words: 500, text_characters: 3000, language: Some("eng".to_owned()), technologies: vec![padding.clone()], social_networks: Vec::new(), careers: true, jobs_count: 2, keywords: Vec::new(), identity_confirmed: true, emails: vec![email], people: Vec::new(), phones: Vec::new(), emails_dropped: BTreeMap::new(), ai: None, route: Route { next: "score".to_owned(), because: "bench".to_owned() },
        });
        let subject = header.subject(&event).to_string();
        let body = header.encode(&event).unwrap();
        total += subject.len() + body.len();
    }
    println!("{} bytes, {:?} each", total / n as usize, started.elapsed() / n);
}
