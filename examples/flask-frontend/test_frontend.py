"""Tests of the front end over real HTTP. BURROW_URL must lead to a Burrow with an empty store that allows the private
network: BURROW_ALLOW_PRIVATE_NETWORK=true burrow --store EMPTY_DIRECTORY serve
"""

import hashlib
import json
import logging
import os
import struct
import sys
import threading
import time
import unittest
import zlib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPMessage, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import quote, urlencode, urlsplit

from werkzeug.serving import make_server

if "BURROW_URL" not in os.environ:
    sys.exit("BURROW_URL is not set: the tests would add images to a store in use.")
os.environ["BURROW_TOKEN"] = "secret"

import app as front_end

logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # It would log each request.
BURROW = front_end.app.config["BURROW_URL"]
MIB = 1024 * 1024
NO_IMAGE = "01890000-0000-7000-8000-000000000000"


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def http(
    url: str, path: str, method: str = "GET", body: str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Sends a request with the path as it is, and follows no redirect."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Page(HTMLParser):
    """What a browser makes of a page: elements, and text."""

    def __init__(self, answer: Answer):
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(" ".join([tag, *(name for name, _ in attrs)]))
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


class Origin(ThreadingHTTPServer):
    """Where images come from; it can also stand in for Burrow."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), OriginHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, tuple[int, int | None, Callable[[], Iterator[bytes]]]] = {}
        self.authorization: str | None = None

    def serve(self, path: str, body: bytes, status: int = 200, length: int | None = None) -> str:
        return self.serve_pieces(path, lambda: iter([body]), status, length)

    def serve_pieces(
        self, path: str, pieces: Callable[[], Iterator[bytes]], status: int = 200, length: int | None = None
    ) -> str:
        self.answers[path] = (status, length, pieces)
        return self.url + path


class OriginHandler(BaseHTTPRequestHandler):
    server: Origin

    def do_GET(self) -> None:
        self.server.authorization = self.headers["Authorization"]
        status, length, pieces = self.server.answers.get(urlsplit(self.path).path, (404, 0, lambda: iter([])))
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        for piece in pieces():
            self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def png(red: int) -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(bytes([0, red, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def noisy_bitmap(mib: int) -> Iterator[bytes]:
    """A bitmap of noise in two bits of each byte: it can be packed, but no part of it easily."""
    yield b"BM" + struct.pack("<IHHI", 54 + mib * MIB, 0, 0, 54)
    yield struct.pack("<IiiHHIIiiII", 40, 1024, mib * 256, 1, 32, 0, mib * MIB, 0, 0, 0, 0)
    two_bits = bytes(range(4)) * 64
    for _ in range(mib):
        yield os.urandom(MIB).translate(two_bits)


class FrontEnd(unittest.TestCase):
    origin: Origin
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.origin = Origin()
        server = make_server("127.0.0.1", 0, front_end.app, threaded=False)  # One page at a time: none may wait.
        cls.url = f"http://127.0.0.1:{server.server_port}"
        for each in (cls.origin, server):
            threading.Thread(target=each.serve_forever, daemon=True).start()
            cls.addClassCleanup(each.server_close)
            cls.addClassCleanup(each.shutdown)

    def get(self, path: str, status: int = 200, **headers: str) -> Answer:
        answer = http(self.url, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        self.assertEqual(answer.status, status, f"{path}: {answer.body[:2000]!r}")
        return answer

    def post(self, url: str, name: str = "", tags: str = "", **headers: str) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return http(self.url, "/upload", "POST", urlencode({"url": url, "name": name, "tags": tags}), headers)

    def upload(self, url: str, name: str = "", tags: str = "") -> str:
        """Sends the form; the id of the image whose page it leads to."""
        answer = self.post(url, name, tags)
        self.assertEqual(answer.status, 303, answer.text)
        path, _, id = answer.headers["Location"].rpartition("/")
        self.assertEqual(path, "/images")
        return id

    def record(self, id: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(http(BURROW, f"/images/{id}").body)
        return record

    def record_when(self, id: str, statuses: set[str]) -> dict[str, Any]:
        deadline = time.monotonic() + 300
        while (record := self.record(id))["status"] not in statuses:
            self.assertLess(time.monotonic(), deadline, f"still not {statuses}: {record}")
            time.sleep(0.02)
        return record

    def finished(self, id: str) -> dict[str, Any]:
        return self.record_when(id, {"ready", "failed"})

    def assert_no_page_waits(self, unfinished: str, name: str) -> None:
        """Every page answers while the image `unfinished` is being stored."""
        other = self.upload(self.origin.serve("/other.png", png(1)), f"beside {name}")
        self.finished(other)
        self.assertIn(f"/images/{unfinished}", self.get("/").text)
        its_pages = (f"/images/{unfinished}", f"/image/{quote(name)}")
        others = (f"/images/{other}", f"/images/{other}/thumbnail", f"/images/{other}/content", "/upload", "/")
        for path in (*its_pages, *others):
            answer = self.get(path)
            status = self.record(unfinished)["status"]
            self.assertIn(status, ("pending", "storing"), f"{name} was finished before {path} had answered")
            self.assertEqual(b'http-equiv="refresh"' in answer.body, path in its_pages)
        self.get(f"/images/{unfinished}/content", 409)

    def test_an_uploaded_image_is_on_the_pages_and_comes_back_whole(self) -> None:
        original = b"".join(noisy_bitmap(1))
        url = self.origin.serve("/otter.bmp", original)
        self.finished(self.upload(self.origin.url + "/nowhere.png"))  # Is listed, but not stored.
        before = json.loads(http(BURROW, "/stats").body)["images"]
        id = self.upload(url, "otter.bmp", "river, at dawn,,")
        record = self.finished(id)
        self.assertEqual((record["name"], record["tags"], record["url"]), ("otter.bmp", ["river", "at dawn"], url))

        home = self.get("/")
        self.assertIn(f'<a href="/images/{id}">', home.text)
        self.assertIn(f'<img src="/images/{id}/thumbnail"', home.text)
        texts = Page(home).texts
        self.assertEqual(texts[texts.index("Stored") + 1], str(before + 1))
        self.assertIn(record["updated"], [value for _, value in Page(home).attributes])

        for path in (f"/images/{id}", "/image/otter.bmp"):
            texts = Page(self.get(path)).texts
            facts = {"Status": "ready", "Size": "1.0 MB", "Pixels": "1024 × 256", "SHA-256": record["sha256"]}
            saved = f"{1 - record['stored_size'] / record['size']:.0%}"
            for fact, value in {**facts, "Saved": saved, "From": url, "Tags": "river"}.items():
                self.assertEqual(texts[texts.index(fact) + 1], value, fact)

        content = self.get(f"/images/{id}/content")
        self.assertEqual(content.body, original)
        self.assertEqual(content.headers["Content-Type"], "image/bmp")
        self.assertEqual(content.headers["Content-Length"], str(len(original)))
        packed = self.get(f"/images/{id}/content", Accept_Encoding="gzip")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(zlib.decompress(packed.body, 31), original)
        part = self.get(f"/images/{id}/content", 206, Range="bytes=2-9")
        self.assertEqual(part.body, original[2:10])

    def test_a_slow_compression_blocks_no_page(self) -> None:
        mib = min(240, 32 * (os.cpu_count() or 1))  # Seconds of work for all cores; Burrow takes up to 256.
        sent = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for piece in noisy_bitmap(mib):
                sent.update(piece)
                yield piece

        id = self.upload(self.origin.serve_pieces("/big.bmp", pieces), "big.bmp")
        self.record_when(id, {"storing", "ready", "failed"})
        self.assert_no_page_waits(id, "big.bmp")
        record = self.finished(id)
        self.assertEqual((record["status"], record.get("sha256")), ("ready", sent.hexdigest()), record)
        self.assertLess(record["stored_size"], record["size"] / 2)

    def test_an_origin_that_hangs_blocks_no_page(self) -> None:
        gate = threading.Event()
        self.addCleanup(gate.set)

        def pieces() -> Iterator[bytes]:
            gate.wait()
            yield png(2)

        id = self.upload(self.origin.serve_pieces("/hangs.png", pieces), "hangs.png")
        self.record_when(id, {"storing", "ready", "failed"})
        self.assert_no_page_waits(id, "hangs.png")
        gate.set()
        self.assertEqual(self.finished(id)["status"], "ready")

    def test_why_an_image_failed_is_shown(self) -> None:
        text = self.origin.serve("/page.html", b"<title>No image</title>")
        for name, url in (("is not there", f"{self.origin.url}/nowhere.png"), ("is no image", text)):
            with self.subTest(name):
                id = self.upload(url, name)
                record = self.finished(id)
                self.assertEqual(record["status"], "failed")
                for path in ("/", f"/images/{id}", f"/image/{quote(name)}"):
                    page = self.get(path)
                    self.assertIn(record["error"], Page(page).texts)
                    self.assertNotIn('http-equiv="refresh"', page.text)

    def test_names_are_text(self) -> None:
        image = self.origin.serve("/name.png", png(3))
        plain = self.upload(image, "plain", "plain")
        self.finished(plain)
        elements = Page(self.get(f"/images/{plain}")).elements
        names = [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "' onmouseover='alert(1)",
            "{{ 7 * 7 }}",
            "&lt;b&gt;",
            "a/b//c/../d.png",
            "/from the root",
            "ends with/",
            "what? #1 100% %2F",
            "back\\slash",
            "invoice\u202egnp.exe",
            "שלום",
            "🦦🦫.png",
            "o" * 255,
            "é" * 127,
        ]
        for name in [*names, ".", ".."]:
            with self.subTest(name):
                id = self.upload(image, name, name[:16])
                self.assertEqual(self.finished(id)["status"], "ready")
                self.assertIn(name, Page(self.get("/")).texts)
                page = self.get(f"/images/{id}")
                self.assertIn(name, Page(page).texts)
                self.assertIn(name[:16], Page(page).texts)
                if name in names:  # Browsers take "." and ".." for directories: no path can have them.
                    self.assertIn(f'<a href="/image/{quote(name, safe="")}">', page.text)
                    self.assertEqual(Page(page).elements, elements)
                    failed = self.upload(self.origin.url + "/nowhere.png", name)  # What was there goes on being shown.
                    self.assertEqual(self.finished(failed)["status"], "failed")
                for path in {"/image/" + quote(name, safe=""), "/image/" + quote(name)}:
                    self.assertIn(f'href="/images/{id}/content"', self.get(path).text)

    def test_without_a_name_the_address_gives_one(self) -> None:
        id = self.upload(self.origin.serve("/stoat.png", png(4)))
        self.finished(id)
        self.assertIn("stoat.png", Page(self.get(f"/images/{id}")).texts)

    def test_what_burrow_refuses_is_told_and_the_form_stays_filled_in(self) -> None:
        image = self.origin.serve("/refused.png", png(5))
        long = "long" * 125
        for url, name, tags, field, why in (
            ("ftp://example.com/cat.png", "cat", "a, b", "url", "only http and https are fetched"),
            ('rub"><b>bish', "cat", "a, b", "url", "not a URL"),
            ("", "cat", "a, b", "url", "not a URL"),
            (image, long, "a, b", "name", "at most 255 bytes are allowed; there are 500"),
            (image, "cat", f"a, {long}", "tags", "at most 64 bytes"),
        ):
            with self.subTest(why):
                answer = self.post(url, name, tags)
                self.assertEqual(answer.status, 422)
                page = Page(answer)
                self.assertIn(why, " ".join(page.texts))
                filled_in = [value for attribute, value in page.attributes if attribute == "value"]
                self.assertEqual(filled_in, [url, name, tags])
                self.assertNotIn("b", page.elements)
                self.assertRegex(answer.text, f'<input id="{field}" [^>]* aria-invalid="true"')
                self.assertEqual(answer.text.count("aria-invalid"), 1)

    def test_what_is_not_there_is_told(self) -> None:
        for path, status, why in (
            (f"/images/{NO_IMAGE}", 404, "no such image"),
            (f"/images/{NO_IMAGE}/content", 404, "no such image"),
            (f"/images/{NO_IMAGE}/thumbnail", 404, "no such image"),
            ("/image/nobody", 404, "no such image"),
            ("/image/" + "o" * 500, 422, "at most 255 bytes are allowed; there are 500"),
            ("/image/%FF", 404, "no such image"),
            ("/nowhere", 404, "not found"),
        ):
            with self.subTest(path):
                page = Page(self.get(path, status))
                self.assertIn(why, " ".join(page.texts))
                self.assertIn(("href", "/upload"), page.attributes)
        self.assertIn("GET", http(self.url, "/", "POST").headers["Allow"])

    def test_pages_of_other_sites_add_nothing(self) -> None:
        image = self.origin.serve("/other-site.png", png(6))
        for origin in ("https://other.example", "null"):
            answer = self.post(image, "from another site", Origin=origin)
            self.assertEqual(answer.status, 403)
        self.get("/image/" + quote("from another site"), 404)
        self.assertEqual(self.post(image, "from this site", Origin=self.url).status, 303)

    def test_pages_run_no_scripts_and_ask_nobody_else(self) -> None:
        policy = (
            "default-src 'none'; img-src 'self'; style-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        for path, status in (("/", 200), ("/upload", 200), ("/nowhere", 404), ("/static/style.css", 200)):
            headers = self.get(path, status).headers
            self.assertEqual(headers["Content-Security-Policy"], policy)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_pictures_keep_what_burrow_says_of_them(self) -> None:
        drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
        id = self.upload(self.origin.serve("/drawing.svg", drawing))
        self.finished(id)
        for path in (f"/images/{id}/content", f"/images/{id}/thumbnail"):
            ours, burrows = self.get(path), http(BURROW, path)
            self.assertEqual(ours.body, drawing)
            for name in ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "ETag", "Cache-Control"):
                self.assertIsNotNone(ours.headers[name], name)
                self.assertEqual(ours.headers[name], burrows.headers[name])
            head = http(self.url, path, "HEAD")
            self.assertEqual((head.status, head.headers["Content-Length"]), (200, str(len(drawing))))
            again = self.get(path, 304, If_None_Match=ours.headers["ETag"])
            self.assertEqual((again.body, again.headers["ETag"]), (b"", ours.headers["ETag"]))
            burrows = http(BURROW, path, headers={"If-None-Match": ours.headers["ETag"]})
            for name in ("Content-Security-Policy", "Cache-Control"):  # They replace those of the stored answer.
                self.assertEqual(again.headers[name], burrows.headers[name])
        self.assertEqual(self.get(f"/images/{id}/content?download").headers["Content-Disposition"][:10], "attachment")

    def test_burrow_may_be_down(self) -> None:
        closed = ThreadingHTTPServer(("127.0.0.1", 0), OriginHandler)
        closed.server_close()
        address = f"http://127.0.0.1:{closed.server_port}"
        sentence = "Burrow, which keeps the images, does not answer"
        with mock.patch.dict(front_end.app.config, BURROW_URL=address), self.assertLogs(front_end.app.logger) as logs:
            for path in ("/", "/image/cat.png", f"/images/{NO_IMAGE}/content"):
                self.assertIn(sentence, self.get(path, 503).text)
            answer = self.post("https://example.com/cat.png", "cat")
            self.assertEqual(answer.status, 503)
            self.assertIn(sentence, answer.text)
            self.assertIn('value="https://example.com/cat.png"', answer.text)
            self.get("/upload")
        self.assertEqual(len(logs.output), 4)
        self.get("/")

    def test_burrow_may_answer_anything(self) -> None:
        problem = b'{"type": "/problems/x", "title": "x", "status": 0, "detail": "<b>all</b> is lost"}'
        with mock.patch.dict(front_end.app.config, BURROW_URL=self.origin.url):
            for status, body, passed_on, why in (
                (500, problem, 502, "<b>all</b> is lost"),
                (503, problem, 503, "<b>all</b> is lost"),
                (401, problem, 502, "<b>all</b> is lost"),
                (403, problem, 403, "<b>all</b> is lost"),
                (500, b"", 502, "Burrow answered 500 and did not say why."),
                (404, b"[]", 404, "Burrow answered 404 and did not say why."),
                (200, b"<!doctype html>", 502, "The answer could not be read."),
            ):
                with self.subTest(status=status, body=body):
                    self.origin.serve("/images", body, status=status)
                    page = Page(self.get("/", passed_on))
                    self.assertIn(why, " ".join(page.texts))
                    self.assertNotIn("b", page.elements)

    def test_a_picture_that_breaks_off_is_not_passed_on_as_whole(self) -> None:
        path = f"/images/{NO_IMAGE}/content"
        self.origin.serve(path, png(7)[:20], length=len(png(7)))
        with mock.patch.dict(front_end.app.config, BURROW_URL=self.origin.url), self.assertRaises(IncompleteRead):
            self.get(path)

    def test_an_empty_store_says_so(self) -> None:
        self.origin.serve("/images", b'{"images": [], "next": null}')
        self.origin.serve("/basic_stats", b'{"images": [], "num_images": 0, "last_uploaded": null}')
        with mock.patch.dict(front_end.app.config, BURROW_URL=self.origin.url):
            texts = Page(self.get("/")).texts
        self.assertEqual(texts[texts.index("Last uploaded") + 1], "never")
        self.assertIn("There are no images yet.", texts)

    def test_the_token_is_sent(self) -> None:
        with mock.patch.dict(front_end.app.config, BURROW_URL=self.origin.url):
            self.get(f"/images/{NO_IMAGE}", 404)
        self.assertEqual(self.origin.authorization, "Bearer secret")


if __name__ == "__main__":
    unittest.main(verbosity=2)
