//! Files of any size, a row at a time: nothing is held but a page of rows, and nothing at all once the reader has left.

use std::io::Write;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::{Stream, stream};
use presdr_events::{RunId, TenantId};
use presdr_projections::read::export::{self, LatestScore, PAGE_ROWS, RunEvent};
use presdr_store::{StoreError, runs};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::{Gateway, Problem, http::Query, identity::Caller};

/// Which steps.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Of this run alone.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    run_id: Option<i64>,
}

/// `GET /export/latest_scores.csv`
pub(crate) async fn scores_csv(State(gateway): State<Gateway>, caller: Caller) -> Result<Response, Problem> {
    let place = gateway.limits().stream(&caller.tenant)?;
    const HEADINGS: [&str; 10] = [
        "company_id",
        "uen",
        "company",
        "run_id",
        "score",
        "bucket",
        "confidence",
        "domain",
        "rationale",
        "created_at",
    ];
    let pages = Scores { gateway, tenant: caller.tenant };
    let rows = streamed(
        pages,
        0,
        csv_row(&HEADINGS),
        |row: &LatestScore| {
            csv_row(&[
                &row.company_id.to_string(),
                row.uen.as_deref().unwrap_or_default(),
                row.company.as_deref().unwrap_or_default(),
                &row.run_id.to_string(),
                &format!("{:.4}", row.score),
                &row.bucket,
                &format!("{:.4}", row.confidence),
                row.domain.as_deref().unwrap_or_default(),
                &row.rationale,
                &row.created_at.to_rfc3339(),
            ])
        },
        Vec::new(),
    );
    file(rows, "text/csv; charset=utf-8", "latest_scores.csv", place).await
}

/// `GET /export/latest_scores.json`
pub(crate) async fn scores_json(State(gateway): State<Gateway>, caller: Caller) -> Result<Response, Problem> {
    let place = gateway.limits().stream(&caller.tenant)?;
    let pages = Scores { gateway, tenant: caller.tenant };
    let mut first = true;
    let rows = streamed(
        pages,
        0,
        b"[".to_vec(),
        move |row: &LatestScore| {
            let mut line = if std::mem::take(&mut first) { b"\n".to_vec() } else { b",\n".to_vec() };
            // Numbers, texts and times: nothing of it has no JSON form.
            let _ = serde_json::to_writer(&mut line, row);
            line
        },
        b"\n]\n".to_vec(),
    );
    file(rows, "application/json", "latest_scores.json", place).await
}

/// `GET /export/run_events.csv`
pub(crate) async fn run_events_csv(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let place = gateway.limits().stream(&caller.tenant)?;
    const HEADINGS: [&str; 12] = [
        "run_id",
        "sequence",
        "event_type",
        "stage",
        "company_id",
        "attempt",
        "status",
        "duration_ms",
        "degraded_reasons",
        "tool",
        "arguments",
        "occurred_at",
    ];
    let run = match asked.run_id {
        None => None,
        Some(id) => {
            let id = RunId::new(id).map_err(|_| Problem::not_found())?;
            let mut tx = gateway.enter(&caller.tenant).await?;
            Some(runs::get(&mut tx, id).await?.ok_or_else(Problem::not_found)?.id)
        }
    };
    let pages = RunEvents { gateway, tenant: caller.tenant, run };
    let rows = streamed(
        pages,
        (0, 0),
        csv_row(&HEADINGS),
        |row: &RunEvent| {
            csv_row(&[
                &row.run_id.to_string(),
                &row.sequence.to_string(),
                &row.event_type,
                &row.stage,
                &row.company_id.map_or_else(String::new, |id| id.to_string()),
                &row.attempt.to_string(),
                &row.status,
                &row.duration_ms.to_string(),
                &row.degraded_reasons.join(" "),
                &row.tool,
                &row.arguments.to_string(),
                &row.occurred_at.to_rfc3339(),
            ])
        },
        Vec::new(),
    );
    file(rows, "text/csv; charset=utf-8", "run_events.csv", place).await
}

/// Rows that are read page by page.
trait Pages: Send + 'static {
    type Row: Send + Sync;
    type Place: Copy + Send;
    /// The rows behind a place.
    fn after(&self, place: Self::Place) -> impl Future<Output = Result<Vec<Self::Row>, StoreError>> + Send;
    /// A row's place.
    fn place(row: &Self::Row) -> Self::Place;
}

struct Scores {
    gateway: Gateway,
    tenant: TenantId,
}

impl Pages for Scores {
    type Row = LatestScore;
    type Place = i64;

    async fn after(&self, place: i64) -> Result<Vec<LatestScore>, StoreError> {
        export::latest_scores(&mut self.gateway.enter(&self.tenant).await?, place).await
    }

    fn place(row: &LatestScore) -> i64 {
        row.company_id
    }
}

struct RunEvents {
    gateway: Gateway,
    tenant: TenantId,
    run: Option<RunId>,
}

impl Pages for RunEvents {
    type Row = RunEvent;
    type Place = (i64, i64);

    async fn after(&self, place: (i64, i64)) -> Result<Vec<RunEvent>, StoreError> {
        export::run_events(&mut self.gateway.enter(&self.tenant).await?, self.run, place).await
    }

    fn place(row: &RunEvent) -> (i64, i64) {
        (row.run_id, row.sequence)
    }
}

/// Where a stream stands.
struct Standing<P: Pages, F> {
    pages: P,
    next: Option<P::Place>,
    before: Vec<u8>,
    line: F,
    after: Vec<u8>,
}

/// `before`, a line for each row, `after`. A page is read when its turn comes: nothing is read for one who has left.
fn streamed<P: Pages, F: FnMut(&P::Row) -> Vec<u8> + Send + 'static>(
    pages: P,
    start: P::Place,
    before: Vec<u8>,
    line: F,
    after: Vec<u8>,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
    let standing = Standing { pages, next: Some(start), before, line, after };
    stream::try_unfold(standing, |mut standing| async move {
        let Some(place) = standing.next else { return Ok(None) };
        let rows = standing.pages.after(place).await?;
        let mut text = std::mem::take(&mut standing.before);
        for row in &rows {
            text.extend((standing.line)(row));
        }
        let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == PAGE_ROWS);
        standing.next = rows.last().filter(|_| full).map(P::place);
        if standing.next.is_none() {
            text.append(&mut standing.after);
        }
        Ok(Some((Bytes::from(text), standing)))
    })
}

/// The first page is read before the answer begins, so that what is wrong from the start is told as a problem; what goes wrong later cuts
/// the connection, since a file that ends too soon must not look whole.
async fn file(
    rows: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
    kind: &'static str,
    name: &'static str,
    place: OwnedSemaphorePermit,
) -> Result<Response, Problem> {
    use futures::{StreamExt, TryStreamExt};
    let mut rows = Box::pin(rows);
    let first = rows.try_next().await?.unwrap_or_default();
    let rest = rows.inspect_err(move |error| {
        let _held = &place;
        tracing::warn!(%error, "an export was cut short");
    });
    let body = Body::from_stream(stream::once(async { Ok(first) }).chain(rest));
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// What a cell begins with that a spreadsheet computes; the wide ones are taken for the narrow ones by some.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A row of CSV (RFC 4180) that is safe to open in a spreadsheet: a leading apostrophe makes it show a cell instead of computing it
/// (OWASP, CSV injection).
fn csv_row(cells: &[&str]) -> Vec<u8> {
    let mut row = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        if number > 0 {
            row.push(b',');
        }
        let formula = cell.starts_with(FORMULA_STARTS);
        let quoted = cell.contains([',', '"', '\n', '\r']);
        let quote = if quoted { "\"" } else { "" };
        let apostrophe = if formula { "'" } else { "" };
        // Writing to a Vec cannot fail.
        let _ = write!(row, "{quote}{apostrophe}{}{quote}", cell.replace('"', "\"\""));
    }
    row.extend(b"\r\n");
    row
}

#[cfg(test)]
mod tests {
    use super::csv_row;

    #[test]
    fn a_formula_is_only_text() {
        for start in super::FORMULA_STARTS {
            assert!(String::from_utf8(csv_row(&[&format!("{start}1")])).unwrap().trim_matches('"').starts_with('\''));
        }
        let cells = ["=HYPERLINK(\"x\")", "+65", "-1", "@sum", "\tx", "\rx", "a, \"b\"", ""];
        let row = String::from_utf8(csv_row(&cells)).unwrap();
        assert_eq!(row, "\"'=HYPERLINK(\"\"x\"\")\",'+65,'-1,'@sum,'\tx,\"'\rx\",\"a, \"\"b\"\"\",\r\n");
    }
}
