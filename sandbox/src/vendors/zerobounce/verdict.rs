//! What is said of an address: the published test addresses as published, any other by a stable hash.

use serde_json::{Value, json};

use crate::company::title_case;
use crate::vendors::world::World;

/// What is said of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub status: &'static str,
    pub sub_status: &'static str,
    pub free: bool,
    pub did_you_mean: Option<String>,
    pub domain_age_days: u32,
    pub provider: &'static str,
    /// One of the published test addresses, which cost nothing.
    test: bool,
}

/// The published test addresses at `example.com`, without those that are named after their sub-status.
const TESTS: [(&str, &str, &str); 10] = [
    ("valid", "valid", ""),
    ("invalid", "invalid", "mailbox_not_found"),
    ("catch_all", "catch-all", ""),
    ("spamtrap", "spamtrap", ""),
    ("abuse", "abuse", ""),
    ("disposable", "do_not_mail", "disposable"),
    ("toxic", "do_not_mail", "toxic"),
    ("donotmail", "do_not_mail", "role_based"),
    ("unknown", "unknown", "mail_server_temporary_error"),
    ("free_email", "valid", ""),
];

/// The published test addresses that are named after their sub-status.
const NAMED_TESTS: [(&str, &str); 20] = [
    ("antispam_system", "unknown"),
    ("does_not_accept_mail", "invalid"),
    ("exception_occurred", "unknown"),
    ("failed_smtp_connection", "unknown"),
    ("failed_syntax_check", "invalid"),
    ("forcible_disconnect", "unknown"),
    ("global_suppression", "do_not_mail"),
    ("greylisted", "unknown"),
    ("leading_period_removed", "valid"),
    ("mail_server_did_not_respond", "unknown"),
    ("mail_server_temporary_error", "unknown"),
    ("mailbox_quota_exceeded", "invalid"),
    ("mailbox_not_found", "invalid"),
    ("no_dns_entries", "invalid"),
    ("possible_trap", "do_not_mail"),
    ("possible_typo", "invalid"),
    ("role_based", "do_not_mail"),
    ("role_based_catch_all", "do_not_mail"),
    ("timeout_exceeded", "unknown"),
    ("unroutable_ip_address", "invalid"),
];

/// Domains that give anybody an address.
const FREE: [&str; 7] =
    ["gmail.com", "yahoo.com", "yahoo.com.sg", "hotmail.com", "outlook.com", "singnet.com.sg", "icloud.com"];
/// Domains that give anybody an address for an hour.
const DISPOSABLE: [&str; 3] = ["mailinator.com", "guerrillamail.com", "10minutemail.com"];
/// Accounts that nobody answers as a person.
const ROLES: [&str; 14] = [
    "info",
    "sales",
    "hello",
    "enquiry",
    "enquiries",
    "contact",
    "admin",
    "support",
    "hr",
    "careers",
    "office",
    "billing",
    "marketing",
    "accounts",
];
/// What any other address comes to, of 100. Unknown stays rare: batches full of it are answered with a block.
const VERDICTS: [((&str, &str), usize); 14] = [
    (("valid", ""), 66),
    (("valid", "alias_address"), 1),
    (("valid", "accept_all"), 3),
    (("invalid", "mailbox_not_found"), 9),
    (("invalid", "does_not_accept_mail"), 1),
    (("invalid", "mailbox_quota_exceeded"), 1),
    (("catch-all", ""), 9),
    (("unknown", "greylisted"), 2),
    (("unknown", "mail_server_temporary_error"), 1),
    (("unknown", "timeout_exceeded"), 1),
    (("unknown", "antispam_system"), 1),
    (("do_not_mail", "global_suppression"), 2),
    (("do_not_mail", "possible_trap"), 2),
    (("abuse", ""), 1),
];

/// What is said of `email`.
pub(super) fn verdict(world: &World, email: &str) -> Verdict {
    let email = email.to_lowercase();
    let (account, domain) = email.split_once('@').unwrap_or((&email, ""));
    if domain == "example.com"
        && let Some(verdict) = test(account)
    {
        return verdict;
    }
    // The domain draws its age and provider, so that all its addresses agree.
    let of_domain = &mut world.random(&format!("mail domain {domain}"), 0);
    let domain_age_days = of_domain.between(120, 9_000);
    let provider = of_domain.pick(&["g-suite", "microsoft", "zoho", "other"]);
    let catches_all = of_domain.chance(12);
    let (status, sub_status) = match () {
        () if !plausible(account, domain) => ("invalid", "failed_syntax_check"),
        () if domain == "gmial.com" || domain == "gmal.com" => ("invalid", "possible_typo"),
        () if DISPOSABLE.contains(&domain) => ("do_not_mail", "disposable"),
        () => {
            let drawn = world.random(&format!("mail address {email}"), 0).weighted(&VERDICTS);
            role(account, catches_all, drawn)
        }
    };
    Verdict {
        status,
        sub_status,
        free: FREE.contains(&domain),
        did_you_mean: (sub_status == "possible_typo").then(|| format!("{account}@gmail.com")),
        domain_age_days,
        provider,
        test: false,
    }
}

/// A role's address that takes mail is said to be no person's: that is `do_not_mail`.
fn role(account: &str, catches_all: bool, drawn: (&'static str, &'static str)) -> (&'static str, &'static str) {
    match (ROLES.contains(&account), catches_all, drawn) {
        (true, true, ("valid" | "catch-all", _)) => ("do_not_mail", "role_based_catch_all"),
        (true, false, ("valid", "accept_all")) => ("valid", "role_based_accept_all"),
        (false, true, ("valid", _)) => ("catch-all", ""),
        (_, _, drawn) => drawn,
    }
}

fn test(account: &str) -> Option<Verdict> {
    let listed = TESTS.iter().find(|(name, ..)| *name == account).map(|(_, status, sub_status)| (*status, *sub_status));
    let named = NAMED_TESTS.iter().find(|(name, _)| *name == account).map(|(name, status)| (*status, *name));
    let (status, sub_status) = listed.or(named)?;
    Some(Verdict {
        status,
        sub_status,
        free: account == "free_email",
        did_you_mean: None,
        domain_age_days: 9_692,
        provider: "example",
        test: true,
    })
}

fn plausible(account: &str, domain: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(letter);
    !account.is_empty()
        && account.chars().all(allowed)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && domain.chars().all(|letter| letter.is_alphanumeric() || ".-".contains(letter))
}

impl Verdict {
    /// What it costs: an unknown is free, and so is a test.
    pub fn credits(&self) -> u64 {
        u64::from(self.status != "unknown" && !self.test)
    }

    /// Whether there is a server that takes the domain's mail.
    pub fn mail_exists(&self) -> bool {
        !matches!(self.sub_status, "failed_syntax_check" | "no_dns_entries" | "possible_typo")
    }

    /// The owner's names where the address has both and takes mail.
    pub fn names(&self, account: &str) -> Option<(String, String)> {
        let (first, last) = account.split_once('.').filter(|_| self.status == "valid")?;
        Some((title_case(first), title_case(last)))
    }

    /// When the owner was last seen, as one of the spans that are published.
    pub fn active_in_days(&self) -> Value {
        if self.status == "valid" { json!("180") } else { Value::Null }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::WebKind;

    fn world() -> World {
        World::new(1, &WebKind::Varied { sites: 0 }).unwrap()
    }

    #[test]
    fn test_addresses_are_answered_as_published_and_cost_nothing() {
        let world = world();
        for (account, status, sub_status) in TESTS {
            let told = verdict(&world, &format!("{account}@example.com"));
            assert_eq!((told.status, told.sub_status, told.credits()), (status, sub_status, 0));
        }
        for (account, status) in NAMED_TESTS {
            let told = verdict(&world, &format!("{account}@example.com"));
            assert_eq!((told.status, told.sub_status, told.credits()), (status, account, 0));
        }
        assert!(verdict(&world, "free_email@example.com").free);
    }

    #[test]
    fn any_other_address_keeps_its_verdict_and_the_mixture_is_one_of_business_lists() {
        let world = world();
        let email = |number: usize| format!("person{number}.tan@firm{number}.example");
        let mut counts = std::collections::BTreeMap::new();
        for number in 0..2_000 {
            let told = verdict(&world, &email(number));
            assert_eq!(told, verdict(&world, &email(number).to_uppercase()));
            assert_eq!(told.credits(), u64::from(told.status != "unknown"));
            *counts.entry(told.status).or_insert(0) += 1;
        }
        assert!((1_050..1_450).contains(&counts["valid"]), "{counts:?}");
        assert!((40..160).contains(&counts["unknown"]), "{counts:?}");
        assert_eq!(counts.len(), 6, "{counts:?}");
    }

    #[test]
    fn what_is_no_address_fails_the_syntax_check() {
        let world = world();
        for email in ["nobody", "a b@firm.example", "@firm.example", "a@firm", "a@.example"] {
            assert_eq!(verdict(&world, email).sub_status, "failed_syntax_check", "{email}");
        }
    }
}
