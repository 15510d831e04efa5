//! Texts and facts of the codes that belong to the edge; those of the business are the domain's.

use domain::catalogue;
use kernel::Refused;

use super::{
    INTERNAL, LIMITED, PAGE_SIZE_OUT_OF_RANGE, PARSE_FAILED, PERSISTED_QUERY_NOT_FOUND, PROJECTION_LAGGING, QUERY_TOO_EXPENSIVE,
    SLOW_CONSUMER, UNAVAILABLE, VALIDATION_FAILED,
};

pub use domain::catalogue::Language;

/// What a client may know of a code without reading its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The HTTP-like status.
    pub status: u16,
    /// May the same request succeed later, unchanged?
    pub retryable: bool,
}

/// Status and retryability of a code.
#[must_use]
pub fn facts(code: &str) -> Facts {
    let status = match code {
        PROJECTION_LAGGING => 503,
        PERSISTED_QUERY_NOT_FOUND => 404,
        SLOW_CONSUMER => 429,
        PARSE_FAILED | VALIDATION_FAILED | QUERY_TOO_EXPENSIVE | PAGE_SIZE_OUT_OF_RANGE => 400,
        other => catalogue::status(other),
    };
    let retryable = matches!(
        code,
        INTERNAL
            | LIMITED
            | UNAVAILABLE
            | PROJECTION_LAGGING
            | SLOW_CONSUMER
            | "SYS005"
            | "SYS006"
            | "AUTH006"
            | "EXT001"
            | "EXT002"
            | "EXT003"
    );
    Facts { status, retryable }
}

/// The text of a code in a language.
#[must_use]
pub fn text(refused: &Refused, language: Language) -> String {
    let Some((ko, en)) = edge_text(&refused.code) else { return catalogue::message(refused, language) };
    let template = match language {
        Language::Ko => ko,
        Language::En => en,
    };
    template.replace("{max}", refused.params.get("max").map_or("?", String::as_str))
}

fn edge_text(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        PARSE_FAILED => {
            ("GraphQL 문서를 읽을 수 없습니다. 문법을 확인해 주세요.", "The GraphQL document could not be read. Please check its syntax.")
        }
        VALIDATION_FAILED => (
            "요청이 스키마와 맞지 않습니다. 필드와 값을 확인해 주세요.",
            "The request does not fit the schema. Please check its fields and values.",
        ),
        QUERY_TOO_EXPENSIVE => {
            ("요청이 너무 복잡합니다. 더 작은 요청으로 나누어 주세요.", "The request is too complex. Please split it into smaller ones.")
        }
        PAGE_SIZE_OUT_OF_RANGE => (
            "페이지 크기를 확인해 주세요. first와 last 중 하나만 0에서 {max} 사이로 지정해 주세요.",
            "Please check the page size: either first or last, between 0 and {max}.",
        ),
        PROJECTION_LAGGING => (
            "최신 정보를 준비하고 있습니다. 잠시 후 다시 시도해 주세요.",
            "The latest data is still being prepared. Please try again in a moment.",
        ),
        SLOW_CONSUMER => (
            "구독을 따라오지 못해 종료했습니다. 마지막 커서부터 다시 구독해 주세요.",
            "The subscription was ended because it did not keep up. Please subscribe again after its last cursor.",
        ),
        PERSISTED_QUERY_NOT_FOUND => (
            "저장된 쿼리를 찾을 수 없습니다. 전체 문서를 보내 주세요.",
            "The persisted query was not found. Please send the whole document.",
        ),
        _ => return None,
    })
}
