use super::*;

fn refused(text: &str) -> String {
    IcpDocument::parse(text).unwrap_err().to_string()
}

fn icp(text: &str) -> IcpDocument {
    IcpDocument::parse(text).unwrap()
}

fn company() -> CompanyFacts {
    CompanyFacts {
        name: "Acme Cold-Chain Logistics Pte. Ltd.".into(),
        uen: Some("201912345K".into()),
        industry: Some("Freight transport".into()),
        ssic_code: Some("49231".into()),
        ssic_section: Some("H".into()),
        places: vec!["Singapore".into()],
        domain: Some("www.acme.example".into()),
        ..CompanyFacts::default()
    }
}

#[test]
fn an_empty_profile_asks_for_nothing_and_admits_every_company() {
    let icp = icp("{}");
    assert_eq!(icp, IcpDocument::default());
    assert_eq!(icp.admits(&company()), Ok(()));
    assert_eq!(icp.wanted_titles(), TITLES_DEFAULT);
}

#[test]
fn a_full_profile_is_read_normalised_and_survives_a_round_trip() {
    let icp = icp(r#"{
        "industries": ["  Freight   Transport "], "ssic_codes": ["492", "h"],
        "employee_range": {"min": 10, "max": 200}, "incorporation_year": {"min": 2010},
        "revenue_bucket": "1M-5M", "geography": ["SG"], "keywords": ["Cold Chain"], "exclude": ["Holdings"],
        "titles": ["Head of Logistics"], "schedule": "Nightly at 02:30"
    }"#);
    let json = serde_json::to_string(&icp).unwrap();
    insta::assert_snapshot!(json, @r#"{"industries":["freight transport"],"ssic_codes":["492","H"],"employee_range":{"min":10,"max":200},"incorporation_year":{"min":2010},"revenue_bucket":"1m-5m","geography":["singapore"],"keywords":["cold chain"],"exclude":["holdings"],"titles":["head of logistics"],"schedule":"nightly at 02:30"}"#);
    assert_eq!(serde_json::from_str::<IcpDocument>(&json).unwrap(), icp);
}

#[test]
fn every_error_is_told_at_once_with_its_path_and_cure() {
    let text = refused(
        r#"{
        "industires": [], "employee_range": {"min": 50, "max": 10, "average": 3},
        "incorporation_year": {"min": "2010", "max": 2020.5}, "ssic_codes": [46510, "x1", ""],
        "keywords": "cold chain", "titles": ["ceo", 7], "schedule": "0 1 * * *", "a b": {}
    }"#,
    );
    insta::assert_snapshot!(text, @r#"
    the ICP document was refused:
    $["a b"]: the key is unknown; remove it; the keys are industries, ssic_codes, employee_range, incorporation_year, revenue_bucket, geography, keywords, exclude, titles, schedule
    $.employee_range.average: the key is unknown; remove it; the keys are min, max
    $.employee_range: the range is reversed: min 50 is above max 10; swap the two numbers
    $.incorporation_year.min: a text is the wrong type here; write a whole number without quotes
    $.incorporation_year.max: 2020.5 is not a whole number from 1800 to 2200; write such a number, or leave the end out to keep it open
    $.industires: the key is unknown; did you mean "industries"? the keys are industries, ssic_codes, employee_range, incorporation_year, revenue_bucket, geography, keywords, exclude, titles, schedule
    $.keywords: a text is the wrong type here; write a list of texts, such as ["logistics"]
    $.schedule: "0 1 * * *" names no schedule; a schedule is "nightly", "nightly at HH:MM" (24 hours, Singapore time) or "off"
    $.ssic_codes[0]: a number is the wrong type here; write a code in quotes, such as "01111", to keep leading zeros
    $.ssic_codes[1]: "X1" is no SSIC code; use a section letter or a code of 2 to 5 digits
    $.ssic_codes[2]: the text is empty; write a value or remove the entry
    $.titles[1]: a number is the wrong type here; write a text in quotes
    "#);
}

#[test]
fn a_document_that_is_no_json_or_no_object_is_refused_at_its_root() {
    assert!(refused("{").contains("$: the document is not JSON: EOF"));
    assert!(refused("[]").contains("$: a list is the wrong type here"));
}

#[test]
fn a_code_that_the_reference_lacks_is_refused_with_its_position() {
    let known = |code: &str| code == "492";
    let text = r#"{"ssic_codes": ["492", "99999"], "extra": 1}"#;
    let both = IcpDocument::parse_with(text, &known).unwrap_err();
    let paths: Vec<&str> = both.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["$.extra", "$.ssic_codes[1]"]);

    let later = icp(r#"{"ssic_codes": ["492", "99999"]}"#).check_ssic(&known).unwrap_err();
    assert_eq!(later.iter().next().unwrap().path, "$.ssic_codes[1]");
}

#[test]
fn what_asks_too_much_of_one_event_is_refused() {
    let many = serde_json::json!({ "keywords": vec!["a"; 301], "titles": ["x".repeat(121)] });
    let errors = IcpDocument::parse(&many.to_string()).unwrap_err();
    assert_eq!(errors.iter().count(), 2);
}

#[test]
fn a_schedule_is_nightly_a_time_or_off() {
    assert_eq!("nightly".parse(), Ok(Schedule::Nightly));
    assert_eq!("OFF".parse(), Ok(Schedule::Off));
    assert_eq!("nightly at 23:59".parse(), Ok(Schedule::NightlyAt { hour: 23, minute: 59 }));
    for wrong in ["nightly at 24:00", "nightly at 1:00", "nightly at +1:00", "daily", ""] {
        assert_eq!(wrong.parse::<Schedule>(), Err(UnknownSchedule), "{wrong}");
    }
}

#[test]
fn an_industry_matches_by_label_section_or_leading_digits() {
    let admits = |profile: &str| icp(profile).admits(&company()).is_ok();
    assert!(admits(r#"{"industries": ["FREIGHT transport"]}"#));
    assert!(admits(r#"{"ssic_codes": ["H"]}"#));
    assert!(admits(r#"{"industries": ["catering"], "ssic_codes": ["4923"]}"#));
    assert!(!admits(r#"{"ssic_codes": ["923"]}"#));
    assert_eq!(icp(r#"{"industries": ["catering"]}"#).admits(&CompanyFacts::default()), Err(Refusal::Industry));
}

#[test]
fn a_fact_that_is_not_known_does_not_speak_against_a_company() {
    let asks = icp(r#"{"employee_range": {"min": 10, "max": 20}, "incorporation_year": {"max": 2000},
                       "revenue_bucket": "small", "geography": ["singapore"]}"#);
    assert_eq!(asks.admits(&CompanyFacts::default()), Ok(()));
    let known = |facts: CompanyFacts| asks.admits(&facts);
    assert_eq!(known(CompanyFacts { employees: Some(9), ..company() }), Err(Refusal::Employees));
    assert_eq!(known(CompanyFacts { employees: Some(20), ..company() }), Ok(()));
    assert_eq!(known(CompanyFacts { incorporation_year: Some(2001), ..company() }), Err(Refusal::IncorporationYear));
    assert_eq!(known(CompanyFacts { revenue_bucket: Some("Large".into()), ..company() }), Err(Refusal::Revenue));
    assert_eq!(known(CompanyFacts { places: vec!["johor".into()], ..company() }), Err(Refusal::Geography));
}

#[test]
fn an_exclusion_names_words_a_domain_or_a_uen_but_no_part_of_a_word() {
    let excludes = |entry: &str| icp(&format!(r#"{{"exclude": ["{entry}"]}}"#)).excludes(&company());
    for entry in ["cold chain", "FREIGHT", "acme.example", "201912345k"] {
        assert!(excludes(entry), "{entry}");
    }
    for entry in ["log", "example", "cme.example", "chain cold", "2019"] {
        assert!(!excludes(entry), "{entry}");
    }
}

#[test]
fn keywords_are_found_as_whole_words_whatever_the_punctuation() {
    let icp = icp(r#"{"keywords": ["cold chain", "last-mile", "drone", "物流"]}"#);
    let text = "Cold-chain experts. COLD CHAIN, last mile. Drones. 我们的物流服务";
    assert_eq!(icp.keywords_found(text), ["cold chain", "last-mile", "物流"]);
    assert!(!Words::of("anything").contain(" - "));
}

#[test]
fn the_schema_allows_what_the_reader_reads_and_no_more() {
    let schema = serde_json::to_value(schemars::schema_for!(IcpDocument)).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 10);
    assert!(schema.get("required").is_none());
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_title_is_wanted_by_its_telling_words() {
    let wanted = |title: &str| title_is_wanted(title, &TITLES_DEFAULT);
    for title in ["Co-Founder & CTO", "Chief Executive Officer", "Sales Director", "Head, Sales and Marketing"] {
        assert!(wanted(title), "{title}");
    }
    for title in ["Assistant to the CEO", "Product Owner", "Sales Executive", "Former Managing Director", ""] {
        assert!(!wanted(title), "{title}");
    }
    assert!(title_is_wanted("Executive Assistant", &["assistant"]));
}
