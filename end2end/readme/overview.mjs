// overview.mjs [URL] - takes README's picture, overview.png, of the demo that is running (make demo): its cluster's overview, light.

import { chromium } from "@playwright/test";
import { readFileSync } from "node:fs";
import { TOP } from "../lib/console.mjs";

const url = process.argv[2] ?? "http://127.0.0.1:3000";
const { name, password } = JSON.parse(readFileSync(`${TOP}target/demo/login.json`, "utf8"));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: "light", locale: "en-GB", timezoneId: "UTC" });
  await page.goto(`${url}/login`);
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("link", { name: "demo", exact: true }).click();
  await page.getByText("Healthy: 3 of 3 voters").waitFor();
  await page.locator(".link-live").waitFor({ state: "attached" });
  await page.screenshot({ path: `${TOP}end2end/readme/overview.png` });
} finally {
  await browser.close();
}
