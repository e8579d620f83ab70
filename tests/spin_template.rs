//! The template of `spin new -t burrow` and `spin add -t burrow` makes apps that keep images.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::support::client::Client;
use crate::support::host::{App, announced};
use crate::support::images::{fixture, repository};

/// What `spin new` puts in place of the names between braces; the filters among them do nothing to this name.
const VALUES: [(&str, &str); 4] = [
    ("project-name", "pictures"),
    ("authors", "Ann <ann@example.com>"),
    ("project-description", "Pictures"),
    ("output-path", "pictures"),
];

/// Expands a file of the template as Liquid does, as far as the template needs it.
fn expand(text: &str) -> String {
    let mut expanded = String::new();
    for (n, part) in text.split("{% raw %}").enumerate() {
        let (raw, rest) = if n == 0 { ("", part) } else { part.split_once("{% endraw %}").expect("raw text ends") };
        expanded.push_str(raw);
        let mut pieces = rest.split("{{");
        expanded.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (name, after) = piece.split_once("}}").expect("braces are closed");
            let name = name.split('|').next().unwrap_or_default().trim();
            let (_, value) = VALUES.iter().find(|(known, _)| *known == name).expect(name);
            expanded.push_str(value);
            expanded.push_str(after);
        }
    }
    expanded
}

fn template(path: &str) -> String {
    std::fs::read_to_string(repository().join("templates/burrow").join(path)).unwrap()
}

/// The manifests name only settings that there are, and what the snippets name is in the app.
pub async fn manifests_are_whole() {
    let burrow: toml::Table = std::fs::read_to_string(repository().join("spin.toml")).unwrap().parse().unwrap();
    let settings = &burrow["variables"];
    let new = expand(&template("content/spin.toml"));
    let added = format!(
        "[variables]\n{}\n{}",
        expand(&template("metadata/snippets/variables.txt")),
        expand(&template("metadata/snippets/component.txt"))
    );
    for (manifest, component, source) in [(new, "burrow", "burrow.wasm"), (added, "pictures", "pictures/burrow.wasm")] {
        let manifest: toml::Table = manifest.parse().expect("it is TOML");
        let component = &manifest["component"][component];
        assert_eq!(component["source"].as_str(), Some(source));
        let variables = component["variables"].as_table().unwrap();
        assert!(!variables.is_empty());
        for (name, value) in variables {
            assert_eq!(value.as_str(), Some(format!("{{{{ {name} }}}}").as_str()));
            assert!(settings.get(name).is_some() && manifest["variables"].get(name).is_some(), "{name}");
        }
    }
    let metadata: toml::Table = template("metadata/spin-template.toml").parse().unwrap();
    for snippet in metadata["add_component"]["snippets"].as_table().unwrap().values() {
        template(&format!("metadata/snippets/{}", snippet.as_str().unwrap()));
    }
    // Network rules are those of the app in this repository.
    assert_eq!(
        template("content/runtime-config.toml"),
        std::fs::read_to_string(repository().join("runtime-config.toml")).unwrap()
    );
}

/// A new app is started by this spin, and keeps an image.
pub async fn a_new_app_keeps_images(spin: PathBuf) {
    let app = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(repository().join("templates/burrow/content")).unwrap() {
        let file = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        std::fs::write(app.path().join(file.file_name().unwrap()), expand(&text)).unwrap();
    }
    std::fs::copy(repository().join("target/burrow.wasm"), app.path().join("burrow.wasm")).unwrap();
    let (_running, client) = up(&spin, app.path()).await;
    let png = fixture("photo.png");
    let sent = client.send(hyper::Method::POST, "/images", &[("content-type", "image/png")], png.clone()).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert!(client.content(sent.json()["id"].as_str().unwrap()).await == png);
}

async fn up(spin: &Path, app: &Path) -> (App, Client) {
    let mut command = Command::new(spin);
    command.args(["up", "--listen", "127.0.0.1:0"]).current_dir(app).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let running = App(child);
    let base = announced(stdout, "Serving ", tokio::io::sink()).await;
    (running, Client::new(&base))
}
