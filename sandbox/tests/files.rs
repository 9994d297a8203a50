//! The files about made-up companies agree with each other and with the web.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so by failing

use std::collections::HashSet;
use std::path::Path;

use presdr_sandbox::{DemoTenant, company, write_acra, write_ssic, write_tenant_list};

fn rows(path: &Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, other] = ["one.csv", "two.csv", "other.csv"].map(|name| folder.path().join(name));
    write_acra(&one, 5, 500).unwrap();
    write_acra(&two, 5, 500).unwrap();
    write_acra(&other, 6, 500).unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    assert_ne!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
}

#[test]
fn registry_rows_have_53_columns_unique_numbers_and_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acra.csv");
    write_acra(&path, 1, 2_000).unwrap();
    let rows = rows(&path);
    assert!(rows.iter().all(|row| row.len() == 53));
    let numbers: HashSet<&str> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(numbers.len(), 2_000);
    assert!(rows.iter().any(|row| &row[7] == "Struck Off"));
    assert!(rows.iter().any(|row| &row[21] == "na"));
}

#[test]
fn every_code_in_the_registry_is_in_the_classification() {
    let folder = tempfile::tempdir().unwrap();
    let [acra, ssic] = ["acra.csv", "ssic.csv"].map(|name| folder.path().join(name));
    write_acra(&acra, 1, 1_000).unwrap();
    write_ssic(&ssic).unwrap();
    let codes: HashSet<String> = rows(&ssic).iter().map(|row| row[0].to_owned()).collect();
    let used: HashSet<String> = rows(&acra).iter().map(|row| row[21].to_owned()).filter(|code| code != "na").collect();
    assert!(used.is_subset(&codes));
}

#[test]
fn a_tenants_list_names_companies_of_the_registry_and_domains_of_the_web() {
    let folder = tempfile::tempdir().unwrap();
    for tenant in DemoTenant::ALL {
        let path = folder.path().join(tenant.slug());
        write_tenant_list(&path, 1, 300, tenant).unwrap();
        let header = csv::Reader::from_path(&path).unwrap().headers().unwrap().clone();
        let place = |name: &str| header.iter().position(|column| column == name).unwrap();
        let (uen, domain) = (place("uen"), place("domain"));
        let known: HashSet<(String, String)> =
            (0..300).map(|index| company(1, index)).map(|one| (one.uen, one.domain)).collect();
        let rows = rows(&path);
        assert!(rows.len() > 60, "{} lists only {}", tenant.slug(), rows.len());
        let with_domain = rows.iter().filter(|row| !row[domain].is_empty());
        assert!(with_domain.clone().count() > rows.len() / 2);
        for row in with_domain {
            assert!(known.contains(&(row[uen].to_owned(), row[domain].to_owned())));
        }
    }
}
