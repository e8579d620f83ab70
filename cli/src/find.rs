//! Images by what people call them.

use std::process::ExitCode;

use burrow_host::{Burrow, Error, Filter, Image, Status, VaultError};

use crate::output;

/// Images asked for at once.
pub(crate) const PAGE: u32 = 500;

/// Finds an image by its id; else the newest ready one of that name; else the newest of that name.
pub(crate) async fn find(burrow: &Burrow, image: &str) -> Result<Image, Error> {
    // A name may even look like an id.
    if let Some(found) = found(burrow.get(image).await)? {
        return Ok(found);
    }
    match found(burrow.get_by_name(image).await)? {
        Some(found) => Ok(found),
        None => newest(burrow, image, None).await,
    }
}

/// The same; of images that share a name, one that failed.
pub(crate) async fn find_failed(burrow: &Burrow, image: &str) -> Result<Image, Error> {
    if let Some(found) = found(burrow.get(image).await)? {
        return Ok(found);
    }
    match found(newest(burrow, image, Some(Status::Failed)).await)? {
        Some(found) => Ok(found),
        // That it has not failed says more than that there is none.
        None => find(burrow, image).await,
    }
}

/// None if there is no such image, or the text could be none's.
pub(crate) fn found(image: Result<Image, Error>) -> Result<Option<Image>, Error> {
    match image {
        Ok(image) => Ok(Some(image)),
        Err(Error::Vault(VaultError::InvalidInput(_) | VaultError::NotFound)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest image of a name, looked for in the list: only ready images have an entry for their name.
async fn newest(burrow: &Burrow, name: &str, status: Option<Status>) -> Result<Image, Error> {
    let filter = Filter { name: Some(name.to_owned()), status, ..Filter::default() };
    let mut cursor = None;
    loop {
        let page = burrow.list(&filter, cursor, PAGE).await?;
        if let Some(image) = page.images.into_iter().find(|image| image.name == name) {
            return Ok(image);
        }
        cursor = Some(page.next.ok_or(VaultError::NotFound)?);
    }
}

/// Does something to each; what fails is told, and the rest goes on.
pub(crate) async fn for_each(
    images: &[String],
    mut act: impl AsyncFnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for image in images {
        match act(image).await {
            Ok(()) => {}
            // Whoever reads it has had enough.
            Err(error) if output::is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                output::complain(&format!("{image}: {error:#}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
