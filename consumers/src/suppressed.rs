//! Who must not be contacted, and who was erased, kept out of what is about to be stored.

use presdr_events::{CompanyId, Suppressible};
use presdr_rules::{email_policy, named};
use presdr_sites::{
    Visit,
    extract::{FoundPerson, SiteFindings, SitePhone, without_paragraphs},
};
use presdr_store::{TenantTx, keys::TenantKeys, suppressions, suppressions::Held};

use crate::{
    Services,
    lead::{Lead, WorkError},
};

/// What a site says, without people and phones that the tenant suppresses; without any where it suppresses the domain. Its addresses stay:
/// the policy on addresses drops and counts them. The text loses the paragraphs that name erased people.
pub(crate) async fn without_people(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    domain: &str,
    findings: SiteFindings,
) -> Result<SiteFindings, WorkError> {
    if is_suppressed(services, tx, lead, domain).await? {
        let nobody = SiteFindings { people: Vec::new(), phones: Vec::new(), ..findings };
        return without_erased(services, tx, lead, nobody).await;
    }
    let keys = services.keyring.tenant(tx, &lead.tenant).await?;
    let held = Held::of(tx, &keys, |suppressed| {
        for person in &findings.people {
            is_person_suppressed(person, lead.company, suppressed);
        }
        for phone in &findings.phones {
            suppressed(Suppressible::Phone(number(phone)));
        }
    })
    .await?;
    let mut kept = findings;
    kept.people.retain(|person| !is_person_suppressed(person, lead.company, &|what| held.holds(what)));
    kept.phones.retain(|phone| !held.holds(Suppressible::Phone(number(phone))));
    without_erased(services, tx, lead, kept).await
}

fn number(phone: &SitePhone) -> &str {
    phone.e164.as_deref().unwrap_or(&phone.digits)
}

fn is_person_suppressed(
    person: &FoundPerson,
    company: CompanyId,
    suppressed: &dyn Fn(Suppressible<'_>) -> bool,
) -> bool {
    is_named(person.name.as_str(), person.profile_url.as_deref(), company, suppressed)
}

/// Whether a person at a company is suppressed by name or profile.
pub(crate) fn is_named(
    name: &str,
    profile: Option<&str>,
    company: CompanyId,
    suppressed: &dyn Fn(Suppressible<'_>) -> bool,
) -> bool {
    let mut found = profile.is_some_and(|profile| suppressed(Suppressible::Profile(profile)));
    for name in named::forms_of_name(name) {
        found |= suppressed(Suppressible::Name { name: &name, company });
    }
    found
}

/// The merged text without the paragraphs that name erased people.
async fn without_erased(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    findings: SiteFindings,
) -> Result<SiteFindings, WorkError> {
    let keys = services.keyring.tenant(tx, &lead.tenant).await?;
    let erased = Erased::in_texts(tx, &keys, lead.company, |named| {
        named(&findings.about_text);
        named(&findings.corpus);
    })
    .await?;
    let left = |text: &String| without_paragraphs(text, &|text| erased.are_named(text));
    let (about_text, corpus) = (left(&findings.about_text), left(&findings.corpus));
    Ok(SiteFindings {
        about_text: about_text.unwrap_or(findings.about_text),
        corpus: corpus.unwrap_or(findings.corpus),
        ..findings
    })
}

/// What a visit brought, without the pages that are about erased people, and without what the others say of them.
pub(crate) async fn visit_without_erased(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    mut visit: Visit,
) -> Result<Visit, WorkError> {
    let keys = services.keyring.tenant(tx, &lead.tenant).await?;
    let erased = Erased::in_texts(tx, &keys, lead.company, |named| {
        visit.forget(named);
    })
    .await?;
    if !erased.held.is_empty() {
        visit.forget(&|text| erased.are_named(text));
    }
    Ok(visit)
}

/// The erased people whom some texts about a company name.
struct Erased {
    held: Held,
    /// Where names are looked for.
    company: Option<CompanyId>,
}

impl Erased {
    /// `read` is given a question that answers "no" and asks it about every text.
    async fn in_texts(
        tx: &mut TenantTx,
        keys: &TenantKeys,
        company: CompanyId,
        read: impl FnOnce(&dyn Fn(&str) -> bool),
    ) -> Result<Self, WorkError> {
        let company = suppressions::with_erased_names(tx, &[company]).await?.first().copied();
        let held = Held::of(tx, keys, |known| read(&|text| named::names(text, company, known))).await?;
        Ok(Self { held, company })
    }

    fn are_named(&self, text: &str) -> bool {
        named::names(text, self.company, &|what| self.held.is_erased(what))
    }
}

/// Whether the tenant must not contact whoever is at the domain.
pub(crate) async fn is_suppressed(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    domain: &str,
) -> Result<bool, WorkError> {
    let keys = services.keyring.tenant(tx, &lead.tenant).await?;
    let is_suppressed = |suppressed: &dyn Fn(Suppressible<'_>) -> bool| {
        let company = suppressed(Suppressible::Company(lead.company));
        email_policy::is_domain_suppressed(domain, suppressed) || company
    };
    let held = Held::of(tx, &keys, |suppressed| {
        is_suppressed(suppressed);
    })
    .await?;
    Ok(is_suppressed(&|what| held.holds(what)))
}
