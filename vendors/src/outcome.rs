//! What a call came to: for the ledger, for the event, for the breaker, and for who asked.

use presdr_store::ledger::{Charge, End, Ended};

use crate::{
    Answered, BatchCall, Class, Unanswered,
    record::Called,
    round::{Bought, Round},
    settle::{self, CallOver, EndedThing, status_of},
    tries::{GaveUp, Tally},
};

/// What a call came to.
pub(crate) struct Over<A> {
    pub ended: Vec<EndedThing>,
    pub calls: Vec<CallOver>,
    pub answers: Vec<(usize, Result<A, Unanswered>)>,
    pub verdict: settle::Verdict,
}

/// What giving up means: for the breaker, for the ledger, and for who asked.
fn meaning(gave_up: &GaveUp, tally: &Tally) -> (settle::Verdict, End, Option<Unanswered>) {
    let failed = Unanswered::Failed { status: tally.status(), what: gave_up.failure.what };
    let (verdict, end, why) = match gave_up.failure.class {
        Class::Lost => (settle::Verdict::Nothing, End::Unknown, Unanswered::Unknown),
        Class::Quota { lasts } => (settle::Verdict::Quota(lasts), End::Released, Unanswered::Quota),
        Class::Key => (settle::Verdict::Key, End::Released, Unanswered::KeyRefused),
        Class::Retry { rate_limit: true, .. } => (settle::Verdict::Nothing, End::Released, Unanswered::RateLimited),
        // It answers, if only to refuse: what is wrong is the request.
        Class::Never => (settle::Verdict::Works, End::Released, failed),
        Class::Retry { rate_limit: false, .. } | Class::KeyOrQuota => (settle::Verdict::Nothing, End::Released, failed),
    };
    (verdict, end, Some(why))
}

impl<C: BatchCall> Round<'_, C> {
    /// What the call came to for each thing, and for each lead.
    pub fn over(
        &self,
        bought: &[Bought],
        sent: Result<Vec<Option<Answered<C::Answer>>>, GaveUp>,
        tally: &Tally,
        latency_ms: u64,
    ) -> Over<C::Answer> {
        let (verdict, end, why) = match &sent {
            Ok(_) => (settle::Verdict::Works, End::Settled, None),
            Err(gave_up) => meaning(gave_up, tally),
        };
        let lost = end == End::Unknown;
        let mut answered = sent.unwrap_or_default().into_iter();
        let mut over = Over { ended: Vec::new(), calls: Vec::new(), answers: Vec::new(), verdict };
        for (number, one) in bought.iter().enumerate() {
            // A batch's requests are counted on one of its things.
            let requests = if number == 0 { tally.requests() } else { 0 };
            let outcome = match (answered.next().flatten(), &why) {
                (Some(answered), None) => Ok(answered),
                (None, None) => {
                    Err(Unanswered::Failed { status: tally.status(), what: "the vendor left this one out" })
                }
                (_, Some(why)) => Err(why.clone()),
            };
            let (end, thing_why) = match &outcome {
                Ok(_) => (End::Settled, None),
                Err(why) if lost => (End::Unknown, Some(why.clone())),
                Err(why) => (End::Released, Some(why.clone())),
            };
            over.ended.push(self.ended(one, end, outcome.as_ref().ok(), requests, tally.status()));
            self.tell(&mut over.calls, one, (tally, requests, latency_ms), thing_why.as_ref());
            match outcome {
                Ok(answered) => over.answers.push((one.place, Ok(answered.answer))),
                Err(_) if lost => {} // no answer yet: it is asked for once more
                Err(why) => over.answers.push((one.place, Err(why))),
            }
        }
        over
    }

    pub fn ended(
        &self,
        bought: &Bought,
        end: End,
        answered: Option<&Answered<C::Answer>>,
        requests: u32,
        http_status: Option<u16>,
    ) -> EndedThing {
        let charge = match end {
            End::Settled => answered.map(|answered| answered.charge).unwrap_or_default(),
            End::Released => Charge::default(),
            End::Unknown => bought.worst,
        };
        let answer =
            answered.and_then(|answered| Some((serde_json::to_vec(&answered.answer).ok()?, answered.fresh_for)));
        EndedThing {
            ended: Ended { id: bought.intent, end, charge, requests, http_status },
            thing: bought.thing,
            lead: self.lead(bought.place),
            ask: bought.ask,
            answer,
        }
    }

    /// One event per lead; an answer to any of its things makes it answered.
    fn tell(
        &self,
        calls: &mut Vec<CallOver>,
        bought: &Bought,
        (tally, requests, latency_ms): (&Tally, u32, u64),
        why: Option<&Unanswered>,
    ) {
        let status = status_of(why);
        if let Some(call) = calls.iter_mut().find(|call| call.ask == bought.ask) {
            if why.is_none() {
                call.called.status = status;
            }
            call.called.requests += requests;
            return;
        }
        let asking = &self.things[bought.place].0;
        let called = Called {
            lead: self.lead(bought.place),
            cause: asking.cause.clone(),
            step: asking.step,
            vendor: C::VENDOR.as_str().to_owned(),
            operation: C::OPERATION.to_owned(),
            purpose: asking.purpose.as_str().to_owned(),
            because: asking.because.to_owned(),
            charge: Charge::default(),
            latency_ms,
            status,
            http_status: tally.status(),
            requests,
            rate_limit_hits: if requests > 0 { tally.rate_limit_hits() } else { 0 },
            ledger: Some(bought.ask),
        };
        calls.push(CallOver { ask: bought.ask, called });
    }
}
