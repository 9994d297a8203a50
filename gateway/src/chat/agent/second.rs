//! What the grammar does not know, a model may: through the vendors' policy, and to the same typed commands.
//!
//! It is shown the line as it is kept, masked, and nothing else; what it chooses is checked as strictly as a line is read. It cannot say yes.

use presdr_events::Cause;
use presdr_rules::chat::{
    self, Reading,
    model::{self, INSTRUCTIONS},
};
use presdr_vendors::{
    Asking, Purpose, Unanswered,
    openai::{CHAT_MODEL, Choose, Chosen, Tool},
};
use uuid::Uuid;

use super::Agent;
use crate::Problem;

const ANSWER_TOKENS_MAX: u32 = 300;
/// The permanent name under which it is reported.
const STEP: &str = "openai.chat";

/// What came of asking a model.
pub(super) enum Second {
    /// There is none, or it knows no better.
    Nothing,
    /// This is what it takes the line for.
    Read(Reading),
    /// It could not be asked: why.
    Silent(&'static str),
}

impl Agent<'_> {
    /// Asks what a line may mean. The same line of the same turn is bought once, however often its answer is asked for.
    pub(super) async fn second(&self, line: &str, thread: Uuid, message: &str) -> Result<Second, Problem> {
        let Some(vendors) = self.gateway.vendors() else { return Ok(Second::Nothing) };
        let line = chat::redact(line);
        if line.trim().is_empty() {
            return Ok(Second::Nothing);
        }
        if !self.gateway.limits().model(&self.caller.tenant, self.owner) {
            return Ok(Second::Silent("you have asked it too often within a minute"));
        }
        let tool =
            |tool: model::Tool| Tool { name: tool.name, description: tool.description, parameters: tool.parameters };
        let question = Choose {
            model: CHAT_MODEL.to_owned(),
            instructions: INSTRUCTIONS.to_owned(),
            input: line.clone(),
            tools: model::tools().into_iter().map(tool).collect(),
            tokens_max: ANSWER_TOKENS_MAX,
            asked_for: format!("{thread}/{message}"),
        };
        let start = Cause::start_of(&self.caller.tenant, None, "gateway");
        let cause = Cause { actor: self.gateway.desk_of(self.caller).await?.actor().clone(), ..start };
        let asking = Asking {
            tenant: &self.caller.tenant,
            run: None,
            company: None,
            attempt: 1,
            cause: &cause,
            step: STEP,
            purpose: Purpose::Chat,
            because: "the grammar knows no such command",
        };
        // Boxed, since futures that hold one another grow deeper than the compiler follows.
        Ok(match Box::pin(vendors.ask(&asking, &question)).await {
            Ok(Chosen::Tool { name, arguments }) => match model::read(&name, &arguments, &line) {
                Some(reading) => Second::Read(reading),
                None => Second::Nothing,
            },
            Ok(Chosen::Nothing) => Second::Nothing,
            Err(why) => silence(&why),
        })
    }
}

/// Why a model says nothing, for people. One that is not there is not missed.
fn silence(why: &Unanswered) -> Second {
    match why {
        Unanswered::Off(_) => Second::Nothing,
        Unanswered::CapReached { .. } => Second::Silent("your organisation's budget for it is used up for today"),
        Unanswered::Quota => Second::Silent("its quota is used up"),
        _ => Second::Silent("it cannot be reached now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_model_misses_none_and_who_has_is_told_why_it_is_silent() {
        assert!(matches!(silence(&Unanswered::Off("no key".to_owned())), Second::Nothing));
        for why in
            [Unanswered::CapReached { meter: "usd" }, Unanswered::Quota, Unanswered::BreakerOpen, Unanswered::Unknown]
        {
            assert!(matches!(silence(&why), Second::Silent(_)), "{why}");
        }
    }
}
