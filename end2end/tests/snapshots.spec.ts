// One snapshot: its proof, what lies beside it, and its keys, opened like a cluster's, compared with what is there now, and brought back.
import type { Page } from "@playwright/test";
import { onHost } from "../lib/lab.mjs";
import { expect, test, type Cluster, type TestConsole } from "./fixtures";
import { expectNoSidewaysScroll, live, logIn, open, shotsWideAndNarrow, takeSnapshot } from "./steps";

const etcdctl = (cluster: Cluster, quoted: string) => onHost(cluster.hosts[0].number, `etcdctl ${quoted}`);
const tree = (page: Page) => page.getByRole("tree", { name: "Keys" });
const row = (page: Page, name: string | RegExp) => tree(page).getByRole("treeitem", { name });
const detail = (page: Page) => page.getByRole("region", { name: "Chosen key" });

/** Waits until the snapshot on screen is open. A throw-away etcd is restored for it. */
const opened = (page: Page) => expect(page.getByText("You look into a snapshot, not into the cluster")).toBeVisible({ timeout: 120_000 });

/** Leaves nothing open: there are two at most. */
async function closeAll(server: TestConsole & { api: { list(path: string): Promise<{ id: string }[]>; call(method: string, path: string): Promise<unknown> } }) {
  for (const { id } of await server.api.list("/opened-snapshots")) await server.api.call("DELETE", `/opened-snapshots/${id}`);
}

test("a snapshot says how it is proven, and shows what lies beside it", async ({ page, console: server, cluster }) => {
  const snapshot = await takeSnapshot(server.api, cluster.id);
  await logIn(page, server.logins.admin);
  await open(page, `/snapshots/${snapshot.id}`);
  await live(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(snapshot.name);
  const proof = page.getByRole("region", { name: "Proof" });
  await expect(proof.getByText("there, and right")).toBeVisible();
  await expect(proof.getByRole("button", { name: `Copy ${snapshot.sha256}` })).toBeVisible();
  await page.getByRole("button", { name: "Show what lies beside it" }).click();
  const beside = page.getByRole("region", { name: "Beside it" });
  await expect(beside.getByText(new RegExp(`SHA-256 ${snapshot.sha256}`))).toBeVisible();
  await beside.getByText("/etc/etcd/etcd.conf").first().click();
  await expect(beside.getByText(/initial-cluster-token/).first()).toBeVisible();
  const rows = await server.api.list("/audit");
  expect(rows.some((row: { action: string; object: string }) => row.action === "snapshot.bundle" && row.object === snapshot.name)).toBe(true);

  await page.getByRole("region", { name: "What can be done with it" }).getByRole("button", { name: "Drill" }).click();
  const drills = page.getByRole("region", { name: "Restore drills" });
  await expect(drills.getByText(/^Came back right, \d/)).toBeVisible({ timeout: 120_000 });
  await expect(proof.getByText("not gone through yet")).toHaveCount(0);
  await shotsWideAndNarrow(page, "snapshot");
});

test("a viewer sees a snapshot and none of what is in it", async ({ page, console: server, cluster }) => {
  const snapshot = await takeSnapshot(server.api, cluster.id);
  await logIn(page, server.logins.viewer);
  await open(page, `/snapshots/${snapshot.id}`);
  await expect(page.getByRole("region", { name: "Proof" })).toBeVisible();
  await expect(page.getByRole("region", { name: "Beside it" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Open", exact: true })).toHaveCount(0);
});

test("keys of a snapshot are browsed, and one that was deleted comes back by an import", async ({ page, console: server, cluster }) => {
  etcdctl(cluster, "put /back/kept 'as it was'");
  etcdctl(cluster, "put /back/other '1'");
  const snapshot = await takeSnapshot(server.api, cluster.id);
  etcdctl(cluster, "del /back/kept");
  try {
    await logIn(page, server.logins.admin);
    await open(page, `/snapshots/${snapshot.id}`);
    await page.getByRole("link", { name: "Open", exact: true }).click();
    await opened(page);
    await expectNoSidewaysScroll(page);
    await row(page, /^\/back\//).click();
    await tree(page).getByTitle("/back/kept", { exact: true }).click();
    await expect(detail(page).getByLabel("Value", { exact: true })).toHaveText("as it was");
    for (const gone of ["Edit", "Delete", "Watch", "On every member"]) {
      await expect(detail(page).getByRole("button", { name: gone, exact: true })).toHaveCount(0);
    }
    await expect(page.getByRole("button", { name: "New key" })).toHaveCount(0);
    await shotsWideAndNarrow(page, "snapshot-keys");

    await detail(page).getByRole("button", { name: "Restore this key…" }).click();
    const dialog = page.getByRole("dialog", { name: "Restore to a cluster" });
    await expect(dialog.getByLabel("Cluster")).toHaveValue(cluster.id);
    await dialog.getByRole("button", { name: "Go on to the import" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Import keys" })).toBeVisible();
    await page.getByRole("button", { name: "Review the plan" }).click();
    await page.getByRole("button", { name: "Import", exact: true }).click({ timeout: 60_000 });
    await expect(page.locator(".note-title", { hasText: /^Done/ })).toBeVisible({ timeout: 60_000 });
    expect(etcdctl(cluster, "get --print-value-only /back/kept")).toContain("as it was");
  } finally {
    await closeAll(server);
    etcdctl(cluster, "del --prefix /back/");
  }
});

test("a snapshot is compared with the live cluster and with another snapshot", async ({ page, console: server, cluster }) => {
  etcdctl(cluster, "put /compared/same '1'");
  etcdctl(cluster, "put /compared/changed 'before'");
  const first = await takeSnapshot(server.api, cluster.id);
  etcdctl(cluster, "put /compared/changed 'after'");
  const second = await takeSnapshot(server.api, cluster.id);
  etcdctl(cluster, "put /compared/new '1'");
  try {
    await logIn(page, server.logins.admin);
    await open(page, `/snapshots/${first.id}`);
    await page.getByRole("link", { name: "Compare…" }).click();
    await page.getByLabel("Keys that start with (empty: all)").fill("/compared/", { timeout: 120_000 });
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    const differences = page.getByRole("region", { name: "Differences" });
    await expect(differences.getByText("0 only here · 1 only there · 1 differ · 1 the same")).toBeVisible({ timeout: 30_000 });
    await shotsWideAndNarrow(page, "snapshot-compare");
    await page.getByLabel("With those of").selectOption({ label: second.name });
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    await expect(differences.getByText("0 only here · 0 only there · 1 differ · 1 the same")).toBeVisible({ timeout: 120_000 });
  } finally {
    await closeAll(server);
    etcdctl(cluster, "del --prefix /compared/");
  }
});
