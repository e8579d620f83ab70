"""Makes pictures smaller without loss, and restores them, by Burrow's codecs inside this process.

    python codec.py pack photo.jpg photo.jpg.brw
    python codec.py unpack photo.jpg.brw photo.jpg

BURROW_CODEC is the component (target/burrow-codec.wasm, which `cargo xtask compose` makes).
"""

import os
import sys
from pathlib import Path
from typing import Any

from wasmtime import Engine, Store
from wasmtime.component import Component, Func, Linker, Variant

HERE = Path(__file__).parent
COMPONENT = os.environ.get("BURROW_CODEC", HERE / "../../target/burrow-codec.wasm")
INTERFACE = "burrow:vault/image-codec@0.1.0"
MEMORY = 256 << 20  # The most that packing may take, in bytes.
LARGEST = 256 << 20  # The largest picture that is restored, in bytes.


class Codec:
    """The codecs, compiled once. Each call has an instance of its own, so that a call that fails harms no other."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.component = Component.from_file(self.engine, str(COMPONENT))

    def pack(self, picture: bytes, effort: str = "fast") -> tuple[bytes, str]:
        """The packed picture, and the codec that packed it. `effort` is `fast` or `small`."""
        packed = self._call("pack", picture, effort, MEMORY)
        return packed.bytes, packed.codec

    def unpack(self, packed: bytes) -> bytes:
        """The picture, exactly as it was."""
        return self._call("unpack", packed, LARGEST)

    def _call(self, name: str, *arguments: Any) -> Any:
        store = Store(self.engine)
        # It needs nothing of the host, so nothing is linked.
        instance = Linker(self.engine).instantiate(store, self.component)
        function = self._function(store, instance, name)
        answer = function(store, *arguments)
        function.post_return(store)
        if isinstance(answer, Variant):  # One of the errors of the interface: corrupt, newer, too-large.
            raise ValueError(f"{answer.tag}: {answer.payload}")
        return answer

    @staticmethod
    def _function(store: Store, instance: Any, name: str) -> Func:
        interface = instance.get_export_index(store, INTERFACE)
        return instance.get_func(store, instance.get_export_index(store, name, interface))


def main() -> int:
    verb, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    codec = Codec()
    before = source.read_bytes()
    if verb == "pack":
        after, by = codec.pack(before)
        print(f"{source}: {len(before)} bytes, packed by {by} into {len(after)}")
    else:
        after = codec.unpack(before)
        print(f"{target}: {len(after)} bytes, as they were")
    target.write_bytes(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
