use proptest::prelude::*;

use super::*;
use crate::{
    icp::{Bounds, IcpDocument, Schedule},
    score::Bucket,
};

fn understood(text: &str) -> Command {
    match read(text) {
        Reading::Understood(command) => command,
        other => panic!("{text:?} came to {other:?}"),
    }
}

fn told(text: &str) -> String {
    understood(text).to_string()
}

fn changes(text: &str) -> IcpChanges {
    match understood(text) {
        Command::ChangeIcp(changes) => changes,
        other => panic!("{text:?} came to {other:?}"),
    }
}

fn wrong(text: &str) -> String {
    match read(text) {
        Reading::Wrong(wrong) => wrong,
        other => panic!("{text:?} came to {other:?}"),
    }
}

#[test]
fn every_example_is_understood_and_reads_as_another_command() {
    let told: Vec<String> = examples().map(told).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    Change the ICP: industries: software; employees: 10 to 200; schedule: nightly
    Show the ICP
    Change the ICP: schedule: nightly at 02:00
    Change the ICP: schedule: off
    Write the shortlist of today to Odoo
    Show the shortlist of today (top 50)
    Explain the score of Codigo
    Visit the site of Codigo again and score it anew, its pages on careers included
    Pause the newest run
    Resume the newest run
    Cancel the newest run; it ends with what it has
    Show where the newest run stands
    Show the costs of this week
    Never contact anyone at acme.example again
    Erase j***@acme.example
    Export the newest scores as CSV
    Start a run of at most 20 leads
    Yes
    No
    List the commands
    ");
}

#[test]
fn a_shortlist_is_pushed_in_many_ways() {
    assert_eq!(understood("push the shortlist to Odoo"), Command::PushShortlist(Day::Latest));
    assert_eq!(understood("Please send yesterday's leads to odoo!"), Command::PushShortlist(Day::Yesterday));
    assert_eq!(told("Sync the shortlist of 2026-11-03 into Odoo"), "Write the shortlist of 2026-11-03 to Odoo");
    assert!(matches!(read("push Codigo to odoo"), Reading::Unknown(_)), "a whole shortlist or nothing");
}

#[test]
fn a_profile_is_said_in_many_ways() {
    let cases = [
        (
            "Refresh ICP to software, 10-200 employees; run nightly",
            "industries: software; employees: 10 to 200; schedule: nightly",
        ),
        (
            "please set my ICP to: software companies with 10 to 200 employees in Singapore",
            "industries: software; employees: 10 to 200; places: singapore",
        ),
        (
            "update the profile: software or fintech, food and beverage",
            "industries: software, fintech, food and beverage",
        ),
        ("change icp to at least 1,000 staff", "employees: 1000 or more"),
        ("change icp to fewer than 50 people", "employees: up to 49"),
        ("change icp employees: between 5 and 9", "employees: 5 to 9"),
        ("change icp to any number of employees", "employees: any"),
        ("change icp to 50+ employees, incorporated since 2015", "employees: 50 or more; incorporated: 2015 or more"),
        ("change icp to founded before 2010", "incorporated: up to 2009"),
        (
            "change icp to incorporated 2010-2020; ssic 62011 and 62012, g",
            "SSIC codes: 62011, 62012, G; incorporated: 2010 to 2020",
        ),
        (
            "set icp to logistics; keywords cold chain, halal; exclude holdings and acme.example; titles CEO, head of sales; revenue 1M-5M",
            "industries: logistics; revenue: 1m-5m; keywords: cold chain, halal; excluded: holdings, acme.example; contact titles: ceo, head of sales",
        ),
        (
            "Refresh ICP to software, 10–200 employees; run every night at 2:30 am.",
            "industries: software; employees: 10 to 200; schedule: nightly at 02:30",
        ),
        ("refresh icp to software; stop nightly", "industries: software; schedule: off"),
        ("run nightly", "schedule: nightly"),
        ("nightly at 14:05", "schedule: nightly at 14:05"),
        ("run every night at 12am", "schedule: nightly at 00:00"),
        ("schedule nightly runs", "schedule: nightly"),
        ("switch off the nightly runs", "schedule: off"),
        ("run nightly at 2am; software", "industries: software; schedule: nightly at 02:00"),
    ];
    for (text, expected) in cases {
        assert_eq!(changes(text).to_string(), expected, "{text}");
    }
}

#[test]
fn other_commands_are_said_in_many_ways() {
    let cases = [
        ("shortlist", "Show the shortlist of the newest finished run (top 20)"),
        ("what's on today's shortlist?", "Show the shortlist of today (top 20)"),
        ("Could you please show me yesterday's shortlist, top 5", "Show the shortlist of yesterday (top 5)"),
        ("show the shortlist of 2026-11-20", "Show the shortlist of 2026-11-20 (top 20)"),
        (
            "re-crawl \"Acme & Sons\" including the about and jobs pages",
            "Visit the site of Acme & Sons again and score it anew, its pages on about, careers included",
        ),
        ("refresh Codigo", "Visit the site of Codigo again and score it anew"),
        ("run", "Start a run up to the daily cap"),
        ("run now", "Start a run up to the daily cap"),
        ("start a new run with a cap of 50", "Start a run of at most 50 leads"),
        ("cancel run 12", "Cancel run 12; it ends with what it has"),
        ("stop the run", "Cancel the newest run; it ends with what it has"),
        ("pause run #7", "Pause run 7"),
        ("continue the run", "Resume the newest run"),
        ("status", "Show where the newest run stands"),
        ("how is the run doing?", "Show where the newest run stands"),
        ("what is the status of run 9", "Show where run 9 stands"),
        ("show run 9", "Show where run 9 stands"),
        ("how much did we spend last week?", "Show the costs of last week"),
        ("show the costs for the last 30 days", "Show the costs of the last 30 days"),
        ("costs today", "Show the costs of today"),
        ("never contact Jane.Doe@Acme.example", "Never contact j***@acme.example again"),
        ("suppress the domain https://www.acme.example/", "Never contact anyone at acme.example again"),
        ("suppress @acme.example", "Never contact anyone at acme.example again"),
        ("suppress company Acme Pte. Ltd", "Never contact Acme Pte. Ltd again"),
        ("Please erase Jane.Doe@Acme.example.", "Erase j***@acme.example"),
        ("forget everything about <jane@acme.example>", "Erase j***@acme.example"),
        ("forget it", "No"),
        ("export", "Export the newest scores as CSV"),
        ("download scores as JSON", "Export the newest scores as JSON"),
        ("export the run events", "Export the steps of a run as CSV"),
        ("What can you do?", "List the commands"),
        ("go ahead", "Yes"),
    ];
    for (text, expected) in cases {
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn a_question_why_keeps_the_bucket_that_it_takes_for_granted() {
    let cases = [
        ("Explain why company Codigo is High", "Codigo", Some(Bucket::High)),
        ("why is Codigo only medium?", "Codigo", Some(Bucket::Medium)),
        ("why did Acme Marine get a low score", "Acme Marine", Some(Bucket::Low)),
        ("explain the score of High Street Books", "High Street Books", None),
        ("explain Codigo", "Codigo", None),
        ("why was 2C2P rated High", "2C2P", Some(Bucket::High)),
    ];
    for (text, company, claimed) in cases {
        assert_eq!(understood(text), Command::Explain { company: company.to_owned(), claimed }, "{text}");
    }
}

#[test]
fn what_cannot_be_is_told_with_its_cure() {
    let cases = [
        ("refresh icp to 200-10 employees", "200 to 10 employees is the wrong way round; write 10 to 200."),
        ("refresh icp to many employees", "Say how many employees"),
        ("refresh icp to incorporated recently", "Say which years"),
        ("refresh icp to founded since 15", "Years have four digits"),
        ("refresh icp", "Say what to change"),
        ("run nightly at 25:00", "The time of a nightly run is such as"),
        ("show the shortlist (top 0)", "A shortlist is shown up to"),
        ("show the shortlist (top 101)", "A shortlist is shown up to its first 1 to 100 companies; say \"export"),
        ("re-enrich Codigo; include the moon", "The pages to include are any of: contact, about, careers"),
        ("suppress jane@@acme.example", "That is no e-mail address"),
        ("suppress", "Say what to suppress"),
        ("erase", "Say whom to erase by their e-mail address"),
        ("erase Jane Doe", "Say whom to erase by their e-mail address"),
        ("erase jane doe@acme.example", "Say whom to erase by their e-mail address"),
    ];
    for (text, start) in cases {
        let wrong = wrong(text);
        assert!(wrong.starts_with(start), "{text}: {wrong}");
    }
    assert!(wrong(&"run ".repeat(600)).contains("at most 2000 characters"));
}

#[test]
fn what_is_not_understood_gets_the_nearest_commands() {
    let nearest = |text: &str| match read(text) {
        Reading::Unknown(nearest) => nearest,
        other => panic!("{text:?} came to {other:?}"),
    };
    assert!(nearest("shrtlist of tody")[..2].contains(&"Show today's shortlist (top 50)"));
    assert_eq!(nearest("costss per weak")[0], "Costs this week");
    assert_eq!(nearest("what's the weather").len(), 3);
    assert_eq!(nearest("").len(), 3);
    assert_eq!(nearest(&format!("why is {}", "Acme ".repeat(30))).len(), 3, "no company has such a name");
}

#[test]
fn commands_that_change_something_are_told_apart() {
    let reading = ["show the icp", "shortlist", "explain Codigo", "status", "costs", "export", "help", "yes", "no"];
    let changing = [
        "run nightly",
        "run",
        "re-enrich Codigo",
        "pause",
        "resume",
        "cancel",
        "push to Odoo",
        "suppress acme.example",
        "erase jane@acme.example",
    ];
    assert!(reading.iter().all(|text| !understood(text).changes()));
    assert!(changing.iter().all(|text| understood(text).changes()));
}

#[test]
fn changes_leave_what_they_do_not_name() {
    let present =
        IcpDocument::parse(r#"{"ssic_codes": ["62"], "keywords": ["api"], "employee_range": {"min": 5}}"#).unwrap();
    let merged = changes("refresh icp to software, any number of employees; run nightly at 3am").merge_into(&present);
    let expected = IcpDocument {
        industries: vec!["software".to_owned()],
        keywords: vec!["api".to_owned()],
        schedule: Some(Schedule::NightlyAt { hour: 3, minute: 0 }),
        ..IcpDocument::default()
    };
    assert_eq!(merged, expected);
    let kept = changes("refresh icp to founded since 2000").merge_into(&present);
    assert_eq!(kept, IcpDocument { incorporation_year: Some(Bounds { min: Some(2000), max: None }), ..present });
}

#[test]
fn personal_values_do_not_print() {
    for line in ["suppress jane.doe@acme.example", "erase jane.doe@acme.example"] {
        let command = understood(line);
        assert!(!format!("{command:?}{command}").contains("jane"));
    }
    assert_eq!(
        redact("Suppress jane.doe@acme.example, and <x.y@b.example>.\nThanks"),
        "Suppress j***@acme.example, and <x***@b.example>.\nThanks"
    );
    assert_eq!(redact("call +65 6123 4567, or 9123 4567."), "call +65***67, or 91***67.");
    assert_eq!(redact("call 65 6123 4567 or (65) 9123 4567"), "call 65***67 or (65***67");
    assert_eq!(redact("tel +65.9123 4567"), "tel +65.91***67");
    for kept in
        ["201912345A in 2026-11-27", "run 12345678901", "10-200 employees, 2010 - 2020", "+5 points", "USD 6.3448"]
    {
        assert_eq!(redact(kept), kept);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*|(refresh icp to|re-enrich|why|run|suppress|show) [a-z0-9 ,;@.'-]*") {
        let _ = read(&text);
        let redacted = redact(&text);
        prop_assert_eq!(redact(&redacted), redacted);
    }

    #[test]
    fn tidying_twice_is_tidying_once(text in "(please|now|hi|,|;|[.]| |[a-z]|ſ|K){0,12}") {
        let tidied = tidy(&text);
        prop_assert_eq!(tidy(&tidied), tidied);
    }

    #[test]
    fn a_profile_shown_back_in_words_reads_as_the_same_changes(low in 1u32..500, more in 0u32..500, hour in 0u8..24, minute in 0u8..60) {
        let said = changes(&format!("refresh icp to {low} to {} employees; nightly at {hour:02}:{minute:02}", low + more));
        prop_assert_eq!(said.employee_range, Some(Bounds { min: Some(low), max: Some(low + more) }));
        prop_assert_eq!(said.schedule, Some(Schedule::NightlyAt { hour, minute }));
    }
}
