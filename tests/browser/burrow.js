// Starts Burrow over an empty store: the native host that BURROW names, or Spin if BURROW_SPIN names it.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MANIFEST = fileURLToPath(new URL("../../spin.toml", import.meta.url));

export class Burrow {
  /** Starts Burrow. Private addresses are allowed, because the origin of a test has one. */
  static async start(settings = {}) {
    const burrow = new Burrow();
    burrow.settings = { allow_private_network: "true", ...settings };
    burrow.directory = await mkdtemp(join(tmpdir(), "burrow-"));
    burrow.port = await freePort();
    burrow.url = `http://127.0.0.1:${burrow.port}`;
    await burrow.startAgain();
    return burrow;
  }

  /** Starts Burrow over the same store and at the same address, after it has stopped. */
  async startAgain() {
    const listen = `127.0.0.1:${this.port}`;
    const settings = Object.entries(this.settings);
    const spin = process.env.BURROW_SPIN;
    const [program, args, env] = spin
      ? [
          spin,
          ["up", "--from", MANIFEST, "--listen", listen, "--state-dir", this.directory].concat(
            settings.flatMap(([name, value]) => ["--variable", `${name}=${value}`]),
          ),
          {},
        ]
      : [
          process.env.BURROW,
          ["--store", this.directory, "serve", "--listen", listen],
          Object.fromEntries(settings.map(([name, value]) => [`BURROW_${name.toUpperCase()}`, value])),
        ];
    const stdio = ["ignore", "pipe", process.env.BURROW_LOUD ? "inherit" : "ignore"];
    this.process = spawn(program, args, { env: { ...process.env, ...env }, stdio });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    const serves = new Promise((resolve, reject) => {
      createInterface(this.process.stdout).on("line", (line) => line.startsWith("Serving ") && resolve());
      this.ended.then((code) => reject(new Error(`Burrow stopped before it was ready (${code})`)));
      this.process.once("error", reject);
    });
    await serves;
  }

  /**
   * Kills the native host, so that it cannot finish anything. Spin is asked to stop instead: it runs the application in
   * a child process, which would survive a killed Spin.
   */
  async kill() {
    this.process.kill(process.env.BURROW_SPIN ? "SIGINT" : "SIGKILL");
    await this.ended;
  }

  /** Asks Burrow to stop, and waits until it has. */
  async stop() {
    this.process.kill("SIGINT");
    await this.ended;
  }

  /** Stops Burrow and deletes its store. */
  async end() {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Sends a request, with the write token if there is one; throws if the status is not 2xx. */
  async ask(path, { headers, ...options } = {}) {
    const token = this.settings.write_token;
    const authorization = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(this.url + path, { ...options, headers: { ...authorization, ...headers } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  /** Stores bytes; returns the image. */
  async store(bytes, name, tags = []) {
    const query = new URLSearchParams([["name", name], ...tags.map((tag) => ["tag", tag])]);
    const headers = { "content-type": "application/octet-stream" };
    return (await this.ask(`/images?${query}`, { method: "POST", headers, body: bytes })).json();
  }

  /** Adds an image by its URL; returns the pending image. */
  async add(url, name, tags = []) {
    const body = JSON.stringify({ url, name, tags });
    return (await this.ask("/images", { method: "POST", headers: { "content-type": "application/json" }, body })).json();
  }

  /** The image with this id, or undefined if it is not listed. */
  async image(id) {
    const list = await this.images();
    return list.find((image) => image.id === id);
  }

  /** The newest 1,000 images. */
  async images() {
    return (await (await this.ask("/images?limit=1000")).json()).images;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
