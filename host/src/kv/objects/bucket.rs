//! A place in a bucket of an S3-compatible service, where each object has a blob's id as its name.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use burrow_model::key::BlobId;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{
    BackoffConfig, Error, MultipartUpload, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    RetryConfig,
};

use super::super::{KvError, Result};
use super::failure::{Failure, failure};
use super::http::Http;

/// The object that says which vault the place belongs to.
const OWNER: &str = "burrow-vault";

/// A place for objects, as `--blobs` names it: `s3://bucket` or `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    bucket: String,
    prefix: String,
}

impl FromStr for Bucket {
    type Err = KvError;

    fn from_str(text: &str) -> Result<Self> {
        let refused =
            |why| Err(KvError(format!("not a place for blobs: {why}; write s3://BUCKET or s3://BUCKET/PREFIX")));
        let Some(rest) = text.strip_prefix("s3://") else { return refused("it does not begin with s3://") };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_plain) {
            return refused("the bucket's name must be letters, digits, dots and hyphens");
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_segment = |part: &str| !["", ".", ".."].contains(&part) && part.bytes().all(is_plain);
        if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
            return refused("the prefix must be letters, digits, dots, hyphens and single slashes");
        }
        Ok(Self { bucket: bucket.into(), prefix: prefix.into() })
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

impl Bucket {
    /// Makes a client from the `AWS_*` variables of this process. Call it within a Tokio runtime, which then drives
    /// the connections.
    pub(super) fn client(&self) -> Result<Client> {
        self.client_of(AmazonS3Builder::from_env(), &retries())
    }

    pub(super) fn client_of(&self, settings: AmazonS3Builder, retries: &RetryConfig) -> Result<Client> {
        let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        let s3 = settings
            .with_bucket_name(&self.bucket)
            .with_http_connector(Http::new(bundle.as_ref().map(Path::new))?)
            .with_allow_http(true)
            // Not every service can delete several objects at once.
            .with_disable_bulk_delete(true)
            .with_retry(retries.clone())
            .build()
            .map_err(|error| KvError(format!("cannot use {self}: {}", failure(&error))))?;
        Ok(Client { place: self.clone(), s3: Arc::new(s3) })
    }
}

/// Tries again for about half a minute while the service is overloaded or cannot be reached.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(30),
    }
}

/// Reads and writes the objects of a place. Every error names the object and is one line.
#[derive(Clone, Debug)]
pub(super) struct Client {
    place: Bucket,
    s3: Arc<AmazonS3>,
}

impl Client {
    pub(super) fn place(&self) -> &Bucket {
        &self.place
    }

    /// The name of a blob's object in texts for people.
    pub(super) fn name(&self, blob: BlobId) -> String {
        format!("{}/{blob}", self.place)
    }

    fn path(&self, name: impl fmt::Display) -> ObjectPath {
        let slash = if self.place.prefix.is_empty() { "" } else { "/" };
        ObjectPath::from(format!("{}{slash}{name}", self.place.prefix))
    }

    fn failed(&self, doing: &str, name: impl fmt::Display, error: &Error) -> KvError {
        KvError(format!("cannot {doing} {}/{name}: {}", self.place, failure(error)))
    }

    /// Reads a part of an object. `None` if the object is missing, ends before the part does, or may not be read,
    /// though others may; the log then says why.
    ///
    /// # Errors
    ///
    /// The service cannot be reached, does not know these credentials, or fails.
    pub(super) async fn read(&self, blob: BlobId, range: Range<u64>) -> Result<Option<Bytes>> {
        let len = range.end - range.start;
        let error = match self.s3.get_range(&self.path(blob), range.clone()).await {
            Ok(bytes) if bytes.len() as u64 == len => return Ok(Some(bytes)),
            Ok(bytes) => return Ok(self.unreadable(blob, &format!("{} bytes came instead of {len}", bytes.len()))),
            Err(error) => error,
        };
        let failure = failure(&error);
        match failure {
            Failure::Missing | Failure::Forbidden(_) => Ok(self.unreadable(blob, &failure.to_string())),
            // An object that is too short answers with another range, or with 416.
            Failure::Other(..) => match self.s3.head(&self.path(blob)).await {
                Ok(head) if head.size < range.end => {
                    Ok(self.unreadable(blob, &format!("it ends after {} bytes, before byte {}", head.size, range.end)))
                }
                _ => Err(self.failed("read", blob, &error)),
            },
        }
    }

    fn unreadable(&self, blob: BlobId, why: &str) -> Option<Bytes> {
        let name = self.name(blob);
        tracing::error!("cannot read {name}: {why}; the content of the images that use it counts as missing");
        None
    }

    /// Writes a whole object.
    pub(super) async fn put(&self, blob: BlobId, content: PutPayload) -> Result<()> {
        let put = self.s3.put(&self.path(blob), content).await;
        put.map(drop).map_err(|error| self.failed("write", blob, &error))
    }

    /// Begins an object that is written in parts.
    pub(super) async fn begin(&self, blob: BlobId) -> Result<Parts> {
        let begun = self.s3.put_multipart(&self.path(blob)).await;
        let upload = begun.map_err(|error| self.failed("write", blob, &error))?;
        Ok(Parts { client: self.clone(), blob, upload })
    }

    /// Deletes an object; a missing one is no error.
    pub(super) async fn delete(&self, blob: BlobId) -> Result<()> {
        match self.s3.delete(&self.path(blob)).await {
            Err(error) if !matches!(failure(&error), Failure::Missing) => Err(self.failed("delete", blob, &error)),
            _ => Ok(()),
        }
    }

    /// Lists the blobs that have objects, with the objects' sizes. Objects of other names are left out.
    pub(super) fn list(&self) -> BoxStream<'_, Result<(BlobId, u64)>> {
        let prefix = ObjectPath::from(self.place.prefix.as_str());
        let skip = if self.place.prefix.is_empty() { 0 } else { self.place.prefix.len() + 1 };
        let objects = self.s3.list((skip > 0).then_some(&prefix)).map_err(|error| self.failed("list", "", &error));
        objects
            .try_filter_map(move |object| async move {
                let name = object.location.as_ref().get(skip..).and_then(BlobId::parse);
                Ok(name.map(|blob| (blob, object.size)))
            })
            .boxed()
    }

    /// The id of the vault that the place belongs to, if it belongs to one.
    pub(super) async fn owner(&self) -> Result<Option<String>> {
        let object = match self.s3.get(&self.path(OWNER)).await {
            Ok(object) => object.bytes().await,
            Err(error) => Err(error),
        };
        match object {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(error) => match failure(&error) {
                Failure::Missing => Ok(None),
                _ => Err(self.failed("read", OWNER, &error)),
            },
        }
    }

    /// Makes the place a vault's own.
    ///
    /// # Errors
    ///
    /// Another process was faster, or the place cannot be written.
    pub(super) async fn claim(&self, vault: &str) -> Result<()> {
        let options = PutOptions::from(PutMode::Create);
        let claimed = self.s3.put_opts(&self.path(OWNER), vault.to_owned().into(), options).await;
        claimed.map(drop).map_err(|error| self.failed("write", OWNER, &error))
    }
}

/// An object that is being written in parts. Until it is complete, nobody sees it.
#[derive(Debug)]
pub(super) struct Parts {
    client: Client,
    blob: BlobId,
    upload: Box<dyn MultipartUpload>,
}

impl Parts {
    /// Begins to write the next part. The result is to be awaited before the object is completed.
    pub(super) fn put(&mut self, part: PutPayload) -> impl Future<Output = Result<()>> + Send + use<> {
        let (put, client, blob) = (self.upload.put_part(part), self.client.clone(), self.blob);
        async move { put.await.map_err(|error| client.failed("write a part of", blob, &error)) }
    }

    /// Completes the object.
    pub(super) async fn complete(mut self) -> Result<()> {
        let completed = self.upload.complete().await;
        completed.map(drop).map_err(|error| self.client.failed("complete", self.blob, &error))
    }

    /// Gives the object up. If that fails, its parts stay until the bucket's rules remove them.
    pub(super) async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!("{}", self.client.failed("give up the parts of", self.blob, &error));
        }
    }
}
