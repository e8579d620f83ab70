"""Has Burrow keep the images of a list of URLs, and reads them back.

    python keep.py list.txt directory/

BURROW_URL is Burrow's address (http://127.0.0.1:3000), BURROW_TOKEN a token if it needs one.
"""

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import requests

BURROW = os.environ.get("BURROW_URL", "http://127.0.0.1:3000").rstrip("/")
TIMEOUT = (3, 60)  # Seconds to connect, and to wait for bytes.

session = requests.Session()
if token := os.environ.get("BURROW_TOKEN"):
    session.headers["Authorization"] = f"Bearer {token}"


def ask(method: str, path: str, **options: Any) -> requests.Response:
    """Sends a request; raises an error with Burrow's own words unless it succeeds."""
    answer = session.request(method, BURROW + path, timeout=TIMEOUT, **options)
    if not answer.ok:
        raise SystemExit(f"{method} {path}: {answer.json().get('detail', answer.reason)}")
    return answer


def add(url: str) -> str:
    """Records a job for the URL. Burrow does it even if this program dies. Returns the image's id."""
    # Sent again with the same key, the request gives the same image.
    key = hashlib.sha256(url.encode()).hexdigest()
    return ask("POST", "/images", json={"url": url}, headers={"Idempotency-Key": f'"{key}"'}).json()["id"]


def wait(image_id: str) -> dict[str, Any]:
    """Waits until the job has ended. Returns the image."""
    while (image := ask("GET", f"/images/{image_id}").json())["status"] not in ("ready", "failed"):
        time.sleep(0.5)
    return image


def read(image: dict[str, Any], directory: Path) -> Path:
    """Writes the original bytes to a file named after the image's id, piece by piece, and checks their digest."""
    path, digest = directory / image["id"], hashlib.sha256()
    with ask("GET", image["content"], stream=True) as answer, path.open("wb") as file:
        for piece in answer.iter_content(65536):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != image["sha256"]:
        raise SystemExit(f"{path} is not what Burrow stored")
    return path


def main() -> int:
    urls, directory = Path(sys.argv[1]).read_text().split(), Path(sys.argv[2])
    directory.mkdir(exist_ok=True)
    failed = 0
    # All jobs are recorded before the first is waited for: Burrow does many at once.
    for image in map(wait, [add(url) for url in urls]):
        if image["status"] == "failed":
            failed += 1
            print(f"failed  {image['url']}: {image['error']}")
        else:
            print(f"ready   {image['url']}: {read(image, directory)}, {image['size']} bytes")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
