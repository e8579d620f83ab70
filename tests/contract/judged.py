"""Runs REDbot over every kind of resource of a server: python judged.py URL TOKEN.

REDbot asks for each resource in several ways (conditions, ranges, gzip), and judges the answers by HTTP's rules. What it
calls bad or a warning is a failure, unless it is expected below with its reason."""

import configparser
import json
import pathlib
import sys
import urllib.request

import thor
from httplint.note import levels
from redbot.resource import HttpResource

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures" / "images"

# Notes that are no faults here, by their class, and why.
EXPECTED = {
    "STORE_PUBLIC_UNNECESSARY": "it lets shared caches keep what was asked for with a token that it does not need",
    "FRESHNESS_NO_CACHE_NO_VALIDATOR": "an archive is made for its request",
    "VARY_COMPLEX": "a page differs by form, language, reader and coding, and is made for each reader",
    "CONTENT_TYPE_MISMATCH": "REDbot takes a BMP for a GIF",
}


TOKEN = [("Authorization", f"Bearer {sys.argv[2]}")]


def store(base, name):
    url = f"{base}/images?name={name}"
    body = (FIXTURES / name).read_bytes()
    headers = {"Content-Type": "application/octet-stream", **dict(TOKEN)}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return json.load(answer)["id"]


def judge(asked):
    """Checks resources, each a URL and an Accept; returns the notes on each: of its answer, and of those to REDbot's
    further requests."""
    config = configparser.ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    resources, left = {}, set(asked)

    def check(url, accept):
        resource = HttpResource(config["redbot"])
        resource.set_request(url, headers=[("Accept", accept), *TOKEN])

        def done():
            left.discard((url, accept))
            if not left:
                thor.stop()

        resource.on("check_done", done)
        resource.check()
        resources[url, accept] = resource

    for url, accept in asked:
        check(url, accept)
    thor.run()
    notes = lambda resource: [note for answer in (resource, *resource.subreqs.values()) for note in answer.response.notes]
    return {key: notes(resource) for key, resource in resources.items()}


def main():
    base = sys.argv[1].rstrip("/")
    photo, text, drawing = (store(base, name) for name in ("photo.jpg", "photo.bmp", "drawing.svg"))
    paths = [
        "/", "/stats", "/problems/limit", "/assets/style.css", "/assets/gallery.js", "/assets/icon.svg",
        "/images", "/images?limit=1", "/tags", "/openapi.json", "/healthz", "/basic_stats", f"/images/{photo}",
        f"/images/{photo}/content", f"/images/{text}/content", f"/images/{drawing}/content",
        f"/images/{photo}/thumbnail?w=320", f"/images/{text}/thumbnail?w=160", "/images/by-name/photo.jpg",
        "/images/by-name/photo.jpg/content", "/image/photo.jpg", f"/archive?id={photo}", "/nothing",
    ]
    faults = 0
    asked = [(base + path, accept) for path in paths for accept in ("text/html", "*/*")]
    for (url, accept), notes in judge(asked).items():
        for note in notes:
            kind = type(note).__name__
            if note.level in (levels.BAD, levels.WARN) and kind not in EXPECTED:
                faults += 1
                print(f"{url} (Accept: {accept}): {note.level.value}: {kind}: {note.summary}")
    print(f"REDbot found {faults} faults in {len(paths)} resources")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
