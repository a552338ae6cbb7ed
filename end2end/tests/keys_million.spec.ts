// A million keys: the index is built and said, the list is scrolled from end to end, every row is the right one, and the page never
// holds more than a few dozen of them. How smooth that is belongs to `make bench`.
import type { Page } from "@playwright/test";
import { examples, startEtcd } from "../lib/etcd.mjs";
import { expect, test } from "./fixtures";
import { expectAccessible, logIn, open } from "./steps";

const COUNT = 1_000_000;
const FOLDER = 1000;
/** Rows that are in the page at most, whatever is scrolled: those in sight and a margin. */
const ROWS_MAX = 80;

/** As server/crates/keys/examples/seed.rs makes them. */
const spread = (n: bigint) => BigInt.asUintN(64, (n + 1n) * 0x9e3779b97f4a7c15n).toString(16).padStart(16, "0");
const folder = (n: number) => `/bench/${String(n).padStart(4, "0")}/`;
const key = (n: number) => `${folder(Math.floor(n / FOLDER))}${String(n).padStart(8, "0")}-${spread(BigInt(n))}`.padEnd(40, ".");
const value = (n: number) => [0, 16, 32, 48, 64, 80, 96].map((at) => spread(BigInt(n) ^ (BigInt(at) << 32n))).join("").slice(0, 100);
/** Numbers as the page sets them. */
const grouped = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

const tree = (page: Page) => page.getByRole("tree", { name: "Keys" });
const row = (page: Page, name: string) => tree(page).getByTitle(name, { exact: true });

type Row = { index: number; name: string; number: string; level: string; position: string; size: string; top: number; bottom: number };

/** The rows that are in the page, in their order, and what has to be filled with them. */
const rows = (page: Page): Promise<{ rows: Row[]; top: number; bottom: number }> => tree(page).evaluate((list) => {
  const { top, bottom: edge } = list.getBoundingClientRect();
  const bottom = Math.min(edge, [...list.querySelectorAll(".key-gap")].pop()!.getBoundingClientRect().bottom);
  const rows = [...list.querySelectorAll('[role="treeitem"]')].map((row) => ({
    index: Number(row.id.split("-").pop()),
    name: row.querySelector("[title]")?.getAttribute("title") ?? "",
    number: row.querySelector(".key-number")?.textContent ?? "",
    level: row.getAttribute("aria-level") ?? "",
    position: row.getAttribute("aria-posinset") ?? "",
    size: row.getAttribute("aria-setsize") ?? "",
    top: row.getBoundingClientRect().top,
    bottom: row.getBoundingClientRect().bottom,
  }));
  return { rows, top, bottom };
});

/** What is in sight is filled with rows, without a gap, and each is what `wanted` says of its place. */
async function expectRows(page: Page, wanted: (index: number) => Partial<Row>) {
  await expect(async () => {
    const seen = await rows(page);
    expect(seen.rows.length, "rows in the page").toBeLessThanOrEqual(ROWS_MAX);
    expect(seen.rows.length).toBeGreaterThan(0);
    expect(seen.rows[0].top, "nothing is missing above").toBeLessThanOrEqual(seen.top + 1);
    expect(seen.rows.at(-1)!.bottom, "nor below").toBeGreaterThanOrEqual(seen.bottom - 1);
    const first = seen.rows[0].index;
    expect(seen.rows.map(({ index }) => index)).toEqual(seen.rows.map((_, n) => first + n));
    for (const one of seen.rows.filter(({ name }) => name !== "")) expect(one).toMatchObject(wanted(one.index));
  }).toPass({ timeout: 20_000 });
}

/** As a drag of the scroll bar does. */
const dragTo = (page: Page, share: number) => tree(page).evaluate((list, share) => { list.scrollTop = list.scrollHeight * share; }, share);

test("a million keys are indexed, scrolled through, searched and linked to", async ({ page, console: server }) => {
  const seed = examples("dev", ["seed"]);
  const etcd = await startEtcd({ flags: ["--unsafe-no-fsync"] });
  let id: string | undefined;
  try {
    await seed("seed", etcd.client, COUNT);
    await server.api.run("adopt_cluster", { name: "million", endpoint: etcd.client });
    ({ id } = await server.api.healthy("million", 1));
    await logIn(page, server.logins.operator);
    await open(page, `/clusters/${id}/keys`);

    // It is usable before there is an index, and says how far that is.
    await expect(row(page, "/bench/")).toBeVisible();
    await expect(page.getByRole("progressbar", { name: "Keys listed" })).toBeVisible();
    const state = page.locator(".keys-state").getByRole("status");
    await expect(state).toContainText(`${grouped(COUNT)} keys · index live`, { timeout: 120_000 });
    await expect(page.getByRole("progressbar", { name: "Keys listed" })).toHaveCount(0);

    // Folders with exact counts; both pages of them.
    await expectRows(page, () => ({ name: "/bench/", number: grouped(COUNT), level: "1", position: "1", size: "1" }));
    await row(page, "/bench/").click();
    await expect(row(page, folder(0))).toBeVisible();
    const folders = (index: number) => index === 0
      ? { name: "/bench/", level: "1" }
      : { name: folder(index - 1), number: grouped(FOLDER), level: "2", position: String(index) };
    await expectRows(page, folders);
    await tree(page).hover();
    for (let n = 0; n < 10; n += 1) {
      await page.mouse.wheel(0, 400);
      await expectRows(page, folders);
    }
    await expect(async () => {
      await dragTo(page, 1);
      await expect(row(page, folder(COUNT / FOLDER - 1))).toBeVisible({ timeout: 500 });
    }).toPass();
    await expectRows(page, (index) => ({ ...folders(index), size: index === 0 ? "1" : String(COUNT / FOLDER) }));

    // The last folder, opened by the keyboard; what the keyboard is at is in the page.
    await tree(page).focus();
    await page.keyboard.press("End");
    const active = async () => {
      const id = await tree(page).getAttribute("aria-activedescendant");
      return id === null ? "" : page.locator(`[id="${id}"] [title]`).getAttribute("title");
    };
    await expect.poll(active).toBe(folder(COUNT / FOLDER - 1));
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
    await expect.poll(active).toBe(key(COUNT - FOLDER));
    await page.keyboard.press("End");
    await expect.poll(async () => (await page.keyboard.press("End"), active())).toBe(key(COUNT - 1));
    await expectRows(page, (index) => index <= COUNT / FOLDER
      ? folders(index)
      : { name: key(COUNT - FOLDER + index - COUNT / FOLDER - 1), level: "3" });
    await expectAccessible(page);

    // The flat list reads on as it is scrolled.
    await page.getByRole("button", { name: "Flat list" }).click();
    const flat = (index: number) => ({ name: key(index), level: "1", position: String(index + 1) });
    await expect(row(page, key(0))).toBeVisible();
    for (let pages = 1; pages <= 8; pages += 1) {
      await dragTo(page, 1);
      await expectRows(page, flat);
      await expect.poll(async () => (await rows(page)).rows[0].index, "it goes on").toBeGreaterThan(450 * pages);
      await expect.poll(() => tree(page).evaluate((list) => list.scrollHeight)).toBeGreaterThan(500 * (pages + 1) * 28);
    }
    for (const share of [0.5, 0.1, 0.9, 0]) {
      await dragTo(page, share);
      await expectRows(page, flat);
    }

    await page.getByRole("searchbox", { name: "Search keys" }).fill("/00999999-");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    const results = page.getByRole("tree", { name: "Results" }).getByRole("treeitem");
    await expect(results).toHaveCount(1);
    await expect(results.getByTitle(key(COUNT - 1), { exact: true })).toBeVisible();

    await open(page, `/clusters/${id}/keys?key=${encodeURIComponent(key(567_890))}`);
    const detail = page.getByRole("region", { name: "Chosen key" });
    await expect(detail.getByRole("heading", { level: 2 })).toHaveText(key(567_890));
    await expect(detail.getByLabel("Value", { exact: true })).toHaveText(value(567_890));
    await expectAccessible(page);
  } finally {
    // The page must not ask for a cluster that is gone.
    await page.goto("about:blank");
    if (id) await server.api.call("DELETE", `/clusters/${id}`);
    await etcd.stop();
  }
});
