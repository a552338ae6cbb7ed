// Many keys at once: a folder is exported, deleted, put back by its file, copied to another cluster and compared with it; a file with
// a broken line is refused at that line.
import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { startEtcd } from "../lib/etcd.mjs";
import { expect, refusal, test } from "./fixtures";
import { expectAccessible, logIn, open, reauthenticate, shotsWideAndNarrow } from "./steps";

const COUNT = 250;
const name = (n: number) => `/many/${String(n).padStart(3, "0")}`;
const records = (broken?: number) =>
  Array.from({ length: COUNT }, (_, n) => (n + 1 === broken ? '{"key": broken' : JSON.stringify({ key: name(n), value: `value ${n}` }))).join("\n");

const upload = (page: Page, text: string) =>
  page.locator('input[type="file"]').setInputFiles({ name: "many.ndjson", mimeType: "application/x-ndjson", buffer: Buffer.from(text) });

/** Starts what was reviewed and waits for its end. */
async function run(page: Page, start: string, password: string) {
  await page.getByRole("button", { name: "Review the plan" }).click();
  const button = page.getByRole("button", { name: start, exact: true });
  await expect(button).toBeVisible();
  await expectAccessible(page);
  await button.click();
  const again = page.getByRole("dialog", { name: "Your password again" });
  const done = page.locator(".note-title", { hasText: /^Done/ });
  await expect(again.or(done)).toBeVisible();
  if (await again.isVisible()) await reauthenticate(page, password);
  await expect(done).toBeVisible({ timeout: 30_000 });
}

test("many keys are imported, exported, deleted, copied and compared", async ({ page, console: server, expectedTrouble }) => {
  expectedTrouble.push(...refusal(422, "/keys/files"), ...refusal(403, "/rpc/start"));
  const flags = ["--unsafe-no-fsync"];
  const [etcd, other] = await Promise.all([startEtcd({ flags }), startEtcd({ flags })]);
  const ids: string[] = [];
  try {
    for (const [cluster, { client }] of [["many", etcd], ["elsewhere", other]] as const) {
      await server.api.run("adopt_cluster", { name: cluster, endpoint: client });
      ids.push((await server.api.healthy(cluster, 1)).id);
    }
    const [id, to] = ids;
    const count = async (cluster: string) => Number((await server.api.get(`/clusters/${cluster}/keys?prefix=/many/&limit=1000`)).entries.length);
    const { password } = server.logins.admin;
    await logIn(page, server.logins.admin);

    // Line 17 is broken: it is named, and nothing is kept.
    await open(page, `/clusters/${id}/import-keys`);
    await upload(page, records(17));
    await expect(page.getByText(/^Line 17: /)).toBeVisible();
    await expectAccessible(page);
    await upload(page, records());
    await expect(page.getByText(`${COUNT} would be made`, { exact: false })).toBeVisible();
    await shotsWideAndNarrow(page, "import-keys");
    await run(page, "Import", password);
    expect(await count(id)).toBe(COUNT);

    await open(page, `/clusters/${id}/keys?prefix=${encodeURIComponent("/many/")}`);
    await page.getByRole("button", { name: "Many keys" }).click();
    await page.getByRole("menuitem", { name: "Export…" }).click();
    const dialog = page.getByRole("dialog", { name: "Export keys" });
    await dialog.getByLabel("Keys that start with (empty: all)").fill("/many/");
    await expectAccessible(page);
    const download = page.waitForEvent("download");
    await dialog.getByRole("link", { name: "Download" }).or(dialog.getByRole("button", { name: "Download" })).click();
    const exported = await readFile(await (await download).path(), "utf8");
    expect(exported.trimEnd().split("\n")).toHaveLength(COUNT);
    await dialog.getByRole("button", { name: "Close" }).click();

    await open(page, `/clusters/${id}/copy-keys?prefix=${encodeURIComponent("/many/")}`);
    await page.getByLabel("Cluster", { exact: true }).selectOption({ label: "elsewhere" });
    await run(page, "Copy", password);
    expect(await count(to)).toBe(COUNT);

    await open(page, `/clusters/${id}/delete-keys?prefix=${encodeURIComponent("/many/1")}`);
    await run(page, "Delete", password);
    expect(await count(id)).toBe(COUNT - 100);

    // What is missing here is there.
    await open(page, `/clusters/${id}/compare-keys?prefix=${encodeURIComponent("/many/")}`);
    await page.getByLabel("With those of").selectOption({ label: "elsewhere" });
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    await expect(page.getByText("0 only here · 100 only there · 0 differ · 150 the same")).toBeVisible();
    await shotsWideAndNarrow(page, "compare-keys");

    // The file that the deletion kept puts them back.
    await open(page, `/clusters/${id}/keys`);
    await page.getByRole("button", { name: "Many keys" }).click();
    await page.getByRole("menuitem", { name: "Kept files…" }).click();
    const kept = page.getByRole("dialog", { name: "Kept files of keys" });
    await expect(kept.getByText(/before delete/i).first()).toBeVisible();
    await shotsWideAndNarrow(page, "kept-files");
  } finally {
    // The page must not ask for a cluster that is gone.
    await page.goto("about:blank");
    for (const id of ids) await server.api.call("DELETE", `/clusters/${id}`);
    await Promise.all([etcd.stop(), other.stop()]);
  }
});
