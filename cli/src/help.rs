//! Texts at the end of `--help`: examples of each verb, and the exit codes.

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  all went well
    1  something did not, and standard error says what
    2  invalid arguments or configuration
  130  SIGINT interrupted it
  143  SIGTERM interrupted it

`burrow VERB --help` has examples of each verb.";

pub(crate) const SERVE: &str = "\
Examples:
  burrow serve
  burrow serve --listen 0.0.0.0:8080 --store /srv/images";

pub(crate) const ADD: &str = "\
Examples:
  burrow add https://example.com/otter.png --name lutra.png
  burrow add https://i.example.com/otter.png --referrer https://example.com/otters
  burrow add https://example.com/otter.png https://example.com/beaver.jpg --tag rodents
  burrow add --watch ~/Pictures/Screenshots --tag screenshots";

pub(crate) const LS: &str = "\
Examples:
  burrow ls -n 20
  burrow ls --tag rodents --tag river --search otter
  burrow ls --host commons.wikimedia.org --type png --since 2026-11-01
  burrow ls --status failed --json | jq -r .url";

pub(crate) const SHOW: &str = "\
Examples:
  burrow show otter.png beaver.jpg
  burrow show otter.png --json | jq -r .sha256";

pub(crate) const SIMILAR: &str = "\
Examples:
  burrow similar otter.png
  burrow similar --all --json | jq -r '.images[].id'";

pub(crate) const GET: &str = "\
Examples:
  burrow get otter.png
  burrow get otter.png -o copy.png
  burrow get otter.png beaver.jpg -o pictures/
  burrow get otter.png -o - | sha256sum";

pub(crate) const TAG: &str = "\
Examples:
  burrow tag otter.png beaver.jpg --add river
  burrow tag otter.png --add adult --remove young";

pub(crate) const TAGS: &str = "\
Examples:
  burrow tags
  burrow tags riv --json
  burrow tags rename rodents Rodentia";

pub(crate) const TAGS_RENAME: &str = "\
Example:
  burrow tags rename rodents Rodentia";

pub(crate) const RENAME: &str = "\
Example:
  burrow rename otter.png lutra.png";

pub(crate) const RM: &str = "\
Examples:
  burrow rm otter.png beaver.jpg
  burrow ls --tag draft --json | jq -r .id | xargs burrow rm";

pub(crate) const RETRY: &str = "\
Examples:
  burrow retry otter.png
  burrow retry otter.png --referrer https://example.com/otters
  burrow retry --all";

pub(crate) const REPACK: &str = "\
Examples:
  burrow repack
  burrow repack --tag holidays --compression small";

pub(crate) const EXPLAIN: &str = "\
Examples:
  burrow explain ~/Pictures/*.jpg
  burrow explain --json scan.tiff | jq .policies.small";

pub(crate) const STATS: &str = "\
Examples:
  burrow stats
  burrow stats --json | jq .stored_bytes";

pub(crate) const VERIFY: &str = "\
Examples:
  burrow verify
  burrow verify --repair
  burrow --store redis://localhost verify --repair --alone";

pub(crate) const EXPORT: &str = "\
Examples:
  burrow export vault.tar
  burrow export more.tar --since vault.tar
  burrow export - | zstd > vault.tar.zst";

pub(crate) const IMPORT: &str = "\
Examples:
  burrow import vault.tar more.tar
  zstd -dc vault.tar.zst | burrow import -";

pub(crate) const CONFIG: &str = "\
Example:
  burrow config show

The file is burrow/config.toml in $XDG_CONFIG_HOME or ~/.config. Its keys are the flags' names with _ for -; the flags
of a verb are in a table named after the verb:

  store = \"/srv/images\"
  max_image_bytes = 50000000

  [serve]
  listen = \"0.0.0.0:8080\"

Flags override the environment, and the environment overrides the file.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  burrow completions bash > ~/.local/share/bash-completion/completions/burrow
  burrow completions zsh > ~/.zfunc/_burrow     # with ~/.zfunc in fpath
  burrow completions fish > ~/.config/fish/completions/burrow.fish";

pub(crate) const MAN: &str = "\
Examples:
  burrow man | man -l -
  burrow man ls | man -l -
  burrow man --dir ~/.local/share/man/man1";
