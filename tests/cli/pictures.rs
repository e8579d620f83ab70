//! Thumbnails on terminals: where they are shown, and where they are not.

use super::{run, run_on_terminal, store_of};
use crate::support::host::burrow;

const KITTY: &str = "\u{1b}_Ga=T,f=100,";
const ITERM2: &str = "\u{1b}]1337;File=inline=1;";
const SIXEL: &str = "\u{1b}P";

/// Six formats that have a picture, and three images that have none. The decoder cannot read this icon.
const IMAGES: [&str; 9] = [
    "photo.png",
    "photo.jpg",
    "photo.webp",
    "photo.gif",
    "photo.bmp",
    "photo.tiff",
    "photo.ico",
    "drawing.svg",
    "photo.avif",
];

pub async fn pictures_are_shown_in_each_protocol() {
    let store = store_of(&IMAGES).await;
    for (word, begin) in [("kitty", KITTY), ("iterm2", ITERM2), ("sixel", SIXEL), ("always", SIXEL)] {
        for verb in ["ls", "stats"] {
            let mut command = burrow(store.path());
            let (code, out, err) = run(command.args([verb, "--pictures", word])).await;
            assert_eq!((code, err.as_str()), (Some(0), ""), "{verb} {word}");
            // An image that cannot be decoded has no picture, and is no failure. `stats` shows 8 images.
            let count = if verb == "ls" { IMAGES.len() - 3 } else { 8 - 3 };
            assert_eq!(out.matches(begin).count(), count, "{verb} {word}");
            assert!(verb == "stats" || IMAGES.iter().all(|image| out.contains(image)), "{out}");
        }
    }
}

pub async fn pictures_are_shown_only_where_they_can_be_seen() {
    let store = store_of(&["photo.png"]).await;
    let kitty = ("TERM", "xterm-kitty");
    for verb in ["ls", "stats"] {
        let with = |args: &[&str]| {
            let mut command = burrow(store.path());
            command.arg(verb).args(args);
            command
        };
        let (code, out) = run_on_terminal(&with(&[]), &[kitty]).await;
        assert!(code == Some(0) && out.contains(KITTY), "{verb}: {out:?}");
        let (_, out) = run_on_terminal(&with(&[]), &[("TERM_PROGRAM", "WezTerm")]).await;
        assert!(out.contains(ITERM2), "{verb}: {out:?}");
        let nowhere = |out: &str| ![KITTY, ITERM2, SIXEL].iter().any(|begin| out.contains(begin));
        for variables in
            [&[("TERM", "xterm-256color")][..], &[kitty, ("TMUX", "/tmp/tmux")], &[kitty, ("BURROW_PICTURES", "never")]]
        {
            let (_, out) = run_on_terminal(&with(&[]), variables).await;
            assert!(nowhere(&out), "{verb} {variables:?}: {out:?}");
        }
        let (_, out) = run_on_terminal(&with(&["--pictures", "never"]), &[kitty]).await;
        assert!(nowhere(&out), "{verb}: {out:?}");
        let (_, out) = run_on_terminal(&with(&["--json"]), &[kitty]).await;
        assert!(nowhere(&out), "{verb}: {out:?}");
        // A pipe gets no picture, whatever the terminal is.
        let (_, out, _) = run(with(&[]).env("TERM", "xterm-kitty")).await;
        assert!(!out.contains('\u{1b}'), "{verb}: {out:?}");
    }
    // More than 20 images are a table without pictures.
    let many = store_of(&["photo.png"; 21]).await;
    let (_, out) = run_on_terminal(burrow(many.path()).arg("ls"), &[kitty]).await;
    assert!(!out.contains(KITTY) && out.matches("photo.png").count() == 21, "{out:?}");
    let (_, out) = run_on_terminal(burrow(many.path()).args(["ls", "-n", "20"]), &[kitty]).await;
    assert_eq!(out.matches(KITTY).count(), 20);
}
