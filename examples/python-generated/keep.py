"""Has Burrow keep the images of some URLs, and reads them back, with a client made from openapi.json.

    python keep.py directory/ https://example.com/otter.png ...

BURROW_URL is Burrow's address (http://127.0.0.1:3000), BURROW_TOKEN a token if it needs one.
"""

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import TypeVar

from burrow_client import AuthenticatedClient, Client
from burrow_client.api.images import add_images, get_content, get_image
from burrow_client.models import Image, NewImage, Problem
from burrow_client.types import UNSET, File

BURROW = os.environ.get("BURROW_URL", "http://127.0.0.1:3000")
T = TypeVar("T")


def client() -> Client | AuthenticatedClient:
    token = os.environ.get("BURROW_TOKEN")
    return AuthenticatedClient(base_url=BURROW, token=token) if token else Client(base_url=BURROW)


def expect(kind: type[T], answer: object) -> T:
    """The answer, if it is of this type; else ends the program with Burrow's own words."""
    if isinstance(answer, Problem):
        raise SystemExit(answer.detail if answer.detail is not UNSET else answer.title)
    if not isinstance(answer, kind):
        raise SystemExit(f"Burrow answered {answer!r}")
    return answer


def main() -> int:
    directory, urls = Path(sys.argv[1]), sys.argv[2:]
    directory.mkdir(exist_ok=True)
    failed = 0
    with client() as burrow:
        # All jobs are recorded before the first is waited for: Burrow does many at once. Sent again with the same key,
        # a request gives the same image.
        keys = (f'"{hashlib.sha256(url.encode()).hexdigest()}"' for url in urls)
        jobs = [
            expect(Image, add_images.sync(client=burrow, body=NewImage(url=url), idempotency_key=key))
            for url, key in zip(urls, keys)
        ]
        for job in jobs:
            while (image := expect(Image, get_image.sync(job.id, client=burrow))).status not in ("ready", "failed"):
                time.sleep(0.5)
            if image.status == "failed":
                failed = 1
                print(f"failed  {image.url}: {image.error}")
                continue
            content = expect(File, get_content.sync(image.id, client=burrow)).payload.read()
            if hashlib.sha256(content).hexdigest() != image.sha256:
                raise SystemExit(f"{image.id} is not what Burrow stored")
            (directory / str(image.id)).write_bytes(content)
            print(f"ready   {image.url}: {directory / str(image.id)}, {image.size} bytes")
    return failed


if __name__ == "__main__":
    sys.exit(main())
