//! What a model adds to what the readers found: only fields that they left empty, only values that stand in the text.

use std::collections::HashSet;

use presdr_events::{DegradedReason, lead};
use presdr_rules::{
    extraction::{self, Checked, Corpus, Found, PROMPT_VERSION},
    route::Availability,
};
use presdr_sites::extract::{EmailSource, FoundPerson, PhoneSource, SiteEmail, SiteFindings, SitePhone, addresses_in};
use presdr_vendors::{
    Purpose,
    openai::{CHAT_MODEL, Chat, Said},
};

use crate::{
    Services,
    asking::{self, Question},
    lead::{Lead, WorkError},
};

/// So much of a site's text is shown to the model.
const CORPUS_TOKENS_MAX: usize = 6_000;
const ANSWER_TOKENS_MAX: u32 = 1_000;

/// What a model was asked and what came of it.
#[derive(Default)]
pub(super) struct Filled {
    /// As the event tells it; none when no model was asked.
    pub told: Option<lead::Filled>,
    /// Addresses that only the model pointed at.
    pub addresses: HashSet<String>,
    /// Names that only the model pointed at.
    pub names: HashSet<String>,
    /// What is missing since it could not be asked.
    pub degraded: Vec<DegradedReason>,
}

fn gaps(findings: &SiteFindings) -> Vec<extraction::Field> {
    let found = Found {
        about_characters: findings.about_text.trim().chars().count(),
        emails: findings.emails.len(),
        people: findings.people.len(),
        phones: findings.phones.len(),
    };
    extraction::gaps(found, &findings.corpus)
}

/// Asks the model about what the readers left empty, where the tenant allows it, and puts what is believed of its answer into the findings.
pub(super) async fn fill(services: &Services, lead: &Lead, findings: &mut SiteFindings) -> Result<Filled, WorkError> {
    let fields = gaps(findings);
    // Only a site with gaps is worth a look at the tenant's settings.
    if fields.is_empty() || asking::available(services, lead, Purpose::Extraction).await? == Availability::Off {
        return Ok(Filled::default());
    }
    let asked = extraction::question(&fields, &findings.corpus, CORPUS_TOKENS_MAX);
    let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
    let because = format!("the site's readers left empty: {}", names.join(", "));
    let question = Question { lead, step: "openai.extraction", purpose: Purpose::Extraction, because: &because };
    let chat = Chat {
        model: CHAT_MODEL.to_owned(),
        instructions: asked.system,
        input: asked.user,
        schema_name: "company_facts",
        schema: asked.schema,
        tokens_max: ANSWER_TOKENS_MAX,
    };
    let said = match asking::ask(services, &question, &chat).await? {
        Ok(said) => said,
        Err(silence) => return Ok(Filled { degraded: asking::without_model(silence), ..Filled::default() }),
    };
    let corpus = Corpus::new(&findings.corpus, addresses_in(&findings.corpus));
    let mut checked = match said {
        Said::Json(answer) => extraction::check(&fields, &answer.to_string(), &corpus),
        Said::Refused => nothing("answer_refused"),
        Said::CutOff => nothing("answer_cut_off"),
    };
    let told = lead::Filled {
        model: CHAT_MODEL.to_owned(),
        prompt_version: PROMPT_VERSION,
        fields: checked.fields(),
        dropped: std::mem::take(&mut checked.dropped),
    };
    let mut filled = Filled { told: Some(told), ..Filled::default() };
    filled.addresses = checked.emails.iter().map(|email| email.address.clone()).collect();
    filled.names = checked.people.iter().map(|person| person.name.clone()).collect();
    put(findings, checked);
    Ok(filled)
}

fn nothing(reason: &str) -> Checked {
    Checked { dropped: [(reason.to_owned(), 1)].into(), ..Checked::default() }
}

fn put(findings: &mut SiteFindings, checked: Checked) {
    if let Some(about) = checked.about_text {
        findings.about_text = about;
    }
    findings.emails.extend(checked.emails.into_iter().map(|email| SiteEmail {
        address: email.address,
        how: EmailSource::Text,
        name: email.name,
        role_title: email.role_title,
        pages: Vec::new(),
    }));
    findings.people.extend(checked.people.into_iter().map(|person| FoundPerson {
        name: person.name,
        role_title: person.role_title,
        profile_url: person.profile_url,
    }));
    findings.phones.extend(checked.phones.into_iter().map(|number| SitePhone {
        digits: number.clone(),
        e164: Some(number),
        how: PhoneSource::Text,
        is_fax: false,
        pages: Vec::new(),
    }));
}
