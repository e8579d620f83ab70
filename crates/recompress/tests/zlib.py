"""Makes zlib.bin: one text deflated by zlib with every level, strategy, window and memory level, as fixtures.

Each stream stands after eight bytes: level, strategy, window bits, memory level, and its length, little-endian.
Run it only to add streams: what is in the file is predicted by all later versions.
"""
import pathlib, struct, zlib

def rows(count):
    """Filtered rows of a grey image 120 pixels wide: gradients, flat places, repeats and noise."""
    state, out, above = 12345, bytearray(), bytes(120)
    for y in range(count):
        row = bytearray()
        for x in range(120):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            noise = state >> 16
            if (x // 17 + y // 9) % 3 == 0:
                row.append(40)
            elif (x // 11 + y // 5) % 4 == 0:
                row.append((x * y) % 7 + 60)
            elif y % 40 < 30:
                row.append((x + y) % 200 + noise % 2)
            else:
                row.append(100 + noise % 40)
        kind = y % 5
        out.append(kind)
        for x in range(120):
            a, b, c = row[x - 1] if x else 0, above[x], above[x - 1] if x else 0
            p = a + b - c
            guess = [0, a, b, (a + b) // 2, min((a, b, c), key=lambda near: abs(p - near))][kind]
            out.append((row[x] - guess) & 255)
        above = bytes(row)
    return bytes(out)

short, long = rows(40), rows(600)
streams = []
for level in range(10):
    for strategy in range(5):
        streams.append((level, strategy, 15, 8, long if strategy in (0, 1) and level in (6, 9) else short))
for window in range(9, 15):
    for level in (1, 6, 9):
        streams.append((level, 0, window, 8, short))
for memory in range(1, 10):
    for level in (1, 6, 9):
        streams.append((level, 1, 15, memory, short))
streams.append((6, 0, 15, 8, b""))
streams.append((6, 0, 15, 8, b"a"))
streams.append((6, 0, 15, 8, bytes(100_000)))
out = bytearray()
for level, strategy, window, memory, plain in streams:
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    stream = packer.compress(plain) + packer.flush()
    out += struct.pack("<BBBBI", level, strategy, window, memory, len(stream)) + stream
pathlib.Path(__file__).with_name("zlib.bin").write_bytes(out)
print(len(streams), len(out))
