//! Why a lead scored as it did, in a model's words where the tenant has one and it says no more than the features do; else in ours.

use presdr_events::{DegradedReason, lead::RationaleSource};
use presdr_rules::{
    features::Features,
    rationale::{
        self,
        model::{self, Brief, Refused},
    },
    route::Availability,
    score::{Score, Weights},
};
use presdr_store::{TenantTx, texts};
use presdr_vendors::{
    Purpose,
    openai::{CHAT_MODEL, Chat, Said},
};

use crate::{
    Services,
    asking::{self, Question, without_model},
    lead::{Lead, WorkError},
};

const ANSWER_TOKENS_MAX: u32 = 160;

/// A rationale and how it came about.
pub(super) struct Wording {
    pub text: String,
    pub source: RationaleSource,
    pub cache_key: String,
    /// Whether the cache had it: `hit` or `miss`.
    pub cache: &'static str,
    /// Why a model's text was not used.
    pub refused: Option<&'static str>,
    pub degraded: Vec<DegradedReason>,
}

/// In our own words: from the cache, or made and cached.
pub(super) async fn by_rule(
    tx: &mut TenantTx,
    score: &Score,
    features: &Features,
    weights: &Weights,
) -> Result<Wording, WorkError> {
    let cache_key = rationale::cache_key(features, weights, score.bucket);
    let (text, cache) = match texts::cached_rationale(tx, &cache_key).await? {
        Some(cached) => (cached, "hit"),
        None => cached(tx, &cache_key, rationale::rationale(score)).await?,
    };
    let source = RationaleSource::Deterministic;
    Ok(Wording { text, source, cache_key, cache, refused: None, degraded: Vec::new() })
}

/// In a model's words if there are any that hold. No transaction is open while it is asked.
pub(super) async fn by_model(
    services: &Services,
    lead: &Lead,
    score: &Score,
    features: &Features,
    weights: &Weights,
) -> Result<Wording, WorkError> {
    let brief = Brief::of(features, weights, score.bucket);
    let cache_key = brief.cache_key(CHAT_MODEL);
    let available = asking::available(services, lead, Purpose::Rationale).await?;
    let mut tx = services.database.enter(&lead.tenant).await?;
    if available == Availability::Off {
        let wording = by_rule(&mut tx, score, features, weights).await?;
        tx.commit().await?;
        return Ok(wording);
    }
    if let Some(text) = texts::cached_rationale(&mut tx, &cache_key).await? {
        let source = RationaleSource::Cache;
        return Ok(Wording { text, source, cache_key, cache: "hit", refused: None, degraded: Vec::new() });
    }
    tx.commit().await?;
    let asked = ask(services, lead, &brief).await?;
    let mut tx = services.database.enter(&lead.tenant).await?;
    let wording = match asked {
        Ok(Ok(text)) => {
            let (text, cache) = cached(&mut tx, &cache_key, text).await?;
            let source = if cache == "hit" { RationaleSource::Cache } else { RationaleSource::Model };
            Wording { text, source, cache_key, cache, refused: None, degraded: Vec::new() }
        }
        Ok(Err(refused)) => Wording {
            refused: Some(refused.as_str()),
            degraded: vec![DegradedReason::RationaleRefused],
            ..by_rule(&mut tx, score, features, weights).await?
        },
        Err(silence) => {
            Wording { degraded: without_model(silence), ..by_rule(&mut tx, score, features, weights).await? }
        }
    };
    tx.commit().await?;
    Ok(wording)
}

/// Caches a rationale. Where a lead with the same features was faster, its words are what is said of both.
async fn cached(tx: &mut TenantTx, cache_key: &str, text: String) -> Result<(String, &'static str), WorkError> {
    if texts::cache_rationale(tx, cache_key, &text).await? {
        return Ok((text, "miss"));
    }
    let kept = texts::cached_rationale(tx, cache_key).await?;
    Ok((kept.unwrap_or(text), "hit"))
}

type Asked = Result<Result<String, Refused>, presdr_rules::route::Silence>;

async fn ask(services: &Services, lead: &Lead, brief: &Brief) -> Result<Asked, WorkError> {
    let chat = Chat {
        model: CHAT_MODEL.to_owned(),
        instructions: brief.system().to_owned(),
        input: brief.text(),
        schema_name: "rationale",
        schema: brief.schema(),
        tokens_max: ANSWER_TOKENS_MAX,
    };
    let because = "no rationale of these features is cached";
    let question = Question { lead, step: "openai.rationale", purpose: Purpose::Rationale, because };
    let said = asking::ask(services, &question, &chat).await?;
    Ok(said.map(|said| match said {
        Said::Json(answer) => model::read(&answer.to_string(), brief),
        Said::Refused | Said::CutOff => Err(Refused::Malformed),
    }))
}
