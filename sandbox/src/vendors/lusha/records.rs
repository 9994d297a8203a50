//! Who and what Lusha has heard of: some of the companies, some of their people, some that their sites do not show.

use serde_json::{Value, json};

use crate::company::{Person, person};
use crate::vendors::world::{Known, World};

/// The lowest id of a company and of a contact.
const COMPANY_IDS: u64 = 16_300_000;
const CONTACT_IDS: u64 = 4_389_000_000;
/// How many people of one company have room among the ids.
const CONTACTS_MAX: u64 = 16;
/// Posts that are filled with people whom no site shows.
const UNSHOWN: [&str; 7] = [
    "Chief Executive Officer",
    "Owner",
    "Managing Director",
    "Head of Sales",
    "Director of Operations",
    "Head of Marketing",
    "General Manager",
];

/// Somebody whom Lusha knows.
pub(super) struct Contact<'a> {
    pub id: u64,
    pub company: &'a Known,
    pub person: Person,
    /// Their business address.
    pub email: Option<String>,
    /// Their mobile number in E.164.
    pub phone: Option<String>,
    /// Asked not to be shown.
    pub restricted: bool,
}

/// Whether Lusha has heard of the company.
fn heard_of(world: &World, company: &Known) -> bool {
    world.random("lusha company", company.place).chance(78)
}

/// The id of a company.
pub(super) fn company_id(company: &Known) -> String {
    (COMPANY_IDS + company.place as u64).to_string()
}

/// The company that an item names by id, domain or name.
pub(super) fn find_company<'a>(
    world: &'a World,
    id: Option<&str>,
    domain: Option<&str>,
    name: Option<&str>,
) -> Option<&'a Known> {
    let by_id = |id: &str| {
        let place = id.parse::<u64>().ok()?.checked_sub(COMPANY_IDS)?;
        world.companies().get(usize::try_from(place).ok()?)
    };
    let found = match (id, domain, name) {
        (Some(id), ..) => by_id(id),
        (None, Some(domain), _) => world.by_domain(domain),
        (None, None, Some(name)) => world.by_name(name),
        (None, None, None) => None,
    };
    found.filter(|company| heard_of(world, company))
}

/// The people of a company whom Lusha knows.
pub(super) fn contacts<'a>(world: &World, company: &'a Known) -> Vec<Contact<'a>> {
    if !heard_of(world, company) {
        return vec![];
    }
    let random = &mut world.random("lusha contacts", company.place);
    let shown = company.people.iter().filter(|_| random.chance(65)).cloned().collect::<Vec<_>>();
    let mut people = shown;
    if let Some(domain) = &company.domain {
        for _ in 0..random.between(1, 2) {
            let unshown = Person { role: random.pick(&UNSHOWN), ..person(domain, random) };
            people.push(unshown);
        }
    }
    let first = CONTACT_IDS + company.place as u64 * CONTACTS_MAX;
    let mut known = Vec::new();
    for (id, person) in (first..first + CONTACTS_MAX).zip(people) {
        let email = random.chance(88).then(|| person.email.clone());
        let phone =
            random.chance(55).then(|| format!("+659{:03}{:04}", random.between(200, 899), random.between(0, 9_999)));
        known.push(Contact { id, company, person, email, phone, restricted: random.chance(2) });
    }
    known
}

/// The contact with that id.
pub(super) fn contact<'a>(world: &'a World, id: &str) -> Option<Contact<'a>> {
    let id = id.parse::<u64>().ok()?;
    let place = id.checked_sub(CONTACT_IDS)? / CONTACTS_MAX;
    let company = world.companies().get(usize::try_from(place).ok()?)?;
    contacts(world, company).into_iter().find(|contact| contact.id == id)
}

impl Contact<'_> {
    /// First and last name.
    pub fn names(&self) -> (&str, &str) {
        self.person.name.split_once(' ').unwrap_or((&self.person.name, ""))
    }

    /// Where their profile is; the id in it makes it theirs alone.
    pub fn profile(&self) -> String {
        format!("https://www.linkedin.com/in/{}-{}", self.person.name.to_lowercase().replace(' ', "-"), self.id)
    }

    /// What is known of the contact, without addresses and numbers.
    pub fn preview(&self) -> Value {
        let (first, last) = self.names();
        json!({
            "id": self.id.to_string(),
            "firstName": first,
            "lastName": last,
            "fullName": self.person.name,
            "jobTitle": self.job(),
            "company": {
                "id": company_id(self.company),
                "name": self.company.brand,
                "domain": self.company.domain,
            },
            "location": { "country": "Singapore", "countryIso2": "SG", "city": "Singapore", "isEuContact": false },
            "socialLinks": { "linkedin": self.profile() },
        })
    }

    /// The job with department and seniority.
    pub fn job(&self) -> Value {
        let title = self.person.role;
        let (department, seniority) = match title {
            "Founder" | "Owner" => ("General Management", "Founder"),
            "Managing Director" | "Chief Executive Officer" => ("General Management", "C-Suite"),
            "Head of Sales" => ("Sales", "Director"),
            "Marketing Director" | "Head of Marketing" => ("Marketing", "Director"),
            "Director of Operations" => ("Operations", "Director"),
            "Operations Manager" => ("Operations", "Manager"),
            "Finance Manager" => ("Finance", "Manager"),
            "General Manager" => ("General Management", "Manager"),
            _ => ("Other", "Non-Managerial"),
        };
        json!({ "title": title, "departments": [department], "seniority": seniority })
    }
}

/// What is known of a company before it is paid for.
pub(super) fn company_preview(company: &Known) -> Value {
    json!({
        "id": company_id(company),
        "name": company.brand,
        "domain": company.domain,
        "employeeCount": employees(company),
        "industry": company.trade,
        "location": { "city": "Singapore", "country": "Singapore", "countryIso2": "SG" },
    })
}

/// All that is known of a company.
pub(super) fn company_whole(company: &Known) -> Value {
    let mut whole = company_preview(company);
    whole["description"] = json!(company.pitch.map(|pitch| format!("{} {pitch}.", company.brand)));
    whole["founded"] = json!(company.year);
    whole["phone"] = json!(company.phone);
    whole["technologies"] = json!([]);
    whole["socialLinks"] = json!({ "linkedin": format!("https://www.linkedin.com/company/{}", company.slug()) });
    whole
}

/// The size that goes with a count of people.
pub(super) fn band(count: u32) -> (u32, u32) {
    const BANDS: [(u32, u32); 6] = [(1, 10), (11, 50), (51, 200), (201, 500), (501, 1_000), (1_001, 5_000)];
    BANDS.into_iter().find(|(_, most)| count <= *most).unwrap_or((5_001, 10_000))
}

fn employees(company: &Known) -> Value {
    let Some(count) = company.employees else { return Value::Null };
    let (low, high) = band(count);
    json!({ "exact": count, "min": low, "max": high })
}
