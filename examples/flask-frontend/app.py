"""The pages of an image store. The store is Burrow: it downloads images, compresses them and keeps them."""

import os
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import requests
from flask import Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.routing import BaseConverter

TIMEOUT = (3, 20)  # Seconds to connect, and to wait for bytes.
CSP = (
    "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Headers passed on with a picture: of the browser's request, and of Burrow's answer.
ASKED = ("Accept", "Accept-Encoding", "If-None-Match", "If-Modified-Since", "If-Range", "Range")
TOLD = (
    "Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Range",
    "Content-Security-Policy", "Content-Type", "ETag", "Last-Modified", "Vary", "X-Content-Type-Options",
)  # fmt: skip


class Refused(HTTPException):
    """Burrow did not do what it was asked."""

    def __init__(self, status: int, why: str, field: str | None = None):
        super().__init__(why)
        self.code, self.field = status, field


class Name(BaseConverter):
    """A name in a path: all that follows, slashes too."""

    regex = ".+"
    part_isolating = False

    def to_url(self, value: str) -> str:
        return quote(value, safe="")


app = Flask(__name__)
app.config["BURROW_URL"] = os.environ.get("BURROW_URL", "http://127.0.0.1:3000").rstrip("/")
app.config["MAX_CONTENT_LENGTH"] = 65536
app.url_map.converters["name"] = Name
session = requests.Session()
session.trust_env = False  # No proxy on the way to Burrow, and no password of ~/.netrc in place of the token.
if token := os.environ.get("BURROW_TOKEN"):
    session.headers["Authorization"] = f"Bearer {token}"


def send(method: str, path: str, **options: Any) -> requests.Response:
    """Sends a request to Burrow; raises `Refused` unless it succeeds."""
    url = app.config["BURROW_URL"] + path
    try:
        answer = session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **options)
    except requests.RequestException as error:
        app.logger.warning("Burrow does not answer: %s", error)
        raise Refused(503, "Burrow, which keeps the images, does not answer. Please try again in a moment.") from error
    if answer.status_code < 400:
        return answer
    status = 502 if answer.status_code in (401, 500) else answer.status_code  # 401: the token is ours, not the user's.
    try:
        problem = answer.json()
        raise Refused(status, problem["detail"], problem.get("field"))
    except (requests.RequestException, LookupError, TypeError) as error:
        raise Refused(status, f"Burrow answered {answer.status_code} and did not say why.") from error


def ask(method: str, path: str, **options: Any) -> Any:
    """Sends a request to Burrow, and reads the JSON of its answer."""
    try:
        return send(method, path, **options).json()
    except requests.JSONDecodeError as error:
        raise Refused(502, "The answer could not be read. Is BURROW_URL the address of Burrow?") from error


@app.get("/")
def home() -> str:
    images = ask("GET", "/images", params={"limit": 48})["images"]
    return render_template("home.html", stats=ask("GET", "/basic_stats"), images=images)


@app.route("/upload", methods=["GET", "POST"])
def upload() -> ResponseReturnValue:
    if request.method != "POST":
        return render_template("upload.html")
    if urlsplit(request.headers.get("Origin", request.host_url)).netloc != request.host:
        raise Forbidden("A page of another site may not add images.")
    form = request.form
    tags = [tag.strip() for tag in form.get("tags", "").split(",") if tag.strip()]
    try:
        added = ask("POST", "/upload", json={"url": form.get("url", ""), "name": form.get("name"), "tags": tags})
    except Refused as refused:
        return Response(render_template("upload.html", refused=refused), refused.code)
    return redirect(url_for("image", id=added["id"]), 303)


@app.get("/images/<uuid:id>")
def image(id: UUID) -> str:
    return render_template("image.html", image=ask("GET", f"/images/{id}"))


@app.get("/image/<name:name>")
def image_by_name(name: str) -> str:
    """The newest image of this name that is ready; if there is none, the newest that is not."""
    try:
        image = ask("GET", f"/images/by-name/{quote(name, safe='')}")
    except Refused as refused:
        if refused.code != 404:
            raise
        listed = ask("GET", "/images", params={"q": name, "limit": 1000})["images"]
        image = next((image for image in listed if image["name"] == name), None)
        if image is None:
            raise
    return render_template("image.html", image=image)


@app.get("/images/<uuid:id>/<any(content, thumbnail):part>")
def picture(id: UUID, part: str) -> Response:
    """Passes on bytes as they come from Burrow, which browsers may not be able to reach."""
    headers = {name: request.headers.get(name) for name in ASKED}
    answer = send(request.method, f"/images/{id}/{part}", headers=headers, params=request.args, stream=True)
    told = {name: answer.headers[name] for name in TOLD if name in answer.headers}
    response = Response(answer.raw.stream(65536, decode_content=False), answer.status_code, told)
    response.call_on_close(answer.close)
    return response


@app.errorhandler(HTTPException)
def problem(error: HTTPException) -> Response:
    return Response(render_template("problem.html", error=error), error.code, error.get_headers())


@app.after_request
def protect(response: Response) -> Response:
    if response.status_code != 304:  # What came with the stored answer goes on holding.
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-cache")
    return response


app.add_template_filter(lambda image: f"{1 - image['stored_size'] / image['size']:.0%}", "saved")
app.add_template_filter(lambda time: f"{datetime.fromisoformat(time):%d %B %Y, %H:%M} UTC", "date")
