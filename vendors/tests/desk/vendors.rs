//! Each vendor's questions against its imitation: what is learnt, what is charged, and every fault.

use std::time::Duration;

use presdr_rules::email_policy::VerificationStatus;
use presdr_sandbox::{
    WebKind,
    vendors::{
        Fault, FaultKind, Limits, Vendor as Imitated, VendorConfig as SandboxConfig, VendorSandbox, World as Known,
    },
};
use presdr_vendors::{
    Policy, Purpose, Unanswered, Vendor, VendorConfig, VendorDesk,
    check::{KeyKind, Reach, check},
    lusha::{At, CompanyLookup, PeopleSearch, Reveal},
    openai::{CHAT_MODEL, Chat, EMBEDDING_MODEL, Embed, Said},
    tavily::{Crawl, Extract, Search},
    zerobounce::{Address, Validate},
};
use rust_decimal::Decimal;
use serde_json::json;

use crate::support::{World, without_breaker};

const SITES: usize = 60;

struct Imitation {
    world: World,
    sandbox: VendorSandbox,
    desk: VendorDesk,
}

impl Imitation {
    async fn new() -> Self {
        Self::with(without_breaker()).await
    }

    async fn with(policy: Policy) -> Self {
        let world = World::new().await;
        let known = Known::new(1, &WebKind::Varied { sites: SITES }).unwrap();
        let config = SandboxConfig { limits: Limits::none(), ..SandboxConfig::default() };
        let sandbox = VendorSandbox::start(config, known).await.unwrap();
        let mut variables = sandbox.environment();
        variables
            .extend(Vendor::ALL.map(|vendor| {
                (format!("PRESDR_{}_PER_MINUTE", vendor.as_str().to_uppercase()), "60000000".to_owned())
            }));
        let find = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let desk = world.desk_with(VendorConfig::from_variables(find).unwrap(), policy).await;
        Self { world, sandbox, desk }
    }

    fn fault(&self, vendor: Imitated, kind: FaultKind, times: u32) {
        self.sandbox.faults().add(Fault::times(vendor, kind, times));
    }

    /// Units that the ledger has, and credits that the vendor charged.
    async fn charged(&self, vendor: Imitated) -> (i64, u64) {
        let vendor_name = vendor.as_str();
        let calls = self.world.calls().await;
        let units: Decimal = calls.iter().filter(|call| call.vendor == vendor_name).map(|call| call.units).sum();
        (i64::try_from(units).unwrap(), self.sandbox.calls().totals(vendor).credits)
    }
}

#[tokio::test]
async fn tavily_searches_reads_and_crawls_at_its_own_price() {
    let imitation = Imitation::new().await;
    let (world, desk) = (&imitation.world, &imitation.desk);
    let asking = |company, step| world.asking(company, step, Purpose::SiteText);
    let companies: Vec<_> =
        imitation.sandbox.world().companies().iter().filter(|company| company.has_site).take(12).cloned().collect();
    let (mut own, mut texts) = (0, 0);
    for (company, number) in companies.iter().zip(1..) {
        let domain = company.domain.clone().unwrap();
        let query = format!("{} official site", company.name);
        let found = desk.ask(&asking(number, "tavily.search"), &Search::new(&query, 5)).await.unwrap();
        own += usize::from(found.results.iter().any(|page| page.url.contains(&domain)));
        let home = format!("https://{domain}/");
        let pages = desk.ask(&asking(number, "tavily.extract"), &Extract::new([home.clone()])).await.unwrap();
        texts += pages.pages.iter().filter(|page| !page.text.is_empty()).count();
        desk.ask(&asking(number, "tavily.crawl"), &Crawl::new(home, 5, vec![])).await.unwrap();
    }
    assert!(own >= 8 && texts >= 6, "{own} own sites were found, {texts} pages read");
    let (ledger, vendor) = imitation.charged(Imitated::Tavily).await;
    assert_eq!(ledger.unsigned_abs(), vendor);
    world.adds_up(desk).await;
}

#[tokio::test]
async fn lusha_knows_companies_and_people_and_reveals_each_person_once() {
    let imitation = Imitation::new().await;
    let (world, desk) = (&imitation.world, &imitation.desk);
    let asking = |company, step| world.asking(company, step, Purpose::Contacts);
    let (mut known, mut addresses) = (0, 0);
    let companies: Vec<_> = imitation.sandbox.world().companies().iter().take(20).cloned().collect();
    for (company, number) in companies.iter().zip(1..) {
        let domain = company.domain.clone().unwrap();
        let facts = desk.ask(&asking(number, "lusha.company"), &CompanyLookup::by_domain(&domain)).await.unwrap();
        known += usize::from(facts.is_some_and(|facts| facts.domain.as_deref() == Some(domain.as_str())));
        let search = PeopleSearch::new(At::Domain(domain), Vec::<String>::new(), 10);
        let people = desk.ask(&asking(number, "lusha.people"), &search).await.unwrap();
        let things: Vec<_> = people.iter().map(|person| (asking(number, "lusha.reveal"), person.id.clone())).collect();
        for _ in 0..2 {
            for (answer, person) in desk.ask_many(&Reveal, &things).await.into_iter().zip(&people) {
                let Some(contact) = answer.unwrap() else { continue };
                assert_eq!((&contact.id, &contact.name, &contact.title), (&person.id, &person.name, &person.title));
                addresses += contact.emails.len();
            }
        }
    }
    assert!(known >= 5 && addresses >= 10, "{known} companies, {addresses} addresses");
    let nobody = desk.ask(&asking(40, "lusha.company"), &CompanyLookup::by_domain("nobody.invalid")).await.unwrap();
    assert_eq!(nobody, None);
    let strange =
        desk.ask(&asking(41, "lusha.company"), &CompanyLookup::by_name("Acme (S) Pte. Ltd. / \"Trading\" #1 *")).await;
    assert!(strange.is_ok(), "what Lusha would refuse is left out: {strange:?}");
    let again: u32 = imitation.sandbox.calls().bought().iter().map(|bought| bought.times - 1).sum();
    assert_eq!(again, 0, "nothing was bought twice");
    let (ledger, vendor) = imitation.charged(Imitated::Lusha).await;
    assert_eq!(ledger.unsigned_abs(), vendor);
    world.adds_up(desk).await;
}

#[tokio::test]
async fn zerobounce_answers_for_its_test_addresses_and_charges_for_clear_answers() {
    let imitation = Imitation::new().await;
    let (world, desk) = (&imitation.world, &imitation.desk);
    use VerificationStatus::{Abuse, CatchAll, DoNotMail, Invalid, Spamtrap, Unknown, Valid};
    let documented = [
        ("valid", Valid, ""),
        ("invalid", Invalid, "mailbox_not_found"),
        ("catch_all", CatchAll, ""),
        ("spamtrap", Spamtrap, ""),
        ("abuse", Abuse, ""),
        ("donotmail", DoNotMail, "role_based"),
        ("disposable", DoNotMail, "disposable"),
        ("unknown", Unknown, "mail_server_temporary_error"),
        ("possible_typo", Invalid, "possible_typo"),
        ("greylisted", Unknown, "greylisted"),
    ];
    let asking = |company| world.asking(company, "zerobounce.validate", Purpose::Verification);
    let things: Vec<_> =
        documented.iter().map(|(name, ..)| (asking(1), Address::new(&format!("{name}@example.com")))).collect();
    for (answer, (name, status, sub_status)) in desk.ask_many(&Validate, &things).await.into_iter().zip(documented) {
        let verdict = answer.unwrap();
        assert_eq!((verdict.status, verdict.sub_status.as_str()), (status, sub_status), "{name}");
    }
    let others: Vec<_> = (0..120).map(|n| (asking(n % 30 + 1), Address::new(&format!("p{n}@some{n}.sg")))).collect();
    assert!(desk.ask_many(&Validate, &others).await.iter().all(Result::is_ok));
    let (ledger, vendor) = imitation.charged(Imitated::ZeroBounce).await;
    assert_eq!(ledger.unsigned_abs(), vendor);
    assert!(ledger > 60, "some answers are unclear, and free: {ledger}");
    world.adds_up(desk).await;
}

fn chat(input: &str) -> Chat {
    Chat {
        model: CHAT_MODEL.to_owned(),
        instructions: "Say what the company does.".to_owned(),
        input: input.to_owned(),
        schema_name: "facts",
        schema: json!({"type": "object", "additionalProperties": false, "required": ["about"], "properties": {"about": {"type": ["string", "null"]}}}),
        tokens_max: 200,
    }
}

#[tokio::test]
async fn openai_answers_in_the_shape_it_is_given_declines_or_is_cut_off() {
    let imitation = Imitation::new().await;
    let (world, desk) = (&imitation.world, &imitation.desk);
    let asking = |company| world.asking(company, "openai.extraction", Purpose::Extraction);
    let text = "Kelmora Widgets makes industrial widgets in Singapore since 1998.";
    let Said::Json(value) = desk.ask(&asking(1), &chat(text)).await.unwrap() else { panic!("no JSON") };
    assert!(value.get("about").is_some(), "{value}");
    imitation.fault(Imitated::OpenAi, FaultKind::Refusal, 1);
    assert_eq!(desk.ask(&asking(2), &chat("one")).await.unwrap(), Said::Refused);
    imitation.fault(Imitated::OpenAi, FaultKind::Length, 1);
    assert_eq!(desk.ask(&asking(3), &chat("two")).await.unwrap(), Said::CutOff);
    let embed = |company| world.asking(company, "openai.similarity", Purpose::Similarity);
    let vector = desk.ask(&embed(1), &Embed::new(EMBEDDING_MODEL, text)).await.unwrap();
    let length: f32 = vector.iter().map(|value| value * value).sum();
    assert!(vector.len() == 1536 && (length - 1.0).abs() < 1e-3, "{} of length {length}", vector.len());
    assert_eq!(vector, desk.ask(&embed(2), &Embed::new(EMBEDDING_MODEL, text)).await.unwrap(), "stored exactly");
    let totals = imitation.sandbox.calls().totals(Imitated::OpenAi);
    let calls = world.calls().await;
    let read: u64 = calls.iter().map(|call| call.tokens_input).sum();
    let written: u64 = calls.iter().map(|call| call.tokens_output).sum();
    assert_eq!((read, written), (totals.tokens_input, totals.tokens_output));
    world.adds_up(desk).await;
}

#[tokio::test]
async fn every_fault_of_every_vendor_comes_to_what_the_contract_says() {
    let hidden = Policy { budget: Duration::from_secs(5), ..without_breaker() };
    let imitation = Imitation::with(hidden).await;
    let mut number = 0;
    for vendor in Vendor::ALL {
        let imitated: Imitated = vendor.as_str().parse().unwrap();
        for (kind, times, wanted) in [
            (FaultKind::RateLimit { seconds: 0 }, 2, "answered"),
            (FaultKind::RateLimit { seconds: 0 }, 3, "rate_limited"),
            (FaultKind::ServerError { status: 500 }, 1, "answered"),
            (FaultKind::ServerError { status: 503 }, 3, "failed"),
            (FaultKind::Half, 1, "answered"),
            (FaultKind::InvalidJson, 1, "answered"),
            (FaultKind::InvalidJson, 2, "unknown"),
            (FaultKind::Quota, 1, "quota"),
            (FaultKind::KeyRefused, 9, "key_refused"),
        ] {
            number += 1;
            // Who sends too many batches is shut out for minutes: it is not tried again at once.
            let shut_out = vendor == Vendor::ZeroBounce && matches!(kind, FaultKind::RateLimit { .. });
            let wanted = if shut_out { "rate_limited" } else { wanted };
            imitation.sandbox.faults().clear();
            imitation.fault(imitated, kind, times);
            if (vendor, kind) == (Vendor::ZeroBounce, FaultKind::Quota) {
                imitation.sandbox.set_credits(imitated, 0);
            }
            let outcome = ask_something(&imitation, vendor, number).await;
            imitation.sandbox.set_credits(imitated, 1_000_000);
            imitation.desk.reopen(&imitation.world.tenant, vendor).await.unwrap();
            let told = match outcome {
                Ok(()) => "answered",
                Err(Unanswered::RateLimited) => "rate_limited",
                Err(Unanswered::Failed { .. }) => "failed",
                Err(Unanswered::Unknown) => "unknown",
                Err(Unanswered::Quota) => "quota",
                Err(Unanswered::KeyRefused) => "key_refused",
                Err(other) => panic!("{vendor} {kind}: {other:?}"),
            };
            assert_eq!(told, wanted, "{vendor} {kind} {times} times");
        }
    }
    imitation.world.adds_up(&imitation.desk).await;
}

/// A question to the vendor that was not asked before.
async fn ask_something(imitation: &Imitation, vendor: Vendor, number: i64) -> Result<(), Unanswered> {
    let (world, desk) = (&imitation.world, &imitation.desk);
    let text = format!("question {number}");
    match vendor {
        Vendor::Tavily => {
            desk.ask(&world.asking(number, "tavily.search", Purpose::Domain), &Search::new(&text, 2)).await.map(drop)
        }
        Vendor::Lusha => {
            let lookup = CompanyLookup::by_name(&text);
            desk.ask(&world.asking(number, "lusha.company", Purpose::Contacts), &lookup).await.map(drop)
        }
        Vendor::ZeroBounce => {
            let thing = (
                world.asking(number, "zerobounce.validate", Purpose::Verification),
                Address::new(&format!("q{number}@site.sg")),
            );
            desk.ask_many(&Validate, &[thing]).await.remove(0).map(drop)
        }
        Vendor::OpenAi => {
            desk.ask(&world.asking(number, "openai.extraction", Purpose::Extraction), &chat(&text)).await.map(drop)
        }
    }
}

#[tokio::test]
async fn a_check_tells_what_each_vendor_has_left_and_what_was_used_today() {
    let imitation = Imitation::new().await;
    let (world, desk) = (&imitation.world, &imitation.desk);
    ask_something(&imitation, Vendor::Tavily, 1).await.unwrap();
    let report = check(desk, &world.tenant).await.unwrap();
    let tavily = &report.vendors[0];
    assert_eq!((tavily.key, tavily.used_today, tavily.breaker), (KeyKind::Shared, Decimal::ONE, "closed"));
    assert_eq!(report.usd_today, "0.008".parse::<Decimal>().unwrap());
    for (checked, vendor) in report.vendors.iter().zip(Vendor::ALL) {
        assert!(matches!(checked.reach, Reach::Reached { .. }), "{vendor}: {:?}", checked.reach);
        let left = imitation.sandbox.credits_left(vendor.as_str().parse().unwrap());
        let wanted = (vendor != Vendor::OpenAi).then(|| Decimal::from(left));
        assert_eq!(checked.credits_left, wanted, "{vendor}");
    }
    imitation.fault(Imitated::Lusha, FaultKind::KeyRefused, 1);
    let report = check(desk, &world.tenant).await.unwrap();
    assert_eq!(report.vendors[1].reach, Reach::KeyRefused);
}
