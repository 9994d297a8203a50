//! A tenant's own list.

use presdr_events::TenantId;

use super::{Fixture, counts, real_input};
use crate::ingest::{IngestError, Summary, companies};

const SEEN: &str =
    "select concat_ws('|', coalesce(uen, '-'), name, coalesce(website_domain, '-'), coalesce(industry_norm, '-'),
                        coalesce(employees_est::text, '-'), in_registry)
                    from tenant_company where listed and name <> $1 order by name";

async fn load(fixture: &Fixture, tenant: &TenantId, content: &str) -> Summary {
    let file = fixture.file("list.csv", content);
    companies(&fixture.producer, tenant, &file).await.unwrap()
}

#[tokio::test]
async fn a_list_is_laid_over_the_registry_for_its_tenant_alone() {
    let fixture = Fixture::new().await;
    let (acme, other) = (fixture.store.tenant("acme").await.unwrap(), fixture.store.tenant("other").await.unwrap());
    fixture.ssic().await;
    let registry = fixture.acra_file("a.csv", &["REGISTERED PTE. LTD.,198100001A,na,na,Live,1981-01-01,52292,na"]);
    fixture.acra(&[registry]).await;
    let summary = load(
        &fixture,
        &acme,
        "Website;Company Name;Headcount;UEN;SSIC\nhttps://www.reg.example/;Reg;\"1,200\";198100001a;\nnew.example;New Co;11-50;;62011\n",
    )
    .await;
    assert_eq!(counts(&summary), (2, 0, 2, 0));
    assert_eq!(
        fixture.rows_of(&acme, SEEN, "").await,
        [
            "-|New Co|new.example|computer programming|30|f",
            "198100001A|REGISTERED PTE. LTD.|reg.example|warehousing and support activities|1200|t",
        ]
    );
    assert_eq!(fixture.rows_of(&other, SEEN, "").await, [""; 0], "another tenant's list says nothing to this one");
    let seen_by_other =
        "select coalesce(website_domain, 'no domain') || $1 from tenant_company where uen = '198100001A'";
    assert_eq!(fixture.rows_of(&other, seen_by_other, "").await, ["no domain"]);
}

#[tokio::test]
async fn bad_lines_are_quarantined_for_the_tenant_without_their_text() {
    let fixture = Fixture::new().await;
    let acme = fixture.store.tenant("acme").await.unwrap();
    let summary = load(&fixture, &acme, "name,employees,uen\nA,12,\nB,many,\nC\nD,3,12\n\"E\nF\",4,\n,5,\n").await;
    assert_eq!(counts(&summary), (6, 4, 2, 0));
    let quarantined = "select line || ' ' || reason || coalesce(raw, '') || $1 from ingest_quarantine order by line";
    assert_eq!(
        fixture.rows_of(&acme, quarantined, "").await,
        [
            "3 the employees are no number or range of numbers",
            "4 the line has 1 fields and the header has 3",
            "5 the UEN is not 9 or 10 letters and digits",
            "8 there is neither a name nor a UEN",
        ]
    );
    assert_eq!(fixture.rows(quarantined, "").await, [""; 0], "the platform does not see a tenant's lines");
}

#[tokio::test]
async fn a_company_keeps_its_id_when_the_registry_brings_its_uen_later() {
    let fixture = Fixture::new().await;
    let (acme, other) = (fixture.store.tenant("acme").await.unwrap(), fixture.store.tenant("other").await.unwrap());
    let first = fixture.acra_file("first.csv", &["FIRST,198100001A,na,na,Live,na,na,na"]);
    fixture.acra(&[first]).await;
    load(&fixture, &acme, "uen,name,website\n202600009Z,Early,early.example\n").await;
    load(&fixture, &other, "uen,name\n202600009Z,Also Early\n").await;
    let id = "select company_id::text from tenant_company where uen = $1";
    let early = fixture.rows_of(&acme, id, "202600009Z").await;
    assert_eq!(fixture.rows_of(&other, id, "202600009Z").await, early, "an id belongs to a UEN, whoever names it");

    let later = fixture.acra_file(
        "later.csv",
        &["EARLY PTE. LTD.,202600009Z,na,na,Live,na,na,na", "LATER,202600010Z,na,na,Live,na,na,na"],
    );
    fixture.acra(&[later]).await;
    assert_eq!(fixture.rows("select company_id::text from companies where uen = $1", "202600009Z").await, early);
    assert_eq!(fixture.rows_of(&acme, SEEN, "").await, ["202600009Z|EARLY PTE. LTD.|early.example|-|-|t"]);
    let ids = fixture.rows("select company_id::text from companies where uen <> $1", "").await;
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 3, "no id is given out twice: {ids:?}");
}

#[tokio::test]
async fn a_list_taken_in_again_updates_what_it_names() {
    let fixture = Fixture::new().await;
    let acme = fixture.store.tenant("acme").await.unwrap();
    load(&fixture, &acme, "name,domain,employees\nAcme Co,acme.example,10\nBeta,beta.example,20\n").await;
    let ids = fixture
        .rows_of(&acme, "select string_agg(company_id::text, ' ' order by name) || $1 from tenant_companies", "")
        .await;
    let again = load(
        &fixture,
        &acme,
        "name,domain,employees\nACME CO.,www.acme.example,11\nBeta,beta.example,19\nBeta,beta.example,20\n",
    )
    .await;
    assert_eq!(counts(&again), (3, 0, 0, 1), "of two lines about the same company the later one counts");
    let after = fixture
        .rows_of(&acme, "select string_agg(company_id::text, ' ' order by name) || $1 from tenant_companies", "")
        .await;
    assert_eq!(after, ids);
}

#[tokio::test]
async fn a_list_without_names_and_uens_is_refused() {
    let fixture = Fixture::new().await;
    let acme = fixture.store.tenant("acme").await.unwrap();
    let file = fixture.file("list.csv", "website\na.example\n");
    let refused = companies(&fixture.producer, &acme, &file).await;
    assert!(matches!(refused, Err(IngestError::Header { missing, .. }) if missing == ["name (or uen)"]));
}

#[tokio::test]
async fn the_index_of_real_sites_is_a_list_as_it_is() {
    let Some(index) = real_input("data/sites/index.csv") else {
        return;
    };
    let fixture = Fixture::new().await;
    let acme = fixture.store.tenant("acme").await.unwrap();
    assert_eq!(counts(&companies(&fixture.producer, &acme, &index).await.unwrap()), (150, 0, 150, 0));
    let with_domain = "select count(*)::text || $1 from tenant_company where website_domain like '%.example'";
    assert_eq!(fixture.rows_of(&acme, with_domain, "").await, ["150"]);
}
