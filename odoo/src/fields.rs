//! Fields of our own on `res.partner`: made once if the account may, done without if it may not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::client::{Call, Fault, Odoo};

/// Companies and contacts.
pub const PARTNER: &str = "res.partner";

/// A field of our own: what Odoo calls it, what people read, of which type it is, whether it is searched.
#[derive(Debug, Clone, Copy)]
struct Own {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    index: bool,
}

const fn own(name: &'static str, label: &'static str, kind: &'static str) -> Own {
    Own { name, label, kind, index: false }
}

/// Every field of our own.
const OWN: [Own; 9] = [
    Own { index: true, ..own("x_uen", "UEN", "char") },
    Own { index: true, ..own("x_website_domain", "Website domain", "char") },
    own("x_pre_sdr_score", "Pre-SDR score", "float"),
    own("x_pre_sdr_bucket", "Pre-SDR bucket", "char"),
    own("x_pre_sdr_rationale", "Pre-SDR rationale", "text"),
    own("x_pre_sdr_email_status", "E-mail check", "char"),
    own("x_pre_sdr_profile", "Profile", "char"),
    own("x_pre_sdr_run", "Pre-SDR run", "char"),
    own("x_pre_sdr_actor", "Pre-SDR written for", "char"),
];

/// Standard fields that are used where this Odoo has them.
const STANDARD: [&str; 11] = [
    "name",
    "is_company",
    "type",
    "parent_id",
    "website",
    "company_registry",
    "country_id",
    "comment",
    "email",
    "phone",
    "function",
];

/// Fields of a contact in which a person there may have written of somebody: presdr itself writes none of them. Not each Odoo has each.
pub(crate) const PERSONAL: [&str; 15] = [
    "mobile",
    "street",
    "street2",
    "zip",
    "city",
    "state_id",
    "country_id",
    "partner_latitude",
    "partner_longitude",
    "vat",
    "ref",
    "barcode",
    "title",
    "company_name",
    "image_1920",
];

/// What of `res.partner` can be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// Fields that are there, our own and standard ones.
    pub present: BTreeSet<&'static str>,
    /// Fields of our own that are not.
    pub missing: Vec<&'static str>,
    /// Which right would let us make them.
    pub cure: Option<String>,
}

impl Fields {
    /// Whether there is such a field.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.present.contains(field)
    }
}

/// Which fields there are.
///
/// # Errors
/// [`Fault`], as of every call.
pub async fn look(odoo: &Odoo) -> Result<Fields, Fault> {
    let wanted: BTreeSet<&'static str> = OWN.iter().map(|own| own.name).chain(STANDARD).chain(PERSONAL).collect();
    let arguments = vec![("allfields", json!(wanted)), ("attributes", json!(["type"]))];
    let held: BTreeMap<String, Value> =
        odoo.call(Call { model: PARTNER, method: "fields_get", ids: None, arguments }).await?;
    let (present, absent): (Vec<&'static str>, Vec<&'static str>) =
        wanted.into_iter().partition(|field| held.contains_key(*field));
    let missing = absent.into_iter().filter(|field| OWN.iter().any(|own| own.name == *field)).collect();
    Ok(Fields { present: present.into_iter().collect(), missing, cure: None })
}

/// Which fields there are once those that are missing were made, if the account may.
///
/// # Errors
/// [`Fault`], as of every call; that the account may not make fields is none.
pub async fn ensure(odoo: &Odoo) -> Result<Fields, Fault> {
    let held = look(odoo).await?;
    if held.missing.is_empty() {
        return Ok(held);
    }
    match make(odoo, &held.missing).await {
        Ok(()) => look(odoo).await,
        Err(Fault::FixNeeded { cure, .. }) => Ok(Fields { cure: Some(cure), ..held }),
        // Somebody else is making them, or makes them another way: what is there counts.
        Err(Fault::Refused(why) | Fault::Failed(why)) => {
            let now = look(odoo).await?;
            let cure =
                (!now.missing.is_empty()).then(|| format!("Odoo refuses to make them ({why}): make them by hand"));
            Ok(Fields { cure, ..now })
        }
        Err(fault) => Err(fault),
    }
}

async fn make(odoo: &Odoo, missing: &[&'static str]) -> Result<(), Fault> {
    let arguments = vec![("domain", json!([["model", "=", PARTNER]]))];
    let model: Vec<i64> = odoo.call(Call { model: "ir.model", method: "search", ids: None, arguments }).await?;
    let Some(model) = model.first() else {
        return Err(Fault::FixNeeded {
            what: "the service account cannot see which models there are".to_owned(),
            cure: "let it read ir.model".to_owned(),
        });
    };
    let wanted = OWN.iter().filter(|own| missing.contains(&own.name));
    let values: Vec<Value> = wanted
        .map(|own| {
            json!({ "model_id": model, "name": own.name, "field_description": own.label, "ttype": own.kind, "state": "manual",
                    "index": own.index, "copied": false })
        })
        .collect();
    let arguments = vec![("vals_list", json!(values))];
    let _: Value = odoo.call(Call { model: "ir.model.fields", method: "create", ids: None, arguments }).await?;
    Ok(())
}
