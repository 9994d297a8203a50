//! Lists that the address policy knows: free-mail providers, role mailboxes, mailboxes nobody reads, templates.

/// Whether a domain gives mailboxes to anyone.
pub fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.binary_search(&domain.to_ascii_lowercase().as_str()).is_ok()
}

/// Whether the part before the `@` names a role rather than a person: `info`, `sales-sg`, `hr2`.
pub fn is_role(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|character: char| !character.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let is_known = |word: &str| ROLES.binary_search(&word).is_ok();
    words.next().is_some_and(is_known) && words.all(|word| is_known(word) || word.len() <= 3)
}

pub(super) fn is_no_reply(name: &str) -> bool {
    NO_REPLY.binary_search(&name).is_ok() || name.starts_with("noreply") || name.starts_with("no-reply")
}

/// Reserved for documentation by RFC 2606, or the names that site builders leave behind.
pub(super) fn is_placeholder(name: &str, domain: &str) -> bool {
    PLACEHOLDER_DOMAINS.contains(&domain) || (PLACEHOLDER_NAMES.contains(&name) && domain.starts_with("your"))
}

#[rustfmt::skip]
const PLACEHOLDER_DOMAINS: [&str; 9] = [
    "company.com", "domain.com", "email.com", "example.com", "example.net", "example.org",
    "mysite.com", "yourcompany.com", "yourdomain.com",
];
const PLACEHOLDER_NAMES: [&str; 6] = ["email", "info", "mail", "name", "you", "your"];

/// The large providers, and those common in Singapore and its region. Sorted, for the search.
#[rustfmt::skip]
const FREE_MAIL: [&str; 80] = [
    "126.com", "139.com", "163.com", "aim.com", "aol.com", "bigpond.com", "btinternet.com",
    "comcast.net", "daum.net", "fastmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at",
    "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hanmail.net", "hey.com", "hotmail.co.th",
    "hotmail.co.uk", "hotmail.com", "hotmail.com.sg", "hotmail.de", "hotmail.fr", "hotmail.it",
    "hotmail.sg", "hushmail.com", "icloud.com", "libero.it", "live.co.uk", "live.com",
    "live.com.my", "live.com.sg", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com",
    "naver.com", "orange.fr", "outlook.co.id", "outlook.com", "outlook.com.vn", "outlook.sg",
    "pacific.net.sg", "pm.me", "proton.me", "protonmail.com", "qq.com", "rediffmail.com",
    "rocketmail.com", "sina.com", "singnet.com.sg", "starhub.net.sg", "t-online.de", "tutanota.com",
    "web.de", "yahoo.ca", "yahoo.co.id", "yahoo.co.in", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com",
    "yahoo.com.au", "yahoo.com.hk", "yahoo.com.my", "yahoo.com.ph", "yahoo.com.sg", "yahoo.com.tw",
    "yahoo.com.vn", "yahoo.de", "yahoo.fr", "yahoo.in", "yandex.com", "yandex.ru", "yeah.net",
    "ymail.com", "zohomail.com",
];

/// Sorted, for the search.
#[rustfmt::skip]
const ROLES: [&str; 76] = [
    "account", "accounts", "admin", "administration", "billing", "booking", "bookings", "career",
    "careers", "compliance", "contact", "contactus", "contato", "customer", "customercare",
    "customerservice", "dpo", "email", "enquiries", "enquiry", "export", "feedback", "finance",
    "general", "hello", "help", "helpdesk", "hi", "hq", "hr", "info", "information", "inquiries",
    "inquiry", "invoices", "it", "jobs", "legal", "mail", "mailbox", "management", "marketing",
    "media", "office", "operations", "orders", "partners", "payments", "pdpa", "press", "privacy",
    "procurement", "purchasing", "quote", "quotes", "reception", "recruitment", "reservation",
    "reservations", "resumes", "sales", "secretary", "security", "service", "services", "shop",
    "store", "support", "team", "tech", "technical", "tender", "training", "treasury", "webmaster",
    "welcome",
];

/// Sorted, for the search.
#[rustfmt::skip]
const NO_REPLY: [&str; 12] = [
    "bounce", "bounces", "daemon", "do-not-reply", "do_not_reply", "donotreply", "mailer-daemon",
    "no-reply", "no_reply", "noreply", "postmaster", "unsubscribe",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_for_the_search() {
        for list in [FREE_MAIL.as_slice(), &ROLES, &NO_REPLY] {
            assert!(list.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn a_role_is_told_from_a_person() {
        for role in ["info", "SALES-sg", "hr2", "customer.service", "sales.marketing"] {
            assert!(is_role(role), "{role}");
        }
        for person in ["jane", "jane.doe", "info.doesworth", "salesh", "it.smith", "7", ""] {
            assert!(!is_role(person), "{person}");
        }
    }
}
