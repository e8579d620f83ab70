//! Lists and files as they are in the world: read, or told in one line; never misread, and never passed over in silence.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::process::Command;

use crate::support::host::burrow;
use crate::support::images::fixture;
use crate::support::origin::Origin;

/// Runs `burrow add --json`; returns the exit code, and its lines without the summary.
async fn add(command: &mut Command) -> (Option<i32>, Vec<Value>) {
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = told.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {told}")));
    let lines: Vec<Value> = lines.filter(|line: &Value| line.get("summary").is_none()).collect();
    (output.status.code(), lines)
}

fn adding(store: &Path) -> Command {
    let mut command = burrow(store);
    command.args(["--allow-private-network", "add", "--json"]);
    command
}

pub async fn lists_of_every_program_are_read() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let store = here.path().join("store");
    let base = origin.image("/1.png", fixture("photo.png")).trim_end_matches("/1.png").to_owned();
    origin.image("/2.png", fixture("photo.gif"));
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let urls = format!("{base}/1.png\r\n{base}/2.png\r\n");
    for (name, list) in [
        ("powershell.txt", utf16(&format!("\u{feff}{urls}"), u16::to_le_bytes)),
        ("big-endian.txt", utf16(&format!("\u{feff}{urls}"), u16::to_be_bytes)),
        ("no-mark.txt", utf16(&urls, u16::to_le_bytes)),
        ("utf8-mark.txt", format!("\u{feff}{urls}").into_bytes()),
        ("old-mac.txt", urls.replace("\r\n", "\r").into_bytes()),
        ("semicolons.csv", format!("url;name\n{base}/1.png;x\n{base}/2.png;y\n").into_bytes()),
        ("excel.csv", format!("sep=;\r\nname;url\r\nx;{base}/1.png\r\ny;{base}/2.png\r\n").into_bytes()),
        ("excel.txt", utf16(&format!("\u{feff}name\turl\r\nx\t{base}/1.png\r\ny\t{base}/2.png\r\n"), u16::to_le_bytes)),
        ("tabs.tsv", format!("URL\tName\n{base}/1.png\tx\n{base}/2.png\ty\n").into_bytes()),
        ("quoted.csv", format!("title,url\n\"two\nlines\",{base}/1.png\n\"a \"\"b\"\"\",{base}/2.png\n").into_bytes()),
        (
            "null.jsonl",
            format!("{{\"url\":\"{base}/1.png\",\"tags\":null}}\n{{\"url\":\"{base}/2.png\"}}").into_bytes(),
        ),
        (
            "array.json",
            format!("[\n  {{\"url\": \"{base}/1.png\",\n   \"tags\": \"a, b\"}},\n\"{base}/2.png\"]").into_bytes(),
        ),
        ("small.json", format!("[\"{base}/1.png\",\"{base}/2.png\"]").into_bytes()),
    ] {
        let file = here.path().join(name);
        std::fs::write(&file, list).unwrap();
        let (code, lines) = add(adding(&store).arg("--again").arg("--from").arg(&file)).await;
        let urls: Vec<_> = lines.iter().map(|line| line["url"].as_str().unwrap_or_default()).collect();
        assert_eq!(code, Some(0), "{name}: {lines:?}");
        assert_eq!(urls.len(), 2, "{name}: {lines:?}");
        assert!(urls.contains(&format!("{base}/1.png").as_str()) && urls.contains(&format!("{base}/2.png").as_str()));
    }
}

pub async fn lists_that_cannot_be_read_are_told_in_one_line() {
    let here = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:1/a.png";
    let whole = "; nothing of this list is taken";
    for (name, list, line, reason) in [
        (
            "other-header.csv",
            format!("image_url,title\n{url},x\n{url},y\n"),
            1,
            format!("its columns are image_url, title, and none is named url or file{whole}"),
        ),
        (
            "object.json",
            format!("{{\n\"url\": \"{url}\"\n}}\n"),
            1,
            format!("a JSON object goes on over several lines; a list has one a line, or is an array of them{whole}"),
        ),
        (
            "page.html",
            format!("<!doctype html>\n<img src=\"{url}\">\n"),
            1,
            format!("this looks like HTML or XML, not like a list{whole}"),
        ),
        (
            "tab.txt",
            format!("{url}\tan otter\n"),
            1,
            "there is more than a URL; a list with columns needs a header, such as url,name,tags".into(),
        ),
        (
            "no-header.csv",
            format!("# mine\n{url}, an otter\n"),
            2,
            "there is more than a URL; a list with columns needs a header, such as url,name,tags".into(),
        ),
        (
            "two.csv",
            format!("{url},http://127.0.0.1:1/b.png\n"),
            1,
            "there is more than a URL; a list with columns needs a header, such as url,name,tags".into(),
        ),
        (
            "control.jsonl",
            "{\"url\":\"http://127.0.0.1:1/a\\tb.png\"}\n".into(),
            1,
            "url: control characters are not allowed; there is '\\t'".into(),
        ),
        (
            "break.csv",
            "url,name\n\"http://127.0.0.1:1/\na.png\",x\n".into(),
            2,
            "url: control characters are not allowed; there is '\\n'".into(),
        ),
    ] {
        let file = here.path().join(name);
        std::fs::write(&file, list).unwrap();
        let (code, lines) = add(adding(&here.path().join("store")).arg("--from").arg(&file)).await;
        assert_eq!((code, lines.len()), (Some(1), 1), "{name}: {lines:?}");
        assert_eq!(lines[0]["error"], reason, "{name}");
        assert_eq!(lines[0]["at"], format!("{}, line {line}", file.display()), "{name}");
    }
}

pub async fn files_with_any_name_are_taken() {
    let here = tempfile::tempdir().unwrap();
    let (store, files) = (here.path().join("store"), here.path().join("files"));
    std::fs::create_dir(&files).unwrap();
    let latin = |byte: u8| files.join(OsStr::from_bytes(&[b'c', byte, b'.', b'p', b'n', b'g']));
    // Two names that look the same once they are made text.
    let named = [files.join("a.png"), latin(0xe9), latin(0xe8), files.join("new\nline.png"), files.join(" .png")];
    for (number, name) in named.iter().enumerate() {
        std::fs::write(name, [fixture("photo.gif"), vec![number as u8]].concat()).unwrap();
    }
    let mut command = adding(&store);
    let (code, lines) = add(command.args(&named)).await;
    assert_eq!((code, lines.len()), (Some(0), named.len()), "{lines:?}");
    assert!(lines.iter().all(|line| line["outcome"] == "added"), "{lines:?}");
    // The same files, found in their directory.
    let (code, lines) = add(adding(&store).arg("--again").arg(&files)).await;
    assert_eq!((code, lines.len()), (Some(0), named.len()), "{lines:?}");
    // A line for each, whatever its name.
    let listed = burrow(&store).arg("ls").output().await.unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 2 * named.len());
}

pub async fn directories_are_taken_as_they_are() {
    let here = tempfile::tempdir().unwrap();
    let (store, files) = (here.path().join("store"), here.path().join("files"));
    let deep = (0..7).fold(files.join("d"), |path, n| path.join(format!("{n}-{}", "long".repeat(12))));
    let (kept, elsewhere) = (files.join(".git/annex"), here.path().join("elsewhere"));
    for directory in [&deep, &kept, &elsewhere] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let write = |path: &Path, end: u8| std::fs::write(path, [fixture("photo.gif"), vec![end]].concat()).unwrap();
    write(&deep.join("a.png"), 1);
    write(&kept.join("object"), 2);
    write(&elsewhere.join("b.png"), 3);
    symlink(".git/annex/object", files.join("otter.png")).unwrap();
    symlink(&elsewhere, files.join("linked")).unwrap();
    symlink(&files, files.join("circle")).unwrap();
    let (code, lines) = add(adding(&store).arg(&files)).await;
    let mut names: Vec<_> = lines.iter().map(|line| line["name"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort_unstable();
    assert_eq!((code, names.len()), (Some(0), 3), "{lines:?}");
    assert!(names[0].starts_with("d/0-long") && names[0].len() <= 255, "{names:?}");
    assert_eq!(names[1..], ["linked/b.png", "otter.png"]);
    // What is not there is told.
    symlink("nowhere", files.join("lost.png")).unwrap();
    let (code, lines) = add(adding(&store).arg(&files)).await;
    let told: Vec<_> = lines.iter().filter(|line| line["outcome"] == "failed").collect();
    assert_eq!((code, told.len()), (Some(1), 1), "{lines:?}");
    assert!(told[0]["argument"].as_str().unwrap().ends_with("lost.png"), "{told:?}");
}

/// Adds an EXIF segment with this orientation to a JPEG.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif =
        [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation, 0, 0, 0, 0, 0, 0]]
            .concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

pub async fn a_picture_on_a_terminal_is_upright() {
    let here = tempfile::tempdir().unwrap();
    let pixels = image::RgbImage::from_pixel(40, 20, image::Rgb([200, 20, 20]));
    let mut jpeg = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    for (orientation, size) in [(1, (40, 20)), (3, (40, 20)), (6, (20, 40)), (8, (20, 40))] {
        let (store, file) = (here.path().join(orientation.to_string()), here.path().join("a.jpg"));
        std::fs::write(&file, oriented(jpeg.get_ref(), orientation)).unwrap();
        let (code, lines) = add(adding(&store).arg(&file)).await;
        assert_eq!(code, Some(0), "{lines:?}");
        let shown = burrow(&store).args(["ls", "--pictures", "kitty"]).output().await.unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let pieces = shown.split("\u{1b}_G").skip(1).filter_map(|piece| piece.split_once(';')?.1.split_once('\u{1b}'));
        let picture = STANDARD.decode(pieces.map(|(piece, _)| piece).collect::<String>()).unwrap();
        let found = imagesize::blob_size(&picture).unwrap();
        assert_eq!((found.width, found.height), size, "orientation {orientation}");
    }
}
