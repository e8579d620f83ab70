"""A decoder of packed pixels, written from docs/codecs/pixels.md alone, to check that page.

It unpacks the golden files and compares them with the images that tests/coder/images.rs makes:
`python3 crates/pixels/tests/decode.py [directory]`.
"""
import math
import pathlib
import sys

M32 = 0xFFFFFFFF


def clamp(x, low, high):
    return max(low, min(high, x))


def signed32(x):
    x &= M32
    return x - (1 << 32) if x >> 31 else x


def div(a, b):
    return abs(a) // b * (1 if a >= 0 else -1)


def log2_up(n):
    return (n - 1).bit_length()


def hash2(a, b):
    a, b = a & M32, b & M32
    m = ((a << 5 | a >> 27) & M32 ^ b * 0x85EBCA6B & M32) * 0xC2B2AE35 & M32
    return m ^ m >> 15


def steps(v):
    v = abs(v)
    if v < 2:
        return v
    log = v.bit_length() - 1
    return 2 * log + (v >> log - 1 & 1)


def signed_steps(v):
    s = min(steps(v), 15)
    return 15 + s if v < 0 else s


def mark(pixel):
    return (pixel * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 32


POWER = [1 << 32]
for _ in range(2047):
    POWER.append(POWER[-1] * 4278222805 >> 32)


def squash(x):
    x = clamp(x, -2047, 2047)
    if x >= 0:
        return (1 << 48) // ((1 << 32) + POWER[x])
    return 65536 - (1 << 48) // ((1 << 32) + POWER[-x])


STRETCH = []
_x = -2047
for _q in range(4096):
    while _x < 2047 and squash(_x) < 16 * _q + 8:
        _x += 1
    STRETCH.append(_x)


def probability(x):
    return clamp(squash(x), 24, 65512)


class Code:
    """The arithmetic code."""

    def __init__(self, packed):
        self.packed, self.next, self.range, self.code = packed, 1, M32, 0
        for _ in range(4):
            self.shift()

    def shift(self):
        byte = self.packed[self.next] if self.next < len(self.packed) else 0
        self.next += 1
        self.code = (self.code << 8 | byte) & M32

    def take(self, start, size):
        self.code, self.range = self.code - start, size
        while self.range < 1 << 24:
            self.shift()
            self.range <<= 8

    def bit(self, p):
        part = self.range * p >> 16
        if self.code < part:
            self.take(0, part)
            return 1
        self.take(part, self.range - part)
        return 0

    def symbol(self, starts):
        unit = self.range >> 15
        place = min(self.code // unit, 32767)
        symbol = max(i for i in range(16) if starts[i] <= place)
        end = (starts + [32768])[symbol + 1]
        self.take(unit * starts[symbol], unit * (end - starts[symbol]))
        return symbol

    def number(self, bits):
        unit = self.range >> bits
        number = min(self.code // unit, (1 << bits) - 1)
        self.take(unit * number, unit)
        return number


class Counter:
    def __init__(self):
        self.c, self.n = 1 << 21, 0

    def logit(self):
        return STRETCH[self.c >> 6 >> 4] * (2560 * self.n // (10 * self.n + 4)) >> 8

    def learn(self, bit, limit):
        t = (1 << 22) - 1 if bit else 0
        self.c = clamp(self.c + ((t - self.c >> 3) * (655360 // (10 * self.n + 14)) >> 13), 64, (1 << 22) - 64)
        if self.n < limit:
            self.n += 1


class Mixer:
    def __init__(self, n, weight):
        self.sets, self.n, self.weight = {}, n, weight

    def mix(self, index, logits):
        weights = self.sets.setdefault(index, [[self.weight] * self.n, 0])[0]
        total = sum(signed32(w * x) >> 8 for w, x in zip(weights, logits))
        return clamp(signed32(total) >> 8, -2047, 2047)

    def learn(self, index, logits, x, bit, base):
        entry = self.sets[index]
        rate = base + 2560 // (32 + entry[1])
        entry[1] = min(entry[1] + 1, 400)
        error = (65536 * bit - probability(x)) * rate >> 4
        entry[0] = [w + (logit * error + 8192 >> 14) for w, logit in zip(entry[0], logits)]


class Blend:
    def __init__(self, n, g):
        self.mask = (1 << g) - 1
        self.tables = [{} for _ in range(n)]
        self.mixers = [Mixer(n, 131072 // n) for _ in range(2)]

    def part(self, contexts, part):
        return [
            table.setdefault(hash2(context, part) >> 7 & self.mask, [Counter() for _ in range(16)])
            for table, context in zip(self.tables, contexts)
        ]

    def bit(self, code, groups, slot, node, sets):
        counters = [group[slot] for group in groups]
        logits = [counter.logit() for counter in counters]
        indexes = [chosen << 6 | node for chosen in sets]
        x, y = (mixer.mix(index, logits) for mixer, index in zip(self.mixers, indexes))
        bit = code.bit(probability(x + y >> 1))
        for mixer, index, own in zip(self.mixers, indexes, (x, y)):
            mixer.learn(index, logits, own, bit, 4)
        for counter in counters:
            counter.learn(bit, 250)
        return bit

    def difference(self, code, contexts, sets, prediction, top):
        groups = self.part(contexts, 0)
        if not self.bit(code, groups, 0, 0, sets):
            return prediction
        if prediction == 0:
            less = 0
        elif prediction == top:
            less = 1
        else:
            less = self.bit(code, groups, 1, 1, sets)
        limit = (prediction if less else top - prediction) - 1
        kind = 0
        while 1 << kind <= limit and self.bit(code, groups, 2 + min(kind, 13), 2 + kind, sets):
            kind += 1
        found = 1
        for depth in range(kind - 1):
            if depth % 3 == 0:
                groups = self.part(contexts, kind << 16 | found)
            slot = (1 << depth % 3) + found % (1 << depth % 3)
            found = found << 1 | self.bit(code, groups, slot, 18 + 4 * min(kind, 8) + min(depth, 3), sets)
        size = 1 + (found if kind else 0)
        return clamp(prediction - size if less else prediction + size, 0, top)

    def value(self, code, contexts, sets, bits, other):
        found, groups = 1, self.part(contexts, 0)
        for depth in range(bits):
            if depth == 4:
                groups = self.part(contexts, found)
            if other is not None and depth == bits - 1 and (other | 1 << bits) >> 1 == found:
                found = found << 1 | 1 - (other & 1)
                continue
            if depth < 4:
                slot = node = found
            else:
                slot, node = (1 << depth - 4) + found % (1 << depth - 4), 16 + depth
            found = found << 1 | self.bit(code, groups, slot, node, sets)
        return found - (1 << bits)


NAMES = {"w": (-1, 0), "n": (0, -1), "nw": (-1, -1), "ne": (1, -1), "ww": (-2, 0), "nn": (0, -2), "nne": (1, -2),
         "nww": (-2, -1), "nnw": (-1, -2), "nee": (2, -1)}


class Guesser:
    def __init__(self, pixels, most):
        self.b = clamp(log2_up(pixels), 8, 21)
        self.f = (1 << min(self.b, most)) - 1
        self.followers, self.past, self.seen = {}, [], {}
        self.origin, self.length, self.last = 0, 0, [0] * 5

    def guess(self, a):
        m = {name: mark(pixel) for name, pixel in a.items()}
        near = hash2(hash2(m["w"], m["n"]), hash2(m["nw"], m["ne"]) + m["ww"])
        pixel, times = self.followers.get(near >> 14 & self.f, (0, 0))
        if self.length and (self.length >= 24 or self.length >= 6 and times < 2 or times == 0):
            guess, trust = self.past[self.origin], 8 + min(min(self.length, 63) // 4, 7)
        elif times:
            guess, trust = pixel, min(times, 7)
        else:
            guess, trust = (a["w"] if a["n"] == a["nw"] else a["n"]), 0
        equal = [a["w"] == a["n"], a["n"] == a["ne"], a["n"] == a["nw"], a["w"] == a["nw"], guess == a["w"],
                 guess == a["n"], a["ww"] == a["w"], a["nn"] == a["n"]]
        return guess, trust, sum(e << i for i, e in enumerate(equal)), near

    def learn(self, near, coded):
        pixel, times = self.followers.get(near >> 14 & self.f, (0, 0))
        if pixel == coded and times:
            times = min(times + 1, 250)
        elif times > 1:
            times //= 2
        else:
            pixel, times = coded, 1
        self.followers[near >> 14 & self.f] = pixel, times
        if self.length and self.past[self.origin] == coded:
            self.length, self.origin = min(self.length + 1, 1000), self.origin + 1
        else:
            self.length = 0
        self.past.append(coded)
        at = len(self.past)
        self.last = [mark(coded)] + self.last[:4]
        key = 0
        for m in self.last:
            key = hash2(key, m)
        key = key >> 8 & self.f
        if not self.length and key in self.seen and at - self.seen[key] < 1 << self.b:
            s, same = self.seen[key], 0
            while same < min(16, s) and self.past[s - 1 - same] == self.past[at - 1 - same]:
                same += 1
            if same >= 4:
                self.length, self.origin = same, s
        self.seen[key] = at


class Image:
    """Pixels as lists of samples, with the margins that the page describes."""

    def __init__(self, width, channels):
        self.width, self.channels = width, channels
        empty = lambda: [[0] * channels for _ in range(width + 6)]
        self.rows = {-1: empty(), -2: empty()}
        self.errors = {-1: empty()}

    def begin(self, y):
        above = self.rows[y - 1]
        above[self.width + 3:] = [above[self.width + 2]] * 3 if y else above[self.width + 3:]
        self.rows[y] = [above[3]] * 3 + [None] * (self.width + 3)
        self.errors[y] = [[0] * self.channels for _ in range(self.width + 6)]

    def around(self, x, y):
        if y == 0:
            for row in (-1, -2):
                self.rows[row][x + 2:x + 6] = [self.rows[0][x + 2]] * 4
        return {name: self.rows[y + dy][x + 3 + dx] for name, (dx, dy) in NAMES.items()}


def join(samples):
    pixel = 0
    for sample in samples:
        pixel = pixel << 16 | sample
    return pixel


ORDERS = {1: [0], 2: [1, 0], 3: [1, 0, 2], 4: [3, 1, 0, 2]}


def median(a):
    return clamp(a["w"] + a["n"] - a["nw"], min(a["w"], a["n"]), max(a["w"], a["n"]))


def energy_of(errors, x, y, channel, before):
    e = [errors[y][x + 2][channel], errors[y - 1][x + 3][channel], errors[y - 1][x + 2][channel],
         errors[y - 1][x + 4][channel]]
    return e, min(steps((2 * (e[0] + e[1]) + e[3] + e[2] + 1) // 2 + 2 * abs(before)), 15)


class Best:
    def __init__(self, pixels, channels, bits, indexed):
        self.bits, self.top, self.channels, self.indexed = bits, (1 << bits) - 1, channels, indexed
        self.guesser = Guesser(pixels, 18)
        self.counters = [{} for _ in range(6)]
        self.mixer, self.past8 = Mixer(6, 16000), 0
        if indexed:
            self.blend = Blend(10, clamp(log2_up(pixels), 8, 16))
        else:
            self.blend = Blend(16, clamp(log2_up(pixels * channels), 10, 15))
        follows = lambda c: channels > 2 and c in (0, 2)
        self.weights = [[0] * 10 + [65536] + [0] * 13 if follows(c) else [19661, 19661, -13107, 13107] + [0] * 20
                        for c in range(channels)]
        self.bias = [{} for _ in range(channels)]

    def right(self, code, a, guess):
        pixel, trust, pattern, near = guess
        if self.bits == 1:
            return False
        contexts = [trust << 8 | pattern, self.past8 << 4 | trust, hash2(near, 77) >> 16,
                    hash2(mark(a["n"]) ^ pattern, mark(a["w"])) >> 16, hash2(mark(pixel), mark(a["w"])) >> 16,
                    hash2(mark(pixel) ^ mark(a["nn"]), mark(a["nne"])) >> 16]
        counters = [table.setdefault(context, Counter()) for table, context in zip(self.counters, contexts)]
        logits, index = [c.logit() for c in counters], trust << 4 | pattern & 15
        x = self.mixer.mix(index, logits)
        bit = code.bit(probability(x))
        self.mixer.learn(index, logits, x, bit, 4)
        for counter in counters:
            counter.learn(bit, 120)
        self.past8 = (self.past8 << 1 | bit) & 255
        return bool(bit)

    def samples(self, code, image, x, y, a, guess):
        pixels = {name: join(samples) for name, samples in a.items()}
        if self.indexed:
            return [self.index(code, pixels, guess)], [0]
        known, before, opacity, coded, errors = 0, 0, 0, {}, [0] * self.channels
        marks = {name: mark(pixel) for name, pixel in pixels.items()}
        for channel in ORDERS[self.channels]:
            own = {name: samples[channel] for name, samples in a.items()}
            taps = [0] * 24
            for i, name in enumerate(["w", "n", "nw", "ne", "ww", "nn", "nne", "nww", "nee", "nnw"]):
                taps[i] = 2 * own[name] - own["w"] - own["n"]
            simple = median(own)
            for i, other in enumerate(reversed(coded)):
                b = {name: samples[other] for name, samples in a.items()}
                for k, v in enumerate([coded[other], b["w"], b["nw"], b["ne"]]):
                    taps[10 + 4 * i + k] = 2 * v - b["w"] - b["n"]
                if i == 0:
                    simple = clamp(simple + coded[other] - median(b), 0, self.top)
            weights = self.weights[channel]
            total, power = sum(w * t for w, t in zip(weights, taps)), sum(t * t for t in taps)
            total = clamp(total >> 14, -1 << 22, 1 << 22) if self.bits == 16 else signed32(total) >> 14
            raw = clamp(4 * (own["w"] + own["n"]) + total, 0, 8 * self.top)
            e, quiet = energy_of(image.errors, x, y, channel, before)
            sw, sn, snw, sne = (steps(v) for v in e)
            texture = 0
            for bit in (own["w"] > own["n"], own["nw"] > own["n"], own["ne"] > own["n"], own["ww"] > own["w"],
                        own["nn"] > own["n"], 8 * simple > raw):
                texture = texture << 1 | bit
            similar = quiet << 6 | texture
            mean, seen = self.bias[channel].get(similar, (0, 0))
            eighths = clamp(raw + (mean + 128 >> 8), 0, 8 * self.top)
            prediction, part = eighths + 4 >> 3, eighths + 4 & 7
            off = lambda name: own[name] - prediction & M32
            qd = signed_steps(simple - prediction)
            contexts = [
                quiet,
                ((sw * 32 + sn) * 32 + qd) * 4 + (part >> 1),
                ((signed_steps(before) * 16 + quiet) * 4 + (part >> 1)) * 32 + qd,
                hash2(prediction >> 1, quiet >> 1),
                hash2(hash2(marks["w"], marks["n"]), known),
                hash2(known, prediction),
                hash2(marks["w"], known),
                hash2(marks["n"], known),
                hash2(off("w"), off("n") << 2 | part >> 2),
                hash2(off("ne") >> 1, off("nw") >> 1),
                ((sne * 32 + snw) * 32 + sw) * 256 + quiet * 8 + part,
                hash2(known, 1),
                hash2(guess[3], known),
                hash2(hash2(marks["n"], marks["ne"]), known),
                hash2(hash2(marks["w"], marks["nw"]), hash2(marks["ww"], known)),
                hash2((own["nn"] - own["n"] & M32) >> 1, (own["ww"] - own["w"] & M32) >> 1),
            ]
            contexts = [hash2(hash2(c, channel << 2 | opacity), i + 1) for i, c in enumerate(contexts)]
            sets = channel << 4 | quiet, part << 2 | min(sw, 3)
            sample = self.blend.difference(code, contexts, sets, prediction, self.top)
            before = sample - prediction
            coded[channel], errors[channel] = sample, abs(before)
            known = hash2(known + 1, sample)
            if self.channels % 2 == 0 and len(coded) == 1:
                opacity = 1 if sample == 0 else 2 if sample == self.top else 3
            error = 8 * sample - raw
            bound = 192 if self.bits == 8 else 49152
            gain = div(41936 * clamp(error, -bound, bound), power + 80)
            self.weights[channel] = [signed32(w + (gain * t >> 4)) for w, t in zip(weights, taps)]
            seen = min(seen + 1, 48)
            self.bias[channel][similar] = mean + div(256 * error - mean, seen), seen
        return [coded[c] for c in range(self.channels)], errors

    def index(self, code, a, guess):
        h = hash2
        two = h(a["w"], a["n"])
        four = h(two, h(a["nw"], a["ne"]))
        six = h(four, h(a["ww"], a["nn"]))
        contexts = [h(1, 0), h(2, a["w"]), h(3, a["n"]), h(4, two), h(5, h(two, a["ne"])), h(6, four), h(7, six),
                    h(8, h(six, h(h(a["nne"], a["nww"]), h(a["nnw"], a["nee"])))),
                    h(9, h(h(a["w"], a["ww"]), h(a["nw"], a["nww"]))), h(10, h(guess[0], guess[1]))]
        sets = guess[1], (a["w"] == a["n"]) + 2 * (a["n"] == a["ne"]) + 4 * (a["w"] == a["nw"])
        return self.blend.value(code, contexts, sets, self.bits, guess[0] if self.bits > 1 else None)


class Frequencies:
    def __init__(self):
        self.c, self.s = [2048 * i for i in range(16)], 0

    def code(self, code):
        symbol = code.symbol(self.c)
        rate = 2 + self.s // 8
        self.s = min(self.s + 1, 31)
        for i in range(1, 16):
            t = 4 * i if i <= symbol else 32768 - 4 * (16 - i)
            self.c[i] += t - self.c[i] >> rate
        return symbol


CLASSES = {
    8: [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 1), (8, 2), (12, 2), (16, 3), (24, 3), (32, 4), (48, 4),
        (64, 5), (96, 5), (128, 7)],
    16: [(0, 0), (1, 0)] + [(1 << i, i) for i in range(1, 14)] + [(16384, 16)],
}


class Fast:
    def __init__(self, pixels, channels, bits, indexed):
        self.bits, self.top, self.channels, self.indexed = bits, (1 << bits) - 1, channels, indexed
        self.guesser = Guesser(pixels, 14)
        self.chances, self.past8, self.means = [{}, {}], 0, {}
        self.tables = {name: {} for name in ("high", "low", "sizes", "colours")}
        self.colours, self.place = [0] * 15, 0

    def frequencies(self, name, index):
        return self.tables[name].setdefault(index, Frequencies())

    def right(self, code, a, guess):
        pixel, trust, pattern, near = guess
        keys = trust << 8 | pattern, self.past8 << 4 | trust
        both = [table.get(key, 32768) for table, key in zip(self.chances, keys)]
        bit = code.bit(sum(both) >> 1)
        for table, key, c in zip(self.chances, keys, both):
            table[key] = c + (65535 - c >> 5) if bit else c - (c >> 5)
        self.past8 = (self.past8 << 1 | bit) & 255
        return bool(bit)

    def samples(self, code, image, x, y, a, guess):
        place = lambda samples: self.colours.index(join(samples)) if join(samples) in self.colours else 15
        symbol = self.frequencies("colours", place(a["w"]) << 4 | place(a["n"])).code(code)
        if symbol < 15:
            pixel = self.colours[symbol]
            return [pixel >> 16 * (self.channels - 1 - c) & 65535 for c in range(self.channels)], [0] * self.channels
        samples, errors = self.index(code, a) if self.indexed else self.continuous(code, image, x, y, a)
        self.colours[self.place] = join(samples)
        self.place = (self.place + 1) % 15
        return samples, errors

    def index(self, code, a):
        w, n = a["w"][0], a["n"][0]
        high = self.frequencies("high", hash2(w, n) & 4095).code(code)
        low = self.frequencies("low", hash2(w >> 4, high << 8 | n) & 4095).code(code)
        return [high << 4 | low], [0]

    def continuous(self, code, image, x, y, a):
        before, coded, errors = 0, {}, [0] * self.channels
        for channel in ORDERS[self.channels]:
            own = {name: samples[channel] for name, samples in a.items()}
            simple = median(own)
            if coded:
                last = list(coded)[-1]
                simple += coded[last] - median({name: samples[last] for name, samples in a.items()})
            _, quiet = energy_of(image.errors, x, y, channel, before)
            texture = 0
            for bit in (own["w"] > own["n"], own["nw"] > own["n"], own["ne"] > own["n"], own["ww"] > own["w"],
                        before > 0):
                texture = texture << 1 | bit
            key = (channel << 4 | quiet) << 5 | texture
            mean = self.means.get(key, 0)
            prediction = clamp(simple + (mean + 128 >> 8), 0, self.top)
            first, bits = CLASSES[self.bits][self.frequencies("sizes", channel << 4 | quiet).code(code)]
            folded = first + (code.number(bits) if bits else 0)
            d = folded // 2 if folded % 2 == 0 else -(folded + 1) // 2
            sample = prediction + d & self.top
            before = sample - prediction
            self.means[key] = mean + (256 * (sample - simple) - mean >> 5)
            coded[channel], errors[channel] = sample, abs(before)
        return [coded[c] for c in range(self.channels)], errors


def unpack(packed, width, height, channels, bits, palette):
    """The raw rows."""
    row_bytes = (width * channels * bits + 7) // 8
    indexed = palette or bits < 8
    fast = packed[0] == 0x10
    assert packed[0] in (0x10, 0x11)
    if fast and bits < 8:
        bits = 8
    width = row_bytes * 8 // (bits * channels)
    code, image = Code(packed), Image(width, channels)
    model = (Fast if fast else Best)(width * height, channels, bits, indexed)
    raw = b""
    for y in range(height):
        image.begin(y)
        number = 0
        for x in range(width):
            around = image.around(x, y)
            pixels = {name: join(samples) for name, samples in around.items()}
            guess = model.guesser.guess(pixels)
            if model.right(code, pixels, guess):
                samples = [guess[0] >> 16 * (channels - 1 - c) & 65535 for c in range(channels)]
                errors = [0] * channels
            else:
                samples, errors = model.samples(code, image, x, y, around, guess)
            image.rows[y][x + 3], image.errors[y][x + 3] = samples, errors
            model.guesser.learn(guess[3], join(samples))
            for sample in samples:
                number = number << bits | sample
        raw += number.to_bytes(row_bytes, "big")
    assert len(packed) <= code.next <= len(packed) + 4
    return raw


def random(state):
    """The numbers of tests/coder/images.rs (splitmix64), from a state on."""
    mask = (1 << 64) - 1
    while True:
        state = state + 0x9E3779B97F4A7C15 & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        yield z ^ z >> 31


KINDS = [(1, 1, 0), (1, 2, 0), (1, 4, 0), (1, 8, 0), (1, 16, 0), (1, 1, 1), (1, 2, 1), (1, 4, 1), (1, 8, 1), (2, 8, 0),
         (2, 16, 0), (3, 8, 0), (3, 16, 0), (4, 8, 0), (4, 16, 0)]


def golden_rows(number):
    """The rows of a golden file."""
    (channels, bits, _), top = KINDS[number], (1 << KINDS[number][1]) - 1
    numbers, raw = random(31 * 31 + 19), b""
    for y in range(19):
        row = 0
        for x in range(31):
            for channel in range(channels):
                noise = next(numbers)
                if number % 3 == 0:
                    value = ((x // 2 * 7 + y % 9 * 13) % 11 < 3) * (top - channel)
                elif number % 3 == 1:
                    value = (x * 3 + y * 2 + channel * 40) * max(top // 255, 1) + noise % 4
                else:
                    inside = (x - 12) ** 2 + (y - 9) ** 2 < 60
                    value = inside * top if channel + 1 == channels else x * 5 + y if inside else x & 1
                row = row << bits | value & top
        fill = -(31 * channels * bits) % 8
        raw += (row << fill).to_bytes((31 * channels * bits + fill) // 8, "big")
    return raw


if __name__ == "__main__":
    directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "golden")
    files = sorted(directory.glob("v1-*.packed"))
    assert files, f"no golden files in {directory}"
    for file in files:
        number = int(file.stem[-2:])
        channels, bits, palette = KINDS[number]
        assert unpack(file.read_bytes(), 31, 19, channels, bits, bool(palette)) == golden_rows(number), file
    print(f"{len(files)} golden files unpack to their images")
