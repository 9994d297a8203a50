use DegradedReason::{
    ContactsUnavailable, DomainMissing, NoContacts, SearchUnavailable, SiteBlockedChallenge, SiteBlockedRobots,
    SiteThin, SiteUnreachable, VendorCapReached, VendorQuotaExhausted, VendorUnavailable, VerificationUnavailable,
};

use super::*;

const OFF: Vendors =
    Vendors { search: Availability::Off, contacts: Availability::Off, verification: Availability::Exhausted };
const ON: Vendors = Vendors { search: Availability::On, contacts: Availability::On, verification: Availability::On };
const NOBODY: Reachable = Reachable { addresses: 0, people: 0 };
const ADDRESS: Reachable = Reachable { addresses: 1, people: 0 };
const PERSON: Reachable = Reachable { addresses: 0, people: 1 };

fn given(vendors: Vendors) -> Given {
    Given(vendors)
}

struct Given(Vendors);

impl Given {
    fn when(self, decide: impl Fn(Vendors) -> Decision) -> Then {
        Then(decide(self.0))
    }
}

struct Then(Decision);

impl Then {
    fn then(self, next: Next, degraded: &[DegradedReason]) {
        assert_eq!((self.0.next, self.0.degraded.as_slice()), (next, degraded), "{}", self.0.because);
    }
}

#[test]
fn a_lead_with_a_domain_is_crawled() {
    given(OFF).when(|vendors| after_domain(Domain::Resolved, vendors)).then(Next::Crawl, &[]);
    given(ON).when(|vendors| after_search(Domain::Resolved, vendors)).then(Next::Crawl, &[]);
}

#[test]
fn a_lead_without_a_domain_is_searched_for_then_looked_up_then_scored_on_what_is_known() {
    given(ON).when(|vendors| after_domain(Domain::Missing, vendors)).then(Next::Search, &[]);
    given(ON).when(|vendors| after_search(Domain::Missing, vendors)).then(Next::Contacts, &[DomainMissing]);
    given(OFF)
        .when(|vendors| after_domain(Domain::Missing, vendors))
        .then(Next::Score, &[DomainMissing, SearchUnavailable, NoContacts, ContactsUnavailable]);
}

#[test]
fn a_site_that_was_read_is_extracted() {
    given(OFF).when(|vendors| after_visit(Visit::Rich, vendors)).then(Next::Extract, &[]);
}

#[test]
fn a_thin_site_is_read_by_a_vendor_or_taken_as_it_is() {
    given(ON).when(|vendors| after_visit(Visit::Thin, vendors)).then(Next::VendorRead, &[SiteThin]);
    given(OFF).when(|vendors| after_visit(Visit::Thin, vendors)).then(Next::Extract, &[SiteThin, SearchUnavailable]);
}

#[test]
fn what_robots_txt_disallows_is_not_handed_to_a_vendor() {
    let visit = Visit::Blocked(Block::Robots);
    given(ON).when(|vendors| after_visit(visit, vendors)).then(Next::Contacts, &[SiteBlockedRobots]);
    given(OFF)
        .when(|vendors| after_visit(visit, vendors))
        .then(Next::Score, &[SiteBlockedRobots, NoContacts, ContactsUnavailable]);
    for vendors in [ON, OFF] {
        assert!(after_visit(visit, vendors).because.contains("no vendor is sent"));
    }
}

#[test]
fn a_site_that_does_not_answer_us_is_read_by_a_vendor_or_left() {
    given(ON)
        .when(|vendors| after_visit(Visit::Blocked(Block::Challenge), vendors))
        .then(Next::VendorRead, &[SiteBlockedChallenge]);
    given(Vendors { search: Availability::Exhausted, ..ON })
        .when(|vendors| after_visit(Visit::Blocked(Block::Unreachable), vendors))
        .then(Next::Contacts, &[SiteUnreachable, SearchUnavailable]);
    given(ON)
        .when(|vendors| after_visit(Visit::Blocked(Block::Elsewhere), vendors))
        .then(Next::Contacts, &[SiteUnreachable]);
}

#[test]
fn addresses_are_verified_where_someone_can() {
    for site in [Site::Rich, Site::Thin] {
        given(ON).when(|vendors| after_extraction(site, ADDRESS, vendors)).then(Next::Verify, &[]);
        given(OFF)
            .when(|vendors| after_extraction(site, ADDRESS, vendors))
            .then(Next::Score, &[VerificationUnavailable]);
    }
    given(ON).when(|vendors| after_contacts(ADDRESS, vendors)).then(Next::Verify, &[]);
}

#[test]
fn contacts_are_bought_only_where_site_or_contacts_are_missing() {
    given(ON).when(|vendors| after_extraction(Site::Thin, NOBODY, vendors)).then(Next::Contacts, &[]);
    given(ON).when(|vendors| after_extraction(Site::Rich, NOBODY, vendors)).then(Next::Contacts, &[]);
    for site in [Site::Rich, Site::Thin] {
        given(ON).when(|vendors| after_extraction(site, PERSON, vendors)).then(Next::Score, &[]);
        given(ON).when(|vendors| after_extraction(site, ADDRESS, vendors)).then(Next::Verify, &[]);
    }
}

#[test]
fn without_a_vendor_for_contacts_a_lead_is_scored_on_what_is_known() {
    given(OFF)
        .when(|vendors| after_extraction(Site::Thin, NOBODY, vendors))
        .then(Next::Score, &[NoContacts, ContactsUnavailable]);
    given(OFF).when(|vendors| after_extraction(Site::Rich, NOBODY, vendors)).then(Next::Score, &[NoContacts]);
    given(Vendors { contacts: Availability::Exhausted, ..ON })
        .when(|vendors| after_extraction(Site::Rich, NOBODY, vendors))
        .then(Next::Score, &[NoContacts, ContactsUnavailable]);
}

#[test]
fn a_site_read_by_a_vendor_is_extracted_and_so_is_what_we_read_ourselves() {
    let blocked = Visit::Blocked(Block::Http);
    given(ON).when(|vendors| after_vendor_read(blocked, Reading::Read, vendors)).then(Next::Extract, &[]);
    given(ON).when(|vendors| after_vendor_read(Visit::Thin, Reading::Nothing, vendors)).then(Next::Extract, &[]);
    given(ON).when(|vendors| after_vendor_read(blocked, Reading::Nothing, vendors)).then(Next::Contacts, &[]);
    given(ON)
        .when(|vendors| after_vendor_read(Visit::Thin, Reading::Silent(Silence::Cap), vendors))
        .then(Next::Extract, &[SearchUnavailable, VendorCapReached]);
    given(OFF)
        .when(|vendors| after_vendor_read(blocked, Reading::Silent(Silence::Fault), vendors))
        .then(Next::Score, &[SearchUnavailable, VendorUnavailable, NoContacts, ContactsUnavailable]);
}

#[test]
fn a_vendor_that_gives_no_answer_leaves_its_reason() {
    given(ON)
        .when(|vendors| after_search_failed(Silence::Quota, vendors))
        .then(Next::Contacts, &[DomainMissing, SearchUnavailable, VendorQuotaExhausted]);
    given(ON)
        .when(|_| after_contacts_failed(Silence::Quota))
        .then(Next::Score, &[NoContacts, ContactsUnavailable, VendorQuotaExhausted]);
    given(ON).when(|_| after_contacts_failed(Silence::Off)).then(Next::Score, &[NoContacts, ContactsUnavailable]);
    given(ON)
        .when(|_| after_verification(Verification::Partly(Silence::Cap)))
        .then(Next::Score, &[VerificationUnavailable, VendorCapReached]);
}

#[test]
fn a_lead_whose_contacts_were_looked_up_in_vain_is_scored() {
    given(ON).when(|vendors| after_contacts(NOBODY, vendors)).then(Next::Score, &[NoContacts]);
    given(ON).when(|vendors| after_contacts(PERSON, vendors)).then(Next::Score, &[]);
}

#[test]
fn a_lead_whose_addresses_were_given_to_a_verifier_is_scored() {
    given(ON).when(|_| after_verification(Verification::Answered)).then(Next::Score, &[]);
    given(ON)
        .when(|_| after_verification(Verification::Unavailable(Silence::Off)))
        .then(Next::Score, &[VerificationUnavailable]);
}

#[test]
fn every_way_ends_and_asks_no_vendor_that_is_off() {
    let vendor_steps = [Next::Search, Next::VendorRead, Next::Contacts, Next::Verify];
    let visits = [Visit::Rich, Visit::Thin, Visit::Blocked(Block::Robots), Visit::Blocked(Block::Http)];
    let mut decisions = vec![after_domain(Domain::Missing, OFF), after_search(Domain::Missing, OFF)];
    decisions.extend(visits.map(|visit| after_visit(visit, OFF)));
    for silence in [Silence::Off, Silence::Cap, Silence::Quota, Silence::Fault] {
        decisions.extend([after_search_failed(silence, OFF), after_contacts_failed(silence)]);
        decisions.extend(visits.map(|visit| after_vendor_read(visit, Reading::Silent(silence), OFF)));
        decisions.extend([Verification::Partly(silence), Verification::Unavailable(silence)].map(after_verification));
    }
    for reachable in [NOBODY, ADDRESS, PERSON] {
        decisions.extend([Site::Rich, Site::Thin].map(|site| after_extraction(site, reachable, OFF)));
        decisions.push(after_contacts(reachable, OFF));
    }
    for decision in decisions {
        assert!(!vendor_steps.contains(&decision.next), "{}", decision.because);
        let mut once = decision.degraded.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), decision.degraded.len(), "{}", decision.because);
    }
}

#[test]
fn a_decision_is_told_in_the_event_as_it_was_taken() {
    let route = after_visit(Visit::Rich, ON).route();
    assert_eq!((route.next.as_str(), route.because.as_str()), ("extract", "the site was read"));
    for next in [Next::Search, Next::Crawl, Next::VendorRead, Next::Extract, Next::Contacts, Next::Verify, Next::Score]
    {
        assert_eq!(serde_json::to_value(next).unwrap(), next.as_str());
    }
}
