// Prints the ten slowest tests of the last run and one closing line with the counts, from the reports that nextest and Playwright leave.

import { existsSync, readFileSync, readdirSync } from "node:fs";

const tests = [];
let passed = 0, failed = 0;

for (const profile of existsSync("target/nextest") ? readdirSync("target/nextest") : []) {
  const file = `target/nextest/${profile}/junit.xml`;
  if (!existsSync(file)) continue;
  for (const [, attributes, body] of readFileSync(file, "utf8").matchAll(/<testcase ([^>]*?)(?:\/>|>([^]*?)<\/testcase>)/g)) {
    const attribute = (name) => attributes.match(new RegExp(`${name}="([^"]*)"`))?.[1] ?? "";
    tests.push({ name: `${attribute("classname")} ${attribute("name")}`, seconds: Number(attribute("time")) });
    if (/<(failure|error)/.test(body ?? "")) failed += 1; else passed += 1;
  }
}

function walk(suite, file) {
  for (const spec of suite.specs ?? []) {
    for (const run of spec.tests) {
      const seconds = run.results.reduce((sum, result) => sum + result.duration, 0) / 1000;
      tests.push({ name: `${file} ${spec.title} [${run.projectName}]`, seconds });
      if (run.status === "expected" || run.status === "flaky") passed += 1; else if (run.status !== "skipped") failed += 1;
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
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
