//! How like the tenant's sample customers a company describes itself. A text is made a vector once, and again only when it changes.

use presdr_events::{DegradedReason, Digest};
use presdr_rules::{route::Availability, similarity::Similarity};
use presdr_store::{similarity, texts};
use presdr_vendors::{
    Purpose,
    openai::{EMBEDDING_MODEL, Embed},
};

use crate::{
    Services,
    asking::{self, Question, without_model},
    lead::{Lead, WorkError},
};

/// Measures the lead; also what is degraded when that was not possible.
pub(super) async fn measure(services: &Services, lead: &Lead) -> Result<(Similarity, Vec<DegradedReason>), WorkError> {
    let mut tx = services.database.enter(&lead.tenant).await?;
    let samples = similarity::samples(&mut tx).await?;
    if samples.is_empty() {
        return Ok((Similarity::NotAsked, Vec::new()));
    }
    let place = services.pins.place(&mut tx, lead).await?;
    let about = texts::about_text(&mut tx, place).await?.unwrap_or_default();
    tx.commit().await?;
    if asking::available(services, lead, Purpose::Similarity).await? == Availability::Off {
        return Ok((Similarity::NotAsked, Vec::new()));
    }
    let mut vectors = Vec::with_capacity(samples.len());
    for sample in samples {
        match sample.vector.filter(|_| sample.model.as_deref() == Some(EMBEDDING_MODEL)) {
            Some(vector) => vectors.push(vector),
            None => match embed(services, lead, &sample.description, "a sample customer has no vector yet").await? {
                Ok(vector) => {
                    let mut tx = services.database.enter(&lead.tenant).await?;
                    let made_of = (EMBEDDING_MODEL, sample.text_hash.as_str());
                    similarity::keep_sample_vector(&mut tx, &sample.sample, made_of, &vector).await?;
                    tx.commit().await?;
                    vectors.push(vector);
                }
                Err(degraded) => return Ok((Similarity::Unavailable, degraded)),
            },
        }
    }
    if about.trim().is_empty() {
        return Ok((Similarity::Unavailable, Vec::new()));
    }
    match of_company(services, lead, &about).await? {
        Ok(vector) => Ok((Similarity::measure(&vector, &vectors), Vec::new())),
        Err(degraded) => Ok((Similarity::Unavailable, degraded)),
    }
}

async fn of_company(
    services: &Services,
    lead: &Lead,
    about: &str,
) -> Result<Result<Vec<f32>, Vec<DegradedReason>>, WorkError> {
    let hash = Digest::of(about.as_bytes()).to_string();
    let mut tx = services.database.enter(&lead.tenant).await?;
    let kept = similarity::embedding(&mut tx, lead.company, EMBEDDING_MODEL, &hash).await?;
    tx.commit().await?;
    if let Some(vector) = kept {
        return Ok(Ok(vector));
    }
    let vector = match embed(services, lead, about, "the about text is new or has changed").await? {
        Ok(vector) => vector,
        Err(degraded) => return Ok(Err(degraded)),
    };
    let mut tx = services.database.enter(&lead.tenant).await?;
    let made_of = (EMBEDDING_MODEL, hash.as_str());
    similarity::keep_embedding(&mut tx, lead.company, made_of, &vector, services.clock.now()).await?;
    tx.commit().await?;
    Ok(Ok(vector))
}

async fn embed(
    services: &Services,
    lead: &Lead,
    text: &str,
    because: &str,
) -> Result<Result<Vec<f32>, Vec<DegradedReason>>, WorkError> {
    let question = Question { lead, step: "openai.embed", purpose: Purpose::Similarity, because };
    Ok(asking::ask(services, &question, &Embed::new(EMBEDDING_MODEL, text)).await?.map_err(without_model))
}
