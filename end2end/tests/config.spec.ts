// The files on the members' hosts: as expected, drifted, repaired.
import { onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, reauthenticate, shotsWideAndNarrow } from "./steps";

test("drift of one member is shown as a difference and repaired", async ({ page, console: server, cluster, expectedTrouble }) => {
  // The password is asked for again.
  expectedTrouble.push(...refusal(403, "/rpc/start"));
  const drifted = cluster.hosts[1];
  onHost(drifted.number, "sed -i 's/^quota-backend-bytes:.*/quota-backend-bytes: 99999999/' /etc/etcd/etcd.conf && systemctl disable -q etcd");
  await logIn(page, server.logins.admin);
  await open(page, `/clusters/${cluster.id}`);
  await live(page);
  await page.getByRole("link", { name: "Config", exact: true }).click();
  const of = (name: string) => page.getByRole("region", { name, exact: true });
  await expect(of(drifted.name)).toContainText("2 differences", { timeout: 30_000 });
  await expect(of(drifted.name)).toContainText("quota-backend-bytes: 99999999, expected 2147483648");
  for (const other of [cluster.hosts[0], cluster.hosts[2]]) await expect(of(other.name)).toContainText("as expected");
  await of(drifted.name).locator("summary", { hasText: "/etc/etcd/etcd.conf" }).click();
  await expect(of(drifted.name).locator(".diff-added")).toContainText("quota-backend-bytes: 2147483648");
  await shotsWideAndNarrow(page, "config-drift");

  await page.getByRole("link", { name: "Repair…" }).click();
  await expect(page.getByRole("heading", { level: 2, name: "demo: repair configuration" })).toBeVisible({ timeout: 30_000 });
  await page.getByRole("button", { name: "Repair", exact: true }).click();
  await reauthenticate(page, server.logins.admin.password);
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 60_000 });
  await open(page, `/clusters/${cluster.id}/config`);
  await expect(page.getByText("as expected", { exact: true }).first()).toBeVisible({ timeout: 30_000 });
  for (const host of cluster.hosts) await expect(of(host.name).getByRole("heading")).toContainText("as expected");
});
