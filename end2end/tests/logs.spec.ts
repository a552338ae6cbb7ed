// What the members log: it comes by itself, merged; filtered, paused, explained, saved as a file.
import { readFileSync } from "node:fs";
import { addressOf, onHost } from "../lib/lab.mjs";
import { expect, test } from "./fixtures";
import { live, logIn, open, shotsWideAndNarrow } from "./steps";

test("logs of all members are followed, filtered, paused and explained", async ({ page, console: server, cluster }) => {
  const [first, second] = cluster.hosts;
  await logIn(page, server.logins.operator);
  await open(page, `/clusters/${cluster.id}`);
  await live(page);
  await page.getByRole("link", { name: "Logs", exact: true }).click();
  const lines = page.getByRole("list", { name: "Log lines, newest first" }).getByRole("listitem");
  const status = page.getByRole("region", { name: "Logs" }).getByRole("status");
  await expect(status).toContainText("new ones come by themselves", { timeout: 30_000 });
  for (const host of cluster.hosts) await expect(lines.filter({ hasText: host.name }).first()).toBeVisible({ timeout: 30_000 });

  // Somebody of another cluster knocks at the peer port.
  const knock = (from: string) => onHost(second.number, `curl -s -o /dev/null -X POST -H "X-Server-From: ${from}" -H "X-Server-Version: 3.5.16" -H "X-Min-Cluster-Version: 3.0.0" -H "X-Etcd-Cluster-ID: cafe" http://${addressOf(first.number)}:2380/raft`);
  knock("1a");
  const knocked = lines.filter({ hasText: "request cluster ID mismatch" });
  await expect(knocked.first()).toBeVisible({ timeout: 30_000 });
  await expect(knocked.first()).toContainText(first.name);
  await expect(knocked.first()).toContainText("warn");
  await knocked.first().getByText("What this means").click();
  await expect(knocked.first()).toContainText("belongs to another cluster");
  await expect(knocked.first().getByRole("link", { name: "To the members" })).toHaveAttribute("href", `/clusters/${cluster.id}`);
  await shotsWideAndNarrow(page, "logs");

  await page.getByLabel("Member", { exact: true }).selectOption(second.name);
  await expect(knocked).toHaveCount(0);
  await expect(lines.first()).toContainText(second.name);
  await page.getByLabel("Member", { exact: true }).selectOption("");
  await page.getByLabel("Level").selectOption("warn");
  await page.getByLabel("Containing").fill("MISMATCH");
  await expect(lines).toHaveCount(await knocked.count());
  await page.getByLabel("Containing").fill("no line says this");
  await expect(lines).toHaveCount(0);
  await expect(status).toContainText(/^0 of \d+ lines/);
  await page.getByLabel("Containing").fill("mismatch");

  await page.getByRole("button", { name: "Pause" }).click();
  const before = await knocked.count();
  knock("2b");
  await expect(status).toContainText(/paused, \d+ lines? came since/, { timeout: 30_000 });
  await expect(knocked).toHaveCount(before);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(knocked).not.toHaveCount(before);

  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe("etcd-journal.log");
  expect(readFileSync(await file.path(), "utf8")).toMatch(new RegExp(`UTC ${first.name} warn request cluster ID mismatch`));
});

test("a viewer is not offered the logs and gets no file of them", async ({ page, console: server, cluster }) => {
  await logIn(page, server.logins.viewer);
  await open(page, `/clusters/${cluster.id}`);
  await expect(page.getByRole("link", { name: "Operations", exact: true }).last()).toBeVisible();
  await expect(page.getByRole("link", { name: "Logs", exact: true })).toHaveCount(0);
  const answer = await page.request.get(`/transfers/clusters/${cluster.id}/journals`);
  expect(answer.status()).toBe(403);
});
