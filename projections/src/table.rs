//! Writing many rows of one table with one statement.
//!
//! Rows travel as one array per column (`unnest`). A row that is there already is replaced group by group, each group only by what
//! is newer, so that nothing depends on the order or the borders of batches.
//!
//! Being ready for a row that is there costs the database a third more than inserting plainly, so for many rows it is first asked whether
//! any is there. Nobody else inserts: the batch holds the checkpoint's lock.

use std::collections::BTreeMap;

/// From so many rows on, it is asked first whether any is there.
pub(crate) const MANY: usize = 200;

/// A table: how its rows are told apart, and which columns change together.
pub(crate) struct Table {
    pub name: &'static str,
    /// The key's columns after `tenant_id`.
    pub key: &'static [&'static str],
    /// Columns that are said together. Empty: a row belongs to one event, so it is never there already.
    pub groups: &'static [Group],
    /// Columns that are looked up as the row is written.
    pub looked_up: Option<Lookup>,
    /// Columns that are made of the old and the new.
    pub merged: Option<Merge>,
}

/// Columns that come from another table.
pub(crate) struct Lookup {
    /// A join to `given`, the rows as they travel; `$1` is the tenant. It is `lateral` and limited to a row, so that rows are found one by
    /// one by their key: nothing else keeps the planner from reading all that the tenant has, as long as it takes that for little.
    pub join: &'static str,
    /// Each column and its expression.
    pub columns: &'static [(&'static str, &'static str)],
}

/// Columns that are made of the old row, `kept`, and the new one, `excluded`.
pub(crate) struct Merge {
    /// Whether the new row adds something.
    pub when: &'static str,
    /// Each column and its expression.
    pub sets: &'static [(&'static str, &'static str)],
}

/// Columns that are said together and replaced together by what is newer.
pub(crate) struct Group {
    /// The columns that order what was said, most significant first.
    pub order: &'static [&'static str],
    pub columns: &'static [&'static str],
}

/// A column as it travels.
pub(crate) struct Column {
    pub name: &'static str,
    /// The array's element type.
    pub element: &'static str,
    /// The column's own type, when an array cannot hold it.
    pub cast: Option<&'static str>,
}

impl Table {
    /// The statement that writes rows none of which is there: `$1` is the tenant, then one array per column.
    pub(crate) fn insert(&self, columns: &[Column]) -> String {
        let names = columns.iter().map(|column| column.name);
        let given = names.clone().collect::<Vec<_>>().join(", ");
        let (join, looked_up) = self.looked_up.as_ref().map_or(("", &[][..]), |lookup| (lookup.join, lookup.columns));
        let all = names.chain(looked_up.iter().map(|(name, _)| *name)).collect::<Vec<_>>().join(", ");
        let values = columns.iter().map(|column| match column.cast {
            None => format!("given.{}", column.name),
            Some(cast) => format!("given.{}::{cast}", column.name),
        });
        let values = values.chain(looked_up.iter().map(|(_, expression)| (*expression).to_owned()));
        let values = values.collect::<Vec<_>>().join(", ");
        let (table, arrays) = (self.name, arrays(columns.iter()));
        format!(
            "insert into {table} as kept (tenant_id, {all}) select $1, {values} from unnest({arrays}) as given ({given}) {join}"
        )
    }

    /// The same for rows of which some may be there.
    pub(crate) fn upsert(&self, columns: &[Column]) -> String {
        format!("{} {}", self.insert(columns), self.conflict())
    }

    /// Whether any of the rows is there: `$1` is the tenant, then one array per column of the key, in the order of `columns`. Each is looked
    /// for by its key (see [`Lookup::join`]).
    pub(crate) fn any(&self, columns: &[Column]) -> String {
        let key: Vec<&Column> = columns.iter().filter(|column| self.key.contains(&column.name)).collect();
        let names = key.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let same =
            key.iter().map(|column| format!("kept.{0} = given.{0}", column.name)).collect::<Vec<_>>().join(" and ");
        let (table, arrays) = (self.name, arrays(key.into_iter()));
        format!(
            "select exists (select from unnest({arrays}) as given ({names}) \
             cross join lateral (select from {table} as kept where kept.tenant_id = $1 and {same} limit 1) as kept)"
        )
    }

    fn conflict(&self) -> String {
        let sets = self.groups.iter().flat_map(|group| {
            let newer = group.newer();
            let columns = group.order.iter().chain(group.columns);
            columns.map(move |column| {
                format!("{column} = case when {newer} then excluded.{column} else kept.{column} end")
            })
        });
        let merged = self
            .merged
            .iter()
            .flat_map(|merge| merge.sets.iter().map(|(column, expression)| format!("{column} = {expression}")));
        let sets = sets.chain(merged).collect::<Vec<_>>().join(", ");
        let newer = self.groups.iter().map(Group::newer).chain(self.merged.iter().map(|merge| merge.when.to_owned()));
        let any_newer = newer.collect::<Vec<_>>().join(" or ");
        format!("on conflict (tenant_id, {}) do update set {sets} where {any_newer}", self.key.join(", "))
    }
}

fn arrays<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    let arrays = columns.enumerate().map(|(at, column)| format!("${}::{}[]", at + 2, column.element));
    arrays.collect::<Vec<_>>().join(", ")
}

impl Group {
    fn newer(&self) -> String {
        let of = |row: &str| self.order.iter().map(|column| format!("{row}.{column}")).collect::<Vec<_>>().join(", ");
        format!("({}) > ({})", of("excluded"), of("kept"))
    }
}

/// Declares a row and how it is written.
macro_rules! rows {
    ($(#[$doc:meta])* struct $name:ident in $table:ident { $($field:ident: $rust:ty = $element:literal $(as $cast:literal)?),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug)]
        struct $name { $($field: $rust),* }

        impl $name {
            const COLUMNS: &[$crate::table::Column] = &[$($crate::table::Column {
                name: stringify!($field),
                element: $element,
                cast: rows!(@cast $($cast)?),
            }),*];

            /// What writes rows with different keys; nothing when there are none.
            fn statement(
                tenant: &presdr_events::TenantId,
                rows: impl IntoIterator<Item = Self>,
            ) -> Result<Option<$crate::statement::Statement>, sqlx::Error> {
                use $crate::statement::Statement;
                static INSERT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| $table.insert($name::COLUMNS));
                static UPSERT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| $table.upsert($name::COLUMNS));
                static ANY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| $table.any($name::COLUMNS));
                let mut count = 0;
                $(let mut $field: Vec<$rust> = Vec::new();)*
                for row in rows {
                    count += 1;
                    $($field.push(row.$field);)*
                }
                if count == 0 {
                    return Ok(None);
                }
                let never_there = $table.groups.is_empty();
                let mut any = None;
                if !never_there && count >= $crate::table::MANY {
                    let mut question = Statement::new(ANY.as_str()).bind(tenant.as_str().to_owned())?;
                    $(if $table.key.contains(&stringify!($field)) {
                        question = question.bind($field.clone())?;
                    })*
                    any = Some(question);
                }
                let statement = Statement::new(if never_there { INSERT.as_str() } else { UPSERT.as_str() });
                let statement = statement.bind(tenant.as_str().to_owned())?$(.bind($field)?)*;
                Ok(Some(match any {
                    Some(question) => statement.unless_there(question, INSERT.as_str()),
                    None => statement,
                }))
            }
        }
    };
    (@cast) => { None };
    (@cast $cast:literal) => { Some($cast) };
}
pub(crate) use rows;

/// The newest of what a batch says about each thing.
#[derive(Debug)]
pub(crate) struct Newest<K, O, R>(BTreeMap<K, (O, R)>);

impl<K: Ord, O: PartialOrd, R> Newest<K, O, R> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Keeps `row` unless something newer is known about `key`.
    pub(crate) fn offer(&mut self, key: K, order: O, row: R) {
        match self.0.get(&key) {
            Some((kept, _)) if *kept >= order => {}
            _ => drop(self.0.insert(key, (order, row))),
        }
    }

    pub(crate) fn into_rows(self) -> impl Iterator<Item = R> {
        self.0.into_values().map(|(_, row)| row)
    }
}

/// A text in the form of a PostgreSQL array, for columns of type `text[]`: an array of arrays cannot travel.
pub(crate) fn text_array<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> String {
    let mut text = String::from("{");
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        text.push('"');
        for letter in value.as_ref().chars() {
            if matches!(letter, '"' | '\\') {
                text.push('\\');
            }
            text.push(letter);
        }
        text.push('"');
    }
    text.push('}');
    text
}

/// The same for numbers.
pub(crate) fn number_array(values: impl IntoIterator<Item = i64>) -> String {
    let numbers: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("{{{}}}", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: Table = Table {
        name: "things",
        key: &["thing_id"],
        groups: &[Group { order: &["run_id", "version"], columns: &["name"] }],
        looked_up: Some(Lookup { join: "join notes using (thing_id)", columns: &[("note", "notes.text")] }),
        merged: None,
    };

    #[test]
    fn a_statement_replaces_only_what_is_older() {
        let columns = [("thing_id", "bigint"), ("name", "text"), ("run_id", "bigint"), ("version", "bigint")];
        let columns = columns.map(|(name, element)| Column { name, element, cast: None });
        assert_eq!(
            THINGS.upsert(&columns),
            "insert into things as kept (tenant_id, thing_id, name, run_id, version, note) \
             select $1, given.thing_id, given.name, given.run_id, given.version, notes.text \
             from unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) as given (thing_id, name, run_id, version) \
             join notes using (thing_id) \
             on conflict (tenant_id, thing_id) do update set \
             run_id = case when (excluded.run_id, excluded.version) > (kept.run_id, kept.version) then excluded.run_id else kept.run_id end, \
             version = case when (excluded.run_id, excluded.version) > (kept.run_id, kept.version) then excluded.version else kept.version end, \
             name = case when (excluded.run_id, excluded.version) > (kept.run_id, kept.version) then excluded.name else kept.name end \
             where (excluded.run_id, excluded.version) > (kept.run_id, kept.version)"
        );
    }

    #[test]
    fn only_the_key_is_sent_to_ask_whether_rows_are_there() {
        let columns = [("name", "text"), ("thing_id", "bigint")];
        let columns = columns.map(|(name, element)| Column { name, element, cast: None });
        assert_eq!(
            THINGS.any(&columns),
            "select exists (select from unnest($2::bigint[]) as given (thing_id) \
             cross join lateral (select from things as kept where kept.tenant_id = $1 and kept.thing_id = given.thing_id limit 1) as kept)"
        );
    }

    #[test]
    fn the_newest_is_kept_whatever_the_order() {
        let mut newest = Newest::new();
        newest.offer(1, 2, "second");
        newest.offer(1, 1, "first");
        newest.offer(2, 1, "other");
        assert_eq!(newest.into_rows().collect::<Vec<_>>(), ["second", "other"]);
    }

    #[test]
    fn an_array_keeps_quotes_and_backslashes() {
        assert_eq!(text_array(["a", "b\"c", "d\\e", ""]), r#"{"a","b\"c","d\\e",""}"#);
        assert_eq!(text_array([""; 0]), "{}");
    }
}
