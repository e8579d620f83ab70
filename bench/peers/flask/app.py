"""What came before the first design, rebuilt as a peer to measure Burrow with: Flask with threads, its state one pickle
file, and each image downloaded and gzipped within the request.

Two requests at once may each read the pickle, and the later writer then loses the other's image. It was so.

Usage: app.py HOST PORT DIRECTORY
"""

import gzip
import pickle
import sys
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

import requests
from flask import Flask, Response, abort, jsonify, request

app = Flask(__name__)
directory = Path(sys.argv[3])
state = directory / "images.pickle"


def load():
    return pickle.loads(state.read_bytes()) if state.exists() else {}


@app.post("/upload")
def upload():
    sent = request.get_json()
    answer = requests.get(sent["url"], timeout=60)
    answer.raise_for_status()
    file = sha256(sent["name"].encode()).hexdigest()
    (directory / file).write_bytes(gzip.compress(answer.content, 6))
    images = load()
    images[sent["name"]] = {
        "name": sent["name"],
        "url": sent["url"],
        "tags": sent.get("tags", []),
        "type": answer.headers.get("Content-Type"),
        "size": len(answer.content),
        "uploaded": datetime.now(timezone.utc).isoformat(),
        "file": file,
    }
    written = directory / f"{file}.pickle"
    written.write_bytes(pickle.dumps(images))
    written.replace(state)
    return jsonify(status="done")


@app.get("/basic_stats")
def basic_stats():
    images = list(load().values())
    last = images[-1]["uploaded"] if images else None
    return jsonify(num_images=len(images), last_uploaded=last, images=images)


@app.get("/image/<path:name>")
def image(name):
    found = load().get(name) or abort(404)
    return Response(gzip.decompress((directory / found["file"]).read_bytes()), mimetype=found["type"])


if __name__ == "__main__":
    app.run(sys.argv[1], int(sys.argv[2]), threaded=True)
