//! Who may come in to a route, and how many at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use presdr_store::tenants::Stage;
use tokio::sync::OwnedSemaphorePermit;

use super::address;
use crate::{
    Gateway, Problem,
    identity::{Caller, Over, identify, over},
    routes::{Access, Surface},
};

/// A route, as far as it matters who may come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) access: Access,
    pub(crate) surface: Surface,
    /// Whether it is open to a tenant that is still being set up, too.
    pub(crate) before_ready: bool,
}

/// Lets a request in to a route: who they are, whether their tenant is active, whether they may, whether there is
/// room. In this order: who may not know does not learn.
pub(crate) async fn open(gateway: Gateway, way: Way, mut request: Request, next: Next) -> Response {
    let address = address::of(gateway.config(), request.extensions(), request.headers());
    if way.access == Access::Public {
        return match gateway.limits().stranger(address) {
            Ok(()) => next.run(request).await,
            Err(too_many) => too_many.into_response(),
        };
    }
    if way.access == Access::Provider {
        // The provider may have much to say at once: what is not its word is counted.
        let answer = next.run(request).await;
        let refused = answer.status().is_client_error().then(|| gateway.limits().stranger(address).err()).flatten();
        return refused.map_or(answer, IntoResponse::into_response);
    }
    let caller = match known(&gateway, way, request.method(), request.headers()).await {
        Ok(caller) => caller,
        // Whoever is nobody here is counted, since finding that out is work.
        Err(problem) if problem.is_refusal() => {
            return gateway.limits().stranger(address).err().unwrap_or(problem).into_response();
        }
        Err(problem) => return problem.into_response(),
    };
    match admitted(&gateway, way, &caller).await {
        Ok((place, _working)) => {
            request.extensions_mut().insert(caller.clone());
            let answer = next.run(request).await;
            match answer.body().size_hint().exact() {
                Some(_) => answer,
                None => streamed(answer, way.surface, gateway, caller, place),
            }
        }
        Err(problem) => problem.into_response(),
    }
}

/// Somebody of a tenant that is active, or ready for as much.
async fn known(gateway: &Gateway, way: Way, method: &Method, headers: &HeaderMap) -> Result<Caller, Problem> {
    let caller = identify(gateway, method, headers).await?;
    if gateway.admit(&caller.tenant, caller.odoo_db.as_deref()).await? == Stage::SettingUp && !way.before_ready {
        return Err(Problem::forbidden("your tenant is still being set up: GET /onboarding tells how far it is"));
    }
    Ok(caller)
}

/// The places of a request that may be answered: one until the answer is over, one until it begins.
async fn admitted(
    gateway: &Gateway,
    way: Way,
    caller: &Caller,
) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Problem> {
    if let Access::Allowed(permission) = way.access
        && !caller.may(permission)
    {
        return Err(Problem::forbidden("your role does not allow this"));
    }
    let place = gateway.limits().tenant(&caller.tenant)?;
    Ok((place, gateway.limits().working(&caller.tenant).await?))
}

/// Whether a stream was ended by us, while its reader would have read on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<AtomicBool>);

impl Cut {
    pub(crate) fn is_ours(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A stream keeps its place until it ends or its reader leaves, and goes on for as long as its reader may read. Events end with the reason,
/// so that a client comes back with a fresh token and goes on from where it was; a file is cut, since one that is not whole must not look so.
fn streamed(
    mut response: Response,
    surface: Surface,
    gateway: Gateway,
    caller: Caller,
    place: OwnedSemaphorePermit,
) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let events = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    let cut = response.extensions_mut().remove::<Cut>().unwrap_or_default();
    response.map(|body| {
        let chunks = body.into_data_stream().take_until(Box::pin(async move {
            tokio::select! {
                over = over(gateway.clone(), caller) => over,
                () = gateway.stopping().cancelled(), if events => Over::Stopping,
            }
        }));
        Body::from_stream(stream::unfold(Some((chunks, place, cut)), move |reading| async move {
            let (mut chunks, place, cut) = reading?;
            match chunks.next().await {
                Some(chunk) => Some((chunk, Some((chunks, place, cut)))),
                None => {
                    let over = chunks.take_result()?;
                    cut.0.store(true, Ordering::Release);
                    Some((ended(over, events, surface), None))
                }
            }
        }))
    })
}

fn ended(over: Over, events: bool, surface: Surface) -> Result<Bytes, axum::Error> {
    let why = over.word();
    match (events, surface) {
        (true, Surface::Rest) => Ok(Bytes::from(format!("event: end\ndata: {{\"reason\":\"{why}\"}}\n\n"))),
        // For LangGraph clients an `end` is the answer's: without one they ask for the run, and join it again.
        (true, Surface::LangGraph) => Ok(Bytes::from(format!(": {why}\r\n\r\n"))),
        (false, _) => Err(axum::Error::new(std::io::Error::other(format!("whoever reads this may no longer: {why}")))),
    }
}

/// Ends what takes too long before its answer begins; streams go on.
pub(crate) async fn in_time(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(gateway.config().limits.request, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable(
            "this took too long; a command may have been carried out all the same: look before you give it again",
        )
        .into_response(),
    }
}

/// Tells problems as the LangGraph clients expect them.
pub(crate) async fn in_langgraph_shape(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem.in_langgraph_shape(),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_with_the_reason_and_files_are_cut() {
        let events = |surface| ended(Over::Expired, true, surface).unwrap();
        assert_eq!(events(Surface::Rest), "event: end\ndata: {\"reason\":\"expired\"}\n\n");
        assert_eq!(events(Surface::LangGraph), ": expired\r\n\r\n");
        assert!(ended(Over::Expired, false, Surface::Rest).is_err());
    }
}
