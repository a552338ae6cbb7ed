// Browser journeys: real consoles, real hosts, the system's Chromium. Fixtures (what every test gets) are in tests/fixtures.ts.
import { defineConfig } from "@playwright/test";

const size = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

export default defineConfig({
  testDir: "tests",
  outputDir: "../target/playwright/results",
  fullyParallel: false,
  // Each worker has three hosts of the six that `make test` raises (one worker: the first three).
  workers: Number(process.env.WORKERS ?? 2),
  forbidOnly: Boolean(process.env.CI),
  // As for the Rust tests with hosts: a second try, which the closing lines name.
  retries: 1,
  // What hangs is ended; a machine that is busy is no failure.
  timeout: 300_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["json", { outputFile: "../target/playwright/report.json" }]],
  use: {
    locale: "en-GB",
    timezoneId: "UTC",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "desktop", use: { viewport: size.desktop } },
    // What has to work on a phone carries the tag; the rest would only run twice.
    { name: "phone", grep: /@phone/, use: { viewport: size.phone, hasTouch: true } },
  ],
});
