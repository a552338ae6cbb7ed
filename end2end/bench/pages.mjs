// pages: time to first byte of a 9-member overview at 50 requests a second, size of the wasm, cold start, idle memory.

import { readFileSync, statSync } from "node:fs";
import { Agent, request } from "node:http";
import { median, quantile, report, withConsole } from "../lib/bench.mjs";
import { TOP, sessionCookie, startConsole } from "../lib/console.mjs";
import { lab } from "../lib/lab.mjs";

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const RATE = 50, SECONDS = 20;
const agent = new Agent({ keepAlive: true });
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** Milliseconds from sending a request to the first byte of its answer. */
function firstByte(url, cookie) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const asked = request(url, { agent, headers: { cookie, accept: "text/html" } }, (answer) => {
      const took = performance.now() - begun;
      answer.resume().on("end", () => (answer.statusCode === 200 ? resolve(took) : reject(new Error(`${url}: ${answer.statusCode}`))));
    });
    asked.on("error", reject).end();
  });
}

/** An open loop: a slow answer does not delay the next request, as with real people. */
async function load(url, cookie) {
  const running = [];
  const begun = performance.now();
  for (let sent = 0; sent < RATE * SECONDS; sent += 1) {
    await pause(Math.max(0, begun + (sent * 1000) / RATE - performance.now()));
    running.push(firstByte(url, cookie));
  }
  return Promise.all(running);
}

async function coldStart(dataDir) {
  const begun = performance.now();
  const server = await startConsole({ dataDir, log: "ignore" });
  const took = performance.now() - begun;
  await server.stop();
  return took;
}

const rss = (pid) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+) kB/)[1]) * 1024 / 1e6;

lab(["up", 9]);
lab(["wipe", ...NUMBERS]);
const rows = await withConsole(NUMBERS, async ({ server, api, login, hosts, dataDir }) => {
  await api.install("pages", hosts);
  const view = await api.healthy("pages", 9, 60);
  const cookie = await sessionCookie(server.url, login.name, login.password);
  const url = `${server.url}/clusters/${view.id}`;
  await firstByte(url, cookie);
  const times = await load(url, cookie);
  await pause(15_000); // idle means: nobody watched for a while
  const memory = rss(server.child.pid);
  await server.stop();
  const starts = [];
  for (let n = 0; n < 7; n += 1) starts.push(await coldStart(dataDir));
  return [
    { name: "overview TTFB p95, 9 members", unit: "ms", value: quantile(times, 0.95), goal: 20, samples: times.length },
    { name: "overview TTFB median", unit: "ms", value: median(times), samples: times.length },
    { name: "wasm, brotli", unit: "KB", value: statSync(`${TOP}target/site/pkg/quorate.wasm.br`).size / 1000, goal: 500 },
    { name: "cold start", unit: "ms", value: median(starts), goal: 300, samples: starts.length },
    { name: "idle memory (RSS)", unit: "MB", value: memory, goal: 60 },
  ];
});
report("pages", rows);
