//! Finds images by id or name, and applies a verb to several of them.

use std::process::ExitCode;

use burrow_host::{Burrow, Error, Filter, Image, Status, VaultError};

use crate::output;

/// Images on one page of the list.
pub(crate) const PAGE: u32 = 500;

/// Finds the image with this id, else the newest ready one of that name, else the newest of that name.
pub(crate) async fn find(burrow: &Burrow, image: &str) -> Result<Image, Error> {
    // A name may look like an id, so a text that is no image's id may still be a name.
    if let Some(found) = found(burrow.get(image).await)? {
        return Ok(found);
    }
    match found(burrow.get_by_name(image).await)? {
        Some(found) => Ok(found),
        None => newest(burrow, image, None).await,
    }
}

/// Finds the image with this id, else the newest failed one of that name, else as [`find`].
pub(crate) async fn find_failed(burrow: &Burrow, image: &str) -> Result<Image, Error> {
    if let Some(found) = found(burrow.get(image).await)? {
        return Ok(found);
    }
    match found(newest(burrow, image, Some(Status::Failed)).await)? {
        Some(found) => Ok(found),
        // The vault then answers that this image has not failed, which says more than "not found".
        None => find(burrow, image).await,
    }
}

/// Turns "not found" and "invalid id or name" into `None`.
pub(crate) fn found(image: Result<Image, Error>) -> Result<Option<Image>, Error> {
    match image {
        Ok(image) => Ok(Some(image)),
        Err(Error::Vault(VaultError::InvalidInput(_) | VaultError::NotFound)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest image of a name. Searches for its words, because only ready images are in the index of names.
async fn newest(burrow: &Burrow, name: &str, status: Option<Status>) -> Result<Image, Error> {
    let filter = Filter { words: Some(name.to_owned()), status, ..Filter::default() };
    let mut cursor = None;
    loop {
        let page = burrow.list(&filter, cursor, PAGE).await?;
        if let Some(image) = page.images.into_iter().find(|image| image.name == name) {
            return Ok(image);
        }
        cursor = Some(page.next.ok_or(VaultError::NotFound)?);
    }
}

/// Runs `act` for each image. If it fails for one, prints the error and goes on with the rest.
pub(crate) async fn for_each(
    images: &[String],
    mut act: impl AsyncFnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for image in images {
        match act(image).await {
            Ok(()) => {}
            // Nobody reads the output any more.
            Err(error) if output::is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                output::complain(&format!("{image}: {error:#}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
