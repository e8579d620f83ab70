//! Serving: requests a second over 16 connections, with wrk.

use anyhow::{Context as _, Result, ensure};
use burrow_bench::Image;
use tokio::process::Command;

use crate::client::Reply;
use crate::measure::ingest;
use crate::origin::Origin;
use crate::server::{Server, Target};
use crate::{Bench, say};

pub(crate) const TABLE: &str = "Serving, `wrk -t1 -c16`";

// The rows.
pub(crate) const SMALL: &str = "285 bytes (PNG)";
pub(crate) const PHOTO: &str = "112 KB stored raw (JPEG)";
pub(crate) const LARGE_PHOTO: &str = "310 KB stored raw (JPEG)";
pub(crate) const BITMAP: &str = "407 KB inflated (BMP)";
pub(crate) const GZIP: &str = "its gzip form";
pub(crate) const RANGE: &str = "100 bytes in the middle of 40 MB (BMP)";
pub(crate) const UNCHANGED: &str = "112 KB, unchanged: 304";

/// What is measured again when it is repacked.
const REPACKED: [&str; 3] = [PHOTO, LARGE_PHOTO, BITMAP];

/// A request, and what its answer must be.
struct Request {
    what: &'static str,
    image: Image,
    form: Form,
}

/// What a request asks for.
#[derive(Clone, Copy)]
enum Form {
    Original,
    /// As gzip: Burrow sends it as it is stored, nginx from a file beside the original.
    Gzip,
    Range,
    /// What the client has already.
    Unchanged,
}

/// Starts all servers over the same images, and gives each load in turn.
pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let requests = requests(bench.short)?;
    let mut images: Vec<Image> = requests.iter().map(|request| request.image.clone()).collect();
    images.sort_by(|one, other| one.name.cmp(&other.name));
    images.dedup_by(|one, other| one.name == other.name);

    let origin = Origin::start(&images).await?;
    let mut servers = Vec::new();
    for target in bench.programs.uploading() {
        let server = bench.start(target).await?;
        // One after the other, so that the Flask peer loses none.
        ingest::upload(&server, &origin, &images, 1, ingest::PAUSE).await?;
        servers.push(server);
    }
    write_files(bench, &images).await?;
    servers.push(bench.launch(Target::Nginx).await?);

    for round in 1..=bench.rounds {
        say(&format!("{TABLE}, round {round}"));
        for request in &requests {
            for server in &servers {
                if let Some(rate) = rate(server, request, bench.short).await? {
                    bench.results.note(TABLE, request.what, "requests/s", server.target, rate);
                }
            }
        }
    }
    repack(servers.iter().find(|server| server.target == Target::Burrow).context("Burrow is measured")?).await?;
    for round in 1..=bench.rounds {
        say(&format!("{TABLE}, repacked, round {round}"));
        for request in requests.iter().filter(|request| REPACKED.contains(&request.what)) {
            for server in servers.iter().filter(|server| [Target::Burrow, Target::Nginx].contains(&server.target)) {
                let rate = rate(server, request, bench.short).await?.context("it is the original that is asked for")?;
                let row = format!("{}, then repacked", request.what);
                bench.results.note(TABLE, &row, "requests/s", server.target, rate);
            }
        }
    }
    Ok(())
}

/// Makes all images smaller.
async fn repack(server: &Server) -> Result<()> {
    loop {
        let reply = server.client.post("/jobs/repack", &serde_json::json!({})).await?;
        let done: serde_json::Value = serde_json::from_slice(&reply.body).context("/jobs/repack answers no JSON")?;
        if done.get("done") == Some(&true.into()) {
            return Ok(());
        }
    }
}

fn requests(short: bool) -> Result<Vec<Request>> {
    let small = burrow_bench::png("small.png", 10, 7, 1)?;
    let (photo, large_photo) =
        (burrow_bench::jpeg("photo.jpeg", 512, 368)?, burrow_bench::jpeg("large.jpeg", 896, 624)?);
    let bitmap = burrow_bench::bmp("bitmap.bmp", 407_000, 1);
    let huge = burrow_bench::bmp("huge.bmp", if short { 4_000_000 } else { 40_000_000 }, 2);
    let request = |what, image: &Image, form| Request { what, image: image.clone(), form };
    Ok(vec![
        request(SMALL, &small, Form::Original),
        request(PHOTO, &photo, Form::Original),
        request(LARGE_PHOTO, &large_photo, Form::Original),
        request(BITMAP, &bitmap, Form::Original),
        request(GZIP, &bitmap, Form::Gzip),
        request(RANGE, &huge, Form::Range),
        request(UNCHANGED, &photo, Form::Unchanged),
    ])
}

/// Lays out nginx's files, each with a gzip form beside it.
async fn write_files(bench: &Bench, images: &[Image]) -> Result<()> {
    let files = bench.clear(Target::Nginx)?.join("files");
    std::fs::create_dir(&files)?;
    for image in images {
        let file = files.join(&image.name);
        std::fs::write(&file, &image.bytes)?;
        ensure!(Command::new("gzip").arg("-k").arg(&file).status().await?.success(), "gzip failed");
    }
    Ok(())
}

/// Checks one answer, and then measures how many come in a second. `None` if the target cannot answer so.
async fn rate(server: &Server, request: &Request, short: bool) -> Result<Option<f64>> {
    let path = server.content(&request.image.name).await?;
    let len = request.image.bytes.len();
    let header = match request.form {
        Form::Original => None,
        Form::Gzip => Some(("accept-encoding", "gzip".to_owned())),
        Form::Range => Some(("range", format!("bytes={}-{}", len / 2, len / 2 + 99))),
        Form::Unchanged => match server.client.get(&path).await?.headers.get("etag") {
            Some(etag) => Some(("if-none-match", etag.to_str()?.to_owned())),
            None => return Ok(None),
        },
    };
    let headers: Vec<(&str, &str)> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = server.client.try_get(&path, &headers).await?;
    if !is_right(&reply, request) {
        // The peers know neither ranges nor gzip, and answer with the original.
        ensure!(reply.body == request.image.bytes, "{} sends another image for {path}", server.target.name());
        return Ok(None);
    }
    wrk(&server.client.url(&path), &headers, if short { "1s" } else { "4s" }).await.map(Some)
}

fn is_right(reply: &Reply, request: &Request) -> bool {
    let (status, whole) = (reply.status.as_u16(), &request.image.bytes);
    match request.form {
        Form::Original => status == 200 && reply.body == whole,
        Form::Gzip => status == 200 && reply.headers.get("content-encoding").is_some_and(|coding| coding == "gzip"),
        Form::Range => {
            let middle = whole.len() / 2;
            status == 206 && Some(&reply.body[..]) == whole.get(middle..middle + 100)
        }
        Form::Unchanged => status == 304,
    }
}

async fn wrk(url: &str, headers: &[(&str, &str)], time: &str) -> Result<f64> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c16", "-d", time, url]);
    for (name, value) in headers {
        wrk.args(["-H", &format!("{name}: {value}")]);
    }
    let output = wrk.output().await.context("wrk cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let all_well = output.status.success() && !said.contains("Socket errors") && !said.contains("Non-2xx");
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.filter(|_| all_well).with_context(|| format!("wrk {url}: {said}{}", String::from_utf8_lossy(&output.stderr)))
}
