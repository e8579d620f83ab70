// An origin that answers as a test says, and images for it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

/** An image of tests/fixtures/images. */
export const fixture = (name) => readFile(new URL(`../fixtures/images/${name}`, import.meta.url));

/** A bitmap. Bitmaps of different numbers have different bytes; those of neighbouring numbers also look different. */
export function bitmap(number, width = 8, height = 8) {
  const row = Math.ceil((width * 3) / 4) * 4;
  const file = Buffer.alloc(54 + row * height);
  file.write("BM");
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = 54 + y * row + x * 3;
      file[at] = (number * 89 + (x * 160) / width) & 255;
      file[at + 1] = (number * 53 + (y * 160) / height) & 255;
      file[at + 2] = (number * 29) & 255;
    }
  }
  file.writeUInt32LE(number, file.length - row);
  return file;
}

/** A server of images; `serve` and `gated` set the answer of a path. */
export class Origin {
  static async start() {
    const origin = new Origin();
    origin.answers = new Map();
    origin.server = createServer(async (request, response) => {
      const answer = origin.answers.get(new URL(request.url, origin.url).pathname);
      if (!answer) return response.writeHead(404).end("nothing here");
      const { status = 200, type = "image/bmp", body, opened } = answer;
      await opened;
      response.writeHead(status, { "content-type": type, "content-length": body.length }).end(body);
    });
    await new Promise((resolve) => origin.server.listen(0, "127.0.0.1", resolve));
    origin.url = `http://127.0.0.1:${origin.server.address().port}`;
    return origin;
  }

  /** Serves an image; returns its URL. */
  serve(path, body, more = {}) {
    this.answers.set(path, { body, ...more });
    return this.url + path;
  }

  /** Serves an image, but does not answer before `open` is called. */
  gated(path, body) {
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    return { url: this.serve(path, body, { opened }), open };
  }

  end() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
