use VerificationStatus::{Abuse, CatchAll, DoNotMail, Invalid, Spamtrap, Unknown, Valid};

use super::*;
use crate::testing::{said, table};

fn read(reply: &Reply<'_>) -> Result<Vec<Option<Answered<Verdict>>>, Failure> {
    let addresses = [Address::new("A@Site.example "), Address::new("b@site.example")];
    Validate.read(&addresses.iter().collect::<Vec<_>>(), reply, &Prices::default())
}

#[test]
fn every_documented_status_has_one_of_ours() {
    let table: &[(&str, VerificationStatus, &[&str])] = &[
        (
            "valid",
            Valid,
            &[
                "",
                "alias_address",
                "leading_period_removed",
                "alternate",
                "accept_all",
                "role_based_accept_all",
                "gold",
                "ai_agent_mailbox",
                "allowed",
            ],
        ),
        (
            "invalid",
            Invalid,
            &[
                "mailbox_not_found",
                "failed_syntax_check",
                "possible_typo",
                "no_dns_entries",
                "does_not_accept_mail",
                "mailbox_quota_exceeded",
                "unroutable_ip_address",
                "blocked",
            ],
        ),
        ("catch-all", CatchAll, &[""]),
        (
            "unknown",
            Unknown,
            &[
                "antispam_system",
                "greylisted",
                "mail_server_temporary_error",
                "mail_server_did_not_respond",
                "timeout_exceeded",
                "failed_smtp_connection",
                "forcible_disconnect",
                "exception_occurred",
            ],
        ),
        (
            "do_not_mail",
            DoNotMail,
            &[
                "disposable",
                "toxic",
                "role_based",
                "role_based_catch_all",
                "global_suppression",
                "possible_trap",
                "mx_forward",
            ],
        ),
        ("spamtrap", Spamtrap, &[""]),
        ("abuse", Abuse, &[""]),
    ];
    for (raw, status, sub_statuses) in table {
        for sub_status in *sub_statuses {
            let verdict = Verdict::of(raw, sub_status);
            assert_eq!(
                (verdict.status, verdict.raw_status.as_str(), verdict.sub_status.as_str()),
                (*status, *raw, *sub_status)
            );
            assert!((0.0..=1.0).contains(&verdict.confidence));
            assert_eq!(verdict.fresh_for() < Duration::from_secs(24 * 3600), *status == Unknown, "{sub_status}");
        }
    }
}

#[test]
fn a_status_of_tomorrow_is_unknown_and_kept() {
    let verdict = Verdict::of("quarantined", "by_moonlight");
    assert_eq!(
        (verdict.status, verdict.raw_status.as_str(), verdict.sub_status.as_str()),
        (Unknown, "quarantined", "by_moonlight")
    );
}

#[test]
fn answers_are_joined_on_the_address_and_unclear_ones_are_free() {
    let body = r#"{"email_batch": [{"address": "b@site.example", "status": "unknown", "sub_status": "greylisted", "mx_found": true},
        {"address": "a@site.example", "status": "valid", "sub_status": "", "free_email": false, "mx_found": "true", "firstname": null, "new": {}}], "errors": []}"#;
    let answers = said(read, 200, body).unwrap();
    let (first, second) = (answers[0].as_ref().unwrap(), answers[1].as_ref().unwrap());
    assert_eq!(
        (first.answer.status, first.answer.mail_server, first.charge.usd.to_string()),
        (Valid, Some(true), "0.0195".to_owned())
    );
    assert_eq!((second.answer.status, second.charge), (Unknown, Charge::default()));
}

#[test]
fn an_address_that_is_left_out_has_no_answer_and_the_others_are_good() {
    let body = r#"{"email_batch": [{"address": "b@site.example", "status": "valid"}], "errors": [{"email_address": "a@site.example", "error": "bad"}]}"#;
    let answers = said(read, 200, body).unwrap();
    assert!(answers[0].is_none() && answers[1].is_some());
}

#[test]
fn one_message_for_two_things_is_known_by_its_words_whatever_the_status() {
    let words = r#"{"error": "Invalid API key or your account ran out of credits"}"#;
    table(
        read,
        &[
            (200, words, "key or quota"),
            (400, words, "key or quota"),
            (
                200,
                r#"{"email_batch": [], "errors": [{"email_address": "all", "error": "Invalid API key or your account ran out of credits"}]}"#,
                "key or quota",
            ),
            (400, r#"{"error": "missing parameter"}"#, "never"),
            (403, "<html>shield</html>", "retry"),
            (404, "", "never"),
            (429, "", "rate limit"),
            (500, "", "retry"),
            (520, "<html>", "retry"),
            (524, "", "retry"),
            (200, "<html>", "lost"),
        ],
    );
}

#[test]
fn credits_are_text_and_minus_one_is_a_wrong_key() {
    let credits = |body| said(left, 200, body);
    assert_eq!(credits(r#"{"Credits": "2375323"}"#).unwrap(), Some(2_375_323.into()));
    assert_eq!(credits(r#"{"Credits": 5}"#).unwrap(), Some(5.into()));
    assert_eq!(credits(r#"{"Credits": "-1"}"#).unwrap_err().class, Class::Key);
}

#[test]
fn the_time_a_batch_may_take_is_text() {
    let tenant = presdr_events::TenantId::new("acme").unwrap();
    let config = crate::VendorConfig::new(crate::Secrets::none().with(Vendor::ZeroBounce, "zb-secret"));
    let endpoint = config.endpoint(&tenant, Vendor::ZeroBounce).unwrap();
    let request = Validate.request(&[&Address::new("a@site.example")], &endpoint);
    let body: Value = serde_json::from_slice(&request.body.clone().unwrap()).unwrap();
    assert!(body["timeout"].is_string() && body["api_key"] == "zb-secret");
    assert!(!format!("{request:?}").contains("secret") && !format!("{request:?}").contains("site"));
}

#[test]
fn who_is_shut_out_does_not_knock_until_it_is_over() {
    let after = |status| said(read, status, "").unwrap_err().class;
    assert_eq!(after(429), Class::Retry { after: Some(Duration::from_secs(600)), rate_limit: true });
    assert_eq!(after(403), Class::Retry { after: Some(Duration::from_secs(5)), rate_limit: false });
}
