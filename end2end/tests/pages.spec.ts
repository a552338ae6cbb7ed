// Every page with a real cluster behind it, wide and narrow, light and dark: axe, no sideways scroll, pictures.
import { expect, test } from "./fixtures";
import { expectNoSidewaysScroll, logIn, open, shots } from "./steps";

test("all pages, with a cluster @phone", async ({ page, console: server, cluster }) => {
  await logIn(page, server.logins.admin);
  for (const [name, path, heading] of [
    ["clusters", "/", "Clusters"],
    ["cluster", `/clusters/${cluster.id}`, cluster.name],
    ["cluster-logs", `/clusters/${cluster.id}/logs`, cluster.name],
    ["cluster-operations", `/clusters/${cluster.id}/operations`, cluster.name],
    ["cluster-backups-first", `/clusters/${cluster.id}/backups`, cluster.name],
    ["backups-first", "/backups", "Backups"],
    ["hosts-with-cluster", "/hosts", "Hosts"],
    ["host-with-cluster", `/hosts/${cluster.hosts[0].id}`, cluster.hosts[0].name],
    ["operations", "/operations", "Operations"],
    ["operation", `/operations/${cluster.operation}`, /^Install demo/],
    ["settings", "/settings", "Settings"],
    ["users", "/settings/users", "Settings"],
    ["tokens", "/settings/tokens", "Settings"],
    ["ssh-key", "/settings/ssh-key", "Settings"],
  ] as const) {
    await open(page, path);
    await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expectNoSidewaysScroll(page);
    await shots(page, name);
  }
});

test("a path that is no page says so", async ({ page, console: server, expectedTrouble }) => {
  expectedTrouble.push(/^(answer: 404|console: .*status of 404).*\/no\/such\/page/);
  await logIn(page, server.logins.viewer);
  await open(page, "/no/such/page");
  await expect(page.getByRole("heading", { level: 1, name: "Not found" })).toBeVisible();
  await page.getByRole("link", { name: "To the clusters" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Clusters" })).toBeVisible();
});
