// How a benchmark reports: rows with goals, a table on the terminal, target/bench/NAME.json.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { Api, TOP, addUser, createToken, newPassword, startConsole } from "./console.mjs";

/** The value below which `share` (0..1) of the samples lie. */
export function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}
export const median = (samples) => quantile(samples, 0.5);

/** A console of its own for a benchmark, with an account, a token, and its data dir removed at the end. */
export async function withConsole(numbers, use) {
  const dataDir = mkdtempSync(`${tmpdir()}/quorate-bench-`);
  const login = { name: "bench", password: newPassword() };
  addUser(dataDir, login.name, "admin", login.password);
  const token = createToken(dataDir, "bench", "admin");
  const server = await startConsole({ dataDir, log: "ignore" });
  const api = new Api(server.url, token);
  try {
    return await use({ server, api, login, dataDir, hosts: await api.addLabHosts(numbers) });
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/**
 * Completes rows of `{name, unit, value, samples, goal?, baseline_name?, baseline?, ratio_goal?}` with ratio, ok and machine,
 * prints and saves them. The process fails when a goal is missed.
 */
export function report(bench, rows) {
  const machine = `${cpus().length} x ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${execFileSync("uname", ["-r"], { encoding: "utf8" }).trim()}`;
  const done = rows.map((row) => {
    const full = { goal: null, baseline_name: null, baseline: null, ratio_goal: null, samples: 1, ...row, machine };
    full.ratio = full.baseline ? full.value / full.baseline : null;
    full.ok = (full.goal === null || full.value <= full.goal) && (full.ratio_goal === null || full.ratio <= full.ratio_goal);
    return full;
  });
  const number = (value) => (value === null ? "-" : value >= 100 ? value.toFixed(0) : value.toFixed(2));
  console.log(`\n${bench}`);
  console.log(["name".padEnd(34), "value".padStart(10), "goal".padStart(10), "baseline".padStart(10), "ratio".padStart(7), "wanted".padStart(7), "  ok"].join(""));
  for (const row of done) {
    console.log([
      row.name.padEnd(34), `${number(row.value)} ${row.unit}`.padStart(10), number(row.goal).padStart(10), number(row.baseline).padStart(10),
      number(row.ratio).padStart(7), number(row.ratio_goal).padStart(7), row.ok ? "  yes" : "  NO",
    ].join(""));
  }
  mkdirSync(`${TOP}target/bench`, { recursive: true });
  writeFileSync(`${TOP}target/bench/${bench}.json`, `${JSON.stringify(done, null, 2)}\n`);
  if (done.some((row) => !row.ok)) process.exitCode = 1;
}
