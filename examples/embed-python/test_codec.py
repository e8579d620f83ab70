"""Tests codec.py: `python -m unittest` in this directory, or `cargo xtask examples`."""

import unittest
from pathlib import Path

from codec import Codec

FIXTURES = Path(__file__).parent / "../../tests/fixtures"


class Pictures(unittest.TestCase):
    codec = Codec()

    def test_pictures_become_smaller_and_come_back(self) -> None:
        for path, codec in (("lepton-1/baseline.jpg", "lepton"), ("images/interlaced.png", "pixels-fast")):
            picture = (FIXTURES / path).read_bytes()
            packed, by = self.codec.pack(picture)
            self.assertEqual(by, codec)
            self.assertLess(len(packed), len(picture))
            self.assertEqual(self.codec.unpack(packed), picture)

    def test_what_is_no_picture_stays_as_it_is(self) -> None:
        packed, by = self.codec.pack(b"no picture")
        self.assertEqual((by, self.codec.unpack(packed)), ("raw", b"no picture"))

    def test_damage_is_an_error(self) -> None:
        packed, _ = self.codec.pack((FIXTURES / "lepton-1/baseline.jpg").read_bytes())
        with self.assertRaisesRegex(ValueError, "corrupt"):
            self.codec.unpack(packed[:-1])


if __name__ == "__main__":
    unittest.main()
