//! Asking vendors on behalf of a lead. No transaction is open meanwhile.

use presdr_events::DegradedReason;
use presdr_rules::route::{Availability, Silence, Vendors};
use presdr_store::StoreError;
use presdr_vendors::{Asking, Call, Purpose, Unanswered};

use crate::{
    Services,
    lead::{Lead, WorkError},
};

/// What a vendor is asked, for whom and why.
pub(crate) struct Question<'a> {
    pub lead: &'a Lead,
    /// The permanent name under which it is reported; a lead asks once under each.
    pub step: &'static str,
    pub purpose: Purpose,
    /// The rule that led here, in words.
    pub because: &'a str,
}

/// What can be asked for this lead. Nothing, when this process has no vendors.
pub(crate) async fn vendors(services: &Services, lead: &Lead) -> Result<Vendors, WorkError> {
    match &services.vendors {
        Some(desk) => Ok(desk.availability(&lead.tenant, Some(lead.run)).await?),
        None => Ok(Vendors::default()),
    }
}

/// Whether a vendor can be asked for one purpose.
pub(crate) async fn available(services: &Services, lead: &Lead, purpose: Purpose) -> Result<Availability, WorkError> {
    match &services.vendors {
        Some(desk) => Ok(desk.available(&lead.tenant, Some(lead.run), purpose).await?),
        None => Ok(Availability::Off),
    }
}

/// Asks one question. The inner error is an answer, too: the lead goes on without.
pub(crate) async fn ask<C: Call>(
    services: &Services,
    question: &Question<'_>,
    call: &C,
) -> Result<Result<C::Answer, Silence>, WorkError> {
    let Some(desk) = &services.vendors else { return Ok(Err(Silence::Off)) };
    match desk.ask(&question.asking(), call).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => silence(error).map(Err),
    }
}

impl<'a> Question<'a> {
    /// The same as the desk takes it.
    pub fn asking(&self) -> Asking<'a> {
        Asking {
            tenant: &self.lead.tenant,
            run: Some(self.lead.run),
            company: Some(self.lead.company),
            attempt: self.lead.attempt,
            cause: &self.lead.cause,
            step: self.step,
            purpose: self.purpose,
            because: self.because,
        }
    }
}

/// What no answer means for the lead.
///
/// An error when the delivery is to come back; that it is not worked on any more, the step itself finds out then.
pub(crate) fn silence(error: Unanswered) -> Result<Silence, WorkError> {
    match error {
        Unanswered::Off(_) => Ok(Silence::Off),
        Unanswered::CapReached { .. } => Ok(Silence::Cap),
        Unanswered::Quota => Ok(Silence::Quota),
        Unanswered::KeyRefused
        | Unanswered::BreakerOpen
        | Unanswered::RateLimited
        | Unanswered::Failed { .. }
        | Unanswered::Unknown => Ok(Silence::Fault),
        Unanswered::Busy(_) | Unanswered::Paused | Unanswered::Over => Err(WorkError::Busy(error.to_string())),
        Unanswered::Store(ref store) if store.is_transient() => Err(WorkError::Busy(error.to_string())),
        Unanswered::Store(ref store) if matches!(**store, StoreError::Erased(_)) => {
            Err(WorkError::Store(StoreError::Erased(store.to_string())))
        }
        Unanswered::Store(_) => Err(WorkError::Unfit(error.to_string())),
    }
}

/// What a lead misses when a model could not be asked: nothing, where the tenant has it switched off.
pub(crate) fn without_model(silence: Silence) -> Vec<DegradedReason> {
    match silence {
        Silence::Off => Vec::new(),
        _ => std::iter::once(DegradedReason::AiUnavailable).chain(silence.degraded()).collect(),
    }
}
