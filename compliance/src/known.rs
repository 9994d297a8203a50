//! What a person is known by, in the clear: learnt from the log with their keys, held in memory while a command runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use presdr_events::{
    CompanyId, Envelope, Event, IdentifierKind, IndexKey, Pii, SubjectId, Suppressible, Suppression, SuppressionKind,
    TenantId,
};
use presdr_rules::{email_policy, named};
use presdr_store::{
    StoreError,
    keys::{DataSubject, TenantKeys},
    suppressions::New,
};

/// The values under which one or several subjects are known. Not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub addresses: BTreeSet<String>,
    pub phones: BTreeSet<String>,
    pub profiles: BTreeSet<String>,
    pub names: BTreeSet<(CompanyId, String)>,
    pub vendor_ids: BTreeSet<String>,
}

impl Known {
    /// Takes in another's values.
    pub fn extend(&mut self, other: Self) {
        self.addresses.extend(other.addresses);
        self.phones.extend(other.phones);
        self.profiles.extend(other.profiles);
        self.names.extend(other.names);
        self.vendor_ids.extend(other.vendor_ids);
    }

    /// Whether nothing but names is known.
    pub fn has_names_alone(&self) -> bool {
        !self.names.is_empty() && *self == Self { names: self.names.clone(), ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every form under which they are looked for, with the company of a name.
    pub fn forms(&self, index: &IndexKey) -> BTreeMap<Suppression, Option<CompanyId>> {
        let mut forms = BTreeMap::new();
        for address in &self.addresses {
            let address = email_policy::normalise(address).unwrap_or_else(|| address.clone());
            forms.insert(index.suppression(Suppressible::Address(&address)), None);
        }
        for number in &self.phones {
            forms.insert(index.suppression(Suppressible::Phone(number)), None);
        }
        for link in &self.profiles {
            forms.insert(index.suppression(Suppressible::Profile(link)), None);
        }
        for (company, name) in &self.names {
            for name in named::forms_of_name(name) {
                let form = index.suppression(Suppressible::Name { name: &name, company: *company });
                forms.insert(form, Some(*company));
            }
        }
        forms
    }

    /// The keyed hashes of what vendors were asked about them.
    pub fn things(&self, tenant: &TenantId, keys: &TenantKeys) -> Vec<[u8; 32]> {
        let normal = |address: &String| email_policy::normalise(address).unwrap_or_else(|| address.clone());
        let addresses: Vec<String> = self.addresses.iter().map(normal).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let vendor_ids: Vec<&str> = self.vendor_ids.iter().map(String::as_str).collect();
        presdr_vendors::things_about(tenant, keys, &addresses, &vendor_ids)
    }

    /// By what extraction finds their subjects: keyed otherwise than the forms in which texts are searched for them.
    fn identifiers(&self, index: &IndexKey) -> Vec<(Suppression, Option<CompanyId>)> {
        let names = self.names.iter().map(|(company, name)| {
            let hash = index.hash(IdentifierKind::Name, &format!("{name}/{company}"));
            (Suppression { kind: SuppressionKind::Name, hash }, Some(*company))
        });
        let profiles = self.profiles.iter().map(|link| {
            (Suppression { kind: SuppressionKind::Profile, hash: index.hash(IdentifierKind::Profile, link) }, None)
        });
        names.chain(profiles).collect()
    }

    /// The suppressions that keep them from coming back, for the tombstone of `subject`.
    pub fn suppressions(&self, tenant: &TenantId, keys: &TenantKeys, subject: SubjectId) -> Vec<New> {
        let things = self.things(tenant, keys).into_iter();
        let things = things.map(|hash| (Suppression { kind: SuppressionKind::Thing, hash }, None));
        let things = things.chain(self.identifiers(&keys.index));
        let new = |(what, company)| New { what, company, reason: "erased".to_owned(), subject: Some(subject) };
        self.forms(&keys.index).into_iter().chain(things).map(new).collect()
    }
}

/// Everyone whom an event names and who can be opened, with what it says of each.
pub(crate) fn told(
    envelope: &Envelope,
    subjects: &HashMap<SubjectId, DataSubject>,
) -> Result<BTreeMap<SubjectId, Known>, StoreError> {
    let mut told = Told { envelope, subjects, known: BTreeMap::new() };
    match &envelope.event {
        Event::LeadExtracted(extracted) => {
            for email in &extracted.emails {
                told.value("email.address", &email.address, |known| &mut known.addresses)?;
                let first = told.open("email.first_name", email.first_name.as_ref())?;
                let last = told.open("email.last_name", email.last_name.as_ref())?;
                let name = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
                told.name(email.address.subject, name);
            }
            for person in &extracted.people {
                let name = told.open("person.name", Some(&person.name))?;
                told.name(person.name.subject, name.unwrap_or_default());
                if let Some(profile) = &person.profile {
                    told.value("person.profile", profile, |known| &mut known.profiles)?;
                }
            }
            for phone in &extracted.phones {
                told.value("phone", phone, |known| &mut known.phones)?;
            }
        }
        Event::LeadContactsFound(found) => {
            for contact in &found.contacts {
                let name = told.open("contact.name", Some(&contact.name))?;
                told.name(contact.name.subject, name.unwrap_or_default());
                let values: [(_, _, Values); 4] = [
                    ("contact.email", &contact.email, |known| &mut known.addresses),
                    ("contact.phone", &contact.phone, |known| &mut known.phones),
                    ("contact.profile", &contact.profile, |known| &mut known.profiles),
                    ("contact.vendor_id", &contact.vendor_id, |known| &mut known.vendor_ids),
                ];
                for (field, value, of) in values {
                    if let Some(value) = value {
                        told.value(field, value, of)?;
                    }
                }
            }
        }
        _ => {}
    }
    told.known.retain(|_, known| !known.is_empty());
    Ok(told.known)
}

/// Which of the values.
type Values = fn(&mut Known) -> &mut BTreeSet<String>;

struct Told<'a> {
    envelope: &'a Envelope,
    subjects: &'a HashMap<SubjectId, DataSubject>,
    known: BTreeMap<SubjectId, Known>,
}

impl Told<'_> {
    fn open(&self, field: &'static str, value: Option<&Pii<String>>) -> Result<Option<String>, StoreError> {
        let Some((value, subject)) = value.and_then(|value| Some((value, self.subjects.get(&value.subject)?))) else {
            return Ok(None);
        };
        Ok(Some(subject.open(&self.envelope.tenant, self.envelope.id, field, value)?.0))
    }

    fn value(&mut self, field: &'static str, value: &Pii<String>, of: Values) -> Result<(), StoreError> {
        if let Some(opened) = self.open(field, Some(value))? {
            of(self.known.entry(value.subject).or_default()).insert(opened);
        }
        Ok(())
    }

    fn name(&mut self, subject: SubjectId, name: String) {
        if let (Some(company), false) = (self.envelope.company, name.trim().is_empty()) {
            self.known.entry(subject).or_default().names.insert((company, name));
        }
    }
}
