//! Who may come in to a route, and how many at once.

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use super::address;
use crate::{
    Gateway, Problem,
    identity::{Caller, identify},
    routes::Access,
};

/// Lets a request in to a route that asks for `access`: who they are, whether their tenant is active, whether they may, whether there is
/// room. In this order: who may not know does not learn.
pub(crate) async fn open(gateway: Gateway, access: Access, mut request: Request, next: Next) -> Response {
    let address = address::of(gateway.config(), request.extensions(), request.headers());
    if access == Access::Public {
        return match gateway.limits().stranger(address) {
            Ok(()) => next.run(request).await,
            Err(too_many) => too_many.into_response(),
        };
    }
    match admitted(&gateway, access, request.method(), request.headers()).await {
        Ok((caller, place)) => {
            request.extensions_mut().insert(caller);
            held(next.run(request).await, place)
        }
        Err(problem) if problem.is_of_a_stranger() => {
            gateway.limits().stranger(address).err().unwrap_or(problem).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admitted(
    gateway: &Gateway,
    access: Access,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(Caller, OwnedSemaphorePermit), Problem> {
    let caller = identify(gateway, method, headers).await?;
    gateway.is_active(&caller.tenant).await?;
    if let Access::Allowed(permission) = access
        && !caller.may(permission)
    {
        return Err(Problem::forbidden("your role does not allow this"));
    }
    let place = gateway.limits().tenant(&caller.tenant)?;
    Ok((caller, place))
}

/// A stream keeps its place until it ends or its reader leaves.
fn held(response: Response, place: OwnedSemaphorePermit) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |chunk| {
            let _place = &place;
            chunk
        }))
    })
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
