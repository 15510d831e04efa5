//! `GET /fee-invoices/{id}`: an invoice as a page to print or keep, for its host or seller, finance and auditors.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::calendar::day_of;
use domain::fee_invoice::FeeLineKind;
use domain::ids::FeeInvoiceId;
use kernel::{Money, Personal, Refused};
use projections::models::{FeeInvoiceRow, FeeInvoices};

use super::READERS;
use crate::app::App;
use crate::errors::{FORBIDDEN, SIGN_IN, TOKEN_REFUSED, UNAVAILABLE, limited};
use crate::side::{failure, internal};
use crate::transport::{TurnedAway, bearer};
use crate::viewer::FrontDoor;

/// What is on the page, in the order of a Korean tax invoice.
const STYLE: &str = "body{font-family:sans-serif;margin:2rem;max-width:60rem}table{border-collapse:collapse;width:100%;margin:1rem 0}\
                     th,td{border:1px solid #888;padding:.3rem .5rem;text-align:left}td.n{text-align:right}h1{font-size:1.4rem}";

/// The route of invoices.
pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/fee-invoices/{id}", get(show)).with_state(FrontDoor(app))
}

/// The path of an invoice's page.
pub(super) fn path(id: FeeInvoiceId) -> String {
    format!("/fee-invoices/{id}")
}

async fn show(State(door): State<FrontDoor>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match find(&door, &id, &headers).await {
        Ok((row, people)) => {
            let name = format!("inline; filename=\"fee-invoice-{}.html\"", row.number);
            let said = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, name),
                (header::CACHE_CONTROL, "private, no-store".to_owned()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'".to_owned()),
            ];
            (said, document(&row, &people)).into_response()
        }
        Err(refused) => failure(refused, "/fee-invoices/…", &headers),
    }
}

/// Name and number of who is invoiced, opened.
struct People {
    name: Option<String>,
    registration_number: Option<String>,
}

async fn find(door: &FrontDoor, id: &str, headers: &HeaderMap) -> Result<(FeeInvoiceRow, People), Refused> {
    let viewer = door.viewer_of(bearer(headers)).await.map_err(turned_away)?;
    let user = viewer.user.ok_or(Refused::code(SIGN_IN))?;
    let id: FeeInvoiceId = id.parse().map_err(|_| Refused::code("SYS007"))?;
    let app = &door.0;
    let row = app.views.get::<FeeInvoices>(&id.to_string()).await.map_err(internal)?;
    let row = row.filter(|row| row.host == user || viewer.is_any(&READERS)).ok_or(Refused::code("SYS007"))?;
    let (name, number) = (row.recipient.name.as_ref(), row.recipient.registration_number.as_ref());
    let people = People { name: open(app, name).await?, registration_number: open(app, number).await? };
    Ok((row, people))
}

async fn open(app: &App, value: Option<&Personal<String>>) -> Result<Option<String>, Refused> {
    match value {
        Some(value) => Ok(app.ctx.log.open_personal(value).await.map_err(internal)?.value()),
        None => Ok(None),
    }
}

fn turned_away(why: TurnedAway) -> Refused {
    match why {
        TurnedAway::Unauthenticated => Refused::code(TOKEN_REFUSED),
        TurnedAway::Forbidden => Refused::code(FORBIDDEN),
        TurnedAway::Limited { retry_after } => limited(retry_after.as_secs().max(1)),
        TurnedAway::Unavailable => Refused::code(UNAVAILABLE),
    }
}

fn document(row: &FeeInvoiceRow, people: &People) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"ko\"><head><meta charset=\"utf-8\"><title>수수료 세금계산서 {0}</title><style>{STYLE}</style></head>\
         <body><h1>수수료 세금계산서 (Fee invoice) {0}</h1><table>",
        row.number
    );
    let text = |value: Option<&str>| value.map_or_else(|| "–".to_owned(), escaped);
    for (name, value) in [
        ("작성일자 (Date)", row.written_on.to_string()),
        ("귀속월 (Month)", row.month.to_string()),
        ("발급일 (Issued)", day_of(row.issued_at).to_string()),
        ("공급자 등록번호 (Supplier's registration number)", text(row.supplier.registration_number.as_deref())),
        ("공급자 상호 (Supplier)", text(row.supplier.name.as_deref())),
        ("공급자 성명 (Representative)", text(row.supplier.representative.as_deref())),
        ("공급자 주소 (Address)", text(row.supplier.address.as_deref())),
        ("공급받는 자 등록번호 (Recipient's registration number)", text(people.registration_number.as_deref())),
        ("공급받는 자 (Recipient)", text(people.name.as_deref())),
        ("품목 (Item)", format!("플랫폼 이용 수수료 {}", row.month)),
        ("공급가액 (Supply amount)", amount(row.supply)),
        ("세액 (VAT)", amount(row.vat)),
        ("합계금액 (Total)", amount(row.total)),
    ] {
        // Writing to a string does not fail.
        let _ = write!(page, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    page.push_str("</table><table><tr><th>일자</th><th>구분</th><th>대상</th><th>거래금액</th><th>수수료</th><th>세액</th></tr>");
    for line in &row.lines {
        let kind = match line.kind {
            FeeLineKind::Earned => "수수료",
            FeeLineKind::Returned => "환급",
        };
        let (day, of) = (day_of(line.at), line.purpose);
        let [gross, fee, vat] = [line.gross, line.fee, line.vat].map(amount);
        let _ = write!(
            page,
            "<tr><td>{day}</td><td>{kind}</td><td>{of}</td><td class=\"n\">{gross}</td><td class=\"n\">{fee}</td><td class=\"n\">{vat}</td></tr>"
        );
    }
    page.push_str("</table></body></html>\n");
    page
}

fn amount(money: Money) -> String {
    format!("{} {}", money.decimal(), money.currency().code())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
