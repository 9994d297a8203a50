use super::*;

fn icp() -> IcpDocument {
    IcpDocument::parse(
        r#"{"ssic_codes": ["46510"], "employee_range": {"min": 10, "max": 50},
            "incorporation_year": {"min": 2010}, "geography": ["sg"], "keywords": ["cold chain", "drone"]}"#,
    )
    .unwrap()
}

fn facts() -> LeadFacts {
    LeadFacts {
        company: CompanyFacts {
            name: "Acme Pte. Ltd.".into(),
            ssic_code: Some("46599".into()),
            employees: Some(100),
            incorporation_year: Some(2005),
            places: vec!["singapore".into()],
            ..CompanyFacts::default()
        },
        domain: DomainFinding::Resolved { confidence: 0.9 },
        site: Some(SiteFindings {
            pages: 4,
            text_characters: 2_000,
            keywords_found: 1,
            technologies: 2,
            careers_pages: 1,
            ..SiteFindings::default()
        }),
        emails: Some(EmailFindings { catch_all: 1, ..EmailFindings::default() }),
        contacts: ContactLookup::Found(1),
        similarity: Similarity::NotAsked,
    }
}

fn measured(facts: &LeadFacts) -> String {
    serde_json::to_string(&features(&icp(), facts)).unwrap()
}

#[test]
fn a_lead_read_in_full_has_a_number_for_all_that_is_asked() {
    insta::assert_snapshot!(measured(&facts()), @r#"{"industry_fit":0.6,"employee_fit":0.5,"age_fit":0.5,"geography_fit":1.0,"keyword_fit":0.5,"has_site":1.0,"domain_confidence":0.9,"site_quality":0.75,"business_email":1.0,"verified_email":0.6,"contacts":0.7,"hiring":0.5,"technologies":0.4,"social_presence":0.0}"#);
}

#[test]
fn a_list_calls_an_industry_what_it_likes() {
    let icp = IcpDocument::parse(r#"{"industries": ["software", "freight forwarding"]}"#).unwrap();
    let fit = |label: &str| {
        let company = CompanyFacts { industry: Some(label.into()), ..CompanyFacts::default() };
        features(&icp, &LeadFacts { company, ..facts() }).get(Feature::IndustryFit)
    };
    assert_eq!(fit("Software & Apps"), Evidence::Known(1.0));
    assert_eq!(fit("Forwarding of air freight"), Evidence::Known(1.0));
    assert_eq!(fit("Freight insurance"), Evidence::Known(0.0));
}

#[test]
fn a_lead_of_which_nothing_is_known_has_only_gaps_and_no_negative() {
    let nothing = LeadFacts {
        company: CompanyFacts::default(),
        domain: DomainFinding::Unknown,
        site: None,
        emails: None,
        contacts: ContactLookup::Unavailable,
        similarity: Similarity::NotAsked,
    };
    assert!(features(&icp(), &nothing).asked().all(|(_, value)| value.is_none()));
    assert_eq!(features(&icp(), &nothing).asked().count(), 14);
}

#[test]
fn a_site_that_could_not_be_read_still_exists() {
    let blocked = LeadFacts { site: None, emails: None, contacts: ContactLookup::Unavailable, ..facts() };
    insta::assert_snapshot!(measured(&blocked), @r#"{"industry_fit":0.6,"employee_fit":0.5,"age_fit":0.5,"geography_fit":1.0,"keyword_fit":null,"has_site":1.0,"domain_confidence":0.9,"site_quality":null,"business_email":null,"verified_email":null,"contacts":null,"hiring":null,"technologies":null,"social_presence":null}"#);
}

#[test]
fn no_domain_after_a_search_speaks_against_a_lead_once() {
    let missing = LeadFacts { domain: DomainFinding::NotFound, site: None, ..facts() };
    let features = features(&icp(), &missing);
    assert_eq!(features.get(Feature::HasSite), Evidence::Known(0.0));
    assert_eq!(features.get(Feature::DomainConfidence), Evidence::NotAsked);
}

#[test]
fn the_best_address_decides_and_an_unverified_one_is_a_gap() {
    let verified_of = |emails: EmailFindings| verified(Some(emails));
    let none = EmailFindings::default();
    assert_eq!(verified_of(EmailFindings { valid: 1, refused: 3, ..none }), Evidence::Known(1.0));
    assert_eq!(verified_of(EmailFindings { unknown: 1, refused: 3, ..none }), Evidence::Missing);
    assert_eq!(verified_of(EmailFindings { refused: 3, ..none }), Evidence::Known(0.0));
    assert_eq!(verified_of(none), Evidence::NotAsked);
}

#[test]
fn contacts_are_unavailable_when_the_site_names_nobody_and_no_vendor_answered() {
    assert_eq!(contact_lookup(1, Some(2)), ContactLookup::Found(3));
    assert_eq!(contact_lookup(0, Some(0)), ContactLookup::None);
    assert_eq!(contact_lookup(0, None), ContactLookup::Unavailable);
}
