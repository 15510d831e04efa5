//! What a worker reads before it folds.

use std::collections::HashMap;

use crate::views::error::ViewError;
use crate::views::sql::Rows;
use crate::views::{Installed, Views};

/// Keys of one query.
const KEYS: usize = 1_000;

/// The stored rows of these keys.
pub(crate) async fn stored<E>(
    views: &Views<E>,
    model: &Installed<E>,
    generation: u32,
    keys: &[String],
) -> Result<HashMap<String, String>, ViewError>
where
    E: Send + Sync + 'static,
{
    let rows = Rows::new(views.db().dialect(), &model.definition, generation);
    let mut docs = HashMap::with_capacity(keys.len());
    for keys in keys.chunks(KEYS) {
        let found = views.db().all::<(String, String, i64)>(rows.by_keys(keys)).await?;
        docs.extend(found.into_iter().map(|(key, doc, _)| (key, doc)));
    }
    Ok(docs)
}
