// Steps that journeys share: logging in, pictures, what holds for every page.
import AxeBuilder from "@axe-core/playwright";
import { expect, type Locator, type Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { until } from "../lib/console.mjs";
import type { Login } from "./fixtures";

const SHOTS = "../target/playwright/shots";

/** Fails on any axe violation of the page as it is now; the page fixture asks it once more at the end of each test. */
export async function expectAccessible(page: Page) {
  // Colours in the middle of a transition are nobody's contrast.
  await page.evaluate(() => Promise.all(document.getAnimations()
    .filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity)
    .map((animation) => animation.finished.catch(() => undefined))));
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const named = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((node) => node.target.join(" ")).join("\n  ")}`);
  expect(named, `axe on ${page.url()}`).toEqual([]);
}

/** Waits until the wasm has taken over, so that clicks are handled in the page. */
export async function hydrated(page: Page) {
  await expect(page.locator("html[data-hydrated]")).toBeAttached();
}

/** Goes to a page and waits until it is live. */
export async function open(page: Page, path: string) {
  await page.goto(path);
  await hydrated(page);
}

/** Fills and sends the login form that is on screen. */
export async function fillLogin(page: Page, name: string, password: string) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Logs in through the form. */
export async function logIn(page: Page, login: Pick<Login, "name" | "password">) {
  await open(page, "/login");
  await fillLogin(page, login.name, login.password);
  await expect(page.getByRole("heading", { level: 1, name: "Clusters" })).toBeVisible();
  await hydrated(page);
}

/** Waits until the event stream is open. */
export async function live(page: Page) {
  await expect(page.locator(".link-live")).toBeAttached();
}

/** Marks the document; `expectSameDocument` fails when it was loaded again since. */
export async function markDocument(page: Page) {
  await page.evaluate(() => Object.assign(window, { journeyMark: true }));
}
export async function expectSameDocument(page: Page) {
  expect(await page.evaluate(() => "journeyMark" in window), "the page was not loaded again").toBe(true);
}

/** Answers the dialog that asks for the password again. */
export async function reauthenticate(page: Page, password: string) {
  const dialog = page.getByRole("dialog", { name: "Your password again" });
  await dialog.getByLabel("Password", { exact: true }).fill(password);
  await dialog.getByRole("button", { name: "Go on" }).click();
}

/** Pictures for a person to look at: light and dark, in target/playwright/shots/NAME-WIDTH-SCHEME.png. Checks both schemes with axe. */
export async function shots(page: Page, name: string, mask: Locator[] = []) {
  mkdirSync(SHOTS, { recursive: true });
  await page.evaluate(() => window.scrollTo(0, 0));
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
    await page.screenshot({ path: `${SHOTS}/${name}-${page.viewportSize()!.width}-${colorScheme}.png`, fullPage: true, mask });
  }
  await page.emulateMedia({ colorScheme: null });
}

/** `shots`, and the same at a phone's width, where nothing may scroll sideways. For pages that are too dear to make twice. */
export async function shotsWideAndNarrow(page: Page, name: string) {
  await shots(page, name);
  const wide = page.viewportSize()!;
  if (wide.width <= 390) return expectNoSidewaysScroll(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
  await shots(page, name);
  await page.setViewportSize(wide);
}

/** Nothing is wider than the window (a phone does not scroll sideways). */
export async function expectNoSidewaysScroll(page: Page) {
  const [scroll, client] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  expect(scroll, `width of ${page.url()}`).toBeLessThanOrEqual(client);
}

type SnapshotApi = { post(path: string): Promise<{ id: string }>; get(path: string): Promise<{ id: string; name: string; state: string; sha256: string; problem: string; content: unknown }> };

/** Takes a snapshot of a cluster into the default vault; its row once it is good. */
export async function takeSnapshot(api: SnapshotApi, cluster: string) {
  const { id } = await api.post(`/clusters/${cluster}/snapshots`);
  return until(`a snapshot of ${cluster}`, 60, async () => {
    const now = await api.get(`/snapshots/${id}`);
    if (now.state === "failed") throw new Error(`the snapshot failed: ${now.problem}`);
    if (now.problem) throw new Error(`the snapshot was not gone through: ${now.problem}`);
    return now.state === "good" && now.content && now;
  });
}
