"""Hooks of schemathesis for `cargo xtask contract`, for what openapi.json cannot express.

They supply images that exist, URLs that are safe to ask, digests that match, and lengths in bytes. Their choices depend
only on the request that was drawn, so that a run can be repeated."""

import base64
import hashlib
import itertools
import pathlib
import re
import urllib.parse
import zlib

import requests
import schemathesis
import schemathesis.engine.observations as observations
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures" / "images"
TOKEN = {"Authorization": "Bearer contract-write-token"}

# Images of the fixtures, with random bytes after them: Burrow accepts bytes after an image, but not bytes without one.
IMAGES = st.sampled_from([file.read_bytes() for file in sorted(FIXTURES.iterdir())])
schemathesis.openapi.format("binary", st.builds(bytes.__add__, IMAGES, st.binary(max_size=64)))

# Problems with which a request may be refused although it is valid by the schema, and the reasons.
EXCUSED = {
    "/problems/digest": "the digest is that of another body",
    "/problems/forbidden": "the link was not signed by this server",
    "/problems/key-reused": "the key was drawn before, with another request",
    "/problems/not-acceptable": "the request refuses identity",
    "/problems/precondition": "the condition's tag or time does not match",
    "/problems/range": "the range is outside the image",
}

# The images that the run works on, by their use, signed links to two of them, and one to the tag that three have.
there: dict[str, dict] = {}
links: list[str] = []
shared: list[str] = []
base = ""
serial = itertools.count()


def same_origin_path(value, origin, path_of=observations._same_origin_path):
    """As schemathesis has it, which ends the run at a text that begins like a URL and is none."""
    try:
        return path_of(value, origin)
    except ValueError:
        return None


observations._same_origin_path = same_origin_path


def post(path, headers=None, **body):
    answer = requests.post(base + path, headers=TOKEN | (headers or {}), timeout=20, **body)
    answer.raise_for_status()
    return answer.json()


def store(file):
    headers = {"Content-Type": "application/octet-stream"}
    return post(f"/images?name={file}&tag=kept", headers, data=(FIXTURES / file).read_bytes())


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Makes the document as strict as this run allows."""
    # A similar image has a field besides those of an image.
    schemas = raw_schema["components"]["schemas"]
    similar = schemas["SimilarImages"]["properties"]["images"]
    image, more = schemas["Image"], similar["items"]["allOf"][1]["properties"]
    similar["items"] = image | {"properties": image["properties"] | more}
    # The document lets clients expect further fields; this server must not send any.
    for name in ["FirstStats", "FirstUploaded", "Gallery", "Health", "Image", "ImageList", "Link", "Problem", "Resumed"]:
        raw_schema["components"]["schemas"][name]["additionalProperties"] = False
    # This server has tokens, so it answers nobody without one.
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and {} in operation.get("security", []):
                operation["security"].remove({})


@schemathesis.hook
def after_load_schema(context, schema):
    """Stores the images to work on. Restricts random URLs to this server and names that never resolve."""
    global base
    base = schema.config.base_url.rstrip("/")
    # The PNG is stored raw, the BMP as deflate.
    there.update(raw=store("photo.png"), deflate=store("photo.bmp"), changed=store("photo.gif"))
    there["failed"] = post("/images", {"Prefer": "wait=1"}, json={"url": f"{base}/nothing"})
    links.extend(post(f"/images/{there[image]['id']}/links")["path"] for image in ["raw", "deflate"])
    shared.append(post("/tags/kept/links")["path"].split("/")[2])
    # URLs of images, of a text, of nothing, and of a page that needs a token.
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
    """Cuts text to a limit in bytes. Text may be within `maxLength`, which counts characters, and exceed that limit."""
    if not isinstance(text, str) or len(text) > most or any("\x7f" <= char < "\xa0" or char < " " for char in text):
        return text  # It is invalid by the schema, and must stay so.
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
    """Cuts names and tags in bodies, and turns 5.0 into 5: JSON Schema takes 5.0 for an integer, Burrow does not."""
    if isinstance(body, dict):
        for field, value in body.items():
            if field == "name":
                body[field] = cut(value, 255)
            elif field in ["from", "to"]:
                body[field] = cut(value, 64)
            elif field == "tags" and isinstance(value, str):
                body[field] = ",".join(cut(tag, 64) for tag in value.split(","))
            elif field == "tags" and isinstance(value, list):
                body[field] = [cut(tag, 64) for tag in value]
            elif field == "seconds" and isinstance(value, float) and value.is_integer():
                body[field] = int(value)
    return body


def files_last(case):
    """Moves files to the end of the form: a name and tags hold for the files after them."""
    if isinstance(case.body, dict) and "file" in case.body:
        case.body["file"] = case.body.pop("file")


def one_of(case, parts):
    """True for one in `parts` requests; the request decides which."""
    drawn = repr((case.path_parameters, case.query, sorted(case.headers.items()), case.body))
    return zlib.crc32(drawn.encode(errors="surrogatepass")) % parts == 0


@schemathesis.hook
def before_call(context, case, kwargs):
    """Directs requests to images that exist and makes headers match bodies. Leaves parts that are invalid on purpose."""
    if case.meta is None:
        return
    wrong = {location.value for location, part in case.meta.components.items() if part.mode.is_negative}
    operation = case.operation.definition.raw["operationId"]
    # In stateful tests the ids come from answers, and stay.
    if "path" not in wrong and case.meta.phase.name.value != "stateful":
        lead(case, operation, always=bool(wrong))
    if "query" not in wrong and operation == "getContent":
        sign(case, always=bool(wrong))
    # Only uploads of bytes take a name and tags in the query; Burrow refuses them with other bodies.
    if "query" not in wrong and operation == "addImages" and not holds_bytes(case):
        case.query.clear()
    if operation == "renameTag" and "body" not in wrong and isinstance(case.body, dict):
        rename_to_another(case.body)
    suit(case, operation)
    files_last(case)


def rename_to_another(tags):
    """A tag is not renamed to itself."""
    if tags["from"].strip().casefold() == tags["to"].strip().casefold():
        tags["to"] = f"not {tags['to'].strip()}"[:60]


def holds_bytes(case):
    return (case.media_type or "").startswith(("image/", "application/octet-stream"))


def lead(case, operation, always):
    """Directs the request to an image that allows the operation.

    One request in eight keeps the id that was drawn, which does not exist or came from an answer. A request that is
    invalid on purpose never does: a 404 would hide the check. Changes never get the other images of the run."""
    as_drawn = not always and one_of(case, 8)
    either = there["deflate" if one_of(case, 2) else "raw"]
    if "tag" in case.path_parameters:
        tag = cut(urllib.parse.unquote(case.path_parameters["tag"]), 64)
        case.path_parameters["tag"] = urllib.parse.quote(tag, safe="")
    if "link" in case.path_parameters and not as_drawn:
        case.path_parameters["link"] = shared[0]
    if "name" in case.path_parameters and not as_drawn:
        case.path_parameters["name"] = either["name"]
    if "id" in case.path_parameters:
        drawn_is_ours = any(case.path_parameters["id"] == image["id"] for image in there.values())
        changes = operation in ["changeImage", "removeImage"]
        if not as_drawn or changes and drawn_is_ours:
            fit = {"changeImage": there["changed"], "retryImage": there["failed"]}.get(operation, either)
            case.path_parameters["id"] = (store("photo.png") if operation == "removeImage" else fit)["id"]


def sign(case, always):
    """Replaces a random link by one that this server signed.

    Burrow refuses a wrong signature before it checks anything else. One request in eight keeps the random link, but no
    request that is invalid on purpose."""
    drawn = {"expires", "key", "signature"} & set(case.query)
    if drawn and (always or not one_of(case, 8)):
        for parameter in drawn:
            del case.query[parameter]
        signed = next((link for link in links if case.path_parameters["id"] in link), "?")
        case.query.update(urllib.parse.parse_qsl(signed.split("?")[1]))


def suit(case, operation):
    """Makes headers match the body and the operation, except a header that is invalid on purpose."""
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
            # Other bodies are not serialized yet, so their digest is not known. A wrong one would hide other faults.
            del case.headers[header]
    if "Idempotency-Key" in case.headers and "Idempotency-Key" not in meant and not one_of(case, 8):
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}{next(serial)}"
    if "Prefer" in case.headers and "Prefer" not in meant and not one_of(case, 8):
        # A name that does not resolve would make the request wait for a second.
        case.headers["Prefer"] = "respond-async"
    # OpenAPI cannot describe the header `Accept`.
    if operation in ["addImages", "getHome", "getNamedImage"]:
        case.headers["Accept"] = "text/html" if one_of(case, 3) else "application/json" if one_of(case, 2) else "*/*"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops failures that are none, for reasons that no schema can express."""
    operation = case.operation.definition.raw["operationId"]
    if isinstance(failure, RejectedPositiveData):
        # Two dates are drawn independently of each other.
        if "until: it must be later than since" in response.text:
            return False
        # Whether an image has failed depends on the requests before.
        if operation == "act" and "no image failed" in response.text:
            return False
        # A random text is never a valid token, so signing in answers 401.
        return kind(response) not in EXCUSED and (operation, response.status_code) != ("signIn", 401)
    if isinstance(failure, AcceptedNegativeData):
        wrong = {location.value for location, part in case.meta.components.items() if part.mode.is_negative}
        mutations = getattr(case.meta.phase.data, "mutations", ())
        # A tag in the path was cut to its limit in bytes.
        if operation == "makeTagLink" and wrong <= {"path"}:
            return False
        # A form of several addresses tells of each that is refused, and adds the others.
        if wrong == {"body"} and operation == "act" and '"failures":[{' in response.text:
            return False
        # A browser's form also sends fields that are empty, so Burrow accepts empty parameters there.
        given = [item for value in case.query.values() for item in (value if isinstance(value, list) else [value])]
        if wrong == {"query"} and operation == "getHome" and "" in given:
            return False
        # In a query every value is text, and `null` or a number may be the name of a host.
        if wrong == {"query"} and re.fullmatch("none|null|true|false|[0-9.e+-]+", str(case.query.get("host", "")).lower()):
            return False
        # In a form every value is text, so a value of another type is valid.
        only_types = mutations and all(mutation.operator == "change_type" for mutation in mutations)
        if wrong == {"body"} and case.media_type == "multipart/form-data" and only_types:
            return False
    return True


def kind(response):
    """The type of the problem that an answer holds, as JSON or as a page; None if it holds no problem."""
    if response.headers.get("content-type") == ["application/problem+json"]:
        return response.json()["type"]
    named = re.search(r'href="(/problems/[a-z-]+)"', response.text)
    return named and named[1]
