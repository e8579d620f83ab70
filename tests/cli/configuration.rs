//! Configuration by flags, environment and file: precedence, errors, secrets, defaults.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::run;
use crate::support::host::burrow;

/// The program without `--store`, with a configuration file of this text.
fn configured(directory: &Path, text: &str) -> Command {
    let file = file(directory);
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_burrow"));
    command.env_clear().arg("--config").arg(file).current_dir(directory);
    command
}

fn file(directory: &Path) -> PathBuf {
    directory.join("my config.toml")
}

/// The value of a key and its origin, as `burrow config show` prints them.
fn told(out: &str, key: &str) -> (String, String) {
    let line = out.lines().find(|line| line.split_whitespace().next() == Some(key));
    let line = line.unwrap_or_else(|| panic!("{key} is not told: {out}"));
    let mut columns = line.split("  ").map(str::trim).filter(|text| !text.is_empty()).skip(1);
    (columns.next().unwrap().to_owned(), columns.next().unwrap().to_owned())
}

pub async fn flags_come_before_the_environment_and_that_before_the_file() {
    let here = tempfile::tempdir().unwrap();
    let text = "store = \"from-file\"\nmax_image_bytes = 1_000\nmax_files = 3\npage_size = 4\nallow_private_network = true\n\
                [serve]\nlisten = \"127.0.0.1:7\"\n[ls]\nlimit = 5\n";
    let mut command = configured(here.path(), text);
    command.args(["--max-files", "7", "config", "show"]).env("BURROW_PAGE_SIZE", "8").env("BURROW_MAX_FILES", "9");
    let (code, out, err) = run(&mut command).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let file = file(here.path());
    let expected = [
        ("config", file.to_str().unwrap(), "flag --config"),
        ("store", "from-file", "file, line 1"),
        ("max_image_bytes", "1000", "file, line 2"),
        ("max_files", "7", "flag --max-files"),
        ("page_size", "8", "environment variable BURROW_PAGE_SIZE"),
        ("allow_private_network", "true", "file, line 5"),
        ("serve.listen", "127.0.0.1:7", "file, line 7"),
        ("ls.limit", "5", "file, line 9"),
        ("max_wait_seconds", "30", "default"),
        ("cors_origins", "-", "default"),
        ("color", "auto", "default"),
    ];
    for (key, value, origin) in expected {
        assert_eq!(told(&out, key), (value.into(), origin.into()), "{out}");
    }
    // Verbs use the values that `config show` prints.
    let (code, _, err) = run(configured(here.path(), text).arg("ls")).await;
    assert!(code == Some(1) && err.contains("there is no store at from-file"), "{err}");
    let (_, _, err) = run(configured(here.path(), text).arg("ls").env("BURROW_STORE", "from-env")).await;
    assert!(err.contains("there is no store at from-env"), "{err}");
    for verb in [&["repack"][..], &["similar", "--all"], &["retry", "--all"], &["export", "vault.tar"]] {
        let (code, _, err) = run(configured(here.path(), text).args(verb)).await;
        assert!(code == Some(1) && err.contains("there is no store at from-file"), "{verb:?}: {err}");
    }
    let mut command = configured(here.path(), text);
    let (_, _, err) = run(command.args(["ls", "--store", "from-flag"]).env("BURROW_STORE", "from-env")).await;
    assert!(err.contains("there is no store at from-flag"), "{err}");
    let mut command = configured(here.path(), text);
    let (_, out, _) = run(command.args(["--allow-private-network=false", "config", "show"])).await;
    assert_eq!(told(&out, "allow_private_network").0, "false");
}

pub async fn the_file_is_where_it_is_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let place = |directory: &str, store: &str| {
        let directory = home.path().join(directory).join("burrow");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("config.toml"), format!("store = \"{store}\"")).unwrap();
    };
    let show = |variables: &[(&str, PathBuf)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burrow"));
        command.env_clear().args(["config", "show"]).envs(variables.iter().cloned());
        async move { run(&mut command).await }
    };
    let here = |name: &str| ("HOME", home.path().join(name));
    let (code, out, _) = show(&[here(""), ("XDG_CONFIG_HOME", home.path().join("xdg"))]).await;
    assert_eq!((code, told(&out, "config")), (Some(0), ("none".into(), "default".into())));
    place(".config", "at-home");
    let (_, out, _) = show(&[here("")]).await;
    assert_eq!(told(&out, "store"), ("at-home".into(), "file, line 1".into()));
    place("xdg", "in-xdg");
    let (_, out, _) = show(&[here(""), ("XDG_CONFIG_HOME", home.path().join("xdg"))]).await;
    assert_eq!(told(&out, "store").0, "in-xdg");
    let named = home.path().join(".config/burrow/config.toml");
    let variables = [here(""), ("XDG_CONFIG_HOME", home.path().join("xdg")), ("BURROW_CONFIG", named)];
    let (_, out, _) = show(&variables).await;
    assert_eq!(
        (told(&out, "store").0, told(&out, "config").1),
        ("at-home".into(), "environment variable BURROW_CONFIG".into())
    );
    // A file that is named must exist.
    let (code, _, err) = show(&[("BURROW_CONFIG", home.path().join("nowhere.toml"))]).await;
    assert!(code == Some(2) && err.contains("nowhere.toml") && err.lines().count() == 1, "{err}");
}

pub async fn what_is_wrong_in_the_file_is_told_with_its_place() {
    let here = tempfile::tempdir().unwrap();
    let cases = [
        ("stor = \"x\"", 1, "stor: there is no such key"),
        ("store = \"x\"\n\n[serve]\nlisten = 3000", 4, "serve.listen: text in quotation marks is needed"),
        ("[serve]\nlistne = \"x\"", 2, "serve.listne: there is no such key"),
        ("[server]\nlisten = \"x\"", 1, "server: there is no such table"),
        ("serve = true", 1, "serve: a table is needed"),
        ("max_files = \"7\"", 1, "max_files: a whole number is needed"),
        ("max_files = 7.5", 1, "max_files: a whole number is needed"),
        ("max_files = -7", 1, "max_files: invalid digit"),
        ("store = [\"a\"]", 1, "store: text in quotation marks is needed"),
        ("allow_private_network = 1", 1, "allow_private_network: true or false is needed"),
        ("color = \"red\"", 1, "color: one of auto, always, never is needed"),
        ("config = \"other.toml\"", 1, "config: there is no such key"),
        ("[ls]\ntag = \"x\"", 2, "ls.tag: there is no such key"),
        ("[rm]\nimages = \"x\"", 1, "rm: there is no such table"),
        ("write_token = \" \"", 1, "write_token: it is set, but blank"),
        ("store = \"redis://u:hush@host:99999\"", 1, "store: "),
        ("\nmax_files = \n", 2, ""),
        ("max_files = 1\nmax_files = 2", 2, "duplicate key"),
    ];
    for (text, line, what) in cases {
        let (code, out, err) = run(configured(here.path(), text).arg("ls")).await;
        let begin = format!("burrow: {}, line {line}: {what}", file(here.path()).display());
        assert!(err.starts_with(&begin) && err.lines().count() == 1, "{text}: {err}");
        assert_eq!((code, out.as_str()), (Some(2), ""), "{text}");
        assert!(!err.contains("hush"), "{err}");
    }
}

pub async fn secrets_are_not_shown() {
    let here = tempfile::tempdir().unwrap();
    let text = "write_token = \"hush-0123456789abcdef\"\nread_token = \"hush-fedcba9876543210\"\n\
                request_headers = \"i.example.com Cookie: hush\"\nstore = \"redis://ann:hush@cache.example.com\"";
    let mut command = configured(here.path(), text);
    command.args(["config", "show"]).env("BURROW_LINK_KEYS", "a:hush-0123456789abcdef");
    let (code, out, err) = run(&mut command).await;
    assert!(code == Some(0) && !out.contains("hush") && err.is_empty(), "{out}{err}");
    for key in ["write_token", "read_token", "link_keys", "request_headers"] {
        assert_eq!(told(&out, key).0, "(secret)");
    }
    assert_eq!(told(&out, "max_link_seconds").0, "604800");
    assert_eq!(told(&out, "store").0, "redis://ann@cache.example.com:6379/0");
    // Errors do not show secrets either, whether they come from a flag or the environment.
    let store = tempfile::tempdir().unwrap();
    for args in [["--store", "redis://u:hush@host:99999"], ["--write-token", " "]] {
        let (code, _, err) =
            run(burrow(store.path()).env("BURROW_STORE", "redis://hush@:1").args(["ls"]).args(args)).await;
        assert!(code == Some(2) && !err.contains("hush") && err.lines().count() == 1, "{err}");
    }
}

/// `config show` prints the defaults of docs/http-api.md.
pub async fn defaults_are_those_of_the_documentation() {
    let here = tempfile::tempdir().unwrap();
    let (_, out, _) = run(configured(here.path(), "").args(["config", "show"])).await;
    let documentation = crate::support::images::repository().join("docs/http-api.md");
    let documentation = std::fs::read_to_string(documentation).unwrap();
    let (_, table) = documentation.split_once("| setting | default | |\n|---|---|---|\n").unwrap();
    let mut compared = 0;
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (names, defaults) = (cells.next().unwrap(), cells.next().unwrap());
        for (name, default) in names.split(", ").zip(defaults.split(',').map(str::trim)) {
            let default = if default.is_empty() { "-" } else { default };
            assert_eq!(told(&out, name.trim_matches('`')).0, default, "{name}");
            compared += 1;
        }
    }
    let manifest = std::fs::read_to_string(crate::support::images::repository().join("spin.toml")).unwrap();
    let (_, granted) = manifest.split_once("[component.burrow.variables]\n").unwrap();
    assert_eq!(compared, granted.split("\n\n").next().unwrap().lines().count());
}
