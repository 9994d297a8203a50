//! No column of any table is left out of the list of places.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::{BTreeMap, BTreeSet};

use presdr_compliance::{PLACES, Path};
use presdr_store::{Role, testing::TestStore};

/// Every column that can hold a text, by table.
async fn columns(store: &TestStore) -> BTreeMap<String, BTreeSet<String>> {
    let owner = store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, a.attname::text from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_type t on t.oid = a.atttypid left join pg_type element on element.oid = t.typelem and t.typcategory = 'A'
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'm') and not c.relispartition
           and a.attname <> 'tenant_id' and c.relname not like '\\_sqlx%'
           and coalesce(element.typname, t.typname) not in ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'bool', 'uuid',
               'date', 'timestamptz', 'time', 'interval')",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let mut columns: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, column) in rows {
        columns.entry(table).or_default().insert(column);
    }
    columns
}

#[tokio::test]
async fn every_place_that_can_hold_a_person_says_how_they_are_erased() {
    let store = TestStore::new().await.unwrap();
    let columns = columns(&store).await;
    let mut declared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for place in PLACES {
        for column in place.columns {
            let once = declared.entry(place.table.to_owned()).or_default().insert((*column).to_owned());
            assert!(once, "{}.{column} is declared twice", place.table);
        }
    }
    let missing: Vec<String> = columns
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)))
        .filter(|(table, column)| !declared.get(*table).is_some_and(|declared| declared.contains(*column)))
        .map(|(table, column)| format!("{table}.{column}"))
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "say in `PLACES` how a person is erased there");
    let gone: Vec<String> = declared
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)))
        .filter(|(table, column)| !columns.get(*table).is_some_and(|there| there.contains(*column)))
        .map(|(table, column)| format!("{table}.{column}"))
        .collect();
    assert_eq!(gone, Vec::<String>::new(), "`PLACES` names columns that are not there");
}

/// What is found has a key by which it is removed, and what is cleared by its subject has one.
#[tokio::test]
async fn a_place_is_removed_from_by_columns_that_it_has() {
    let store = TestStore::new().await.unwrap();
    let owner = store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    for place in PLACES {
        let stays = matches!(place.path, Path::Nobody(_));
        assert_eq!(place.key.is_empty(), stays, "{}", place.table);
        for column in place.key {
            let there: bool = sqlx::query_scalar(
                "select exists (select from pg_attribute where attrelid = $1::regclass and attname = $2 and not attisdropped)",
            )
            .bind(place.table)
            .bind(*column)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
            assert!(there, "{}.{column}", place.table);
        }
    }
}
