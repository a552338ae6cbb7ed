// Backups: a snapshot is taken, kept by a schedule, downloaded, brought back as a file, protected and deleted; vaults are looked after.
import type { Page } from "@playwright/test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, shotsWideAndNarrow } from "./steps";

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
const snapshots = (page: Page) => region(page, "Snapshots");
/** The rows of the table; the first one is its head. */
const rows = (page: Page) => snapshots(page).getByRole("row");
const good = (page: Page) => snapshots(page).getByRole("row", { name: /Good:|Proven:/ });

/** Takes a snapshot from the cluster's page and waits until it is good. */
async function take(page: Page) {
  const before = await good(page).count();
  await page.getByRole("button", { name: "Take snapshot", exact: true }).click();
  await expect(good(page)).toHaveCount(before + 1, { timeout: 60_000 });
}

/** Opens what can be done with the newest snapshot. */
async function choose(page: Page) {
  await good(page).first().getByRole("button", { name: "Actions…" }).click();
  const dialog = page.getByRole("dialog", { name: /-etcd-backup\.db/ });
  await expect(dialog).toBeVisible();
  return dialog;
}

test("a snapshot is taken, downloaded whole, protected, brought back as a file, and deleted", async ({ page, console: server, cluster, expectedTrouble }) => {
  test.setTimeout(180_000);
  onHost(cluster.hosts[0].number, "for i in $(seq 200); do etcdctl put /backup/$i value-$i >/dev/null; done");
  const scratch = mkdtempSync(`${tmpdir()}/quorate-backup-`);
  try {
    await logIn(page, server.logins.admin);
    await open(page, `/clusters/${cluster.id}`);
    await page.getByRole("link", { name: "Backups", exact: true }).last().click();
    await live(page);
    await expect(region(page, "Backups").getByText("No schedule is on: snapshots are taken by hand only")).toBeVisible();
    await take(page);
    await expect(region(page, "Backups").getByText(/^Last good snapshot /)).toBeVisible();
    await expect(page.locator(".cluster-facts")).toContainText("backup ");
    await shotsWideAndNarrow(page, "cluster-backups");

    // What can be done stands with what it does; the file is the database, byte by byte.
    const dialog = await choose(page);
    await expect(dialog.getByText("with every secret of its cluster")).toBeVisible();
    await shotsWideAndNarrow(page, "snapshot-actions");
    const coming = page.waitForEvent("download");
    await dialog.getByRole("link", { name: "Download" }).click();
    const download = await coming;
    const file = `${scratch}/${download.suggestedFilename()}`;
    await download.saveAs(file);
    expect(download.suggestedFilename()).toMatch(/^\d{8}-\d{6}-demo-etcd-backup\.db$/);
    const [row] = await server.api.list(`/snapshots?cluster=${cluster.id}&state=good`);
    expect(statSync(file).size).toBe(Number(row.bytes));
    expect(createHash("sha256").update(readFileSync(file)).digest("hex")).toBe(row.sha256);

    // One that is protected is not deleted.
    await dialog.getByRole("button", { name: "Protect", exact: true }).click();
    await expect(good(page).first().getByText("protected")).toBeVisible();
    const protectedOne = await choose(page);
    await expect(protectedOne.getByText("It is protected; take that away first")).toBeVisible();
    await expect(protectedOne.getByRole("button", { name: "Delete…" })).toHaveCount(0);
    await protectedOne.getByRole("button", { name: "Unprotect" }).click();
    await expect(good(page).first().getByText("protected")).toHaveCount(0);

    // The same file comes back as an upload; one that was cut short is refused, and nothing of it stays.
    const count = await good(page).count();
    await page.getByRole("button", { name: "Upload…" }).click();
    const upload = page.getByRole("dialog", { name: "Upload a database" });
    await shotsWideAndNarrow(page, "snapshot-upload");
    await upload.getByLabel("Drop a file here, or choose one").setInputFiles(file);
    await expect(upload).toBeHidden({ timeout: 30_000 });
    await expect(good(page)).toHaveCount(count + 1);
    await expect(rows(page).filter({ hasText: "uploaded by e2e-admin" })).toHaveCount(1);
    const cut = `${scratch}/cut.db`;
    writeFileSync(cut, readFileSync(file));
    truncateSync(cut, statSync(file).size - 4096);
    expectedTrouble.push(...refusal(422, "/transfers/snapshots"));
    await page.getByRole("button", { name: "Upload…" }).click();
    await upload.getByLabel("Drop a file here, or choose one").setInputFiles(cut);
    await expect(upload.locator(".field-error", { hasText: /./ })).toBeVisible({ timeout: 30_000 });
    await upload.getByRole("button", { name: "Close" }).click();
    await expect(good(page)).toHaveCount(count + 1);

    // Deleting is asked once more, and Esc leaves it.
    await (await choose(page)).getByRole("button", { name: "Delete…" }).click();
    const sure = page.getByRole("dialog", { name: "Delete this snapshot?" });
    await page.keyboard.press("Escape");
    await expect(sure).toBeHidden();
    await expect(good(page)).toHaveCount(count + 1);
    await (await choose(page)).getByRole("button", { name: "Delete…" }).click();
    await sure.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(good(page)).toHaveCount(count);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    onHost(cluster.hosts[0].number, "etcdctl del --prefix /backup/");
  }
});

test("a schedule says when it runs next, takes snapshots by itself, and can be dropped", async ({ page, console: server, cluster, expectedTrouble }) => {
  test.setTimeout(180_000);
  await logIn(page, server.logins.admin);
  await open(page, `/clusters/${cluster.id}/backups`);
  await live(page);
  await page.getByRole("button", { name: "Add a schedule" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a schedule" });
  await dialog.getByLabel("Snapshots", { exact: true }).selectOption("Every day at 02:00");
  await dialog.getByLabel("Time zone").fill("Europe/Berlin");
  await expect(dialog.getByText(/^Next: \w{3} \d+ \w{3} \d{4} 02:00 CES?T/)).toBeVisible();
  await shotsWideAndNarrow(page, "schedule");

  // What is wrong is said where it was typed.
  expectedTrouble.push(...refusal(422, "/rpc/schedule_runs"), ...refusal(422, "/rpc/save_schedule"));
  await dialog.getByLabel("Time zone").fill("Mars/Olympus");
  await expect(dialog.getByText(/^No next runs/)).toBeVisible();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Give a time zone by its name")).toBeVisible();
  await dialog.getByLabel("Time zone").fill("UTC");
  await dialog.getByLabel("Snapshots", { exact: true }).selectOption("By a cron line of your own");
  await dialog.getByLabel("Cron line").fill("* * * * *");
  await dialog.getByLabel("Begin up to so many seconds later").fill("0");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  const schedules = region(page, "Schedules");
  await expect(schedules.getByRole("row", { name: /Every minute \(UTC\) on in \d+ s/ })).toBeVisible();
  await expect(rows(page).filter({ hasText: "schedule" }).filter({ hasText: /Good:|Proven:/ }).first()).toBeVisible({ timeout: 90_000 });
  await shotsWideAndNarrow(page, "cluster-backups-scheduled");

  await schedules.getByRole("button", { name: "Drop…" }).click();
  await page.getByRole("dialog", { name: "Drop this schedule?" }).getByRole("button", { name: "Drop", exact: true }).click();
  await expect(schedules.getByText("No schedules")).toBeVisible();
});

test("all backups stand on one page, and a vault is tried before it is kept", async ({ page, console: server, cluster, expectedTrouble }) => {
  const place = mkdtempSync(`${tmpdir()}/quorate-vault-`);
  try {
    await logIn(page, server.logins.admin);
    await expect(page.getByRole("columnheader", { name: "Backup" })).toBeVisible();
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Backups" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Backups" })).toBeVisible();
    await expect(region(page, "How clusters stand").getByRole("row", { name: new RegExp(`^${cluster.name} `) })).toBeVisible();
    const vaults = region(page, "Vaults");
    await expect(vaults.getByText("A snapshot holds every key, password and certificate of its cluster.")).toBeVisible();
    await expect(vaults.getByRole("row", { name: /^local / })).toBeVisible();
    await shotsWideAndNarrow(page, "backups");

    await page.getByRole("button", { name: "Add a vault" }).click();
    const dialog = page.getByRole("dialog", { name: "Add a vault" });
    await dialog.getByLabel("Name").fill("second");
    await dialog.getByLabel("Directory").fill("vault");
    await dialog.getByLabel("Budget in GiB").fill("much");
    await dialog.getByRole("button", { name: "Try and save" }).click();
    await expect(dialog.getByText("Give an absolute path without '..'")).toBeVisible();
    await expect(dialog.getByText(/^Give GiB/)).toBeVisible();
    await dialog.getByLabel("Budget in GiB").fill("1.5");

    // A store that does not answer is no vault.
    await dialog.getByLabel("Place").selectOption("A bucket of an S3-compatible store");
    await dialog.getByLabel("Endpoint").fill("http://127.0.0.1:9");
    await dialog.getByLabel("Bucket").fill("backups");
    await dialog.getByLabel("Access key id").fill("key");
    await dialog.getByLabel("Secret access key").fill("secret");
    await shotsWideAndNarrow(page, "vault-s3");
    expectedTrouble.push(/^answer: [45]\d\d .*\/rpc\/create_vault/, /^console: .*status of [45]\d\d .*\/rpc\/create_vault/);
    await dialog.getByRole("button", { name: "Try and save" }).click();
    await expect(dialog.getByRole("alert").or(dialog.locator(".field-error")).filter({ hasText: /./ }).first()).toBeVisible({ timeout: 60_000 });

    await dialog.getByLabel("Place").selectOption("A folder on the console's machine");
    await dialog.getByLabel("Directory").fill(`${place}/vault`);
    await dialog.getByRole("button", { name: "Try and save" }).click();
    await expect(dialog).toBeHidden({ timeout: 30_000 });
    const second = vaults.getByRole("row", { name: /^second / });
    await expect(second.getByText("0 B of 1.5 GiB")).toBeVisible();
    await second.getByRole("button", { name: "Try" }).click();
    await expect(page.getByText("second works: a probe was written, read and deleted")).toBeVisible();
    await second.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog", { name: "Forget second?" }).getByRole("button", { name: "Forget", exact: true }).click();
    await expect(second).toHaveCount(0);

    // The list of all snapshots is read anew by its filters.
    await snapshots(page).getByLabel("State").selectOption("failed");
    await expect(snapshots(page).getByRole("row", { name: /Good:|Proven:/ })).toHaveCount(0);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test("a snapshot that fails is an alarm in the fleet and on the cluster's pages", async ({ page, console: server, cluster }) => {
  test.setTimeout(120_000);
  const place = mkdtempSync(`${tmpdir()}/quorate-vault-`);
  const vault = await server.api.post("/vaults", { name: "going", place: { kind: "local", directory: `${place}/vault` } });
  try {
    // Its directory becomes a file: nothing can be written there any more.
    rmSync(`${place}/vault`, { recursive: true });
    writeFileSync(`${place}/vault`, "");
    await logIn(page, server.logins.admin);
    await open(page, `/clusters/${cluster.id}/backups`);
    await live(page);
    await page.getByRole("button", { name: "Take snapshot…" }).click();
    const dialog = page.getByRole("dialog", { name: "Take a snapshot" });
    await dialog.getByLabel("Into the vault").selectOption("going");
    await dialog.getByRole("button", { name: "Take it" }).click();
    await expect(region(page, "Backups").getByText(/^The newest snapshot failed: /)).toBeVisible({ timeout: 30_000 });
    await open(page, `/clusters/${cluster.id}`);
    await expect(page.getByRole("link", { name: /The newest snapshot failed: / })).toBeVisible();
    await open(page, "/");
    const attention = region(page, "Needs attention");
    await expect(attention.getByText(/^The newest snapshot failed: /)).toBeVisible();
    await shotsWideAndNarrow(page, "fleet-backup-alarm");
  } finally {
    for (const failed of await server.api.list(`/snapshots?vault=${vault.id}`)) await server.api.call("DELETE", `/snapshots/${failed.id}`).catch(() => undefined);
    await server.api.call("DELETE", `/vaults/${vault.id}`).catch(() => undefined);
    rmSync(place, { recursive: true, force: true });
  }
});

test("a viewer sees how backups stand and is offered nothing; what the pages hide is refused", async ({ page, console: server, cluster }) => {
  await logIn(page, server.logins.viewer);
  await open(page, `/clusters/${cluster.id}/backups`);
  await live(page);
  await expect(region(page, "Backups")).toBeVisible();
  for (const name of ["Take snapshot", "Upload…", "Add a schedule", "Actions…"]) {
    await expect(page.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await open(page, "/backups");
  await expect(page.getByRole("button", { name: "Add a vault" })).toHaveCount(0);
  const refused = await page.request.post(`${server.url}/rpc/take_snapshot`, { data: { cluster: cluster.id, vault: null }, headers: { origin: server.url } });
  expect(refused.status()).toBe(403);
});
