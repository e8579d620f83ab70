//! The images that a form or a query selects.

use std::collections::HashSet;

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
    // A small request could otherwise ask for one large image hundreds of times.
    let mut seen = HashSet::new();
    if let Some(repeated) = ids.iter().find(|id| !seen.insert(**id)) {
        return Err(Problem::invalid("id", format!("{repeated} is selected more than once")));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn an_image_is_selected_at_most_once() {
        let [a, b] = [1, 2].map(|n| ImageId::new(n, &[0; 10]));
        let selected = |text: String| ids(Unchecked::parse(&text).unwrap().only(&[], &["id"]).unwrap());
        assert_eq!(selected(format!("id={b}&id={a}")).unwrap(), [b, a]);
        for refused in [format!("id={a}&id={b}&id={a}"), String::new(), "id=x".into()] {
            assert_eq!(selected(refused.clone()).unwrap_err().status().as_u16(), 422, "{refused}");
        }
    }
}
