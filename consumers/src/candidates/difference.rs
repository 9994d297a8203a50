//! From the candidates there are to those there should be, writing the difference alone.

use std::cmp::Ordering;

use sqlx::PgConnection;

/// What changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) added: Vec<i64>,
    pub(super) removed: Vec<i64>,
}

/// Makes `wanted`, in ascending order, the candidates of the rule.
pub(super) async fn apply(
    tx: &mut PgConnection,
    tenant: &str,
    rule_id: i64,
    wanted: &[i64],
) -> Result<Difference, sqlx::Error> {
    let mut existing: Vec<i64> =
        sqlx::query_scalar("select coalesce(array_agg(company_id), '{}') from icp_candidate_companies where tenant_id = $1 and rule_id = $2")
            .bind(tenant)
            .bind(rule_id)
            .fetch_one(&mut *tx)
            .await?;
    existing.sort_unstable();
    let difference = between(&existing, wanted);
    if !difference.removed.is_empty() {
        sqlx::query(
            "delete from icp_candidate_companies where tenant_id = $1 and rule_id = $2 and company_id = any($3)",
        )
        .bind(tenant)
        .bind(rule_id)
        .bind(&difference.removed)
        .execute(&mut *tx)
        .await?;
    }
    if !difference.added.is_empty() {
        sqlx::query(
            "insert into icp_candidate_companies (tenant_id, rule_id, company_id) select $1, $2, unnest($3::bigint[])",
        )
        .bind(tenant)
        .bind(rule_id)
        .bind(&difference.added)
        .execute(&mut *tx)
        .await?;
    }
    Ok(difference)
}

/// What must be added to and removed from `existing` to make it `wanted`; both in ascending order, each number once.
fn between(existing: &[i64], wanted: &[i64]) -> Difference {
    let (mut old, mut new) = (existing.iter().copied().peekable(), wanted.iter().copied().peekable());
    let mut difference = Difference::default();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return difference,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.cmp(new),
        };
        if order != Ordering::Greater {
            let id = old.next();
            difference.removed.extend(id.filter(|_| order == Ordering::Less));
        }
        if order != Ordering::Less {
            let id = new.next();
            difference.added.extend(id.filter(|_| order == Ordering::Greater));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_what_only_one_side_has() {
        let difference =
            |added: &[i64], removed: &[i64]| Difference { added: added.to_vec(), removed: removed.to_vec() };
        assert_eq!(between(&[1, 2, 4, 9], &[2, 3, 9, 10]), difference(&[3, 10], &[1, 4]));
        assert_eq!(between(&[], &[5]), difference(&[5], &[]));
        assert_eq!(between(&[5, 6], &[]), difference(&[], &[5, 6]));
        assert_eq!(between(&[7], &[7]), difference(&[], &[]));
    }
}
