"""What openapi.json cannot say, for the run of `cargo xtask contract`: images that are there, URLs that are safe to ask,
digests that fit, lengths in bytes. What is fed follows from what was drawn, so that a run can be repeated."""

import base64
import hashlib
import itertools
import pathlib
import re
import urllib.parse
import zlib

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures" / "images"
TOKEN = {"Authorization": "Bearer contract-write-token"}

# Other bytes are no image; what follows one is not looked at.
IMAGES = st.sampled_from([file.read_bytes() for file in sorted(FIXTURES.iterdir())])
schemathesis.openapi.format("binary", st.builds(bytes.__add__, IMAGES, st.binary(max_size=64)))

# Why a request that is valid by the schema may be refused: what no schema can say.
EXCUSED = {
    "/problems/digest": "it is that of another body",
    "/problems/forbidden": "the link was not signed here",
    "/problems/key-reused": "it was drawn before, with another request",
    "/problems/not-acceptable": "identity was refused",
    "/problems/precondition": "the tag or time is another",
    "/problems/range": "the image is shorter",
}

# The images that the run works on, by what may be done to them, and signed links to two of them.
there: dict[str, dict] = {}
links: list[str] = []
base = ""
serial = itertools.count()


def post(path, headers=None, **body):
    answer = requests.post(base + path, headers=TOKEN | (headers or {}), timeout=20, **body)
    answer.raise_for_status()
    return answer.json()


def store(file):
    headers = {"Content-Type": "application/octet-stream"}
    return post(f"/images?name={file}&tag=kept", headers, data=(FIXTURES / file).read_bytes())


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Makes the document as strict as this run can be."""
    # Room for later fields is for clients.
    for name in ["FirstStats", "FirstUploaded", "Gallery", "Health", "Image", "ImageList", "Link", "Problem", "Resumed"]:
        raw_schema["components"]["schemas"][name]["additionalProperties"] = False
    # This server has tokens, so nobody is let in without.
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and {} in operation.get("security", []):
                operation["security"].remove({})


@schemathesis.hook
def after_load_schema(context, schema):
    """Stores the images to work on, and makes URLs that ask nobody but this server and names that never resolve."""
    global base
    base = schema.config.base_url.rstrip("/")
    # The first is stored raw, the second as deflate.
    there.update(raw=store("photo.png"), deflate=store("photo.bmp"), changed=store("photo.gif"))
    there["failed"] = post("/images", {"Prefer": "wait=1"}, json={"url": f"{base}/nothing"})
    links.extend(post(f"/images/{there[image]['id']}/links")["path"] for image in ["raw", "deflate"])
    # Images, what is none, what is not there, what needs a token.
    here = st.sampled_from([base + path for path in [*links, "/assets/style.css", "/nothing", "/stats"]])
    word = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
    nowhere = st.builds(
        "{}://{}.{}{}/{}{}".format,
        st.sampled_from(["http", "https", "HTTP"]),
        word,
        st.sampled_from(["example", "invalid"]),
        st.sampled_from(["", ":80", ":8443"]),
        word | st.sampled_from(["", "a/b/", "%C3%BC.png", "a%20b", "%FF"]),
        st.sampled_from(["", "?", "?q=1&r=%26", "#f"]),
    )
    schemathesis.openapi.format("uri", here | nowhere)


def cut(text, most):
    """What `maxLength`, which counts characters, lets through and the limit in bytes does not, cut down to that."""
    if not isinstance(text, str) or len(text) > most or any("\x7f" <= char < "\xa0" or char < " " for char in text):
        return text  # Nothing that is wrong anyway is mended.
    return text.strip().encode(errors="surrogatepass")[:most].decode(errors="ignore") or text


@schemathesis.hook
def map_query(context, query):
    """Cuts names and tags in queries."""
    for field, most in {"name": 255, "q": 255, "tag": 64}.items():
        if query and field in query:
            value = query[field]
            query[field] = [cut(item, most) for item in value] if isinstance(value, list) else cut(value, most)
    return query


@schemathesis.hook
def map_body(context, body):
    """Cuts names and tags in bodies, and writes whole numbers as such: to JSON Schema 5.0 is one, to Burrow not."""
    if isinstance(body, dict):
        for field, value in body.items():
            if field == "name":
                body[field] = cut(value, 255)
            elif field == "tags" and isinstance(value, str):
                body[field] = ",".join(cut(tag, 64) for tag in value.split(","))
            elif field == "tags" and isinstance(value, list):
                body[field] = [cut(tag, 64) for tag in value]
            elif field == "seconds" and isinstance(value, float) and value.is_integer():
                body[field] = int(value)
    return body


def files_last(case):
    """A name and tags hold for the files that follow, so before any file there must be all of them."""
    if isinstance(case.body, dict) and "file" in case.body:
        case.body["file"] = case.body.pop("file")


def one_of(case, parts):
    """True for one of so many requests."""
    drawn = repr((case.path_parameters, case.query, sorted(case.headers.items()), case.body))
    return zlib.crc32(drawn.encode(errors="surrogatepass")) % parts == 0


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leads requests to images that are there, and makes headers fit bodies, wherever nothing wrong was meant."""
    if case.meta is None:
        return
    wrong = {location.value for location, part in case.meta.components.items() if part.mode.is_negative}
    operation = case.operation.definition.raw["operationId"]
    # In stateful tests the ids come from answers.
    if "path" not in wrong and case.meta.phase.name.value != "stateful":
        lead(case, operation, always=bool(wrong))
    if "query" not in wrong and operation == "getContent":
        sign(case, always=bool(wrong))
    # Name and tags in the query are those of bytes, and refused beside other bodies.
    if "query" not in wrong and operation == "addImages" and not holds_bytes(case):
        case.query.clear()
    suit(case, operation)
    files_last(case)


def holds_bytes(case):
    return (case.media_type or "").startswith(("image/", "application/octet-stream"))


def lead(case, operation, always):
    """To an image with which the operation can be done. Now and then, unless a wrong request would hide behind that, what
    was drawn is left: it is not there, or came from an answer. But the images to work on stay as they are."""
    as_drawn = not always and one_of(case, 8)
    either = there["deflate" if one_of(case, 2) else "raw"]
    if "name" in case.path_parameters and not as_drawn:
        case.path_parameters["name"] = either["name"]
    if "id" in case.path_parameters:
        drawn_is_ours = any(case.path_parameters["id"] == image["id"] for image in there.values())
        changes = operation in ["changeImage", "removeImage"]
        if not as_drawn or changes and drawn_is_ours:
            fit = {"changeImage": there["changed"], "retryImage": there["failed"]}.get(operation, either)
            case.path_parameters["id"] = (store("photo.png") if operation == "removeImage" else fit)["id"]


def sign(case, always):
    """A link that was signed here in place of one that was not, which hides all else; now and then it is left."""
    drawn = {"expires", "key", "signature"} & set(case.query)
    if drawn and (always or not one_of(case, 8)):
        for parameter in drawn:
            del case.query[parameter]
        signed = next((link for link in links if case.path_parameters["id"] in link), "?")
        case.query.update(urllib.parse.parse_qsl(signed.split("?")[1]))


def suit(case, operation):
    """The headers to the body, and to what may be answered; but not a header that is meant to be wrong."""
    phase = case.meta.phase.data
    meant = {phase.parameter, *(mutation.parameter for mutation in getattr(phase, "mutations", ()))}
    body = getattr(case.body, "data", case.body)
    for header in ["Content-Digest", "Repr-Digest"]:
        if header not in case.headers or header in meant:
            continue
        if isinstance(body, bytes):
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            case.headers[header] = f"sha-256=:{digest}:"
        elif not one_of(case, 8):
            # How other bodies are written is not known yet, and a wrong digest would hide what else is wrong.
            del case.headers[header]
    if "Idempotency-Key" in case.headers and "Idempotency-Key" not in meant and not one_of(case, 8):
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}{next(serial)}"
    if "Prefer" in case.headers and "Prefer" not in meant and not one_of(case, 8):
        # Waiting takes a second where a name does not resolve.
        case.headers["Prefer"] = "respond-async"
    # OpenAPI has no way to say `Accept`.
    if operation in ["addImages", "getHome", "getNamedImage"]:
        case.headers["Accept"] = "text/html" if one_of(case, 3) else "application/json" if one_of(case, 2) else "*/*"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Passes over what is no failure, for reasons that no schema can say."""
    operation = case.operation.definition.raw["operationId"]
    if isinstance(failure, RejectedPositiveData):
        # Of what is made up nothing is a token.
        return kind(response) not in EXCUSED and (operation, response.status_code) != ("signIn", 401)
    if isinstance(failure, AcceptedNegativeData):
        wrong = {location.value for location, part in case.meta.components.items() if part.mode.is_negative}
        mutations = getattr(case.meta.phase.data, "mutations", ())
        # A form sends what is not filled in too.
        given = [item for value in case.query.values() for item in (value if isinstance(value, list) else [value])]
        if wrong == {"query"} and operation == "getHome" and "" in given:
            return False
        # Everything in a form is text, a number too.
        only_types = mutations and all(mutation.operator == "change_type" for mutation in mutations)
        if wrong == {"body"} and case.media_type == "multipart/form-data" and only_types:
            return False
    return True


def kind(response):
    """The kind of a failure, from the problem or from the page about it; None if it is neither."""
    if response.headers.get("content-type") == ["application/problem+json"]:
        return response.json()["type"]
    named = re.search(r'href="(/problems/[a-z-]+)"', response.text)
    return named and named[1]
