//! Who may do what: one table, which the tests walk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person is to their tenant, as the identity provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads, with personal data masked.
    Viewer,
    /// Works with leads.
    Ops,
    /// Answers for the tenant.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Ops, Self::Admin];

    /// The role of this name; an unknown one is none of ours and gives nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "viewer" => Some(Self::Viewer),
            "ops" => Some(Self::Ops),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// What can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read what the pipeline found.
    Read,
    /// See personal data as it is, rather than masked.
    ReadPersonal,
    /// Change the ideal customer profile.
    EditIcp,
    /// Start, pause, resume and cancel runs.
    SteerRuns,
    /// Have a company looked at again.
    Enrich,
    /// Let a shortlist go to the customer relationship system.
    Approve,
    /// Say who must not be contacted.
    Suppress,
    /// Go on with the setting up of the tenant.
    FinishOnboarding,
    /// Change what vendors may cost.
    Budget,
    /// Erase a person.
    Erase,
}

/// Each permission and the roles that have it.
pub const TABLE: [(Permission, &[Role]); 10] = [
    (Permission::Read, &[Role::Viewer, Role::Ops, Role::Admin]),
    (Permission::ReadPersonal, &[Role::Ops, Role::Admin]),
    (Permission::EditIcp, &[Role::Ops, Role::Admin]),
    (Permission::SteerRuns, &[Role::Ops, Role::Admin]),
    (Permission::Enrich, &[Role::Ops, Role::Admin]),
    (Permission::Approve, &[Role::Ops, Role::Admin]),
    (Permission::Suppress, &[Role::Admin]),
    (Permission::FinishOnboarding, &[Role::Admin]),
    (Permission::Budget, &[Role::Admin]),
    (Permission::Erase, &[Role::Admin]),
];

/// Whether any of `roles` has `permission`.
#[must_use]
pub fn allows(roles: &[Role], permission: Permission) -> bool {
    let holders = TABLE.iter().filter(|(listed, _)| *listed == permission).flat_map(|(_, holders)| *holders);
    holders.into_iter().any(|holder| roles.contains(holder))
}

/// Everything that `roles` may do.
#[must_use]
pub fn permissions(roles: &[Role]) -> Vec<Permission> {
    TABLE.iter().map(|(permission, _)| *permission).filter(|permission| allows(roles, *permission)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_permission_stands_once() {
        let listed: BTreeSet<Permission> = TABLE.iter().map(|(permission, _)| *permission).collect();
        assert_eq!(listed.len(), TABLE.len());
    }

    #[test]
    fn a_higher_role_may_all_that_a_lower_one_may() {
        for pair in Role::ALL.windows(2) {
            let (lower, higher) = (permissions(&pair[..1]), permissions(&pair[1..]));
            assert!(lower.iter().all(|permission| higher.contains(permission)), "{pair:?}");
            assert!(lower.len() < higher.len(), "{pair:?}");
        }
        assert_eq!(permissions(&[Role::Viewer]), [Permission::Read]);
        assert_eq!(permissions(&[Role::Admin]).len(), TABLE.len());
        assert!(permissions(&[]).is_empty());
    }
}
