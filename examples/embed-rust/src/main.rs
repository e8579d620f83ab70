//! Stores an image with Burrow embedded in this program, and reads it back.
//!
//! `embed-rust COMPONENT STORE URL|FILE COPY` stores the image in the directory STORE and writes its bytes to COPY.
//! COMPONENT is a `burrow.wasm`.

use anyhow::Context as _;
use burrow_host::{Builder, Label};
use tokio::fs::File;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [component, store, source, copy] = args.as_slice() else { anyhow::bail!("COMPONENT STORE URL|FILE COPY") };

    let burrow = Builder::new().component(std::fs::read(component)?).open(&store.parse()?).await?;
    let image = match File::open(source).await {
        Ok(file) => burrow.put(file, Label::default()).await?,
        Err(_) => burrow.ingest(source, Label::default()).await?,
    };
    let content = image.content.with_context(|| image.error.unwrap_or_default())?;
    let mut bytes = burrow.open(&image.id, None).await?.into_reader();
    tokio::io::copy(&mut bytes, &mut File::create(copy).await?).await?;
    anyhow::ensure!(content.size == std::fs::metadata(copy)?.len(), "the copy is not whole");
    Ok(())
}
