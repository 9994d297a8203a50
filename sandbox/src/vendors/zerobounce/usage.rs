//! `GET /getapiusage`: how often each status came between two days.

use chrono::NaiveDate;
use serde_json::json;

use crate::vendors::account::Account;
use crate::vendors::reply::{Ask, Reply};
use crate::vendors::zerobounce::missing;

/// All statistics in the answer, whether or not anything was counted.
const STATISTICS: [&str; 31] = [
    "status_valid",
    "status_invalid",
    "status_catch_all",
    "status_do_not_mail",
    "status_spamtrap",
    "status_unknown",
    "status_abuse",
    "sub_status_toxic",
    "sub_status_disposable",
    "sub_status_role_based",
    "sub_status_possible_trap",
    "sub_status_global_suppression",
    "sub_status_timeout_exceeded",
    "sub_status_mail_server_temporary_error",
    "sub_status_mail_server_did_not_respond",
    "sub_status_greylisted",
    "sub_status_antispam_system",
    "sub_status_does_not_accept_mail",
    "sub_status_exception_occurred",
    "sub_status_failed_syntax_check",
    "sub_status_mailbox_not_found",
    "sub_status_unroutable_ip_address",
    "sub_status_possible_typo",
    "sub_status_no_dns_entries",
    "sub_status_role_based_catch_all",
    "sub_status_mailbox_quota_exceeded",
    "sub_status_forcible_disconnect",
    "sub_status_failed_smtp_connection",
    "sub_status_mx_forward",
    "sub_status_alias_address",
    "sub_status_accept_all",
];

/// The answer. The sandbox knows one day only, the one it runs on: every span is taken to hold it.
pub(super) fn answer(ask: &Ask, account: &Account) -> Reply {
    let day = |name: &str| ask.field(name).and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    let (Some(start), Some(end)) = (day("start_date"), day("end_date")) else {
        return missing(if day("start_date").is_none() { "start_date" } else { "end_date" });
    };
    let written = |day: NaiveDate| day.format("%-m/%-d/%Y").to_string();
    let mut body = json!({ "total": account.tally("total") });
    for statistic in STATISTICS {
        body[statistic] = json!(account.tally(statistic));
    }
    body["start_date"] = json!(written(start));
    body["end_date"] = json!(written(end));
    Reply::json(200, &body)
}
