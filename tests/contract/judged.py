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
EXPECTED: dict[str, str] = {}


def store(base, token, name):
    url = f"{base}/images?name={name}"
    body = (FIXTURES / name).read_bytes()
    headers = {"Content-Type": "application/octet-stream", "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return json.load(answer)["id"]


def notes_of(url, headers):
    """All notes on one resource: of its answer, and of those to REDbot's further requests."""
    config = configparser.ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    resource = HttpResource(config["redbot"])
    resource.set_request(url, headers=headers)

    @thor.events.on(resource)
    def check_done():
        thor.stop()

    resource.check()
    thor.run()
    answers = [resource, *resource.subreqs.values()]
    return [note for answer in answers for note in answer.response.notes]


def main():
    base, token = sys.argv[1].rstrip("/"), sys.argv[2]
    photo, text, drawing = (store(base, token, name) for name in ("photo.jpg", "photo.bmp", "drawing.svg"))
    paths = [
        "/", "/stats", "/problems/limit", "/assets/style.css", "/assets/gallery.js", "/assets/icon.svg",
        "/images", "/images?limit=1", "/openapi.json", "/healthz", "/basic_stats", f"/images/{photo}",
        f"/images/{photo}/content", f"/images/{text}/content", f"/images/{drawing}/content",
        f"/images/{photo}/thumbnail?w=320", f"/images/{text}/thumbnail?w=160", "/images/by-name/photo.jpg",
        "/images/by-name/photo.jpg/content", "/image/photo.jpg", f"/archive?id={photo}", "/nothing",
    ]
    faults = 0
    for path in paths:
        for accept in ("text/html", "*/*"):
            headers = [("Accept", accept), ("Authorization", f"Bearer {token}")]
            for note in notes_of(base + path, headers):
                kind = type(note).__name__
                if note.level in (levels.BAD, levels.WARN) and kind not in EXPECTED:
                    faults += 1
                    print(f"{path} (Accept: {accept}): {note.level.value}: {kind}: {note.summary}")
    print(f"REDbot found {faults} faults in {len(paths)} resources")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
