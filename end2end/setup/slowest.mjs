// Prints the ten slowest tests of the last run, those that needed a second try, those that failed, and one closing line with the counts, from the reports that nextest and Playwright leave.

import { existsSync, readFileSync, readdirSync } from "node:fs";

const tests = [];
const failed = [];
const retried = [];
let passed = 0;

for (const profile of existsSync("target/nextest") ? readdirSync("target/nextest") : []) {
  const file = `target/nextest/${profile}/junit.xml`;
  if (!existsSync(file)) continue;
  for (const [, attributes, body] of readFileSync(file, "utf8").matchAll(/<testcase ([^>]*?)(?:\/>|>([^]*?)<\/testcase>)/g)) {
    const attribute = (name) => attributes.match(new RegExp(`${name}="([^"]*)"`))?.[1] ?? "";
    const name = `${attribute("classname")} ${attribute("name")}`;
    tests.push({ name, seconds: Number(attribute("time")) });
    if (/<flaky/.test(body ?? "")) retried.push(name);
    if (/<(failure|error)/.test(body ?? "")) failed.push({ name, why: "" }); else passed += 1;
  }
}

// The first lines of a failure, without its colours.
function plain(message = "") {
  return message.replace(/\x1b\[[0-9;]*m/g, "").split("\n").filter((line) => line.trim()).slice(0, 6).map((line) => `\n    ${line.slice(0, 200)}`).join("");
}

function walk(suite, file) {
  for (const spec of suite.specs ?? []) {
    for (const run of spec.tests) {
      const seconds = run.results.reduce((sum, result) => sum + result.duration, 0) / 1000;
      const name = `${file} ${spec.title} [${run.projectName}]`;
      tests.push({ name, seconds });
      if (run.status === "flaky") retried.push(name);
      if (run.status === "expected" || run.status === "flaky") passed += 1;
      else if (run.status !== "skipped") failed.push({ name, why: plain(run.results.at(-1)?.error?.message) });
    }
  }
  for (const inner of suite.suites ?? []) walk(inner, file);
}
if (existsSync("target/playwright/report.json")) {
  for (const suite of JSON.parse(readFileSync("target/playwright/report.json", "utf8")).suites) walk(suite, suite.file);
}

console.log("== the ten slowest tests");
for (const test of tests.sort((a, b) => b.seconds - a.seconds).slice(0, 10)) {
  console.log(`${test.seconds.toFixed(1).padStart(6)} s  ${test.name}`);
}
for (const name of retried) console.log(`== needed a second try: ${name}`);
for (const { name, why } of failed) console.log(`== failed: ${name}${why}`);
console.log(`${passed} passed (${retried.length} at the second try), ${failed.length} failed`);
if (failed.length > 0) process.exitCode = 1;
