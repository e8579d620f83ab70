"""Makes the small files in golden/, with zlib itself. Run it only to add files: all versions must unpack what is there."""
import pathlib, struct, zlib

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def pixels(stride, height, step):
    state, rows = 99, []
    for y in range(height):
        row = bytearray()
        for x in range(-(-stride // step)):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            part = (x // 9 + y // 7) % 3
            value = [40, x * 3 + y * 2, 90 + (state >> 16) % 12][part]
            row += bytes((value + channel * 7) & 255 for channel in range(step))
        rows.append(bytes(row[:stride]))
    return rows

def filtered(rows, step, kinds):
    out, above = bytearray(), bytes(len(rows[0]) if rows else 0)
    for y, row in enumerate(rows):
        kind = kinds[y % len(kinds)]
        out.append(kind)
        for x, byte in enumerate(row):
            a, b, c = row[x - step] if x >= step else 0, above[x], above[x - step] if x >= step else 0
            p = a + b - c
            out.append(byte - [0, a, b, (a + b) // 2, min((a, b, c), key=lambda near: abs(p - near))][kind] & 255)
        above = row
    return bytes(out)

def packed(plain, level=6, strategy=0, memory=8, window=15, flush=None):
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    if flush is None:
        return packer.compress(plain) + packer.flush()
    out = b"".join(packer.compress(plain[at:at + 300]) + packer.flush(flush) for at in range(0, len(plain), 300))
    return out + packer.flush()

def head(width, height, depth, color, interlaced=0):
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    return start + (chunk(b"PLTE", bytes(range(48))) if color == 3 else b"")

def file(width, height, depth, color, kinds, step, stride, **settings):
    plain = filtered(pixels(stride, height, step), step, kinds)
    stream = packed(plain, **settings)
    pieces = b"".join(chunk(b"IDAT", stream[at:at + 500]) for at in range(0, len(stream), 500))
    return head(width, height, depth, color) + pieces + chunk(b"IEND", b"")

def interlaced():
    plain = b""
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        width, height = -(-(120 - x) // dx), -(-(90 - y) // dy)
        plain += filtered(pixels(width, height, 1), 1, [0, 1, 4])
    return head(120, 90, 8, 0, 1) + chunk(b"IDAT", packed(plain, 1, 2)) + chunk(b"IEND", b"")

def animation():
    def control(number, width, height):
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, 0))
    first, second = (packed(filtered(pixels(side * 4, side, 4), 4, [4]), level) for side, level in ((80, 6), (40, 3)))
    return (head(80, 80, 8, 6) + chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0, 80, 80) + chunk(b"IDAT", first)
            + control(1, 40, 40) + chunk(b"fdAT", struct.pack(">I", 2) + second[:200])
            + chunk(b"fdAT", struct.pack(">I", 3) + second[200:]) + chunk(b"IEND", b""))

def odd():
    whole = bytearray(file(40, 40, 8, 2, [1, 2, 3, 4, 0], 3, 120, flush=zlib.Z_SYNC_FLUSH))
    whole[-1] ^= 1
    return bytes(whole) + b"after the end"

GREY = (64, 48, 8, 0, [0, 1, 2, 3, 4], 1, 64)
RGB = (48, 48, 8, 2, [4], 3, 144)
files = {
    "grey-6": file(*GREY), "rgb-9-filtered": file(*RGB, level=9, strategy=1), "rgb-1": file(*RGB, level=1),
    "palette-4": file(90, 60, 4, 3, [0], 1, 45, level=7), "grey-runs": file(*GREY, strategy=3),
    "grey-huffman": file(*GREY, strategy=2), "grey-fixed": file(*GREY, strategy=4), "rgb-stored": file(*RGB, level=0),
    "rgb-small-window": file(*RGB, level=5, memory=1, window=9), "interlaced": interlaced(), "grey-16": file(60, 40, 16, 0, [0, 2, 4], 2, 120, level=1, strategy=2), "animation": animation(),
    "odd": odd(),
}
here = pathlib.Path(__file__).parent / "golden"
here.mkdir(exist_ok=True)
files = {f"{name}.png": data for name, data in files.items()}

def bitmap(width, height, step):
    stride = -(-width * step // 4) * 4
    rows = b"".join(row.ljust(stride, b"\0") for row in pixels(width * step, height, step))
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, step * 8, 0, len(rows), 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) + head + rows

files["rgb.bmp"] = bitmap(45, 40, 3)
for name, data in files.items():
    (here / name).write_bytes(data)
    print(name, len(data))
