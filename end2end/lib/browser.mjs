// A browser for benchmarks: what a page's main thread is busy with, as Chromium itself traces it.

import { chromium } from "@playwright/test";
import { sessionCookie } from "./console.mjs";

/** Opens a page as somebody who is logged in, and closes the browser after `use`. */
export async function withPage(url, login, use) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const [name, value] = (await sessionCookie(url, login.name, login.password)).split(/=(.*)/s);
    await context.addCookies([{ name, value, url }]);
    return await use(await context.newPage());
  } finally {
    await browser.close();
  }
}

/**
 * Of the tasks of the page's main thread during `during`: milliseconds of the longest one, the most milliseconds of processor time that
 * one took (far less, where others had the processor), and how many there were. The browser's own list of long tasks
 * (`PerformanceObserver`) has the first, but only above 50 ms.
 */
export async function longestTask(page, during) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline"] });
  await during();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const main = new Set(traceEvents.filter((event) => event.name === "thread_name" && event.args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}.${tid}`));
  const tasks = traceEvents.filter((event) => event.name === "RunTask" && event.ph === "X" && main.has(`${event.pid}.${event.tid}`));
  const most = (field) => Math.max(...tasks.map((task) => task[field] ?? 0)) / 1000;
  return { longest: most("dur"), processor: most("tdur"), tasks: tasks.length };
}
