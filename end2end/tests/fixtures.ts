// What every journey gets: a console of its worker, lab hosts, a cluster, and a page that fails the test on any console error, failed
// request or axe violation. Journeys import `test` and `expect` from here, never from Playwright. Steps they share are in steps.ts.
import { test as base, expect } from "@playwright/test";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Api, addUser, createToken, newPassword, startConsole } from "../lib/console.mjs";
import { MIRROR, addressOf, lab, lease, noteUsed } from "../lib/lab.mjs";
import { expectAccessible } from "./steps";

export { expect };

/** A console with its data dir; `restart` keeps data and address, after SIGKILL ("crash") or an orderly stop. */
export class TestConsole {
  readonly dataDir = mkdtempSync(`${tmpdir()}/quorate-e2e-`);
  readonly logFile = `${this.dataDir}.log`;
  url = "";
  private running?: Awaited<ReturnType<typeof startConsole>>;

  async start() {
    const log = openSync(this.logFile, "a");
    // The same port after a restart, so that the page and its event stream find it again.
    this.running = await startConsole({ dataDir: this.dataDir, port: this.running?.port, log, args: ["--etcd-download-url", MIRROR] });
    this.url = this.running.url;
  }
  stop(signal: NodeJS.Signals = "SIGTERM") {
    return this.running!.stop(signal);
  }
  async crashAndRestart() {
    await this.stop("SIGKILL");
    await this.start();
  }
  log() {
    return readFileSync(this.logFile, "utf8");
  }
  /** A panic ends one request at most, so a page can be right in spite of it; it is a defect all the same. */
  expectNoPanic() {
    expect(this.log().split("\n").filter((line) => line.includes("panicked at")), this.logFile).toEqual([]);
  }
  async remove() {
    await this.stop();
    this.expectNoPanic();
    rmSync(this.dataDir, { recursive: true, force: true });
    rmSync(this.logFile, { force: true });
  }
}

export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];
/** A login of the worker's console. */
export type Login = { name: string; password: string; role: Role };

export type LabHost = { number: number; name: string; address: string; target: string };
/** A cluster that stands: its id, its name, and the lab hosts that carry it, registered as `hosts`. */
export type Cluster = { id: string; name: string; operation: string; hosts: { id: string; name: string; number: number }[] };

type Worker = {
  /** One console a worker, set up by the CLI, with a user and an API token of each role; `api` is a destructive admin's. */
  console: TestConsole & {
    logins: Record<Role, Login>;
    apis: Record<Role, InstanceType<typeof Api>>;
    api: InstanceType<typeof Api>;
    /** What the `cluster` fixture left standing; undefined after a wipe. */
    standing?: Cluster;
  };
  /** Numbers of the lab hosts that this worker has for itself. */
  hostNumbers: number[];
};

type Test = {
  /** A console without any account, for the set-up journey. */
  freshConsole: TestConsole;
  /** The worker's hosts, reinstalled for this test; the worker's console knows no host and no cluster. */
  wipedHosts: LabHost[];
  /** A healthy cluster on the worker's hosts. Tests that use it leave it healthy. */
  cluster: Cluster;
  /** What a journey provokes: trouble that one of these matches does not fail the test. */
  expectedTrouble: RegExp[];
};

export const test = base.extend<Test, Worker>({
  console: [
    async ({}, use) => {
      const server = new TestConsole();
      const login = (role: Role): Login => ({ name: `e2e-${role}`, password: newPassword(), role });
      const logins = { viewer: login("viewer"), operator: login("operator"), admin: login("admin") };
      for (const { name, role, password } of Object.values(logins)) addUser(server.dataDir, name, role, password);
      const tokens = ROLES.map((role) => createToken(server.dataDir, `e2e-${role}`, role));
      await server.start();
      const [viewer, operator, admin] = tokens.map((token) => new Api(server.url, token));
      await use(Object.assign(server, { logins, apis: { viewer, operator, admin }, api: admin }));
      await server.remove();
    },
    { scope: "worker" },
  ],

  hostNumbers: [
    async ({}, use, info) => {
      const first = Number(process.env.FIRST_HOST ?? 1) + 3 * info.parallelIndex;
      const numbers = [first, first + 1, first + 2];
      // LEASED: whoever started this holds the hosts already.
      const giveBack = process.env.LEASED ? () => noteUsed(numbers) : await lease(numbers);
      await use(numbers);
      giveBack();
    },
    // Others may have to give the hosts back first.
    { scope: "worker", timeout: 310_000 },
  ],

  baseURL: async ({ console: server }, use) => use(server.url),

  freshConsole: async ({ page, javaScriptEnabled }, use) => {
    const server = new TestConsole();
    await server.start();
    await use(server);
    // The page must not outlive its console: its stream would look for it.
    if (javaScriptEnabled) await expectAccessible(page);
    await page.goto("about:blank");
    await server.remove();
  },

  wipedHosts: async ({ hostNumbers, console: server }, use) => {
    await use(await wipe(server, hostNumbers));
  },

  cluster: async ({ hostNumbers, console: server }, use) => {
    if (!server.standing) {
      const name = "demo";
      await wipe(server, hostNumbers);
      const hosts = await server.api.addLabHosts(hostNumbers);
      const done = await server.api.install(name, hosts);
      const { id } = await server.api.healthy(name);
      const numbered = hosts.map((host: { id: string; name: string }, i: number) => ({ id: host.id, name: host.name, number: hostNumbers[i] }));
      server.standing = { id, name, operation: done.summary.id, hosts: numbered };
    }
    const before = await server.api.healthy(server.standing.name);
    await use(server.standing);
    // A test that left it broken must not break the next one.
    await server.api.healthy(before.name, 3, 5).catch(() => (server.standing = undefined));
  },

  expectedTrouble: async ({}, use) => use([]),

  page: async ({ page, console: server, expectedTrouble, javaScriptEnabled }, use) => {
    const trouble: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") trouble.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => trouble.push(`page error: ${error.message}`));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "";
      // Leaving a page ends its stream and its requests; that is no failure.
      if (why !== "net::ERR_ABORTED") trouble.push(`request: ${request.method()} ${request.url()} ${why}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) trouble.push(`answer: ${response.status()} ${response.url()}`);
    });
    await use(page);
    // axe is a script; without scripts the page is the HTML that the other journeys begin with.
    if (javaScriptEnabled && page.url().startsWith("http")) await expectAccessible(page);
    server.expectNoPanic();
    const unexpected = trouble.filter((line) => !expectedTrouble.some((pattern) => pattern.test(line)));
    expect(unexpected, "console errors and failed requests").toEqual([]);
  },
});

/** Reinstalls the hosts and takes out of the console what it knew of the old ones. */
async function wipe(server: Worker["console"], numbers: number[]): Promise<LabHost[]> {
  server.standing = undefined;
  for (const cluster of await server.api.list("/clusters")) await server.api.call("DELETE", `/clusters/${cluster.id}`);
  lab(["wipe", ...numbers]);
  noteUsed(numbers);
  for (const host of await server.api.list("/hosts")) await server.api.call("DELETE", `/hosts/${host.id}`);
  return numbers.map((number) => ({ number, name: `lab${number}`, address: addressOf(number), target: `ops@${addressOf(number)}:22` }));
}

/** The trouble of a refusal that a journey provokes: the answer, and Chromium's own line about it. */
export const refusal = (status: number, path: string) => [
  new RegExp(`^answer: ${status} .*${path}`),
  new RegExp(`^console: .*status of ${status} .*${path}`),
];
