//! Which addresses are a business's own, and which stand on a page for other reasons.

/// Whether `address` (clean, lower case) can be a business's on a page of the registrable domain `site`:
/// not a placeholder of a form or template, not the address of whoever made the template, the tracker or the font.
pub(super) fn is_business(address: &str, site: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else {
        return false;
    };
    if is_machine_made(local) {
        return false;
    }
    // Whoever owns a domain with a placeholder's name uses it in earnest.
    if is_within(domain, site) {
        return true;
    }
    let is_third_party = THIRD_PARTIES.iter().any(|third_party| is_within(domain, third_party));
    !is_third_party && !is_placeholder(local, domain)
}

/// Whether `local` names an office rather than a person.
pub(super) fn is_role(local: &str) -> bool {
    let word = local.split(['.', '-', '_', '+']).next().unwrap_or(local).trim_end_matches(|c: char| c.is_ascii_digit());
    ROLES.contains(&word)
}

/// Whether the office is one that no sales message should go to.
pub(super) fn is_unanswered(local: &str) -> bool {
    local.contains("noreply") || local.contains("no-reply") || UNANSWERED.contains(&local)
}

/// Whether `domain` is `parent` or below it.
pub(super) fn is_within(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Hashes that trackers use as local parts.
fn is_machine_made(local: &str) -> bool {
    local.len() >= 20 && local.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_placeholder(local: &str, domain: &str) -> bool {
    let name = domain.split('.').next().unwrap_or(domain);
    let local: String = local.chars().filter(char::is_ascii_alphanumeric).collect();
    PLACEHOLDER_DOMAINS.contains(&domain)
        || name.starts_with("your")
            && PLACEHOLDER_NOUNS.iter().any(|noun| name[4..].trim_matches('-').starts_with(noun))
        || PLACEHOLDER_LOCALS.contains(&local.as_str())
        || (GENERIC_DOMAINS.contains(&domain) && GENERIC_LOCALS.contains(&local.as_str()))
}

const ROLES: [&str; 40] = [
    "info",
    "sales",
    "contact",
    "hello",
    "hi",
    "enquiry",
    "enquiries",
    "inquiry",
    "inquiries",
    "support",
    "admin",
    "office",
    "mail",
    "email",
    "service",
    "services",
    "customer",
    "customerservice",
    "help",
    "team",
    "hr",
    "career",
    "careers",
    "jobs",
    "job",
    "recruitment",
    "marketing",
    "business",
    "general",
    "accounts",
    "account",
    "finance",
    "billing",
    "booking",
    "bookings",
    "reservation",
    "reservations",
    "orders",
    "order",
    "feedback",
];

const UNANSWERED: [&str; 10] = [
    "abuse",
    "postmaster",
    "webmaster",
    "hostmaster",
    "privacy",
    "dpo",
    "legal",
    "dmca",
    "unsubscribe",
    "mailer-daemon",
];

/// Domains that templates and forms show as an example.
const PLACEHOLDER_DOMAINS: [&str; 30] = [
    "example.com",
    "example.org",
    "example.net",
    "example.co",
    "domain.com",
    "domain.co",
    "domain.net",
    "domain.tld",
    "mydomain.com",
    "mysite.com",
    "mywebsite.com",
    "mycompany.com",
    "company.com",
    "companyname.com",
    "website.com",
    "websitename.com",
    "site.com",
    "sitename.com",
    "sample.com",
    "test.com",
    "demo.com",
    "demolink.org",
    "xyz.com",
    "abc.com",
    "abcd.com",
    "yoursite.com",
    "server.com",
    "host.com",
    "address.com",
    "emailaddress.com",
];

/// `yourdomain.com`, `your-company.sg` and so on.
const PLACEHOLDER_NOUNS: [&str; 9] =
    ["domain", "company", "site", "website", "email", "mail", "business", "name", "organi"];

/// Local parts that nobody has, wherever they point.
const PLACEHOLDER_LOCALS: [&str; 29] = [
    "you",
    "your",
    "yourname",
    "youremail",
    "yourmail",
    "youremailaddress",
    "yourid",
    "yourcompany",
    "name",
    "username",
    "someone",
    "somebody",
    "johndoe",
    "janedoe",
    "johnsmith",
    "example",
    "exemple",
    "test",
    "testing",
    "firstname",
    "firstnamelastname",
    "firstlast",
    "something",
    "lorem",
    "loremipsum",
    "emailaddress",
    "myemail",
    "mymail",
    "xxx",
];

/// Domains where anyone can have an address, so that a generic local part means "fill in yours".
const GENERIC_DOMAINS: [&str; 8] =
    ["gmail.com", "email.com", "mail.com", "yahoo.com", "hotmail.com", "outlook.com", "provider.com", "e-mail.com"];
const GENERIC_LOCALS: [&str; 22] = [
    "email",
    "mail",
    "user",
    "info",
    "contact",
    "support",
    "hello",
    "admin",
    "demo",
    "sample",
    "abc",
    "abcd",
    "xyz",
    "john",
    "jane",
    "company",
    "companyname",
    "sales",
    "customer",
    "client",
    "me",
    "your",
];

/// Makers of templates, trackers, fonts and site builders, whose addresses travel with their work.
const THIRD_PARTIES: [&str; 40] = [
    "sentry.io",
    "sentry-next.wixpress.com",
    "wixpress.com",
    "wix.com",
    "squarespace.com",
    "weebly.com",
    "godaddy.com",
    "wordpress.org",
    "wordpress.com",
    "automattic.com",
    "elementor.com",
    "themeforest.net",
    "envato.com",
    "themezaa.com",
    "rstheme.com",
    "goodthemes.co",
    "colorlib.com",
    "bootstrapmade.com",
    "templatemo.com",
    "tooplate.com",
    "html5up.net",
    "w3layouts.com",
    "htmlcodex.com",
    "themefisher.com",
    "themewagon.com",
    "w3.org",
    "schema.org",
    "jquery.com",
    "getbootstrap.com",
    "fontawesome.com",
    "fontawesome.io",
    "google-analytics.com",
    "googlegroups.com",
    "cloudflare.com",
    "indiantypefoundry.com",
    "sansoxygen.com",
    "latofonts.com",
    "myshopify.com",
    "hubspot.com",
    "mailchimp.com",
];
