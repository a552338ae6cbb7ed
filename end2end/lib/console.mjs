// A running console and its API, as the demo, the browser journeys and the benchmarks use them. No dependencies.

import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { addressOf, authorize, fingerprints, MIRROR } from "./lab.mjs";

export const TOP = fileURLToPath(new URL("../..", import.meta.url));
export const BINARY = process.env.QUORATE_BIN ?? `${TOP}target/debug/quorate`;

/** Asks until `check` answers something truthy; throws naming `what` at the deadline. */
export async function until(what, seconds, check, tickMillis = 100) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, tickMillis));
  }
}

/** The first free port from `from` on. */
export function freePort(from) {
  return new Promise((resolve) => {
    const probe = createServer().once("error", () => resolve(freePort(from + 1)));
    probe.listen(from, "127.0.0.1", () => probe.close(() => resolve(from)));
  });
}

/** Any free port. */
export function anyPort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Runs a `quorate` subcommand and returns what it printed. */
export function cli(args, input = "") {
  const done = spawnSync(BINARY, args, { input, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`quorate ${args.join(" ")}: ${done.stderr || done.error || `exit ${done.status}`}`);
  return done.stdout.trim();
}

export const addUser = (dataDir, name, role, password) =>
  cli(["user", "add", "--name", name, "--role", role, "--password-stdin", "--data-dir", dataDir], `${password}\n`);

export const createToken = (dataDir, name, role) =>
  cli(["token", "create", "--name", name, "--role", role, "--destructive", "--data-dir", dataDir]).split("\n").pop().trim();

export const newPassword = () => `q-${randomBytes(12).toString("base64url")}`;

/** Starts `quorate serve` and waits until it is ready. `log` gets its output. */
export async function startConsole({ dataDir, port, log = "inherit", args = [], env = {} }) {
  port ??= await anyPort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(BINARY, ["serve", "--data-dir", dataDir, "--listen", `127.0.0.1:${port}`, ...args], {
    stdio: ["ignore", log, log],
    // A group of its own: a terminal's Ctrl-C goes to whoever started it, who then stops it once and in order.
    detached: true,
    env: { ...process.env, ...env },
  });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  let gone;
  ended.then((how) => (gone = how));
  await until(`the console at ${url}`, 30, async () => {
    if (gone !== undefined) throw new Error(`the console ended (${gone}) before it was ready`);
    return fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
  }, 10);
  return {
    url, port, child, ended,
    /** Ends it; SIGKILL is the crash, SIGTERM the orderly stop. */
    async stop(signal = "SIGTERM") {
      if (gone === undefined) child.kill(signal);
      await ended;
    },
  };
}

/** Logs in as a browser's form does and returns the session's cookie. */
export async function sessionCookie(url, name, password) {
  const answer = await fetch(`${url}/rpc/login`, {
    method: "POST", redirect: "manual", headers: { origin: url }, body: new URLSearchParams({ name, password }),
  });
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  if (!cookie) throw new Error(`login as ${name}: ${answer.status} ${await answer.text()}`);
  return cookie;
}

/** The JSON API with a bearer token. Answers of 400 and above throw, with the problem's own words. */
export class Api {
  constructor(url, token) {
    Object.assign(this, { url, token });
  }

  async call(method, path, body) {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${text}`), { status: answer.status, body: text });
    return text ? JSON.parse(text) : undefined;
  }

  get(path) { return this.call("GET", path); }
  post(path, body = {}) { return this.call("POST", path, body); }
  /** The rows of a list, whether it comes bare or in a page. */
  async list(path) { return rows(await this.get(path)); }

  /** Registers lab hosts, compares and trusts their keys, gathers facts. Returns their summaries in the same order. */
  async addLabHosts(numbers, user = "ops") {
    authorize(numbers, (await this.get("/ssh-key")).public_key);
    const wanted = numbers.map((number) => ({ target: `${user}@${addressOf(number)}:22`, name: `lab${number}` }));
    const added = rows(await this.post("/hosts", { hosts: wanted }));
    return Promise.all(numbers.map(async (number, index) => {
      const { id } = added[index];
      const offered = await until(`the host keys of lab${number}`, 30, async () => {
        const { trust } = await this.get(`/hosts/${id}`);
        return trust.state === "waiting" && trust.offered.length > 0 && trust.offered.map((key) => key.fingerprint);
      });
      const known = fingerprints(number);
      const strange = offered.filter((fingerprint) => !known.includes(fingerprint));
      if (strange.length > 0) throw new Error(`lab${number} offers keys that are not its own: ${strange}`);
      await this.post(`/hosts/${id}/trust`, { fingerprints: offered });
      const host = await this.post(`/hosts/${id}/facts`);
      if (host.contact?.state !== "ok") throw new Error(`lab${number} could not be checked: ${host.contact?.reason}`);
      return host;
    }));
  }

  /** Plans and starts an operation and answers its id. */
  async begin(kind, params, confirm) {
    const plan = await this.post("/plans", { kind, params });
    const failed = plan.checks.filter((check) => check.verdict === "fail");
    if (failed.length > 0) throw new Error(`the plan has failed checks: ${failed.map((c) => `${c.name} ${c.subject}: ${c.answer}`).join("; ")}`);
    const started = await this.post("/operations", { kind, params: plan.params, digest: plan.digest, confirm: confirm ?? plan.confirm });
    return started.operation ?? started.id ?? started.summary?.id;
  }

  /** Begins an operation and waits for its end; throws with its reason and last output when it does not end done. */
  async run(kind, params, { confirm, seconds = 180, onStep } = {}) {
    const id = await this.begin(kind, params, confirm);
    let shown = "";
    const detail = await until(`operation ${id}`, seconds, async () => {
      const now = await this.get(`/operations/${id}`);
      if (now.summary.current && now.summary.current !== shown) onStep?.((shown = now.summary.current), now.summary);
      return !["running", "cancelling", "undoing"].includes(now.summary.state) && now;
    }, 200);
    if (detail.summary.state !== "done") {
      const tail = (detail.output ?? []).slice(-20).map((line) => `  ${line.host}: ${line.text}`).join("\n");
      throw new Error(`${detail.summary.title} is ${detail.summary.state}: ${detail.summary.reason}\n${tail}`);
    }
    return detail;
  }

  /** Installs a cluster on registered hosts by the console's own operation. */
  install(name, hosts, more = {}, options = {}) {
    return this.run("install_cluster", { ...installParams(name, hosts), ...more }, options);
  }

  /** The cluster's view once all its members answer and one leads. */
  healthy(name, voters = 3, seconds = 30) {
    return until(`${name} healthy`, seconds, async () => {
      const view = (await this.list("/clusters")).find((cluster) => cluster.name === name);
      return view?.leader && view.tolerance.healthy === voters && view.tolerance.voters === voters && view;
    });
  }
}

/** The parameters of an install on registered hosts, from the lab's mirror. */
export function installParams(name, hosts) {
  const members = hosts.map((host) => ({ host: host.id, name: host.name }));
  return { name, members, version: "3.5.16", download_url: MIRROR };
}

/** The rows of a list answer: bare, or the one array in its page object. */
export function rows(answer) {
  return Array.isArray(answer) ? answer : Object.values(answer).find(Array.isArray) ?? [];
}
