//! The images that a form or a query selects.

use burrow_model::error::Error;
use burrow_model::key::ImageId;

use crate::problem::Problem;
use crate::route::Query;

/// The most addresses, and the most images, in one form.
pub(crate) const MAX_MANY: usize = 1000;

/// The ids in a form or a query.
pub(crate) fn ids(form: &Query) -> Result<Vec<ImageId>, Problem> {
    let ids: Result<Vec<_>, Problem> = form
        .all("id")
        .map(|id| ImageId::parse(id).ok_or_else(|| Problem::invalid("id", format!("{:?} is no id", shortened(id)))))
        .collect();
    let ids = ids?;
    if ids.is_empty() {
        return Err(Problem::invalid("id", "no image is selected; select one or more first"));
    }
    check_count("id", ids.len())?;
    Ok(ids)
}

pub(crate) fn check_count(field: &'static str, seen: usize) -> Result<(), Error> {
    if seen <= MAX_MANY {
        return Ok(());
    }
    Err(Error::Invalid { field, reason: format!("at most {MAX_MANY} are taken at once, not {seen}") })
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(200)).unwrap_or_default()
}
