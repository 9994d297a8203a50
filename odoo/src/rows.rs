//! What should stand in Odoo: a row per company, contact and lead, made from what a run told. Pure.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::{CompanyId, IndexKey, RunId, SubjectId, Suppression, TenantId};
use presdr_rules::settings::OdooSettings;
use presdr_store::odoo::records::{Key, Model};
use serde_json::{Value, json};

use crate::fields::Fields;

/// Singapore, as Odoo's own data names it.
const SINGAPORE: &str = "base.sg";

/// A company of a run's shortlist, with what is known of it. Holds personal values: it does not print.
#[derive(Clone)]
pub struct Lead {
    /// Which company.
    pub company: CompanyId,
    /// All that it could be suppressed by.
    pub asked: BTreeSet<Suppression>,
    /// As it is registered.
    pub name: String,
    /// Its number in the registry.
    pub uen: Option<String>,
    /// Its registrable domain.
    pub domain: Option<String>,
    /// Whether it is registered in Singapore.
    pub in_singapore: bool,
    /// 0 to 1.
    pub score: f64,
    /// `High`, `Medium` or `Low`.
    pub bucket: String,
    /// Without personal data.
    pub rationale: String,
    /// Whom to talk to, those the tenant looks for first.
    pub contacts: Vec<Contact>,
}

/// Somebody at a company, or one of its mailboxes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Who, by random id.
    pub subject: Option<SubjectId>,
    /// All that they could be suppressed by: everything that was told of them, sent or not.
    pub asked: BTreeSet<Suppression>,
    /// First and last name, or what a site calls them.
    pub name: Option<String>,
    /// Title in the company.
    pub role_title: Option<String>,
    /// Business address; none that a verifier found invalid.
    pub email: Option<String>,
    /// What a verifier said of it.
    pub email_status: Option<String>,
    /// In E.164.
    pub phone: Option<String>,
    /// Profile link.
    pub profile: Option<String>,
    /// Whether the title is one that the tenant looks for.
    pub wanted: bool,
}

/// A value for a field.
#[derive(Clone, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A text with HTML's marks, which Odoo may write in another way.
    Html(String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A record of Odoo's own, by external id.
    External(&'static str),
    /// A record, by number.
    Record(i64),
    /// Nobody.
    Nothing,
}

impl Cell {
    /// The column that `load` takes it in.
    #[must_use]
    pub fn column(&self, field: &str) -> String {
        match self {
            Self::External(_) => format!("{field}/id"),
            Self::Record(_) => format!("{field}/.id"),
            Self::Text(_) | Self::Html(_) | Self::Number(_) | Self::Flag(_) | Self::Nothing => field.to_owned(),
        }
    }

    /// As `load` takes it: yes and no are texts there.
    #[must_use]
    pub fn loaded(&self) -> Value {
        match self {
            Self::Text(text) | Self::Html(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(if *flag { "1" } else { "0" }),
            Self::External(id) => json!(id),
            Self::Record(id) => json!(id),
            Self::Nothing => json!(""),
        }
    }

    /// What was sent, if Odoo tells `told` of it now; `None` where that cannot be known.
    #[must_use]
    pub fn sent_as(&self, told: &Value) -> Option<Value> {
        match self {
            Self::External(_) => None,
            Self::Html(_) => Some(html(told.as_str().unwrap_or_default())),
            Self::Text(_) | Self::Number(_) | Self::Flag(_) | Self::Record(_) | Self::Nothing => Some(told.clone()),
        }
    }

    /// As Odoo tells it when it is read again; `None` where that cannot be known.
    #[must_use]
    pub fn read_again(&self) -> Option<Value> {
        match self {
            Self::Text(text) => Some(json!(text)),
            Self::Number(number) => Some(json!(number)),
            Self::Flag(flag) => Some(plain(&json!(flag))),
            Self::Record(id) => Some(json!(id)),
            Self::Nothing => Some(Value::Null),
            Self::External(_) | Self::Html(_) => None,
        }
    }
}

/// A value that Odoo told, in one form: what is empty is `false` there, a reference has its name beside its number.
#[must_use]
pub fn plain(told: &Value) -> Value {
    match told {
        Value::Bool(false) => Value::Null,
        Value::Array(reference) => reference.first().map_or(Value::Null, plain),
        Value::Number(number) => json!(number.as_f64()),
        Value::String(text) if text.is_empty() => Value::Null,
        other => other.clone(),
    }
}

/// A row as it should be.
#[derive(Clone)]
pub struct Row {
    /// Of what.
    pub key: Key,
    /// Its fields, of those that this Odoo has. One that is not known is not here, and stays as it is there.
    pub cells: BTreeMap<&'static str, Cell>,
    /// What keeps it from being sent, once any of it is suppressed.
    pub asked: BTreeSet<Suppression>,
}

impl Row {
    /// The keyed hash of each cell, as records have it.
    #[must_use]
    pub fn hashes(&self, index: &IndexKey) -> BTreeMap<&'static str, String> {
        self.cells.iter().map(|(field, cell)| (*field, hash(index, field, &wanted(cell)))).collect()
    }
}

fn wanted(cell: &Cell) -> Value {
    match cell {
        Cell::External(id) => json!({ "external": id }),
        Cell::Html(text) => html(text),
        other => plain(&other.read_again().unwrap_or(Value::Null)),
    }
}

/// A text with marks in one form: its words. How they are marked, Odoo writes in its own way.
fn html(text: &str) -> Value {
    let mut words = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, marked) = rest.split_at(at);
        words.push_str(before);
        let end = if marked.starts_with('<') { '>' } else { ';' };
        let (marks, after) = marked.split_at(marked.find(end).map_or(marked.len(), |end| end + 1));
        words.push_str(entity(marks));
        rest = after;
    }
    words.push_str(rest);
    words.retain(|character| !character.is_whitespace());
    json!({ "html": words })
}

/// What an entity stands for; a tag, and an entity that we never write, for nothing.
fn entity(marks: &str) -> &'static str {
    match marks {
        "&amp;" => "&",
        "&lt;" => "<",
        "&gt;" => ">",
        "&quot;" | "&#34;" => "\"",
        "&#39;" | "&apos;" => "'",
        _ => "",
    }
}

/// The keyed hash of a field's value: long enough to tell values apart, and nothing that could be read back.
#[must_use]
pub fn hash(index: &IndexKey, field: &str, value: &Value) -> String {
    let bytes = index.hash_bytes("odoo field", format!("{field}\0{value}").as_bytes());
    bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The external id of a row: under our own prefix, so that nothing of anybody else's is ever written through it.
#[must_use]
pub fn external_id(tenant: &TenantId, key: &Key) -> String {
    let company = key.company;
    match (key.model, key.subject) {
        (Model::Lead, _) => format!("presdr.{tenant}_lead_{company}"),
        (Model::Partner, None) => format!("presdr.{tenant}_company_{company}"),
        (Model::Partner, Some(subject)) => format!("presdr.{tenant}_contact_{company}_{}", subject.0.simple()),
    }
}

/// What is written along with any change, and never by itself: for which run, and for whom.
#[must_use]
pub fn riders(fields: &Fields, run: RunId, actor: &str) -> Vec<(&'static str, Value)> {
    let all = [("x_pre_sdr_run", json!(run.to_string())), ("x_pre_sdr_actor", json!(actor))];
    all.into_iter().filter(|(field, _)| fields.has(field)).collect()
}

/// The row of a company.
#[must_use]
pub fn company(lead: &Lead, fields: &Fields) -> Row {
    let mut cells = BTreeMap::from([
        ("name", Cell::Text(lead.name.clone())),
        ("is_company", Cell::Flag(true)),
        ("x_pre_sdr_score", Cell::Number(lead.score)),
        ("x_pre_sdr_bucket", Cell::Text(lead.bucket.clone())),
        ("x_pre_sdr_rationale", Cell::Text(lead.rationale.clone())),
    ]);
    if let Some(uen) = &lead.uen {
        cells.insert("x_uen", Cell::Text(uen.clone()));
        cells.insert("company_registry", Cell::Text(uen.clone()));
    }
    if let Some(domain) = &lead.domain {
        cells.insert("x_website_domain", Cell::Text(domain.clone()));
        cells.insert("website", Cell::Text(format!("https://{domain}")));
    }
    if lead.in_singapore {
        cells.insert("country_id", Cell::External(SINGAPORE));
    }
    // Without fields of our own people still see what the score is.
    if !fields.has("x_pre_sdr_score") {
        cells.insert("comment", Cell::Html(note(lead)));
    }
    cells.retain(|field, _| fields.has(field));
    let key = Key { model: Model::Partner, company: lead.company, subject: None };
    Row { key, cells, asked: lead.asked.clone() }
}

/// The row of a contact under the partner `parent`. `None` for somebody of whom nothing is known that Odoo could call them.
#[must_use]
pub fn contact(lead: &Lead, contact: &Contact, parent: i64, fields: &Fields) -> Option<Row> {
    let text = |value: &Option<String>| value.clone().map(Cell::Text);
    let name = contact.name.clone().or_else(|| contact.email.clone())?;
    let mut cells = BTreeMap::from([
        ("name", Cell::Text(name)),
        ("type", Cell::Text("contact".to_owned())),
        ("parent_id", Cell::Record(parent)),
    ]);
    let known = [
        ("email", text(&contact.email)),
        ("x_pre_sdr_email_status", text(&contact.email_status)),
        ("function", text(&contact.role_title)),
        ("phone", text(&contact.phone)),
        ("x_pre_sdr_profile", text(&contact.profile)),
    ];
    cells.extend(known.into_iter().filter_map(|(field, cell)| Some((field, cell?))));
    cells.retain(|field, _| fields.has(field));
    let key = Key { model: Model::Partner, company: lead.company, subject: Some(contact.subject?) };
    Some(Row { key, cells, asked: &lead.asked | &contact.asked })
}

/// The row of a lead of Odoo's CRM for the partner, where the tenant wants one for such a score.
#[must_use]
pub fn crm_lead(lead: &Lead, partner: i64, settings: &OdooSettings) -> Option<Row> {
    if settings.leads_from.is_none_or(|least| lead.score < least) {
        return None;
    }
    let cells = BTreeMap::from([
        ("name", Cell::Text(lead.name.clone())),
        ("type", Cell::Text("opportunity".to_owned())),
        ("partner_id", Cell::Record(partner)),
        ("user_id", Cell::Nothing),
        ("description", Cell::Html(note(lead))),
    ]);
    let key = Key { model: Model::Lead, company: lead.company, subject: None };
    Some(Row { key, cells, asked: lead.asked.clone() })
}

/// Score and rationale as a paragraph of HTML.
fn note(lead: &Lead) -> String {
    let text = format!("Pre-SDR score {:.2} ({}). {}", lead.score, lead.bucket, lead.rationale);
    format!("<p>{}</p>", text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}
