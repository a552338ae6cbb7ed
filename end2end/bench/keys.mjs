// keys: pages, folders and searches over an etcd of 10k, 100k and 1M keys, how smoothly the page scrolls, what the index takes to be
// built and kept, and what etcd and its other clients feel of it. KEYS=10000,100000 narrows it. Baselines are etcdctl and a bare client's
// loop in the same run.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { median, quantile, report } from "../lib/bench.mjs";
import { longestTask, withPage } from "../lib/browser.mjs";
import { Api, addUser, createToken, newPassword, startConsole, until } from "../lib/console.mjs";
import { etcdBinaries, examples, run, startEtcd } from "../lib/etcd.mjs";

const COUNTS = (process.env.KEYS ?? "10000,100000,1000000").split(",").map(Number);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const IDLE_SECONDS = 20;
/** Sizes of a page, in keys, among which the best bare listing is looked for; keys of 40 B take about 80 B in an answer. */
const PAGES = [50_000, 200_000];
const tool = examples("release", ["seed", "list", "put"]);
const agent = new Agent({ keepAlive: true });
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const label = (count) => (count >= 1e6 ? `${count / 1e6}M` : `${count / 1e3}k`);

const memory = (pid, line = "VmRSS") => (Number(readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`${line}:\\s+(\\d+) kB`))[1]) * 1024) / 1e6;

/** Seconds of a processor that a process has used (at 100 ticks a second, which is Linux' for programs everywhere). */
function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Percent of a core that a process uses while nobody asks for anything. */
async function idle(pid) {
  const [begun, before] = [performance.now(), used(pid)];
  await pause(IDLE_SECONDS * 1000);
  return ((used(pid) - before) / ((performance.now() - begun) / 1000)) * 100;
}

/** Sends one request and answers its milliseconds to the last byte and its JSON, which is read after the clock was stopped. */
function timed(api, method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.token}`, ...(body ? { "content-type": "application/json" } : {}) };
    const begun = performance.now();
    const asked = request(`${api.url}/api/v1${path}`, { method, agent, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part)).on("end", () => {
        const took = performance.now() - begun;
        const text = Buffer.concat(parts).toString();
        if (answer.statusCode !== 200) reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
        else resolve({ took, answer: JSON.parse(text) });
      });
    });
    asked.on("error", reject).end(body && JSON.stringify(body));
  });
}

/** Milliseconds of so many requests, one after another. */
async function samples(count, ask) {
  const took = [];
  for (let n = 0; n < count; n += 1) took.push(await ask(n));
  return took;
}

/** A console that was started anew on the same data, so that it has no index; ended after `use`. */
async function fresh(site, use) {
  const server = await startConsole({ dataDir: site.dataDir, log: "ignore" });
  const api = new Api(server.url, site.token);
  try {
    const { id } = await api.healthy("bench", site.size);
    return await use({ api, pid: server.child.pid, keys: `/clusters/${id}/keys`, login: site.login });
  } finally {
    await server.stop();
  }
}

async function adopted(etcd, size, use) {
  const dataDir = mkdtempSync(`${tmpdir()}/quorate-bench-`);
  const login = { name: "bench", password: newPassword() };
  addUser(dataDir, login.name, "admin", login.password);
  const token = createToken(dataDir, "bench", "admin");
  try {
    const server = await startConsole({ dataDir, log: "ignore" });
    await new Api(server.url, token).run("adopt_cluster", { name: "bench", endpoint: etcd.client }).finally(() => server.stop());
    return await use({ dataDir, token, login, size });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Asks for the index until it follows; answers the seconds that took. */
async function built({ api, keys }, count) {
  const begun = performance.now();
  await until("the index", 300, async () => {
    const index = await api.get(`${keys}/index`);
    if (index.phase === "too_large") throw new Error(`no index: ${index.why}`);
    return index.phase === "live" && Number(index.keys) >= count;
  }, 10);
  return (performance.now() - begun) / 1000;
}

/** The first page of a console that knows nothing yet, against etcdctl, in turns. */
async function withoutIndex(site, etcd, home) {
  const ours = [], theirs = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await fresh(site, async ({ api, keys }) => {
      const { took, answer } = await timed(api, "GET", `${keys}?limit=1000`);
      if (answer.source !== "etcd") throw new Error("the first page came from an index");
      ours.push(took);
    });
    const begun = performance.now();
    run(`${home}/etcdctl`, ["--endpoints", etcd.client, "get", "", "--prefix", "--keys-only", "--limit", "1000"]);
    theirs.push(performance.now() - begun);
  }
  return { ours, theirs };
}

/** The best listing that a bare client does, in seconds. */
async function bareListing(etcd) {
  const each = [];
  for (const page of PAGES) {
    const runs = await samples(3, async () => (await tool("list", etcd.client, page)).seconds);
    each.push(median(runs));
  }
  return Math.min(...each);
}

/** How long writers wait at 200 writes a second, alone and while the index is built. */
async function writers(site, etcd, count, seconds) {
  const lasting = Math.max(1, seconds);
  return fresh(site, async (console_) => {
    const before = await tool("put", etcd.client, 200, lasting, 1);
    const writing = tool("put", etcd.client, 200, lasting, 1);
    await built(console_, count);
    return { before: before.p99_ms, during: (await writing).p99_ms };
  });
}

/** What pages, folders and searches take once the index is there. */
async function reading({ api, keys }, count) {
  const folders = Math.ceil(count / 1000);
  const page = await samples(100, async () => {
    const { took, answer } = await timed(api, "GET", `${keys}?limit=1000`);
    if (answer.source !== "index") throw new Error("a page came from etcd");
    return took;
  });
  const folder = await samples(200, async (n) => {
    const prefix = n % 4 === 0 ? "/bench/" : `/bench/${String((n * 7919) % folders).padStart(4, "0")}/`;
    return (await timed(api, "GET", `${keys}?limit=1000&separator=/&prefix=${prefix}`)).took;
  });
  const search = await samples(40, async (n) => {
    // From the middle to the end: what has to be gone through before the first result.
    const pattern = `/${String(count - 1 - ((n * 7919) % Math.floor(count / 2))).padStart(8, "0")}-`;
    const begun = performance.now();
    for (let after = null; ;) {
      const { answer } = await timed(api, "POST", `${keys}/search`, { pattern, after });
      if (answer.hits.length > 0) return performance.now() - begun;
      if (!answer.next) throw new Error(`nothing was found of ${pattern}`);
      after = answer.next;
    }
  });
  return { page, folder, search };
}

/** The longest task of the page while somebody scrolls: folders with the wheel, then the flat list on and on, then from place to place. */
function scrolling({ api, keys, login }) {
  return withPage(api.url, login, async (page) => {
    const list = page.getByRole("tree", { name: "Keys" });
    const row = (name) => list.getByTitle(name, { exact: true });
    const drag = (share) => list.evaluate((list, share) => new Promise((done) => {
      list.scrollTop = list.scrollHeight * share;
      requestAnimationFrame(() => requestAnimationFrame(done));
    }), share);
    await page.goto(`${api.url}${keys}`);
    await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
    await row("/bench/").click();
    await row("/bench/0000/").hover();
    return longestTask(page, async () => {
      for (let n = 0; n < 60; n += 1) {
        await page.mouse.wheel(0, 400);
        await pause(16);
      }
      await page.getByRole("button", { name: "Flat list" }).click();
      for (let pages = 1; pages <= 20; pages += 1) {
        await until("the next page", 10, async () => (await drag(1), list.evaluate((list, rows) => list.scrollHeight >= rows * 28, 500 * pages)), 10);
      }
      for (let n = 0; n < 40; n += 1) await drag(((n * 7919) % 100) / 100);
    });
  });
}

/** How long after the last of 2,000 changes a second the index shows it. */
async function following({ api, keys }, etcd) {
  const written = await tool("put", etcd.client, 200, 10, 10);
  const done = performance.now();
  const rate = written.changes / written.seconds;
  if (rate < 1900) throw new Error(`etcd took ${rate.toFixed(0)} changes a second only`);
  await until("the index follows", 60, async () => Number((await api.get(`${keys}/index`)).revision) >= written.revision, 5);
  return performance.now() - done;
}

/** Writers at the leader of three members, while the index is built from a follower. */
async function writersOfThree(count) {
  const etcd = await startEtcd({ size: 3 });
  try {
    await tool("seed", etcd.client, count);
    return await adopted(etcd, 3, async (site) => {
      const seconds = await fresh(site, (console_) => built(console_, count));
      return writers(site, etcd, count, seconds);
    });
  } finally {
    await etcd.stop();
  }
}

async function measure(count, home) {
  const trio = await writersOfThree(count);
  const etcd = await startEtcd();
  try {
    const seeded = await tool("seed", etcd.client, count);
    console.log(`keys: ${label(count)} written in ${seeded.seconds.toFixed(1)} s`);
    return await adopted(etcd, 1, async (site) => {
      const { ours, theirs } = await withoutIndex(site, etcd, home);
      const bare = await bareListing(etcd);
      const builds = await samples(ROUNDS - 1, () => fresh(site, (console_) => built(console_, count)));
      const puts = await writers(site, etcd, count, median(builds));
      const rest = await fresh(site, async (console_) => {
        const quiet = await idle(etcd.pid);
        const [rss, etcdRss] = [memory(console_.pid), memory(etcd.pid)];
        builds.push(await built(console_, count));
        const etcdGrew = Math.max(0, memory(etcd.pid) - etcdRss);
        const peak = memory(console_.pid, "VmHWM") - rss;
        await pause(2000); // jemalloc gives back within half a second
        const grew = memory(console_.pid) - rss;
        const read = await reading(console_, count);
        const scrolled = await scrolling(console_);
        const lag = await following(console_, etcd);
        await pause(3000);
        const kept = (await idle(etcd.pid)) - quiet;
        return { etcdGrew, peak, grew, read, scrolled, lag, kept };
      });
      const name = (what) => `${label(count)}: ${what}`;
      return [
        { name: name("first page, index, p95"), unit: "ms", value: quantile(rest.read.page, 0.95), goal: 50, samples: rest.read.page.length },
        {
          name: name("first page, no index"), unit: "ms", value: median(ours), samples: ROUNDS,
          baseline_name: "etcdctl get --prefix --keys-only --limit 1000", baseline: median(theirs), ratio_goal: 1.3,
        },
        {
          name: name("index built"), unit: "s", value: median(builds), samples: builds.length,
          baseline_name: "a bare client's listing", baseline: bare, ratio_goal: 2,
        },
        { name: name("memory of the index"), unit: "MB", value: rest.grew, goal: 150 },
        { name: name("memory while built, peak"), unit: "MB", value: rest.peak },
        { name: name("memory etcd grew meanwhile"), unit: "MB", value: rest.etcdGrew },
        // etcd counts all keys once, under the lock of its writers, before it tells the first of them: whoever asks a cluster of one
        // member for a page stops its writers for so long. With more members a follower is asked, and the leader's writers go on.
        { name: name("put p99 while built, one member"), unit: "ms", value: puts.during },
        { name: name("put p99 while built, three members"), unit: "ms", value: trio.during, baseline_name: "put p99 before", baseline: trio.before, ratio_goal: 2 },
        { name: name("open a folder, p95"), unit: "ms", value: quantile(rest.read.folder, 0.95), goal: 50, samples: rest.read.folder.length },
        { name: name("search to first result, p95"), unit: "ms", value: quantile(rest.read.search, 0.95), goal: 100, samples: rest.read.search.length },
        { name: name("longest task while scrolling"), unit: "ms", value: rest.scrolled.longest, goal: 50, samples: rest.scrolled.tasks },
        { name: name("most of the processor in one"), unit: "ms", value: rest.scrolled.processor, samples: rest.scrolled.tasks },
        { name: name("behind 2,000 changes/s"), unit: "ms", value: rest.lag, goal: 200 },
        { name: name("etcd's CPU for an idle index"), unit: "%", value: Math.max(0, rest.kept), goal: 1 },
      ];
    });
  } finally {
    await etcd.stop();
  }
}

const home = etcdBinaries();
const rows = [];
for (const count of COUNTS) rows.push(...(await measure(count, home)));
report("keys", rows);
