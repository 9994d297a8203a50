//! Every route, in one list: the router, the OpenAPI document and the isolation test are made from it, so a new route is in all of them.
//!
//! To add one, add a line to [`list`]; the chat's are in `chat::routes`, and tell their errors in the LangGraph shape.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post, put},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{
    Gateway, Problem, chat, http,
    identity::{login, logout, roles::Permission},
    openapi, page,
    rest::{
        budgets, company, costs, erasures, events, export, icp, meta, odoo, onboarding, runs, shortlist, suppressions,
    },
};

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody: nothing of a tenant is shown.
    Public,
    /// Anybody who sends what the identity provider has signed.
    Provider,
    /// Anybody of an active tenant.
    SignedIn,
    /// Those whose role has this permission.
    Allowed(Permission),
}

/// In which shape errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// RFC 9457.
    Rest,
    /// `{"detail": "..."}`.
    LangGraph,
}

/// What a route answers when all is well.
#[derive(Clone, Copy)]
pub enum Answer {
    /// JSON of this schema.
    Json(Schemed),
    /// The same, of what was asked for and is not done yet.
    Accepted(Schemed),
    /// A stream of this content type.
    Stream(&'static str),
    /// Nothing but where to go, with this status.
    Redirect(u16),
    /// Nothing, with this status.
    Nothing(u16),
}

/// Makes a schema.
pub type Schemed = fn(&mut SchemaGenerator) -> Schema;

/// A parameter that is read by hand.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// `query` or `header`.
    pub place: &'static str,
    /// What it says.
    pub told: &'static str,
    /// Its schema, as JSON.
    pub schema: &'static str,
}

/// Where a client goes on after it has lost its connection.
pub(crate) const LAST_EVENT_ID: Parameter = Parameter {
    name: "Last-Event-ID",
    place: "header",
    told: "The id of the event that was told last: what came after it is told",
    schema: r#"{"type":"string"}"#,
};

/// One route.
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, `{name}` for an id in it.
    pub path: &'static str,
    /// Its permanent name for generated clients.
    pub operation: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Who may come in.
    pub access: Access,
    /// How its errors look.
    pub surface: Surface,
    /// The schema of its query.
    pub query: Option<Schemed>,
    /// What else it reads.
    pub parameters: &'static [Parameter],
    /// Headers of its answer that clients use, and what they say.
    pub headers: &'static [(&'static str, &'static str)],
    /// Of a stream of events: their name, and the schema of their data.
    pub events: Option<(&'static str, Schemed)>,
    /// The schema of its body.
    pub body: Option<Schemed>,
    /// What it answers.
    pub answer: Answer,
    /// Other statuses it may answer, besides those that its shape implies.
    pub others: &'static [u16],
    /// Whether it is open to a tenant that is still being set up, too.
    pub before_ready: bool,
    handler: MethodRouter<Gateway>,
}

impl Route {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        operation: &'static str,
        access: Access,
        handler: MethodRouter<Gateway>,
    ) -> Self {
        let answer = Answer::Nothing(200);
        let (surface, query, body, others) = (Surface::Rest, None, None, &[][..]);
        let (summary, before_ready) = ("", false);
        let (parameters, headers, events) = (&[][..], &[][..], None);
        Self {
            method,
            path,
            operation,
            summary,
            access,
            surface,
            query,
            parameters,
            headers,
            events,
            body,
            answer,
            others,
            before_ready,
            handler,
        }
    }

    pub(crate) fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    pub(crate) fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(|generator| T::json_schema(generator)), ..self }
    }

    pub(crate) fn parameters(self, parameters: &'static [Parameter]) -> Self {
        Self { parameters, ..self }
    }

    pub(crate) fn headers(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    fn events<T: JsonSchema>(self, name: &'static str) -> Self {
        Self { events: Some((name, |generator| generator.subschema_for::<T>())), ..self.stream("text/event-stream") }
    }

    pub(crate) fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(|generator| generator.subschema_for::<T>()), ..self }
    }

    pub(crate) fn json<T: JsonSchema>(self) -> Self {
        Self { answer: Answer::Json(|generator| generator.subschema_for::<T>()), ..self }
    }

    fn accepted<T: JsonSchema>(self) -> Self {
        Self { answer: Answer::Accepted(|generator| generator.subschema_for::<T>()), ..self }
    }

    pub(crate) fn stream(self, content_type: &'static str) -> Self {
        Self { answer: Answer::Stream(content_type), ..self }
    }

    fn redirect(self, status: u16) -> Self {
        Self { answer: Answer::Redirect(status), ..self }
    }

    pub(crate) fn nothing(self, status: u16) -> Self {
        Self { answer: Answer::Nothing(status), ..self }
    }

    pub(crate) fn others(self, others: &'static [u16]) -> Self {
        Self { others, ..self }
    }

    fn before_ready(self) -> Self {
        Self { before_ready: true, ..self }
    }

    pub(crate) fn langgraph(self) -> Self {
        Self { surface: Surface::LangGraph, ..self }
    }

    /// Whether its path holds an id.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.path.contains('{')
    }
}

/// Every route.
#[must_use]
pub fn list() -> Vec<Route> {
    use Access::{Allowed, Provider, Public, SignedIn};
    const READ: Access = Allowed(Permission::Read);
    const STEER: Access = Allowed(Permission::SteerRuns);
    const SUPPRESS: Access = Allowed(Permission::Suppress);
    const ERASE: Access = Allowed(Permission::Erase);
    let get_ = |path, operation, access, handler| Route::new(Method::GET, path, operation, access, handler);
    let post_ = |path, operation, access, handler| Route::new(Method::POST, path, operation, access, handler);
    let mut routes = chat::routes::list();
    routes.extend([
        // What the gateway is
        get_("/info", "getInfo", Public, get(meta::info))
            .summary("Version and mode; with a token, whether it is good")
            .json::<meta::Info>()
            .others(&[401, 403])
            .langgraph(),
        get_("/ok", "isOk", Public, get(meta::ok))
            .summary("Whether the process answers")
            .json::<meta::Okay>()
            .langgraph(),
        get_("/health/live", "isLive", Public, get(meta::live))
            .summary("Whether the process answers")
            .json::<meta::Health>(),
        get_("/health/ready", "isReady", Public, get(meta::ready))
            .summary("Whether database, broker and identity provider are at hand")
            .json::<meta::Health>()
            .others(&[503]),
        get_("/openapi.json", "getOpenApi", Public, get(openapi::serve))
            .summary("This document")
            .stream("application/json"),
        // Who asks
        get_("/whoami", "whoAmI", SignedIn, get(meta::whoami))
            .summary("Who asks, for which tenant, until when")
            .json::<meta::WhoAmI>()
            .before_ready(),
        get_("/onboarding", "getOnboarding", READ, get(onboarding::show))
            .summary("How far the setting up of the tenant is, and what stands in the way")
            .json::<onboarding::Onboarding>()
            .before_ready(),
        post_(
            "/onboarding/finish",
            "finishOnboarding",
            Allowed(Permission::FinishOnboarding),
            post(onboarding::finish),
        )
        .summary("Go on with the setting up of the tenant as far as that can go now; ready stays ready")
        .json::<onboarding::Onboarding>()
        .others(&[303, 409])
        .before_ready(),
        get_("/", "showStart", Public, get(page::start)).summary("A page to sign in and out on").stream("text/html"),
        get_("/login", "beginLogin", Public, get(login::begin))
            .summary("Sign a browser in: leads to the identity provider")
            .query::<login::Asked>()
            .redirect(302)
            .others(&[429, 503]),
        get_("/login/callback", "endLogin", Public, get(login::end))
            .summary("Where the identity provider sends the browser back to")
            .query::<login::Answered>()
            .redirect(303)
            .others(&[401, 403, 429, 503]),
        post_("/logout", "logout", Public, post(logout::by_person))
            .summary("End the browser's session, here and at the identity provider")
            .redirect(303)
            .others(&[401, 403, 503]),
        post_("/logout/backchannel", "backchannelLogout", Provider, post(logout::by_provider))
            .summary("The identity provider says that somebody has signed out")
            .others(&[400, 413, 429, 503]),
        // Ranking and companies
        get_("/shortlist", "listShortlist", READ, get(shortlist::list))
            .summary("A run's ranking, best first; the newest finished run's unless another is named")
            .query::<shortlist::Asked>()
            .json::<shortlist::Page>()
            .others(&[404]),
        get_("/shortlist/status", "getShortlistStatus", READ, get(shortlist::status))
            .summary("How the newest ranking stands")
            .json::<shortlist::Standing>(),
        get_("/companies/{company_id}", "getCompany", READ, get(company::show))
            .summary("A company with its evidence and the reason for every vendor call")
            .json::<presdr_projections::read::company::Company>(),
        post_("/companies/{company_id}/enrich", "enrichCompany", Allowed(Permission::Enrich), post(company::enrich))
            .summary("Have a company looked at again: a run of it alone, with the pages that are asked for")
            .body::<company::Enrich>()
            .json::<runs::Done>()
            .others(&[409]),
        // Runs
        get_("/runs", "listRuns", READ, get(runs::list))
            .summary("Runs, newest first")
            .query::<runs::Asked>()
            .json::<runs::Page>(),
        get_("/runs/{run_id}", "getRun", READ, get(runs::show))
            .summary("A run with its leads, stages and alerts")
            .json::<presdr_projections::read::run::View>(),
        get_("/runs/{run_id}/stats", "getRunStats", READ, get(runs::stats))
            .summary("A run in numbers: stages and vendors")
            .json::<presdr_projections::read::run::Stats>(),
        get_("/runs/{run_id}/events", "followRun", READ, get(events::follow))
            .summary(
                "A run while it goes on: server-sent events with absolute counts; Last-Event-ID goes on from there",
            )
            .events::<presdr_projections::progress::Progress>("progress")
            .parameters(&[LAST_EVENT_ID]),
        post_("/runs/start", "startRun", STEER, post(runs::start))
            .summary("Start a run now")
            .body::<runs::Start>()
            .json::<runs::Done>()
            .others(&[409]),
        post_("/runs/{run_id}/pause", "pauseRun", STEER, post(runs::pause))
            .summary("Admit no more leads; those in flight go on")
            .body::<runs::Steer>()
            .json::<runs::Done>()
            .others(&[409]),
        post_("/runs/{run_id}/resume", "resumeRun", STEER, post(runs::resume))
            .summary("Admit leads again")
            .body::<runs::Steer>()
            .json::<runs::Done>()
            .others(&[409]),
        post_("/runs/{run_id}/cancel", "cancelRun", STEER, post(runs::cancel))
            .summary("End a run with what it has")
            .body::<runs::Steer>()
            .json::<runs::Done>()
            .others(&[409]),
        get_("/runs/{run_id}/odoo", "getRunInOdoo", READ, get(odoo::show))
            .summary(
                "A run's shortlist in the tenant's Odoo: what is there, and, if asked, what writing it would change",
            )
            .query::<odoo::Asked>()
            .json::<odoo::Standing>()
            .others(&[409]),
        post_("/runs/{run_id}/odoo", "approveRun", Allowed(Permission::Approve), post(odoo::approve))
            .summary("Let a run's shortlist be written to the tenant's Odoo; a worker does it")
            .json::<odoo::Approved>()
            .others(&[409]),
        // Money
        get_("/costs", "getCosts", READ, get(costs::show))
            .summary("What paid vendors cost, by vendor, day, run or purpose")
            .query::<costs::Asked>()
            .json::<presdr_projections::read::costs::Costs>(),
        get_("/budgets", "getBudgets", READ, get(budgets::show))
            .summary("What vendors may cost, by what is counted")
            .json::<budgets::Budgets>(),
        Route::new(Method::PUT, "/budgets", "setBudgets", Allowed(Permission::Budget), put(budgets::set))
            .summary("Set what vendors may cost")
            .body::<budgets::Caps>()
            .json::<budgets::Set>(),
        // The profile
        get_("/icp", "getIcp", READ, get(icp::show))
            .summary("The newest ideal customer profile")
            .json::<icp::Profile>()
            .others(&[404]),
        Route::new(Method::PUT, "/icp", "setIcp", Allowed(Permission::EditIcp), put(icp::set))
            .summary("Check a profile and set it; runs that start from now on use it")
            .body::<icp::Document>()
            .json::<icp::Set>(),
        post_("/icp/preview", "previewIcp", READ, post(icp::preview))
            .summary("How many companies would fit a profile, without setting it")
            .body::<icp::Document>()
            .json::<icp::Preview>(),
        // Whom not to contact
        get_("/suppressions", "listSuppressions", SUPPRESS, get(suppressions::list))
            .summary("The newest entries of the suppression list, without who they are")
            .query::<suppressions::Asked>()
            .json::<suppressions::Page>(),
        post_("/suppressions", "addSuppressions", SUPPRESS, post(suppressions::add))
            .summary("Contact these no more: what was found of them leaves the read models")
            .body::<suppressions::Named>()
            .json::<suppressions::Added>(),
        post_("/suppressions/check", "checkSuppressions", SUPPRESS, post(suppressions::check))
            .summary("Whether any of these is suppressed, since when and why")
            .body::<suppressions::Named>()
            .json::<suppressions::Looked>(),
        post_("/suppressions/lift", "liftSuppressions", SUPPRESS, post(suppressions::lift))
            .summary("Take these off the list: what is found from now on may be contacted")
            .body::<suppressions::Named>()
            .json::<suppressions::Lifted>()
            .others(&[409]),
        // Whom to forget
        post_("/erasures", "askErasure", ERASE, post(erasures::ask))
            .summary("Erase a person for good; a scheduler does it soon after, and its receipt tells what there was")
            .body::<erasures::Person>()
            .accepted::<erasures::Erasure>()
            .headers(&[("Location", "Where to look how far it is")])
            .others(&[409]),
        get_("/erasures", "listErasures", ERASE, get(erasures::list))
            .summary("Erasures that were asked for, newest first, without who they are of")
            .query::<erasures::Page>()
            .json::<erasures::Erasures>(),
        get_("/erasures/{erasure_id}", "getErasure", ERASE, get(erasures::show))
            .summary("How far an erasure is, and its receipts")
            .json::<erasures::Erasure>(),
        // Files
        get_("/export/latest_scores.csv", "exportScoresCsv", READ, get(export::scores_csv))
            .summary("Each company's newest score, as CSV")
            .stream("text/csv"),
        get_("/export/latest_scores.json", "exportScoresJson", READ, get(export::scores_json))
            .summary("Each company's newest score, as JSON")
            .stream("application/json"),
        get_("/export/run_events.csv", "exportRunEvents", READ, get(export::run_events_csv))
            .summary("Every step of one run or of all, as CSV")
            .query::<export::Asked>()
            .stream("text/csv")
            .others(&[404]),
    ]);
    routes
}

/// The router of all routes for a gateway.
pub fn router(gateway: Gateway) -> Router {
    let mut router = Router::new();
    for route in list() {
        router = router.route(route.path, guarded(route, &gateway));
    }
    let layers = |router: Router<Gateway>| {
        router
            .layer(middleware::from_fn_with_state(gateway.clone(), http::in_time))
            .layer(DefaultBodyLimit::max(gateway.config().limits.body_bytes))
            .layer(middleware::from_fn_with_state(gateway.clone(), http::cors))
            .layer(middleware::from_fn_with_state(gateway.clone(), http::headers))
    };
    let router = router.fallback(nothing_there).method_not_allowed_fallback(no_such_method);
    layers(router).with_state(gateway.clone())
}

/// A route's handler behind its door. There is no other way to a handler.
fn guarded(route: Route, gateway: &Gateway) -> MethodRouter<Gateway> {
    let (gateway, way) =
        (gateway.clone(), http::Way { access: route.access, surface: route.surface, before_ready: route.before_ready });
    let door = move |request: Request, next: Next| http::open(gateway.clone(), way, request, next);
    let handler = route.handler.route_layer(middleware::from_fn(door));
    match route.surface {
        Surface::Rest => handler,
        Surface::LangGraph => handler.route_layer(middleware::from_fn(http::in_langgraph_shape)),
    }
}

/// Paths that LangGraph clients ask for: what is not there is told to them in their shape, too.
const LANGGRAPH: [&str; 6] = ["/threads", "/assistants", "/store", "/crons", "/info", "/ok"];
/// The same beside runs of our own.
const ABSENT: [&str; 3] = ["/runs/crons", "/runs/batch", "/runs/cancel"];

fn is_below(path: &str, roots: &[&str]) -> bool {
    roots.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn in_shape(path: &str, problem: Problem) -> Response {
    match is_below(path, &LANGGRAPH) || is_below(path, &ABSENT) {
        true => problem.in_langgraph_shape(),
        false => problem.into_response(),
    }
}

async fn nothing_there(request: Request) -> Response {
    in_shape(request.uri().path(), Problem::not_found())
}

async fn no_such_method(request: Request) -> Response {
    let path = request.uri().path();
    // `/runs/{run_id}`, and a thread's, have other methods, and these are no runs.
    let absent = is_below(path, &ABSENT) || path.ends_with("/runs/crons");
    in_shape(path, if absent { Problem::not_found() } else { Problem::method_not_allowed() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_route_and_each_name_stands_once() {
        let routes = list();
        let paths: BTreeSet<_> = routes.iter().map(|route| (route.path, route.method.as_str())).collect();
        let names: BTreeSet<_> = routes.iter().map(|route| route.operation).collect();
        assert_eq!(paths.len(), routes.len());
        assert_eq!(names.len(), routes.len());
        assert!(routes.iter().all(|route| !route.summary.is_empty()));
    }

    #[test]
    fn only_what_shows_nothing_of_a_tenant_is_public() {
        let open = |route: &Route| matches!(route.access, Access::Public | Access::Provider);
        let public: Vec<_> = list().into_iter().filter(open).map(|route| route.path).collect();
        let meta = ["/info", "/ok", "/health/live", "/health/ready", "/openapi.json"];
        assert_eq!(public, [&meta[..], &["/", "/login", "/login/callback", "/logout", "/logout/backchannel"]].concat());
    }

    #[test]
    fn whoever_only_reads_changes_nothing() {
        for route in list().into_iter().filter(|route| {
            // A conversation is its owner's, whoever they are; the agent asks for each command's own permission.
            let own = route.surface == Surface::LangGraph;
            route.method != Method::GET && route.path != "/icp/preview" && !route.path.starts_with("/logout") && !own
        }) {
            let Access::Allowed(permission) = route.access else { panic!("{} is open to all", route.path) };
            assert!(permission > Permission::ReadPersonal, "{} changes something", route.path);
        }
    }
}
